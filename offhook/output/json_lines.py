"""`--format json`: one object a line, with the field names of `schemas/cdr.py`, times as RFC 3339 in UTC."""

from collections.abc import Callable
from operator import attrgetter
from typing import Any, BinaryIO

import msgspec
from msgspec.structs import replace

from offhook.explain.finding import Finding
from offhook.output.writer import Row
from offhook.report import Shown, Summary
from offhook.rows import MessageRow, WindowRow
from offhook.text import without_surrogates
from offhook.times import rfc3339
from schemas.cdr import CallRecord, StreamRecord
from schemas.registrations import Registration


class JsonLines:
    """Writes rows to a byte stream as they come."""

    def __init__(self, out: BinaryIO, *, flush: bool) -> None:
        """`flush` writes each line through at once, for a reader who follows."""
        self._out = out
        self._flush = flush

    def write(self, row: Row) -> None:
        """Write one line."""
        self._out.write(encode_line(row))
        if self._flush:
            self._out.flush()

    def finish(self, summary: Summary, shown: Shown) -> None:
        """JSON carries rows alone."""


_encoder = msgspec.json.Encoder()


def encode_line(row: Row) -> bytes:
    """One JSON object and a line feed."""
    readable = with_times(row)
    try:
        return _encoder.encode(readable) + b"\n"
    except UnicodeEncodeError:  # broken UTF-8 of the wire, kept as surrogates
        return _encoder.encode(_encodable(msgspec.to_builtins(readable))) + b"\n"


def with_times(row: Row, *, children: bool = True) -> Any:
    """The row with its times, and its children's, as RFC 3339 text; or without children."""
    names, values = _TIMES[type(row)]
    changes: dict[str, Any] = {
        name: rfc3339(time_us)
        for name, time_us in zip(names, values(row), strict=True)
        if time_us is not None
    }
    if type(row) is CallRecord:
        changes |= _children(row) if children else _NO_CHILDREN
    return replace(row, **changes)


def _fields(*names: str) -> tuple[tuple[str, ...], Callable[[Any], tuple[int | None, ...]]]:
    """Names, and what gets their values at once."""
    get: Any = attrgetter(*names)
    return names, (get if len(names) > 1 else lambda row: (get(row),))


_TIMES = {
    CallRecord: _fields(
        "start",
        "stored_at",
        "invite_time",
        "ringing_time",
        "answer_time",
        "bye_time",
        "end_time",
        "first_rtp_time_a",
        "first_rtp_time_b",
    ),
    StreamRecord: _fields("first_time", "last_time"),
    WindowRow: _fields("start"),
    MessageRow: _fields("time"),
    Registration: _fields(
        "first_time",
        "last_time",
        "stored_at",
        "registered_since",
        "registered_until",
        "last_success_time",
        "last_failure_time",
    ),
    Finding: _fields("first_time"),
}
_NO_CHILDREN: dict[str, Any] = {"sip_events": [], "dtmf": [], "hold": [], "streams": []}


def _children(call: CallRecord) -> dict[str, Any]:
    """Written out: this runs for every SIP message of every call."""
    return {
        "sip_events": [replace(event, time=rfc3339(event.time)) for event in call.sip_events],
        "dtmf": [replace(digit, time=rfc3339(digit.time)) for digit in call.dtmf],
        "hold": [
            replace(
                hold, since=rfc3339(hold.since), until=None if hold.until is None else rfc3339(hold.until)
            )
            for hold in call.hold
        ],
        "streams": [
            replace(stream, first_time=rfc3339(stream.first_time), last_time=rfc3339(stream.last_time))
            for stream in call.streams
        ],
    }


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return without_surrogates(value)
    if isinstance(value, dict):
        return {without_surrogates(key): _encodable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_encodable(item) for item in value]
    return value
