"""Merges sources by time: rotated files one after another untouched, overlapping ones packet by packet."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from capture.block import Block, Source
from capture.bounds import BLOCK_BYTES_FIRST, BLOCK_BYTES_MAX


@runtime_checkable
class Peekable(Protocol):
    """A source that knows its first frame's time beforehand, and yields smaller blocks when asked to."""

    block_bytes_max: int

    def first_time_ns(self) -> int | None:
        """The time of the first frame without beginning to read; None where only reading would tell."""


def merge(sources: Sequence[Source]) -> Source:
    """One source of all frames in order of time, at equal times in the order of `sources`.

    A source whose own frames go back in time keeps their order: a frame counts as late as the latest before
    it. Sources are begun when their first frame is due, so that a thousand rotated files need one open file.
    """
    return sources[0] if len(sources) == 1 else Merged(sources)


class Merged:
    """Several sources as one (the Source protocol)."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self.warnings: list[str] = []
        self.damaged = 0
        self.bytes_done = 0
        self.bytes_total: int | None = 0
        self._sources = list(sources)
        self._count()

    def __iter__(self) -> Iterator[Block]:
        """Yield blocks; what one source raises goes on to the caller."""
        tracks = [Track(source, order) for order, source in enumerate(self._sources)]
        waiting = sorted(tracks, key=lambda track: track.due)
        begun: list[Track] = []
        while waiting or begun:
            going_on = [track for track in begun if track.ready()]
            if len(going_on) < len(begun):
                share_out(going_on)
            begun = going_on
            while waiting and (not begun or waiting[0].due <= min(track.horizon for track in begun)):
                begun += [track for track in [waiting.pop(0)] if track.ready()]
                share_out(begun)
            if begun:
                yield from self._round(begun)
        self._count()

    def _round(self, begun: list["Track"]) -> Iterator[Block]:
        """Hand on what no later block can come before: all up to the end of the block that ends first."""
        first = min(begun, key=lambda track: track.horizon)
        parts = [
            part
            for track in sorted(begun, key=lambda track: track.order)
            if (part := track.take(first.horizon)) is not None
        ]
        self._count()
        if len(parts) == 1:
            yield parts[0].block
        else:
            yield from interleave(parts)

    def _count(self) -> None:
        self.warnings[:] = [line for source in self._sources for line in source.warnings]
        self.damaged = sum(getattr(source, "damaged", 0) for source in self._sources)
        self.bytes_done = sum(source.bytes_done for source in self._sources)
        totals = [source.bytes_total for source in self._sources]
        known = [total for total in totals if total is not None]
        self.bytes_total = sum(known) if len(known) == len(totals) else None


class Part:
    """Frames of one track that are due: a block, and each frame's time as the merge sees it."""

    def __init__(self, block: Block, key: NDArray[np.int64]) -> None:
        self.block = block
        self.key = key


class Track:
    """One source in the merge: its current block and how much of it is handed on."""

    def __init__(self, source: Source, order: int) -> None:
        self.order = order
        self._source = source
        self._blocks: Iterator[Block] | None = None
        self._block: Block | None = None
        self._key: NDArray[np.int64] = np.empty(0, np.int64)
        self._done = 0
        self._latest = np.iinfo(np.int64).min  # the running maximum of the source's times
        first = source.first_time_ns() if isinstance(source, Peekable) else None
        self.due = (self._latest if first is None else first, order)

    @property
    def horizon(self) -> tuple[int, int]:
        """The last frame known of this source, as (time, order): another one may follow at the same time."""
        return int(self._key[-1]), self.order

    def ready(self) -> bool:
        """Have a block with frames to hand on, ending the life of the former; False at the end."""
        if self._blocks is None:
            self._blocks = iter(self._source)
        while self._block is None or self._done == len(self._key):
            self._block = next(self._blocks, None)
            if self._block is None:
                return False
            self._done = 0
            time_ns = self._block.time_ns
            self._key = np.maximum.accumulate(np.maximum(time_ns, self._latest))
            if len(time_ns):
                self._latest = int(self._key[-1])
        return True

    def limit_blocks(self, size: int) -> None:
        """Ask for blocks of at most `size` bytes from now on, where the source can."""
        if isinstance(self._source, Peekable):
            self._source.block_bytes_max = size

    def take(self, horizon: tuple[int, int]) -> Part | None:
        """The frames not handed on yet that come at or before `horizon`."""
        time, order = horizon
        # At the same time the lower order goes first.
        if self.order <= order:
            until = int(np.searchsorted(self._key, time, "right"))
        else:
            until = int(np.searchsorted(self._key, time, "left"))
        if until <= self._done or self._block is None:
            return None
        part = Part(rows(self._block, self._done, until), self._key[self._done : until])
        self._done = until
        return part


def share_out(tracks: list[Track]) -> None:
    """Split what may be in memory among the tracks that overlap."""
    for track in tracks:
        track.limit_blocks(max(BLOCK_BYTES_MAX // len(tracks), BLOCK_BYTES_FIRST))


def rows(block: Block, first: int, last: int) -> Block:
    """Frames [first, last) of a block, over the same buffer."""
    if first == 0 and last == len(block.offset):
        return block
    return Block(
        buffer=block.buffer,
        offset=block.offset[first:last],
        captured=block.captured[first:last],
        original=block.original[first:last],
        time_ns=block.time_ns[first:last],
        link_type=block.link_type,
    )


def interleave(parts: list[Part]) -> Iterator[Block]:
    """The frames of several parts in order of key, ties in order of parts; one block a run of one link type.

    The bytes of each part are copied as a whole, beside those of the others; only the columns are sorted.
    """
    blocks = [part.block for part in parts]
    order = np.argsort(np.concatenate([part.key for part in parts]), kind="stable")
    spans, offsets, base = [], [], 0
    for block in blocks:
        start = int(block.offset.min())
        span = block.buffer[start : int((block.offset + block.captured).max())]
        spans.append(span)
        offsets.append(block.offset + (base - start))
        base += len(span)
    link_type = np.repeat([block.link_type for block in blocks], [len(block.offset) for block in blocks])[
        order
    ]
    merged = Block(
        buffer=np.concatenate(spans),
        offset=np.concatenate(offsets)[order],
        captured=np.concatenate([block.captured for block in blocks])[order],
        original=np.concatenate([block.original for block in blocks])[order],
        time_ns=np.concatenate([block.time_ns for block in blocks])[order],
        link_type=0,
    )
    edges = [0, *(np.flatnonzero(np.diff(link_type)) + 1).tolist(), len(order)]
    for first, last in itertools.pairwise(edges):
        run = rows(merged, first, last)
        run.link_type = int(link_type[first])
        yield run
