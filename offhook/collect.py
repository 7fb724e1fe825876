"""Collects what the stages say until a row is final."""

from collections.abc import Iterator
from typing import Final

from offhook.messages import message_row
from offhook.rows import MessageRow, WindowRow
from schemas.cdr import CallRecord, StreamRecord
from schemas.media_windows import StreamInfo, W, WindowBatch
from schemas.registrations import Registration
from schemas.sip_messages import SipBatch
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
        self._infos: dict[int, StreamInfo] = {}

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
                yield entry.value
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
            self._infos.setdefault(info.stream, info)
        for stream, row in zip(batch.row_stream.tolist(), batch.rows.tolist(), strict=True):
            yield _window(self._infos[stream], row)
        for stream in batch.ended:
            self._infos.pop(stream, None)


def _window(info: StreamInfo, row: list[int]) -> WindowRow:
    codecs = {payload.payload_type: payload.codec for payload in info.payloads}
    expected, packets = row[W.EXPECTED], row[W.PACKETS]
    return WindowRow(
        stream_id=f"{info.stream:016x}",
        cdr_id=info.cdr_id or None,
        call_id=info.call_id or None,
        side=info.side or None,
        ssrc=info.ssrc,
        window=row[W.WINDOW],
        part=row[W.PART],
        start=row[W.START],
        length=(row[W.END] - row[W.START]) / 1e6,
        packets=packets,
        expected=expected,
        lost=expected - packets,
        loss=round(100 * (expected - packets) / expected, 4) if expected > 0 else None,
        duplicates=row[W.DUPLICATES],
        reordered=row[W.REORDERED],
        jitter_ms=round(row[W.JITTER_SUM] / row[W.JITTER_COUNT] / 1e6, 3) if row[W.JITTER_COUNT] else None,
        jitter_max_ms=round(row[W.JITTER_MAX] / 1e6, 3) if row[W.JITTER_COUNT] else None,
        delta_max_ms=round(row[W.DELTA_MAX] / 1e3, 3),
        codec=codecs.get(row[W.PAYLOAD_TYPE]),
        mos=_mos(row[W.MOS]),
        mos_f1=_mos(row[W.MOS_F1]),
        mos_f2=_mos(row[W.MOS_F2]),
        mos_adaptive=_mos(row[W.MOS_ADAPTIVE]),
    )


def _mos(millionths: int) -> float | None:
    return round(millionths / 1e6, 3) if millionths >= 0 else None
