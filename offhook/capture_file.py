"""`offhook capture --file`: captures into Kafka, files once (offhook/capture_once.py)."""

import argparse
import logging
import threading
import time
from collections.abc import Iterator
from typing import Any, Final

from capture.files import open_capture
from capture.merge import merge
from capture.pace import Pace, paced
from capture.publisher import Publisher, behind
from capture.sensor import Batch, Sensor
from eventlog.kafka.log import KafkaLog
from offhook import __version__
from offhook.capture_once import OncePublisher, owner_of
from offhook.health import HEALTH_S, HealthReports, drops_of, say, sensor_samples
from offhook.monitoring.metrics import Sample
from offhook.process import FLUSH_S, STOP_S, within
from offhook.settings import Settings
from offhook.site_end import SiteEnd

UNPACED_US: Final = 3_600_000_000
LIVE_US: Final = 1_000_000
"""A paced capture that is late by no more counts as live."""

_log = logging.getLogger(__name__)


class FileCapture:
    """One run over captures: source, sensor, log, and what it says of itself."""

    def __init__(
        self, options: argparse.Namespace, chosen: Settings, log: KafkaLog, speed: float | None
    ) -> None:
        """Open the captures; CaptureError."""
        self._source = merge([open_capture(path, sensor=options.sensor) for path in options.file])
        self.sensor = Sensor(options.account, options.site, options.sensor, settings=chosen.capture)
        self.log = log
        self.pace = pace = Pace(speed)
        self.finished = False
        owner = owner_of(
            options.file, options.account, options.site, options.sensor, options.no_end,
            pace.speed is not None, chosen.capture, __version__,
        )  # fmt: skip
        self._once = OncePublisher(log, owner, at_once=pace.speed is not None) if owner else None
        self._publisher = self._once or Publisher(log)
        pace.skips = self._once is not None and self._once.skips
        self._ends = not options.no_end
        self._site_end = SiteEnd(log, options.account, options.site)
        self._stopped = threading.Event()
        self._health = HealthReports(self.sensor, "file")

    def stop(self, *_: Any) -> None:
        """End soon, calls stay open: of a pipe all is published, a file goes on when started again."""
        within(STOP_S)
        self._stopped.set()
        self.pace.stop()

    def publish(self) -> None:
        """Publish everything."""
        published = self._once.published if self._once else 0
        _log.info(
            "capture starts",
            extra={
                "fields": {
                    "sensor": self.sensor.name,
                    "site": self.sensor.site,
                    "published_before": published,
                }
            },
        )
        if not published and self._site_end.said:
            _log.warning(
                "site has ended: unless other sensors of it go on, nothing of this capture will be taken;"
                " give it a --site of its own",
                extra={"fields": {"account": self.sensor.account, "site": self.sensor.site}},
            )
        next_report = time.monotonic() + HEALTH_S
        self._take(self.sensor.flush())  # it is there: its site waits for it
        for block, due in paced(self._source, self.pace):
            if self._stopped.is_set():
                break
            if block is not None:
                self._take(self.sensor.feed(block))
            if due:
                self._take(self.sensor.flush())
            if time.monotonic() >= next_report:
                next_report = time.monotonic() + HEALTH_S
                self._report()
        stopped = self._stopped.is_set()
        if not stopped or not self._once:  # a flush between the ticks would make other batches after it
            self._take(self.sensor.close() if self._ends and not stopped else self.sensor.flush())
        if self._once:
            self._once.flush()
        self._report()
        self.log.flush(FLUSH_S if stopped else None)
        if self._ends and not stopped:
            self._site_end.say()
        self.finished = True
        _log.info(
            "capture ended",
            extra={
                "fields": {
                    "stopped": stopped,
                    "packets": self.sensor.packets,
                    "drops": drops_of(self.sensor),
                    "warnings": self._source.warnings[:10],
                }
            },
        )

    def close(self) -> None:
        """Nothing is held."""

    @property
    def _behind_us(self) -> int:
        """How far it is behind: without pace by all that is left of the capture, whatever that is."""
        if self.pace.speed is None:
            return UNPACED_US
        late_us = round(self.pace.behind_s * 1_000_000)
        return late_us if late_us > LIVE_US and not self._once else 0  # a file gives the same batches again

    def _take(self, batches: list[Batch]) -> None:
        skipped = self.pace.skips
        self._publisher.publish(behind(batches, self._behind_us))
        if self._once:
            self.pace.skips = self._once.skips
        self._health.published(batches)
        if skipped and not self.pace.skips:  # health tells of what this life publishes
            self._health.begin()

    def _report(self) -> None:
        """Say how the sensor fares since the last time."""
        if self.pace.skips:
            return
        report = self._health.next(
            unsent_bytes=self.log.publisher.unacknowledged_bytes,
            lag_ms=round(self.pace.behind_s * 1000),
            warnings=self._source.warnings[-10:],
        )
        say(self.log, report)

    @property
    def trouble(self) -> str | None:
        """Why nothing reaches Kafka."""
        return self.log.publisher.touch.trouble

    def samples(self) -> Iterator[Sample]:
        """The capture's metrics."""
        publisher = self.log.publisher
        yield Sample("offhook_capture_ready", (), self.trouble is None)
        yield from sensor_samples(self.sensor)
        records = publisher.acknowledged + (self._once.records if self._once else 0)
        yield Sample("offhook_capture_records", (), records)
        yield Sample("offhook_capture_unsent_bytes", (), publisher.unacknowledged_bytes)
        yield Sample("offhook_capture_waited_seconds", (), publisher.waited_s)
        yield Sample("offhook_capture_behind_seconds", (), self.pace.behind_s)
