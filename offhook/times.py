"""Packet times as people read and write them."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final

from offhook.bounds import TIMES_REMEMBERED
from offhook.errors import UsageError

MICROSECONDS: Final = 1_000_000
_RELATIVE: Final = re.compile(r"(now|today|yesterday)(?:(?<=now)-(\d{1,6})([smhdw]))?")
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LAST_SECOND: Final = 253_402_300_799  # the end of the year 9999, beyond which RFC 3339 has no form
_FIRST_SECOND: Final = -62_135_596_800  # the year 1


class _Texts(dict[int, str]):
    """Times and their text: a call's record says most of its times twice or more."""

    def __missing__(self, time_us: int) -> str:
        if len(self) >= TIMES_REMEMBERED:
            self.clear()
        second = time_us // MICROSECONDS
        if second < 1:
            text = f"{_utc_second(second)}{time_us % MICROSECONDS:06d}Z"
        else:  # twice as fast
            text = _utc_second(second) + str(time_us)[-6:] + "Z"
        self[time_us] = text
        return text


rfc3339: Final[Callable[[int], str]] = _Texts().__getitem__
"""µs since the epoch in UTC with microseconds (RFC 3339): 2026-09-21T14:13:20.000000Z."""


@lru_cache(maxsize=TIMES_REMEMBERED)
def _utc_second(second: int) -> str:
    return _at(second, UTC).strftime("%Y-%m-%dT%H:%M:%S.").rjust(20, "0")


def _at(second: int, zone: tzinfo | None) -> datetime:
    return datetime.fromtimestamp(min(max(second, _FIRST_SECOND), _LAST_SECOND), zone)


class Clock:
    """Shows packet times in one time zone and reads times written in it."""

    def __init__(self, timezone: str = "UTC", now_s: Callable[[], float] = time.time) -> None:
        """`timezone` is an IANA name, UTC, or `local`; raises UsageError for another."""
        self._now_s = now_s
        self.zone = find_zone(timezone)
        self.name = timezone
        self._second = lru_cache(maxsize=TIMES_REMEMBERED)(self._format)

    def show(self, time_us: int) -> str:
        """Date and time to the second."""
        return self._second(time_us // MICROSECONDS)

    def show_exact(self, time_us: int) -> str:
        """Date and time to the microsecond."""
        second, fraction = divmod(time_us, MICROSECONDS)
        return f"{self._second(second)}.{fraction:06d}"

    def read(self, text: str) -> int:
        """µs since the epoch of `2026-09-21 14:13[:20[.5]]`, with T and offset allowed, or of seconds.

        Also `now`, `now-2h` (s, m, h, d, w), and `today` and `yesterday`, which are midnights of the zone.
        """
        if relative := _RELATIVE.fullmatch(text.strip().lower()):
            return self._relative(*relative.groups())
        try:
            if text.replace(".", "", 1).isdecimal() and len(text) >= 9:
                return round(float(text) * MICROSECONDS)
            written = datetime.fromisoformat(text)
        except ValueError:
            raise UsageError(
                f"'{text}' is no time; write 2026-09-21T14:13:20, 2026-09-21, today, yesterday or now-2h"
            ) from None
        return self._microseconds(written)

    def _relative(self, day: str, ago: str | None, unit: str | None) -> int:
        now = self._now_s()
        if day == "now":
            return round((now - int(ago or 0) * _UNITS[unit or "s"]) * MICROSECONDS)
        midnight = _at(int(now), self.zone).replace(hour=0, minute=0, second=0, tzinfo=None)
        return self._microseconds(midnight - timedelta(days=day == "yesterday"))

    def _microseconds(self, written: datetime) -> int:
        if written.tzinfo is None:
            written = written.replace(tzinfo=self.zone) if self.zone else written.astimezone()
        since = written - datetime(1970, 1, 1, tzinfo=UTC)
        return (since.days * 86_400 + since.seconds) * MICROSECONDS + since.microseconds

    def _format(self, second: int) -> str:
        return _at(second, self.zone).strftime("%Y-%m-%d %H:%M:%S")


def find_zone(name: str) -> tzinfo | None:
    """The zone of that name; None is the machine's own (`local`)."""
    if name.lower() == "local":
        return None
    if name.upper() in {"UTC", "Z"}:
        return UTC
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(f"no time zone '{name}'; write UTC, local or Europe/Prague") from None
