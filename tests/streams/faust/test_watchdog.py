"""A worker that has work and gets no further is found, one that has none is not."""

import time
from types import SimpleNamespace
from typing import Any

from streams.faust.figures import Figures
from streams.faust.watchdog import Watchdog


def part(name: str, waiting: int, moved: float) -> Any:
    return SimpleNamespace(name=name, waiting=waiting, figures=Figures(moved=moved))


def test_a_partition_with_work_that_does_not_move_is_stalled() -> None:
    now = time.monotonic()
    parts = [part("calls-0", 3, now), part("media-0", 0, now)]
    watchdog = Watchdog(10, lambda: parts, set, lambda: False)
    assert watchdog.stalled(now) is None
    watchdog._beat = now + 5
    assert "calls-0" in (watchdog.stalled(now + 9.9 + 0.2) or "")
    parts[0].figures.moved = now + 9
    assert watchdog.stalled(now + 9.9) is None


def test_a_partition_that_was_idle_has_the_whole_time_from_when_work_came() -> None:
    now = time.monotonic()
    behind: set[str] = set()
    watchdog = Watchdog(10, lambda: [part("calls-0", 0, now)], lambda: behind, lambda: False)
    watchdog._beat = now + 1000
    assert watchdog.stalled(now + 100) is None
    behind.add("calls-0")
    assert watchdog.stalled(now + 109) is None
    assert "calls-0" in (watchdog.stalled(now + 111) or "")


def test_a_loop_that_hangs_is_seen() -> None:
    watchdog = Watchdog(10, list, set, lambda: False)
    assert watchdog.stalled(time.monotonic()) is None
    assert "event loop" in (watchdog.stalled(time.monotonic() + 11) or "")


def test_a_partition_that_waits_for_brokers_that_are_away_is_not_stalled() -> None:
    now = time.monotonic()
    away = True
    watchdog = Watchdog(10, lambda: [part("calls-0", 3, now)], set, lambda: away)
    watchdog._beat = now + 1000
    assert watchdog.stalled(now + 100) is None
    away = False  # they are back: it has the whole time from now on
    assert watchdog.stalled(now + 109) is None
    assert "calls-0" in (watchdog.stalled(now + 111) or "")


def test_a_partition_that_stands_is_named_before_it_is_stalled() -> None:
    now = time.monotonic()
    parts = [part("calls-0", 3, now - 20), part("media-0", 0, now - 1000)]
    watchdog = Watchdog(60, lambda: parts, set, lambda: False)
    assert watchdog.stalled(now - 20) is None
    assert watchdog.standing(30) is None
    assert watchdog.standing(15) == "calls-0 has work and got no further for 20 s"
