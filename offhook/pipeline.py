"""One run over captures: source, sensor, log, stages, and the rows as they become final."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from capture.block import Source
from capture.publisher import Publisher
from capture.sensor import Batch, Sensor
from offhook.collect import Collector, Row
from offhook.inputs import SENSOR, opened
from offhook.report import Progress, Summary
from offhook.settings import Settings
from offhook.stdin_end import STDIN
from schemas.sip_messages import SipBatch
from streams.memory import MemoryRunner

__all__ = ["Analysis"]

ACCOUNT: Final = "local"
SITE: Final = "local"
"""Who a capture on the desk belongs to."""


class Analysis:
    """Captures in, rows out: calls, streams, windows or messages, as `want` names them.

    Several files are one sensor, merged by time; those of several that cannot be read are left out, with a
    line in `unread`. `summary` is complete after the last row; `progress` moves
    while iterating, and `on_progress` is told; `on_sip` is told of every batch of SIP as captured.
    """

    def __init__(
        self,
        paths: Sequence[str],
        settings: Settings,
        *,
        want: frozenset[str],
        encode: bool = False,
        source: Source | None = None,
    ) -> None:
        """Open the captures; CaptureError where none can be read. `encode`: events pass the codec.
        `source`: take its frames instead."""
        self.settings, self.want = settings, want
        self.progress = Progress()
        self.on_progress: Callable[[Progress], None] | None = None
        self.on_sip: Callable[[SipBatch], None] | None = None
        self.summary = Summary()
        self.unread: list[str] = []
        if source is None:
            source, self.unread = opened(paths)
        self._source = source
        self.progress.bytes_total = self._source.bytes_total
        self._sensor = Sensor(ACCOUNT, SITE, SENSOR, settings=settings.capture)
        self._collector = Collector(want, live=STDIN in paths)
        self._runner = MemoryRunner(
            encode=encode,
            calls=settings.calls,
            records=msgspec.structs.replace(settings.records, channels_max=0),  # a capture has no limit
            media=settings.media,
            reads=self._collector.topics,
        )
        self._publisher = Publisher(self._runner.log)

    def __iter__(self) -> Iterator[Row]:
        """Rows in the order in which they become final."""
        began = time.process_time()
        sensor = self._sensor
        for block in self._source:
            yield from self._take(sensor.feed(block))
            self._moved(sensor.packets)
        yield from self._take(sensor.close())
        yield from self._collector.rest()
        self._moved(sensor.packets)
        self._sum_up(time.process_time() - began)

    def _take(self, batches: Sequence[Batch]) -> Iterator[Row]:
        """Publish what was captured, let the stages work, and collect."""
        if not batches:
            return
        for batch in batches:
            if isinstance(batch, SipBatch):
                if self.on_sip is not None:
                    self.on_sip(batch)
                yield from self._collector.messages(batch)
        self._publisher.publish(batches)
        self._runner.run()
        yield from self._collector.collect(self._runner, batches[-1].clock_us)

    def _moved(self, packets: int) -> None:
        self.progress.bytes_done = self._source.bytes_done
        self.progress.packets = packets
        if self.on_progress is not None:
            self.on_progress(self.progress)

    def _sum_up(self, cpu_s: float) -> None:
        sensor, summary = self._sensor, self.summary
        summary.calls, summary.streams = self._collector.calls, self._collector.streams
        summary.packets = sensor.packets
        summary.counters = {**sensor.counters, **self._runner.counters}
        summary.warnings = self._source.warnings
        summary.first_us, summary.last_us = sensor.first_us, sensor.last_us
        summary.cpu_s = cpu_s
