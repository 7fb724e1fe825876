"""Numbers, durations and times as the report says them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from offhook.output.views import duration
from offhook.times import Clock

NOTHING: Final = "–"


def count(number: int) -> str:
    """1,234."""
    return f"{number:,}"


def decimal(number: float | None, places: int = 2, unit: str = "") -> str:
    """With so many places and a unit; a dash for what is not known."""
    if number is None:
        return NOTHING
    return f"{number:,.{places}f}{unit}"


def percent(number: float | None, places: int = 1) -> str:
    """83.1 %."""
    return decimal(number, places, " %")


def share(part: int, whole: int) -> str:
    """A part of a whole in percent."""
    return percent(100 * part / whole if whole else None)


def seconds(number: float | None) -> str:
    """A post-dial delay: milliseconds below one second."""
    if number is None:
        return NOTHING
    return f"{number * 1000:.0f} ms" if number < 1 else f"{number:.2f} s"


def length(number: float | None) -> str:
    """A conversation: 0:20, 1:02:03."""
    if number is None:
        return NOTHING
    return f"{number:.1f} s" if number < 10 else duration(number)


def talk(number: float) -> str:
    """Conversations together: minutes, or hours where there are many."""
    minutes = number / 60
    return f"{minutes:,.0f} min" if minutes < 6000 else f"{minutes / 60:,.0f} h"


def labels(begins_us: Sequence[int], clock: Clock, step_us: int) -> list[str]:
    """What stands under intervals: times of day, or days where they are several; "" where nothing does."""
    times = [_local(begin, clock) for begin in begins_us]
    days = len({time.date() for time in times})
    if step_us >= 86_400_000_000:
        one_year = (times[-1] - times[0]).days < 300
        return [f"{time.day} {time:%b}" if one_year else f"{time:%b %Y}" for time in times]
    if days > 2:
        marked = {0, 12} if days < 5 else {0}
        firsts = [time.hour in marked and time.minute == 0 for time in times]
        return [_day_or_hour(time) if first else "" for time, first in zip(times, firsts, strict=True)]
    return [f"{time:%H:%M:%S}" if step_us < 60_000_000 else f"{time:%H:%M}" for time in times]


def _day_or_hour(time: datetime) -> str:
    return f"{time:%H:%M}" if time.hour else f"{time.day} {time:%b}"


def _local(time_us: int, clock: Clock) -> datetime:
    time = datetime.fromtimestamp(time_us // 1_000_000, UTC)
    return time.astimezone(clock.zone)


def step(step_us: int) -> str:
    """How long an interval is, in words."""
    size = step_us // 1_000_000
    for name, unit in (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1)):
        if size % unit == 0 and size >= unit:
            n = size // unit
            return name if n == 1 else f"{n} {name}s"
    return f"{size} seconds"
