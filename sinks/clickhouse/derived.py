"""Times and durations that follow from others in most calls: stored is what they differ by, mostly 0.

The table gives them back under their own names (migrations/m0001_records.py). A duration is whole µs.
"""

from collections.abc import Mapping
from typing import Any, Final

from schemas.cdr import CallRecord

COLUMNS: Final = ("duration_more", "connect_more", "pdd_more", "invite_after", "bye_before")

DERIVED: Final = ("duration", "connect_duration", "pdd", "invite_time", "bye_time")
"""Fields of a call that the columns stand for."""


def differences(call: CallRecord) -> tuple[int | None, ...]:
    """The values of COLUMNS, in µs."""
    start, end = call.start, call.end_time
    answer, ringing = _or(call.answer_time, start), _or(call.ringing_time, start)
    return (
        _beyond(call.duration, end - start),
        _beyond(call.connect_duration, end - answer),
        _beyond(call.pdd, ringing - start),
        None if call.invite_time is None else call.invite_time - start,
        None if call.bye_time is None else end - call.bye_time,
    )


def restored(values: Mapping[str, Any], columns: Mapping[str, int | None]) -> dict[str, Any]:
    """DERIVED out of a call's other values and COLUMNS."""
    start, end = values["start"], values["end_time"]
    answer, ringing = _or(values["answer_time"], start), _or(values["ringing_time"], start)
    invite_after, bye_before = columns["invite_after"], columns["bye_before"]
    return {
        "duration": _seconds(columns["duration_more"], end - start),
        "connect_duration": _seconds(columns["connect_more"], end - answer),
        "pdd": _seconds(columns["pdd_more"], ringing - start),
        "invite_time": None if invite_after is None else start + invite_after,
        "bye_time": None if bye_before is None else end - bye_before,
    }


def _or(time: int | None, other: int) -> int:
    return other if time is None else time


def _beyond(seconds: float | None, expected_us: int) -> int | None:
    return None if seconds is None else round(seconds * 1e6) - expected_us


def _seconds(more_us: int | None, expected_us: int) -> float | None:
    return None if more_us is None else (expected_us + more_us) / 1e6
