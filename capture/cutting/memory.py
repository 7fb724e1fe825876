"""Where the frames of a mapped capture lie, and a mark of each: a second walk then looks at few of them."""

import mmap
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from capture.block import Block, Source
from capture.bounds import CUT_FRAMES_REMEMBERED
from capture.cutting.endpoints import Endpoint, mark_of
from capture.cutting.triage_kernel import MARK_ALWAYS

Ordinals = NDArray[np.int64] | range


class Stretch(NamedTuple):
    """Some frames of a capture, and their places among all of its frames."""

    block: Block
    ordinals: Ordinals


def stretches(source: Source) -> Iterator[Stretch]:
    """All frames of a source."""
    ordinal = 0
    for block in source:
        frames = len(block.offset)
        yield Stretch(block, range(ordinal, ordinal + frames))
        ordinal += frames


class Memory:
    """The blocks of one walk with the marks that the triage made; `whole` while it holds all frames.

    It lets go of everything where frames do not stay in memory (packed captures, pipes, overlapping files)
    or become too many.
    """

    def __init__(self) -> None:
        self.whole = True
        self._frames = 0
        self._kept: list[tuple[Block, NDArray[np.uint32], int]] = []
        self._maps: set[mmap.mmap] = set()

    def keep(self, stretch: Stretch, marks: NDArray[np.uint32]) -> None:
        """Remember a block."""
        block, frames = stretch.block, len(stretch.block.offset)
        mapped = _mapped(block.buffer)
        self._frames += frames
        if mapped is None or self._frames > CUT_FRAMES_REMEMBERED:
            self.whole = False
            self._kept.clear()
        if not self.whole or mapped is None:
            return
        self._maps.add(mapped)
        copy = msgspec.structs.replace(
            block,
            offset=block.offset.copy(),
            captured=block.captured.copy(),
            original=block.original.copy(),
            time_ns=block.time_ns.copy(),
        )
        self._kept.append((copy, marks[:frames].copy(), stretch.ordinals[0]))

    def usable(self) -> bool:
        """Is all of it there? Not where a file has been cut since: touching what is gone would kill us."""
        return self.whole and all(mapped.size() >= len(mapped) for mapped in self._maps)

    def stretches(self, endpoints: Iterable[Endpoint]) -> Iterator[Stretch]:
        """The frames that may be SIP, for the slow path, or touch one of the endpoints."""
        touches = np.zeros(1 << 16, np.bool_)
        for ip, port in endpoints:
            touches[mark_of(ip, port)] = True
        for block, marks, ordinal in self._kept:
            wanted = touches[marks & 0xFFFF] | touches[marks >> 16] | (marks == MARK_ALWAYS)
            chosen = np.flatnonzero(wanted)
            if len(chosen):
                some = msgspec.structs.replace(
                    block,
                    offset=block.offset[chosen],
                    captured=block.captured[chosen],
                    original=block.original[chosen],
                    time_ns=block.time_ns[chosen],
                )
                yield Stretch(some, chosen + ordinal)
                _release(block)


def _release(block: Block) -> None:
    """Give the pages of a block back: a page touched brings fifteen more, and few are of use."""
    mapped = _mapped(block.buffer)
    if mapped is not None:
        start = int(block.offset[0]) // mmap.PAGESIZE * mmap.PAGESIZE
        mapped.madvise(mmap.MADV_DONTNEED, start, int(block.offset[-1]) - start + 1)


def _mapped(buffer: NDArray[np.uint8]) -> mmap.mmap | None:
    """The mapped file that an array lies in, None where it is memory that will be used again."""
    base: object = buffer
    while isinstance(base, np.ndarray):
        base = base.base
    inner = base.obj if isinstance(base, memoryview) else base
    return inner if isinstance(inner, mmap.mmap) else None
