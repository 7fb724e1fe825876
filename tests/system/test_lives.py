"""What a sensor lost, to the kernel or to its own death: the calls of that time say so, and no others."""

import pytest

from schemas.cdr import CallRecord
from schemas.clock import NOT_STARTED
from streams.bounds import DROPPED_SPANS
from streams.records.missing import with_dropped
from streams.unread import Drop
from tests.system.sites import Listener, Speech, System
from tests.system.test_sensors import call
from tests.system.wire import Frame

DROPS = "capture-drops"
SECOND_US = 1_000_000


def calls(*since_s: float, talk_s: float = 20.0) -> list[Frame]:
    """Calls named by when they begin."""
    return [
        frame
        for number, since in enumerate(since_s)
        for frame in call(since, talk_s, f"at {since:g}", number)
    ]


def began_us(frames: list[Frame]) -> int:
    return min(frame.time_us for frame in frames)


def with_death(frames: list[Frame], from_s: float, to_s: float, packets: int = 77) -> Speech:
    """What a sensor says that dies, and another life of it that begins a while later."""
    since, until = (began_us(frames) + round(at * SECOND_US) for at in (from_s, to_s))
    before = Listener("s1").says([frame for frame in frames if frame.time_us < since], ends=False)
    again = Listener("s1")
    again.sensor.lose("away", packets, NOT_STARTED, until)
    return [*before, *again.says([frame for frame in frames if frame.time_us >= until])]


def records(speech: Speech, partitions: int = 1, *, saves: bool = False) -> dict[str, CallRecord]:
    system = System(partitions, saves=saves)
    for batches in speech:
        system.take(batches)
        if saves:
            for worker in system.runner.workers:
                worker.restart(system.runner.log)
    return {record.call_id: record for record in system.newest.values()}


@pytest.mark.parametrize(("partitions", "saves"), [(1, False), (2, False), (1, True), (2, True)])
def test_the_streams_of_a_call_go_on_in_the_next_life_of_its_sensor(partitions: int, saves: bool) -> None:
    frames = calls(0, 30, 60)
    whole = records(Listener("s1").says(frames))
    found = records(with_death(frames, 35, 38), partitions, saves=saves)
    assert {name: DROPS in record.flags for name, record in found.items()} == {
        "at 0": False, "at 30": True, "at 60": False,
    }  # fmt: skip
    for name in ("at 0", "at 60"):
        assert found[name] == whole[name]
    touched, before = found["at 30"], whole["at 30"]
    assert touched.capture_drops == 77
    assert [stream.ssrc for stream in touched.streams] == [stream.ssrc for stream in before.streams]
    for stream, complete in zip(touched.streams, before.streams, strict=True):
        assert (stream.expected, stream.first_time) == (complete.expected, complete.first_time)
        assert 140 < stream.lost < 210  # three seconds, and what the sensor had not said
    assert touched.dead_air_a == touched.dead_air_b == 0  # nobody knows
    assert touched.one_way is None
    assert "restarts" not in touched.flags


def test_a_call_whose_end_passed_while_its_sensor_was_away_says_so() -> None:
    frames = calls(0, 60, talk_s=20)
    found = records(with_death(frames, 15, 40))
    assert DROPS in found["at 0"].flags
    assert found["at 0"].bye_time is None
    assert found["at 0"].dead_air_a == 0
    assert DROPS not in found["at 60"].flags


def test_a_sensor_that_begins_for_the_first_time_has_lost_nothing() -> None:
    frames = calls(0)
    first = Listener("s1")
    first.sensor.lose("away", 12, NOT_STARTED, began_us(frames) + 5 * SECOND_US)
    assert DROPS not in records(first.says(frames))["at 0"].flags


def test_what_another_sensor_lost_does_not_touch_a_call_that_it_did_not_hear() -> None:
    frames = calls(0, 30)
    heard = Listener("s1").says(frames)
    other = Listener("s2")
    speech: Speech = []
    for number, batches in enumerate(heard):
        now_us = max(batch.clock_us for batch in batches)
        other.sensor.lose("kernel", 5, now_us - 1000, now_us) if number == 10 else None
        ended = number == len(heard) - 1
        speech += [batches, other.sensor.close() if ended else other.idles(now_us)]
    assert {DROPS in record.flags for record in records(speech).values()} == {False}


def test_drops_of_the_kernel_are_summed_while_a_call_runs() -> None:
    frames = calls(0, 40)
    listener = Listener("s1")
    speech = [listener.sensor.flush()]
    start = began_us(frames)
    for second in range(70):
        since = start + second * SECOND_US
        if second in (5, 9, 30):
            listener.sensor.lose("kernel", second, since, since + SECOND_US)
        speech.append(listener.hears(f for f in frames if since <= f.time_us < since + SECOND_US))
    speech.append(listener.sensor.close())
    found = records(speech)
    assert found["at 0"].capture_drops == 14
    assert found["at 40"].capture_drops == 0
    assert listener.sensor.counters["kernel"] == 44


def test_silence_while_an_interface_was_down_is_nobodys() -> None:
    frames = calls(0, 40)
    start = began_us(frames)
    listener = Listener("s1")
    speech = [listener.sensor.flush()]
    for second in range(70):
        since = start + second * SECOND_US
        some = [f for f in frames if since <= f.time_us < since + SECOND_US]
        if 8 <= second < 14:
            listener.sensor.deaf("interface_down", since, since + SECOND_US)
            some = []
        speech.append([*listener.hears(some), *listener.idles(since + SECOND_US)])
    speech.append(listener.sensor.close())
    found = records(speech)
    touched = found["at 0"]
    assert (touched.flags, touched.capture_drops, touched.dead_air_a) == ([DROPS], 0, 0)
    assert found["at 40"].flags == []
    assert listener.sensor.counters["interface_down"] == 6


def test_of_too_many_drops_the_earliest_become_one_and_old_ones_go() -> None:
    drops = [Drop(10 * n, 10 * n + 5, 1, f"s{n % 2}") for n in range(DROPPED_SPANS + 4)]
    kept = with_dropped([], drops, 0)
    assert len(kept) == DROPPED_SPANS
    assert sum(drop.packets for drop in kept) == DROPPED_SPANS + 4
    assert {drop.sensor for drop in kept} == {"s0", "s1"}
    assert with_dropped(kept, [], 10**9) == []
