"""Times as people write them."""

import pytest

from offhook.errors import UsageError
from offhook.times import Clock

NOW_S = 1_790_000_000.25  # 2026-09-21 14:13:20.25 UTC
DAY_US = 86_400_000_000


def read(text: str, zone: str = "UTC", now_s: float = NOW_S) -> int:
    return Clock(zone, now_s=lambda: now_s).read(text)


@pytest.mark.parametrize(
    ("text", "before_s"),
    [
        ("now", 0),
        ("now-30s", 30),
        ("now-15m", 900),
        ("now-2h", 7200),
        ("now-7d", 604_800),
        ("NOW-1w", 604_800),
    ],
)
def test_time_before_now(text: str, before_s: int) -> None:
    assert read(text) == round((NOW_S - before_s) * 1_000_000)
    assert read(text, "Europe/Prague") == read(text)


def test_days_begin_at_midnight_of_the_zone() -> None:
    assert read("today") == read("2026-09-21")
    assert read("yesterday") == read("2026-09-20")
    assert read("today", "Europe/Prague") == read("2026-09-21T00:00+02:00")
    late_s = read("2026-09-21T23:30") / 1e6
    assert read("today", "Europe/Prague", late_s) == read("2026-09-22T00:00+02:00")


def test_a_day_of_another_length_is_a_day() -> None:
    noon_s = read("2026-10-26T12:00+01:00") / 1e6  # Prague's clocks went back the day before
    clock = Clock("Europe/Prague", now_s=lambda: noon_s)
    assert clock.read("today") - clock.read("yesterday") == 25 * 3_600_000_000


@pytest.mark.parametrize(
    "text", ["", "tomorrow", "now-", "now-2", "now-2y", "now+1h", "today-1d", "-2h", "now-9999999h"]
)
def test_what_is_no_time_is_refused_with_examples(text: str) -> None:
    with pytest.raises(UsageError, match="now-2h"):
        read(text)
