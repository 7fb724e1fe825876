"""A machine's clock that is set while a wire is heard: packet time goes on without a jump."""

import logging

import numpy as np
import pytest

from capture.wire.timeline import MOST_NS, SLEW, Timeline
from schemas.cdr import CallRecord
from tests.system.sites import Listener, System, block_of
from tests.system.test_sensors import call
from tests.system.wire import Frame

SECOND = 1_000_000_000
TICK = SECOND // 5


class Machine:
    """Two clocks, of which one can be set."""

    def __init__(self, wall_ns: int = 1_790_000_000 * SECOND) -> None:
        self.wall_ns, self.steady_ns = wall_ns, 0
        self.timeline = Timeline(lambda: self.wall_ns, lambda: self.steady_ns)

    def passes(self, ns: int) -> None:
        self.wall_ns += ns
        self.steady_ns += ns

    def packet(self, stamp_ns: int) -> int:
        """The time that a packet with this stamp is given."""
        times = np.array([stamp_ns], np.int64)
        self.timeline.correct(times)
        return int(times[0])


@pytest.mark.parametrize("step_s", [-30, -0.6, 0.6, 30])
def test_packets_before_and_after_a_step_keep_their_distance(step_s: float) -> None:
    machine = Machine()
    machine.timeline.look()
    began = machine.wall_ns
    machine.passes(TICK)
    before = machine.wall_ns  # a packet comes, and is still in the ring when the clock is set
    machine.wall_ns += round(step_s * SECOND)
    machine.passes(TICK // 2)
    after = machine.wall_ns
    machine.timeline.look()
    slewed = 2 * SECOND // SLEW
    assert abs(machine.packet(before) - began - TICK) <= slewed
    assert abs(machine.packet(after) - began - TICK * 3 // 2) <= slewed
    machine.passes(2 * SECOND)
    machine.timeline.look()
    assert abs(machine.packet(machine.wall_ns) - began - TICK * 3 // 2 - 2 * SECOND) <= 2 * slewed
    assert machine.timeline.now_us == machine.packet(machine.wall_ns) // 1000


def test_what_is_held_is_given_back() -> None:
    machine = Machine()
    machine.wall_ns -= 3 * SECOND
    machine.timeline.look()
    for _ in range(3 * SLEW + 2):
        last = machine.packet(machine.wall_ns)
        machine.passes(SECOND)
        machine.timeline.look()
        assert last < machine.packet(machine.wall_ns)
    assert machine.packet(machine.wall_ns) == machine.wall_ns


def test_a_clock_that_was_far_off_is_believed(caplog: pytest.LogCaptureFixture) -> None:
    machine = Machine()
    machine.wall_ns -= MOST_NS + SECOND
    with caplog.at_level(logging.WARNING, "capture.wire.timeline"):
        machine.timeline.look()
    assert machine.packet(machine.wall_ns) == machine.wall_ns
    assert machine.timeline.caught_up_ns == machine.wall_ns + MOST_NS + SECOND
    (said,) = caplog.records
    assert vars(said)["fields"] == {"by_s": -61.0, "held_s": 0.0}


def test_a_clock_that_is_disciplined_slowly_is_followed() -> None:
    machine = Machine()
    for _ in range(100):
        machine.passes(SECOND)
        machine.wall_ns += 500_000  # 500 ppm, as adjtime(3) does
        machine.timeline.look()
    assert machine.packet(machine.wall_ns) == machine.wall_ns


def heard(step_s: int) -> dict[str, CallRecord]:
    """Records of three calls; in the midst of the second one the machine's clock is set."""
    frames = sorted(
        (f for n, s in enumerate((0, 20, 45)) for f in call(s, 20, f"at {s}", n)), key=lambda f: f.time_us
    )
    machine = Machine(frames[0].time_us * 1000)
    listener, system = Listener("wire"), System()
    set_at, wait = machine.wall_ns + 30 * SECOND, 400
    is_set = 0
    ring: list[Frame] = []
    while frames or wait:
        wait -= not frames
        machine.passes(TICK)
        now_us = machine.wall_ns // 1000 - is_set * 1_000_000
        while frames and frames[0].time_us <= now_us:
            ring.append(frames.pop(0).later(is_set * 1_000_000))
        if not is_set and machine.wall_ns >= set_at:
            is_set = step_s
            machine.wall_ns += step_s * SECOND
        machine.timeline.look()
        block = block_of(ring)
        if ring:
            machine.timeline.correct(block.time_ns)
            system.take(listener.sensor.feed(block))
        ring = []
        system.take(listener.sensor.flush(machine.timeline.now_us - 80_000))
    return {record.call_id: record for record in system.newest.values()}


@pytest.mark.parametrize("step_s", [-30, 30])
def test_calls_are_measured_as_if_nothing_had_happened(step_s: int) -> None:
    whole, found = heard(0), heard(step_s)
    assert found.keys() == whole.keys()
    for name, record in found.items():
        assert record.flags == []
        assert record.mos == pytest.approx(whole[name].mos, abs=0.01)
        assert record.duration == pytest.approx(whole[name].duration, abs=0.05)
        assert [stream.lost for stream in record.streams] == [stream.lost for stream in whole[name].streams]
