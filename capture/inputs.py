"""Raw bytes in: files, pipes and file-like objects, read as they arrive."""

import io
import select
from collections.abc import Callable
from typing import BinaryIO, Protocol

from capture.errors import CaptureError

READ_BYTES = 65_536  # at once, where the bytes have to be copied: as much as a pipe holds


class Input(Protocol):
    """Bytes from somewhere, in order, without seeking."""

    name: str
    bytes_total: int | None

    @property
    def ended(self) -> bool:
        """Whether everything has been read."""

    @property
    def bytes_done(self) -> int:
        """Bytes taken from the outermost input: compressed ones, where it is compressed."""

    def read_some(self, into: memoryview) -> int:
        """Fill `into` with what one read gives; 0 means nothing yet, or the end if `ended` is set.

        Raises CaptureError when the outside fails.
        """

    def ready(self, within_s: float) -> bool:
        """Whether a read would not wait; waits at most `within_s` seconds to find out."""


class StreamInput:
    """A binary stream: file, pipe, socket file, or anything with `readinto`, `read1` or `read`."""

    def __init__(self, stream: BinaryIO, name: str, bytes_total: int | None = None) -> None:
        self.name = name
        self.ended = False
        self.bytes_done = 0
        self.bytes_total = bytes_total
        self._stream = stream
        self._read = _reader(stream)
        self._poll = _poll(stream)

    def read_some(self, into: memoryview) -> int:
        try:
            count = self._read(into)
        except (OSError, ValueError) as error:
            raise CaptureError(f"{self.name}: cannot read at byte {self.bytes_done}: {error}") from error
        if count is None:  # a non-blocking stream with nothing in it
            self.ready(1.0)
            return 0
        self.ended = count == 0
        self.bytes_done += count
        return count

    def ready(self, within_s: float) -> bool:
        return self._poll is None or bool(self._poll.poll(within_s * 1000))


class Peeked:
    """An input whose first bytes can be looked at before they are read."""

    def __init__(self, inner: Input) -> None:
        self.name = inner.name
        self.bytes_total = inner.bytes_total
        self._inner = inner
        self._head = b""

    @property
    def ended(self) -> bool:
        """See Input."""
        return not self._head and self._inner.ended

    @property
    def bytes_done(self) -> int:
        """See Input; those only looked at are counted."""
        return self._inner.bytes_done

    def peek(self, count: int) -> bytes:
        """The next `count` bytes, fewer only at the end of the input."""
        while len(self._head) < count and not self._inner.ended:
            piece = bytearray(count - len(self._head))
            self._head += piece[: self._inner.read_some(memoryview(piece))]
        return self._head[:count]

    def read_some(self, into: memoryview) -> int:
        """See Input."""
        if not self._head:
            return self._inner.read_some(into)
        count = min(len(into), len(self._head))
        into[:count] = self._head[:count]
        self._head = self._head[count:]
        return count

    def ready(self, within_s: float) -> bool:
        """See Input."""
        return bool(self._head) or self._inner.ready(within_s)


def _reader(stream: BinaryIO) -> Callable[[memoryview], int | None]:
    """How to read what is there: a raw read where the stream has one, which never waits to fill up."""
    if isinstance(stream, io.RawIOBase | io.BytesIO):
        return stream.readinto
    # Not readinto1: with bytes in its buffer and room for more, it still waits for the descriptor.
    read = getattr(stream, "read1", None) or stream.read

    def copy(into: memoryview) -> int | None:
        data = read(min(len(into), READ_BYTES))
        if data is None:
            return None
        into[: len(data)] = data
        return len(data)

    return copy


def _poll(stream: BinaryIO) -> "select.poll | None":
    """A poll on the stream's descriptor; None for what has none, which is always ready."""
    if isinstance(stream, io.BufferedReader):
        stream = stream.raw
    try:
        descriptor = stream.fileno()
        poll = select.poll()
    except (OSError, AttributeError, ValueError):
        return None
    poll.register(descriptor, select.POLLIN | select.POLLHUP | select.POLLERR)
    return poll
