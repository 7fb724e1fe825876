"""A paced capture comes in pieces of 200 ms of packet time, whole and in order."""

from collections.abc import Iterator

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from capture.block import Block
from capture.pace import TICK_NS, Pace, paced


class Frames:
    """A source of frames at these times (ns), so many a block."""

    warnings: list[str] = []  # noqa: RUF012
    bytes_done = 0
    bytes_total = None

    def __init__(self, times: list[int], a_block: int) -> None:
        self.times, self.a_block = times, a_block

    def __iter__(self) -> Iterator[Block]:
        for at in range(0, len(self.times), self.a_block):
            times = np.array(self.times[at : at + self.a_block], np.int64)
            numbers = np.arange(at, at + len(times), dtype=np.int64)
            size = np.ones(len(times), np.int32)
            yield Block(np.zeros(0, np.uint8), numbers, size, size, times, 1)


FAST = Pace(1_000_000)
times = st.lists(st.integers(10**18, 10**18 + 10 * TICK_NS), min_size=1, max_size=60)


@given(times, st.integers(1, 20))
def test_no_frame_is_lost_and_flushes_part_them_by_time(times: list[int], a_block: int) -> None:
    pace = Pace(1_000_000)
    frames: list[int] = []
    since_flush: list[int] = []
    for block, flush in paced(Frames(times, a_block), pace):
        if block is not None:
            frames += block.offset.tolist()
            since_flush += block.time_ns.tolist()
        if flush:
            assert since_flush or block is None
            latest = np.maximum.accumulate(np.array(times[: len(frames)]))
            assert len(frames) == len(times) or max(times[: len(frames) + 1]) - times[0] >= TICK_NS
            assert max(since_flush, default=0) <= latest[-1]
            since_flush = []
    assert frames == list(range(len(times)))


def test_a_piece_ends_where_its_tick_does() -> None:
    start = 10**18
    found = [
        (0 if block is None else len(block.time_ns), flush)
        for block, flush in paced(
            Frames([start, start + TICK_NS - 1, start + TICK_NS, start + 10 * TICK_NS], 4), FAST
        )
    ]
    assert found == [(2, True), (1, True), (1, False)]


def test_what_was_fed_is_flushed_when_the_next_block_begins_later() -> None:
    start = 10**18
    found = [
        (0 if block is None else len(block.time_ns), flush)
        for block, flush in paced(Frames([start, start + 5 * TICK_NS], 1), Pace(1_000_000))
    ]
    assert found == [(1, False), (0, True), (1, False)]


def test_without_pace_blocks_are_handed_on_as_they_are() -> None:
    found = list(paced(Frames([1, 2, 3], 2), Pace(None)))
    assert [(len(block.time_ns), flush) for block, flush in found if block is not None] == [
        (2, False),
        (1, False),
    ]
