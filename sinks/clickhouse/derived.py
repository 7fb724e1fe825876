"""Values that follow from others in most calls: stored is what they differ by, mostly 0, or their form.

The table gives them back under their own names (migrations/m0001_records.py). A duration is whole µs; the
first packet of a side counts from its first stream's; a Request-URI is kept with `*` for the callee, or
behind a `=` as it is.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from schemas.cdr import CallRecord

COLUMNS: Final = (
    *("duration_more", "connect_more", "pdd_more", "invite_after", "bye_before"),
    *("first_rtp_after_a", "first_rtp_after_b", "request_uri_form"),
)

DERIVED: Final = (
    *("duration", "connect_duration", "pdd", "invite_time", "bye_time"),
    *("first_rtp_time_a", "first_rtp_time_b", "request_uri"),
)
"""Fields of a call that the columns stand for."""

STREAMS: Final = ("streams.side", "streams.first_time")
"""Columns of the streams that they need."""

_CALLEE: Final = "*"
_AS_IT_IS: Final = "="


def differences(call: CallRecord) -> tuple[int | str | None, ...]:
    """The values of COLUMNS, in µs."""
    start, end = call.start, call.end_time
    answer, ringing = _or(call.answer_time, start), _or(call.ringing_time, start)
    first = _first_packets(
        [stream.side for stream in call.streams], [stream.first_time for stream in call.streams]
    )
    return (
        _beyond(call.duration, end - start),
        _beyond(call.connect_duration, end - answer),
        _beyond(call.pdd, ringing - start),
        None if call.invite_time is None else call.invite_time - start,
        None if call.bye_time is None else end - call.bye_time,
        None if call.first_rtp_time_a is None else call.first_rtp_time_a - first["a"],
        None if call.first_rtp_time_b is None else call.first_rtp_time_b - first["b"],
        _uri_form(call.request_uri, call.callee),
    )


def restored(
    values: Mapping[str, Any], columns: Mapping[str, Any], sides: Sequence[str | None], times: Sequence[int]
) -> dict[str, Any]:
    """DERIVED out of a call's other values, COLUMNS, and its STREAMS."""
    start, end = values["start"], values["end_time"]
    answer, ringing = _or(values["answer_time"], start), _or(values["ringing_time"], start)
    invite_after, bye_before = columns["invite_after"], columns["bye_before"]
    after_a, after_b = columns["first_rtp_after_a"], columns["first_rtp_after_b"]
    first = _first_packets(sides, times)
    return {
        "duration": _seconds(columns["duration_more"], end - start),
        "connect_duration": _seconds(columns["connect_more"], end - answer),
        "pdd": _seconds(columns["pdd_more"], ringing - start),
        "invite_time": None if invite_after is None else start + invite_after,
        "bye_time": None if bye_before is None else end - bye_before,
        "first_rtp_time_a": None if after_a is None else first["a"] + after_a,
        "first_rtp_time_b": None if after_b is None else first["b"] + after_b,
        "request_uri": _uri(columns["request_uri_form"], values["callee"]),
    }


def _first_packets(sides: Sequence[str | None], times: Sequence[int]) -> dict[str | None, int]:
    """Of each side's first stream; 0 where it has none."""
    return {"a": 0, "b": 0} | dict(zip(reversed(sides), reversed(times), strict=True))


def _uri_form(uri: str | None, callee: str | None) -> str | None:
    if uri is None:
        return None
    if not callee or callee not in uri or _CALLEE in uri or uri.startswith(_AS_IT_IS):
        return _AS_IT_IS + uri
    return uri.replace(callee, _CALLEE, 1)


def _uri(form: str | None, callee: str | None) -> str | None:
    if form is None or form.startswith(_AS_IT_IS):
        return form and form[1:]
    return form.replace(_CALLEE, callee or "", 1)


def _or(time: int | None, other: int) -> int:
    return other if time is None else time


def _beyond(seconds: float | None, expected_us: int) -> int | None:
    return None if seconds is None else round(seconds * 1e6) - expected_us


def _seconds(more_us: int | None, expected_us: int) -> float | None:
    return None if more_us is None else (expected_us + more_us) / 1e6
