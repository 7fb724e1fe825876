"""The clock of a site: who is waited for, and when it is sent on."""

import random

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.clock import END_OF_CAPTURE, NOT_STARTED
from streams.clock import TICK_US, SiteClock

SECOND = 1_000_000
T0 = 1_700_000_000 * SECOND


def s(seconds: float) -> int:
    return T0 + round(seconds * SECOND)


def sensors(*names: str, at: float = 0.0, gone_s: int = 30, lateness_max_s: int = 600) -> SiteClock:
    clock = SiteClock.of_sensors(gone_s, lateness_max_s)
    for name in names:
        clock.heard(name, s(at))
    return clock


def test_the_least_mark_of_those_that_speak() -> None:
    clock = sensors("a", "b")
    assert not clock.heard("a", s(10)) and clock.now == s(0)
    assert clock.heard("b", s(4)) and clock.now == s(4)
    assert not clock.heard("b", s(3)) and clock.now == s(4)


@pytest.mark.parametrize(("ahead", "now"), [(30, 0), (30.001, 30.001), (300, 300)])
def test_a_silent_sensor_is_gone_after_30_s_of_the_others(ahead: float, now: float) -> None:
    clock = sensors("a", "b")
    clock.heard("a", s(ahead))
    assert clock.now == s(now)


def test_the_last_to_be_silent_is_waited_for() -> None:
    clock = sensors("a", "b", "c")
    clock.heard("a", s(100))
    assert clock.now == s(100)  # b and c are gone, a is alone
    clock.heard("b", s(90))  # b holds again, but the clock does not go back
    assert clock.now == s(100) and not clock.heard("a", s(115))
    assert clock.heard("b", s(112)) and clock.now == s(112)


def test_one_that_has_ended_neither_holds_the_clock_nor_drives_it() -> None:
    clock = sensors("a", "b")
    clock.heard("a", s(5))
    clock.heard("a", END_OF_CAPTURE)
    assert clock.now == s(0)  # b goes on by itself, and is not gone
    assert clock.heard("b", s(1000)) and clock.now == s(1000)
    assert clock.heard("b", END_OF_CAPTURE) and clock.now == END_OF_CAPTURE and clock.last_us == s(1000)


def test_one_that_ended_and_speaks_again_is_waited_for() -> None:
    clock = sensors("a", "b")
    clock.heard("a", END_OF_CAPTURE)
    clock.heard("b", s(10))
    clock.heard("a", NOT_STARTED)  # there it is, and says nothing yet
    clock.heard("b", s(11))
    assert clock.now == s(11)
    clock.heard("a", s(12))
    clock.heard("b", s(15))
    assert clock.now == s(12)
    clock.heard("a", END_OF_CAPTURE)
    assert clock.now == s(15)


@pytest.mark.parametrize(
    ("behind", "ahead", "waits"),
    [(0, 31, False), (10, 39, True), (10, 41, False), (400, 429, True), (400, 431, False),
     (590, 600, True), (590, 601, False), (3600, 599, True), (3600, 601, False)],
)  # fmt: skip
def test_a_sensor_that_is_behind_is_waited_for_so_much_longer(behind: int, ahead: int, waits: bool) -> None:
    clock = sensors("a", "b")
    clock.heard("b", s(1), behind * SECOND)
    clock.heard("a", s(1 + ahead))
    assert clock.now == s(1 if waits else 1 + ahead)


def test_one_that_has_caught_up_is_waited_for_as_any_other() -> None:
    clock = sensors("a", "b")
    clock.heard("b", s(1), 100 * SECOND)
    clock.heard("b", s(2))
    clock.heard("a", s(33))
    assert clock.now == s(33)


def test_a_sensor_that_is_there_and_has_not_started_is_waited_for() -> None:
    clock = SiteClock.of_sensors(30, 600)
    clock.heard("a", NOT_STARTED)
    clock.heard("b", NOT_STARTED)
    assert not clock.heard("a", s(0)) and not clock.heard("a", s(30))
    assert clock.heard("a", s(31)) and clock.now == s(31)


def test_without_a_limit_each_is_waited_for() -> None:
    clock = sensors("a", "b", gone_s=0)
    clock.heard("a", s(100_000))
    assert clock.now == s(0)


def test_ticks_are_for_moves_of_some_time_data_and_the_end() -> None:
    clock = sensors("a")
    assert clock.tick(data=False) and not clock.tick(data=False)
    clock.heard("a", clock.now + TICK_US - 1)
    assert not clock.tick(data=False) and clock.tick(data=True)
    clock.heard("a", clock.now + 1)
    assert not clock.tick(data=False)
    clock.heard("a", clock.now + TICK_US)
    assert clock.tick(data=False)
    clock.heard("a", END_OF_CAPTURE)
    assert clock.tick(data=False) and not clock.tick(data=False)


words = st.tuples(
    st.sampled_from("abc"),
    st.one_of(st.integers(0, 2000).map(s), st.just(END_OF_CAPTURE), st.just(NOT_STARTED)),
    st.sampled_from([0, 0, 50, 5000]),
)


@given(st.lists(words, max_size=40), st.sampled_from([0, 30]))
@example(said=[("b", s(1), 0), ("a", s(0), 0), ("b", END_OF_CAPTURE, 0), ("b", s(0), 0)], gone_s=0)
def test_it_never_goes_back_nor_beyond_the_most_advanced(
    said: list[tuple[str, int, int]], gone_s: int
) -> None:
    clock = SiteClock.of_sensors(gone_s, 600)
    furthest = NOT_STARTED
    for sensor, mark, behind in said:
        before = clock.now
        assert clock.heard(sensor, mark, behind * SECOND) == (clock.now > before)
        furthest = max(furthest, *clock.marks.values())  # who ended and speaks again takes its mark back
        assert before <= clock.now <= furthest
        if not gone_s:
            assert clock.now == min(clock.marks.values()) or clock.now == before
        restored = msgspec.msgpack.decode(msgspec.msgpack.encode(clock), type=SiteClock)
        assert restored == clock


def test_with_sensors_that_speak_in_any_order_the_clock_comes_to_the_same() -> None:
    said = [(name, s(at)) for name in "abc" for at in range(20)]
    for seed in range(20):
        clock = sensors("a", "b", "c")
        random.Random(seed).shuffle(said)
        for name, mark in said:
            clock.heard(name, mark)
        assert clock.now == s(19)
