"""The pace of a capture that is published: blocks cut by packet time, handed on when their time has come."""

import threading
import time
from collections.abc import Iterator
from typing import Final

import numpy as np

from capture.block import Block, Source

TICK_NS: Final = 200_000_000
"""Packet time between two flushes of a paced capture."""


class Pace:
    """Waits until packet time has come, `speed` times as fast as it went; None never waits."""

    def __init__(self, speed: float | None) -> None:
        self.speed = speed
        self.skips = False
        """What comes was published before: nobody waits for it."""
        self.behind_s = 0.0
        """How late the last wait came to an end, s of wall time."""
        self._begun: tuple[int, float] | None = None
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Wait no more."""
        self._stopped.set()

    def wait_for(self, time_ns: int) -> None:
        """Wait for this packet time."""
        if self.speed is None or self.skips:
            return
        if self._begun is None:
            self._begun = time_ns, time.monotonic()
        first_ns, began = self._begun
        due = began + (time_ns - first_ns) / 1e9 / self.speed
        ahead = due - time.monotonic()
        if ahead > 0:
            self._stopped.wait(ahead)
        self.behind_s = max(0.0, time.monotonic() - due)


def paced(source: Source, pace: Pace) -> Iterator[tuple[Block | None, bool]]:
    """Blocks when their time has come, and whether a flush is due then.

    A paced capture comes in pieces of TICK_NS of packet time; what goes back in time goes with what is
    around it, and silence is not ticked through. Without pace the source's blocks are handed on as they are,
    and the sensor flushes by itself.
    """
    if pace.speed is None:
        yield from ((block, False) for block in source)
        return
    tick_ns: int | None = None
    latest_ns = 0
    for block in source:
        if not len(block.time_ns):
            continue
        reached = np.maximum.accumulate(np.maximum(block.time_ns, latest_ns))
        latest_ns = int(reached[-1])
        if tick_ns is None:
            pace.wait_for(int(reached[0]))
            tick_ns = int(reached[0]) + TICK_NS
        start = 0
        while start < len(reached):
            stop = int(np.searchsorted(reached, tick_ns, side="left"))
            piece = part_of(block, slice(start, stop)) if stop > start else None
            if stop == len(reached):
                yield piece, False
                break
            pace.wait_for(tick_ns)
            yield piece, True
            start = stop
            tick_ns += max(1, (int(reached[start]) - tick_ns) // TICK_NS + 1) * TICK_NS
    pace.wait_for(latest_ns)


def part_of(block: Block, part: slice) -> Block:
    """Some of the block's frames."""
    return Block(
        block.buffer,
        block.offset[part],
        block.captured[part],
        block.original[part],
        block.time_ns[part],
        block.link_type,
    )
