"""Builders of calls and of media's rows, with times in seconds after T0."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from schemas.cdr import CallRecord, HoldInterval
from schemas.clock import END_OF_CAPTURE
from schemas.media_endpoints import Payload
from schemas.media_windows import COLUMNS, Digit, Gap, RtcpSummary, StreamInfo, W, WindowBatch
from streams.dialogs.call import Call
from streams.records.records import Records, RecordsOutput
from streams.settings import RecordSettings

T0 = 1_700_000_000_000_000
SITE = ("acme", "berlin")
PTIME = 20_000
CLEAN = 4_410_000
PCMA = [Payload(8, "PCMA", 8000)]
ADDRESS_A, ADDRESS_B = bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])


def at(seconds: float) -> int:
    """T0 and some seconds, µs."""
    return T0 + round(seconds * 1_000_000)


def call(number: int = 1, **fields: Any) -> Call:
    """An INVITE at T0, nothing more."""
    values: dict[str, Any] = {
        "cdr_id": f"cdr-{number}",
        "account": SITE[0],
        "site": SITE[1],
        "call_id": f"call-{number}@a",
        "from_tag": "from",
        "start_us": T0,
        "sensor": "s1",
        "sensors": ["s1"],
        "src_ip": ADDRESS_A,
        "src_port": 5060,
        "dst_ip": ADDRESS_B,
        "dst_port": 5060,
        "transport": "udp",
        "invite_us": T0,
        "messages": 1,
        "last_us": T0,
        "requests_seen": True,
        "responses_seen": True,
        "media_announced": True,
    }
    return Call(**{**values, **fields})


def answered(number: int = 1, answer: float = 0.0, bye: float | None = 40.0, **fields: Any) -> Call:
    """Answered at `answer`, hung up by the caller at `bye`, confirmed 20 ms later."""
    made = call(number, answer_us=at(answer), to_tag="to", status=200, status_reason="OK", messages=3)
    made.last_us = made.answer_us or 0
    if bye is not None:
        hang_up(made, bye)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def hang_up(made: Call, bye: float, close_after: float = 5.0) -> None:
    """BYE of the caller and its 2xx."""
    made.bye_us, made.bye_ok_us = at(bye), at(bye + 0.02)
    made.last_us, made.ended_us = made.bye_ok_us, made.bye_us
    made.end_reason, made.hung_up_by = "bye", "a"
    made.messages += 2
    made.closed, made.close_at_us = True, made.last_us + round(close_after * 1e6)


def ended(made: Call, when: float, reason: str) -> Call:
    """Ended by a failure, a timer or the capture."""
    made.ended_us, made.end_reason = at(when), reason
    made.closed, made.close_at_us = True, at(when + 5)
    return made


@dataclass
class Stream:
    """A stream of 20 ms packets, without loss unless told, and the rows media would send of it."""

    side: str = "a"
    first: float = 0.0
    last: float = 40.0
    number: int = 1
    call: int | None = 1
    lost: int = 0  # in the first window
    mos: int = CLEAN
    gaps: Sequence[tuple[float, float, bool]] = ()
    payload_type: int = 8
    last_payload_type: int | None = None  # of the last row, where it is another
    columns: dict[W, int] = field(default_factory=dict)  # of every row
    info: dict[str, Any] = field(default_factory=dict)
    digits: Sequence[tuple[float, str]] = ()
    rtcp: RtcpSummary | None = None

    @property
    def id(self) -> int:
        """Its hash."""
        return 1000 + self.number

    def description(self) -> StreamInfo:
        """The stream as its call sees it."""
        from_a = self.side != "b"
        values: dict[str, Any] = {
            "stream": self.id,
            "cdr_id": f"cdr-{self.call}" if self.call is not None else "",
            "call_id": f"call-{self.call}@a" if self.call is not None else "",
            "side": self.side,
            "hop": 0,
            "branch": "to" if from_a else "",
            "matched_by": "sdp-destination",
            "owners": 1,
            "sensor": "s1",
            "kind": 0,
            "media": "audio",
            "encrypted": False,
            "src_ip": ADDRESS_A if from_a else ADDRESS_B,
            "src_port": 4000,
            "dst_ip": ADDRESS_B if from_a else ADDRESS_A,
            "dst_port": 4000,
            "ssrc": self.number,
            "dscp": 46,
            "vlan": -1,
            "payloads": PCMA,
            "ptime_ms": 20,
            "first_us": at(self.first),
        }
        return StreamInfo(**{**values, **self.info})

    def rows(self) -> np.ndarray:
        """One row for each ten seconds, (n, COLUMNS)."""
        first, last = at(self.first), at(self.last)
        starts = range(first, max(last, first + 1), 10_000_000)
        rows = np.zeros((len(starts), COLUMNS), np.int64)
        for window, start in enumerate(starts):
            row = rows[window]
            end = min(start + 10_000_000, last)
            silent = sum(max(min(end, at(u)) - max(start, at(f)), 0) for f, u, _ in self.gaps)
            expected = (end - start - silent) // PTIME + (end == last)
            row[W.WINDOW], row[W.START], row[W.END] = window, start, end
            row[W.EXPECTED], row[W.PACKETS] = expected, expected - (self.lost if window == 0 else 0)
            row[W.PAYLOAD_TYPE], row[W.PTIME] = self.payload_type, PTIME
            if window == len(starts) - 1 and self.last_payload_type is not None:
                row[W.PAYLOAD_TYPE] = self.last_payload_type
            row[W.ACTIVE] = end - start - silent
            row[W.JITTER_SUM], row[W.JITTER_COUNT] = 2_000_000 * expected, expected
            row[W.JITTER_MAX], row[W.DELTA_MAX] = 3_000_000, PTIME
            row[W.MOS] = row[W.MOS_F1] = row[W.MOS_F2] = row[W.MOS_ADAPTIVE] = self.mos
            for column, value in self.columns.items():
                row[column] = value
        return rows

    def batch(self) -> WindowBatch:
        """All of it at once."""
        return batch([self])


def batch(streams: Iterable[Stream], clock: int = T0, source: int = 0, ends: bool = True) -> WindowBatch:
    """What one media partition says of these streams."""
    streams = list(streams)
    rows = [stream.rows() for stream in streams]
    return WindowBatch(
        *SITE,
        source,
        clock,
        [stream.description() for stream in streams],
        np.repeat(np.array([s.id for s in streams], np.int64), [len(r) for r in rows]),
        np.concatenate(rows) if rows else np.zeros((0, COLUMNS), np.int64),
        [Gap(s.id, at(f), at(u), quiet) for s in streams for f, u, quiet in s.gaps],
        [Digit(s.id, at(t), digit, 100) for s in streams for t, digit in s.digits],
        [s.rtcp for s in streams if s.rtcp],
        [s.id for s in streams] if ends else [],
    )


def clock_batch(clock: int, source: int = 0) -> WindowBatch:
    """Nothing but a watermark."""
    return batch([], clock, source)


def hold(side: str, since: float, until: float | None) -> HoldInterval:
    """A side put the call on hold."""
    return HoldInterval(side, at(since), None if until is None else at(until))


def run(
    calls: Iterable[Call], streams: Iterable[Stream] = (), settings: RecordSettings | None = None
) -> RecordsOutput:
    """All at once, up to the end of capture."""
    records = Records(0, 1, settings or RecordSettings())
    records.calls(calls, {SITE: END_OF_CAPTURE})
    records.windows(batch(streams, END_OF_CAPTURE))
    return records.advance()


def record(made: Call, *streams: Stream, settings: RecordSettings | None = None) -> CallRecord:
    """The record of one call with these streams."""
    (found,) = run([made], streams, settings).records
    return found
