"""Collects what the stages say until a row is final."""

from collections.abc import Iterator
from typing import Final

from offhook.messages import message_row
from offhook.rows import MessageRow, WindowRow
from schemas.cdr import CallRecord, StreamRecord
from schemas.media_windows import WindowBatch
from schemas.registrations import Registration
from schemas.sip_messages import SipBatch
from schemas.window_rows import Description, described, window_row
from streams.memory import MemoryRunner

SETTLED_US: Final = 6_000_000
"""Packet time after which a record hardly changes any more: the answer to the BYE has come."""

Row = CallRecord | StreamRecord | WindowRow | MessageRow | Registration


class Collector:
    """Keeps the newest version of each call until the stages have let it go.

    `live`: somebody is waiting, so a call is shown once its record has not changed for SETTLED_US; one that
    changes after that is shown again, with its next version.
    """

    def __init__(self, want: frozenset[str], *, live: bool = False) -> None:
        self.want = want
        self.calls = 0
        self.streams = 0
        self.topics = ["cdr", "rtp.unmatched"]
        if "windows" in want:
            self.topics.append("media.windows")
        if "registrations" in want:
            self.topics.append("registrations")
        self._live = live
        self._newest: dict[str, tuple[CallRecord, int]] = {}  # with the clock it came at, oldest first
        self._shown: set[str] = set()  # calls shown before they were let go
        self._described: dict[int, Description] = {}

    def messages(self, batch: SipBatch) -> Iterator[MessageRow]:
        """The batch's messages as rows, where they are wanted."""
        if "messages" in self.want:
            for packet in batch.messages:
                row = message_row(packet)
                if row is not None:
                    yield row

    def collect(self, runner: MemoryRunner, clock_us: int) -> Iterator[Row]:
        """What became final in the last run, up to the sensor's clock."""
        for entry in runner.facts("cdr"):
            record = entry.value
            self._newest.pop(record.cdr_id, None)
            self._newest[record.cdr_id] = record, clock_us
        for entry in runner.facts("rtp.unmatched"):
            self.streams += 1
            if "streams" in self.want:
                yield entry.value.stream
        if "windows" in self.want:
            for entry in runner.facts("media.windows"):
                yield from self._windows(entry.value)
        if "registrations" in self.want:
            for entry in runner.facts("registrations"):
                if entry.value.complete:
                    yield entry.value
        for cdr_id in runner.closed:
            yield from self._final(cdr_id)
            self._shown.discard(cdr_id)
        runner.closed.clear()
        runner.trim()
        if self._live:
            yield from self._settled(clock_us - SETTLED_US)

    def rest(self) -> Iterator[Row]:
        """At the end of everything: the calls that nobody closed."""
        for cdr_id in list(self._newest):
            yield from self._final(cdr_id)

    def _settled(self, before_us: int) -> Iterator[Row]:
        """Calls whose record has not changed since: somebody is waiting for them."""
        for cdr_id, (_, came_us) in list(self._newest.items()):
            if came_us >= before_us:
                return
            yield from self._final(cdr_id)

    def _final(self, cdr_id: str) -> Iterator[Row]:
        if cdr_id not in self._newest:
            return
        record, _ = self._newest.pop(cdr_id)
        if cdr_id not in self._shown:
            self._shown.add(cdr_id)
            self.calls += 1
            self.streams += len(record.streams)
        if "calls" in self.want:
            yield record
        if "streams" in self.want:
            yield from record.streams

    def _windows(self, batch: WindowBatch) -> Iterator[WindowRow]:
        for info in batch.streams:
            self._described.setdefault(info.stream, described(info))
        for stream, row in zip(batch.row_stream.tolist(), batch.rows.tolist(), strict=True):
            yield window_row(self._described[stream], row)
        for stream in batch.ended:
            self._described.pop(stream, None)
