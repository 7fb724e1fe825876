"""The window of capture bytes that an index kernel walks: a mapped file, or a buffer filled from an input."""

import contextlib
import mmap
import time
from typing import BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from capture.bounds import BLOCK_BYTES_FIRST, BLOCK_BYTES_MAX, STREAM_BUFFER_MAX, STREAM_GATHER_MS
from capture.damage import Damage
from capture.errors import CaptureError
from capture.inputs import Input

MADV_POPULATE_READ = 22
"""madvise(2), Linux 5.14; Python's mmap does not name it."""


class Feed(Protocol):
    """Bytes [start, end) of `buffer` are there and not walked yet; `origin`: the input's byte at buffer[0].

    `stop` is where the next block should end; `final`: nothing comes after `end`. What lies before the
    position given to `advance` may be gone after the next call of any method.
    """

    buffer: NDArray[np.uint8]
    start: int
    stop: int
    end: int
    origin: int
    final: bool
    block_bytes: int  # the most that a block should span; grows from small, at most `block_bytes_max`
    block_bytes_max: int
    bytes_total: int | None  # of the file, as `bytes_done` counts; None: not known (a pipe)

    @property
    def bytes_done(self) -> int:
        """Bytes of the file walked so far; compressed ones, where it is compressed."""

    def advance(self, position: int, keep: int) -> None:
        """Everything before `position` is walked, and before `keep` no longer needed."""

    def fill(self) -> bool:
        """Get more bytes behind `end`, or learn that there are none (`final`); False if that was known."""


def grown(block_bytes: int, most: int) -> int:
    """The next block's size after one of `block_bytes`."""
    return min(block_bytes * 4, most)


class MappedFeed:
    """A plain file, mapped; pages behind the walk are given back, so that memory stays flat."""

    def __init__(self, file: BinaryIO, start: int, damage: Damage) -> None:
        # A private mapping: arrays over it count as writable, as compiled kernels want them.
        self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        self.buffer: NDArray[np.uint8] = np.frombuffer(self._map, np.uint8)
        self.start = start
        self.end = len(self._map)
        self.bytes_total: int | None = self.end
        self.origin = 0
        self.final = True
        self.block_bytes = BLOCK_BYTES_FIRST
        self.block_bytes_max = BLOCK_BYTES_MAX
        self.stop = min(start + self.block_bytes, self.end)
        self._released = 0
        self._populated = 0
        self._damage = damage
        self._populate()

    @property
    def bytes_done(self) -> int:
        """See Feed."""
        return self.start

    def advance(self, position: int, keep: int) -> None:
        """See Feed."""
        self.start = position
        self._shrink()
        self.block_bytes = grown(self.block_bytes, self.block_bytes_max)
        self.stop = min(position + self.block_bytes, self.end)
        self._populate()
        done = keep // mmap.PAGESIZE * mmap.PAGESIZE
        if done - self._released >= self.block_bytes_max // 4:
            self._map.madvise(mmap.MADV_DONTNEED, self._released, done - self._released)
            self._released = done

    def _populate(self) -> None:
        """Map the block's pages at once: a fault for each few of them costs twice as much."""
        start = max(self._populated, self.start // mmap.PAGESIZE * mmap.PAGESIZE)
        if self.stop > start:
            with contextlib.suppress(OSError):  # Linux before 5.14: they come when they are touched
                self._map.madvise(MADV_POPULATE_READ, start, self.stop - start)
            self._populated = -(-self.stop // mmap.PAGESIZE) * mmap.PAGESIZE

    def fill(self) -> bool:
        """See Feed."""
        return False

    def _shrink(self) -> None:
        """Touching pages that were cut off the file while we read it would kill the process."""
        size = self._map.size()
        if size < self.end:
            self._damage.note(f"{self._damage.name}: cut from {self.end} to {size} bytes while it was read")
            self.end = max(size, self.start)


class StreamFeed:
    """A buffer filled from a pipe or a decompressor, handed on as soon as the input pauses."""

    def __init__(self, source: Input) -> None:
        self.buffer: NDArray[np.uint8] = np.empty(2 * BLOCK_BYTES_FIRST, np.uint8)
        self.start = self.end = self.stop = self.origin = 0
        self.final = False
        self.block_bytes = BLOCK_BYTES_FIRST
        self.block_bytes_max = BLOCK_BYTES_MAX
        self.bytes_total = source.bytes_total
        self._input = source
        self._keep = 0

    @property
    def bytes_done(self) -> int:
        """See Feed."""
        return self._input.bytes_done

    def advance(self, position: int, keep: int) -> None:
        """See Feed."""
        self.start, self._keep = position, keep
        self.stop = self.end

    def fill(self) -> bool:
        """See Feed. Waits for the first byte, then takes what comes within a moment, up to a block."""
        if self.final:
            return False
        before = self.end
        self._make_room()
        before, deadline = self.end, None
        view = self.buffer.data
        limit = min(len(view), self.end + self.block_bytes)
        while self.end < limit:
            self.end += self._input.read_some(view[self.end : limit])
            if self._input.ended:
                self.final = True
                break
            if self.end == before:
                continue
            now = time.monotonic()
            deadline = deadline or now + STREAM_GATHER_MS / 1000
            if not self._input.ready(max(0.0, deadline - now)):
                break
        self.block_bytes = grown(self.block_bytes, self.block_bytes_max)
        self.stop = self.end
        return True

    def _make_room(self) -> None:
        """Have space for a block behind `end`: drop what is done, grow only when that is not enough."""
        room = len(self.buffer) - self.end
        if room >= self.block_bytes:
            return
        kept = self.end - self._keep
        if kept + self.block_bytes > len(self.buffer):
            size = max(kept + self.block_bytes, min(2 * len(self.buffer), STREAM_BUFFER_MAX))
            if size > STREAM_BUFFER_MAX + 2 * BLOCK_BYTES_MAX:
                raise CaptureError(f"{self._input.name}: a record at byte {self.origin} never ends")
            larger: NDArray[np.uint8] = np.empty(size, np.uint8)
        else:
            larger = self.buffer
        larger[:kept] = self.buffer[self._keep : self.end]
        self.buffer = larger
        self.origin += self._keep
        self.start -= self._keep
        self.end = kept
        self._keep = 0


def widen_pipe(descriptor: int) -> None:
    """Ask for a pipe of 1 MB, so that a fast writer is not woken for every 64 kB; no matter if refused."""
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, 1_048_576)
