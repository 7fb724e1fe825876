"""The kernel's short way against its full one: the same rows, whatever is lost and delayed."""

from typing import Any, Final

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.media_endpoints import Payload
from schemas.media_windows import COLUMNS
from streams.media import kernel
from streams.media.maps import PayloadMaps
from streams.media.slots import Rows, Slots
from streams.media.state import NEVER

PACKETS: Final = 3000
T0_US: Final = 1_700_000_000_000_000


def _traffic(seed: int, ptime_ms: int, loss: float, jitter_ms: float, steps: int) -> tuple[Any, ...]:
    """Arrivals, sequence numbers and timestamps: losses alone and in bursts, jitter, `steps` of the delay."""
    dice = np.random.default_rng(seed)
    number = np.arange(PACKETS)
    delay = np.abs(dice.normal(0, jitter_ms * 1000, PACKETS))
    for at in dice.integers(0, PACKETS, steps).tolist():
        delay[at : at + dice.integers(1, 400)] += dice.integers(-40_000, 150_000)
    lost = dice.random(PACKETS) < loss
    for at in np.flatnonzero(dice.random(PACKETS) < loss / 5).tolist():
        lost[at : at + dice.integers(2, 9)] = True
    arrival = (number * ptime_ms * 1000 + np.maximum(delay, 0)).astype(np.int64) + T0_US
    order = np.argsort(arrival, kind="stable")
    order = order[~lost[order]]
    first = int(dice.integers(0, 1 << 16))
    sequence = ((first + number) & 0xFFFF).astype(np.uint16)
    return arrival[order], sequence[order], (number * ptime_ms * 8).astype(np.uint32)[order]


def _rows(traffic: tuple[Any, ...], batch: int, short_way: int) -> np.ndarray:
    """The rows of one stream that comes in batches of so many packets."""
    arrival, sequence, timestamp = traffic
    maps, slots, out = PayloadMaps(), Slots(), Rows(1024)
    pcmu = maps.announced([Payload(0, "PCMU", 8000)])
    slots.begin(slots.allocate(), pcmu, NEVER, NEVER, NEVER)
    types, lengths = np.zeros(len(arrival), np.uint8), np.full(len(arrival), 160, np.uint16)
    only, found = np.zeros(1, np.int64), [np.zeros((0, COLUMNS), np.int64)]
    for start in range(0, len(arrival), batch):
        begin, stop = np.array([start]), np.array([min(start + batch, len(arrival))])
        out.make_room(rows=64, cuts=1)
        kernel.measure(
            slots.words, slots.bins, arrival, sequence, timestamp, types, lengths, only, begin, stop, 1,
            maps.ticks, maps.kinds, out.rows, out.slot, out.gaps, out.cuts, out.control, short_way,
        )  # fmt: skip
        found.append(out.take()[0])
    kernel.finish(slots.words, only, 1, 1, out.rows, out.slot, out.control)
    return np.concatenate([*found, out.take()[0]])


@given(
    seed=st.integers(0, 2**32),
    ptime_ms=st.sampled_from([5, 10, 20, 20, 20, 30, 60, 120]),
    loss=st.sampled_from([0.0, 0.003, 0.01, 0.05, 0.3]),
    jitter_ms=st.sampled_from([0, 1, 5, 20, 80]),
    steps=st.integers(0, 6),
    batch=st.integers(1, 400),
)
@settings(max_examples=60, deadline=None)
def test_the_short_way_is_the_full_way(
    seed: int, ptime_ms: int, loss: float, jitter_ms: float, steps: int, batch: int
) -> None:
    traffic = _traffic(seed, ptime_ms, loss, jitter_ms, steps)
    short, full = (_rows(traffic, batch, short_way) for short_way in (1, 0))
    assert (short == full).all()
    assert len(short) > 1
