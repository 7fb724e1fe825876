"""Frames of a file in order of time, where it holds them otherwise: captures appended to each other, the
packets of several interfaces or directions one after the other.

A look over the record heads tells; a file in order is read as it is. A clock that was set back looks like an
older capture appended: calls before and after it are whole, one that was going on is broken in two.
"""

import itertools
from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from capture.block import Block, Source
from capture.bounds import BLOCK_FRAMES_MAX, ORDER_BYTES_MAX, SORT_BUFFER_MS
from capture.order import JUMP_NS, Clock

I64 = NDArray[np.int64]

BACK_NS = SORT_BUFFER_MS * 1_000_000
"""What the sensor's sort buffer puts in order by itself."""


class Lasting(Source, Protocol):
    """A source whose blocks may all be kept: `lasting` says that their buffers stay (a mapped file)."""

    name: str
    block_bytes_max: int

    @property
    def lasting(self) -> bool:
        """Whether frames stay where they are after the next block."""

    def first_time_ns(self) -> int | None:
        """The time of the first frame, without beginning to read."""


def in_order(source: Lasting) -> Source:
    """The source, or one of the same frames by time where they lie otherwise.

    Packed files, pipes and what is larger than ORDER_BYTES_MAX stay as they are.
    """
    size = source.bytes_total
    if not source.lasting or size is None or size > ORDER_BYTES_MAX:
        return source
    times = _times(source)
    return Reordered(source, times) if (_back(times) > BACK_NS).any() else source


class Reordered:
    """The frames of a source in order of `times` (the Source protocol); equal ones in capture order."""

    def __init__(self, source: Lasting, times: I64) -> None:
        self.bytes_done = 0
        self.bytes_total = source.bytes_total
        self.block_bytes_max = source.block_bytes_max
        self.damaged = 0
        self.warnings: list[str] = []
        self.times = times
        """Of the frames as the source has them."""
        self.said = ""
        """The warning that they were out of order."""
        self._source = source

    def first_time_ns(self) -> int | None:
        """The time of the first frame."""
        return int(self.times.min())

    def __iter__(self) -> Iterator[Block]:
        """Yield the blocks; what the source raises goes on to the caller."""
        source, back = self._source, _back(self.times)
        blocks = [_kept(block) for block in source]
        self.damaged = getattr(source, "damaged", 0)
        late = int((back > BACK_NS).sum())
        self.said = (
            f"{source.name}: not in order of time: {late:,} packet{'s are' if late > 1 else ' is'} up to"
            f" {int(back.max()) / 1e9:,.1f} s older than one before; read in order"
        )
        self.warnings[:] = [*source.warnings, self.said]
        yield from _sorted(blocks, np.argsort(self.times, kind="stable"))
        self.bytes_done = source.bytes_done


def _times(source: Lasting) -> I64:
    """The frames' times, in capture order; single bad ones are those of the frame before (capture/order)."""
    clock = Clock()
    raw, settled = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for block in source:
        raw.append(block.time_ns.copy())
        settled += [run.block.time_ns.copy() for run in clock.admit(block)]
    settled += [run.block.time_ns for run in clock.end()]
    times, told = np.concatenate(settled), np.concatenate(raw)
    bad = times != told
    if bad.any():  # near the others it is no bad time: a few packets of another interface, say
        good = times[~bad]
        near = (told > good.min() - JUMP_NS) & (told < good.max() + JUMP_NS)
        times[bad & near] = told[bad & near]
    return times


def _back(times: I64) -> I64:
    """How much older than the newest before it each packet is."""
    back: I64 = np.maximum.accumulate(times) - times
    return back


def _kept(block: Block) -> Block:
    """The block with columns of its own: the reader uses its columns again."""
    return Block(
        buffer=block.buffer,
        offset=block.offset.copy(),
        captured=block.captured.copy(),
        original=block.original.copy(),
        time_ns=block.time_ns.copy(),
        link_type=block.link_type,
    )


def _sorted(blocks: list[Block], order: I64) -> Iterator[Block]:
    """Blocks over the one buffer that all share, of one link type each."""
    offset = np.concatenate([block.offset for block in blocks])[order]
    captured = np.concatenate([block.captured for block in blocks])[order]
    original = np.concatenate([block.original for block in blocks])[order]
    time_ns = np.concatenate([block.time_ns for block in blocks])[order]
    counts = [len(block.offset) for block in blocks]
    link_type = np.repeat([block.link_type for block in blocks], counts)[order]
    buffer = max((block.buffer for block in blocks), key=len)
    del blocks
    edges = {0, len(order), *(np.flatnonzero(np.diff(link_type)) + 1).tolist()}
    edges.update(range(0, len(order), BLOCK_FRAMES_MAX))
    for first, last in itertools.pairwise(sorted(edges)):
        yield Block(
            buffer=buffer,
            offset=offset[first:last],
            captured=captured[first:last],
            original=original[first:last],
            time_ns=time_ns[first:last],
            link_type=int(link_type[first]),
        )
