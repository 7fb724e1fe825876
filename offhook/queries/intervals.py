"""Into which intervals a span of time is parted: minutes, hours or days that begin on the local clock."""

from bisect import bisect_right
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

MICROSECONDS: Final = 1_000_000
_STEPS_S: Final = (
    *(1, 5, 10, 30, 60, 300, 600, 900, 1800),
    *(3600, 2 * 3600, 3 * 3600, 6 * 3600, 12 * 3600),
    *(days * 86_400 for days in (1, 2, 7, 14, 30, 90, 365, 3650, 36_500)),
)
WANTED: Final = 72
"""Intervals of a chart, at most."""


def step_of(first_us: int, last_us: int) -> int:
    """The shortest step, in µs, that parts the span into at most WANTED intervals."""
    span_s = (last_us - first_us) // MICROSECONDS + 1
    return next((step for step in _STEPS_S if span_s <= (WANTED - 2) * step), _STEPS_S[-1]) * MICROSECONDS


def edges(first_us: int, last_us: int, step_us: int, zone: tzinfo | None) -> list[int]:
    """Where intervals begin, from before the first to the last; days begin at midnight of the zone."""
    day_us = 86_400 * MICROSECONDS
    midnight = _midnight(first_us, zone)
    if step_us < day_us:
        begin = midnight + (first_us - midnight) // step_us * step_us
        return list(range(begin, last_us + 1, step_us))
    found: list[int] = []
    days = step_us // day_us
    day = datetime.fromtimestamp(midnight // MICROSECONDS, zone or _local())
    while not found or (found[-1] <= last_us and len(found) < 2 * WANTED):
        found.append(_microseconds(day))
        try:
            day = (day.replace(tzinfo=None) + timedelta(days=days)).replace(tzinfo=zone or _local())
        except OverflowError:  # the year 9999
            return found
    return found[: bisect_right(found, last_us)]


def _midnight(time_us: int, zone: tzinfo | None) -> int:
    time = datetime.fromtimestamp(time_us // MICROSECONDS, zone or _local())
    return _microseconds(time.replace(hour=0, minute=0, second=0, microsecond=0))


def _local() -> tzinfo:
    return datetime.now().astimezone().tzinfo or UTC


def _microseconds(time: datetime) -> int:
    since = time - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * MICROSECONDS
