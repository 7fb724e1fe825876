"""Opens captures by what they contain: pcap, pcapng, compressed ones, files, pipes and standard input."""

import os
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from capture import pcap, pcapng
from capture.block import Block
from capture.bounds import BLOCK_BYTES_FIRST, BLOCK_BYTES_MAX
from capture.damage import Damage
from capture.errors import CaptureError
from capture.feed import Feed, MappedFeed, StreamFeed, widen_pipe
from capture.inputs import Peeked, StreamInput

__all__ = ["CaptureError", "CaptureSource", "open_capture"]

MAGIC_BYTES = 4
Reader = Callable[[Feed, Damage], Iterator[Block]]


class CaptureSource:
    """One capture file or stream (the Source protocol); a regular file can be walked again.

    `damaged` counts the places where packets were lost to damage; `warnings` has a line for each.
    """

    def __init__(
        self, name: str, sensor: str, begin: Callable[[Damage], Feed], begun: Damage | None = None
    ) -> None:
        """`begun`: what opening has found so far, of a stream that can be begun only once."""
        self.name = name
        self.sensor = sensor
        self.warnings: list[str] = begun.warnings if begun else []
        self.damaged = 0
        self.bytes_done = 0
        self.bytes_total: int | None = None
        self.block_bytes_max = BLOCK_BYTES_MAX
        self._begin = begin
        self._begun = begun

    @property
    def lasting(self) -> bool:
        """Whether frames stay where they are after the next block: of a mapped file."""
        return self._begun is None and isinstance(self._begin(Damage(self.name)), MappedFeed)

    def __iter__(self) -> Iterator[Block]:
        """Yield the blocks; raises CaptureError when the outside fails on the way."""
        damage = self._begun or Damage(self.name)
        self.warnings, self.damaged = damage.warnings, damage.count
        feed = self._begin(damage)
        for block in reader(feed)(feed, damage):
            self.bytes_done, self.damaged = feed.bytes_done, damage.count
            yield block
            feed.block_bytes_max = self.block_bytes_max
        self.damaged = damage.count
        self.bytes_done = feed.bytes_done if self.bytes_total is None else self.bytes_total

    def first_time_ns(self) -> int | None:
        """The time of the first frame, without beginning to read; None where only reading would tell."""
        if self._begun is not None:
            return None
        damage = Damage(self.name)
        feed = self._begin(damage)
        feed.block_bytes_max = BLOCK_BYTES_FIRST
        for block in reader(feed)(feed, damage):
            return int(block.time_ns[0])
        return None


def open_capture(path_or_stream: str | os.PathLike[str] | BinaryIO, *, sensor: str = "") -> CaptureSource:
    """Open a capture file, a named pipe, a binary stream, or "-" for standard input.

    Raises CaptureError if it cannot be read or is no capture. Of a stream, waits for the first bytes.
    """
    if path_or_stream == "-":
        return _open_stream(sys.stdin.buffer, "standard input", sensor)
    if isinstance(path_or_stream, str | os.PathLike):
        return _open_path(Path(path_or_stream), sensor)
    return _open_stream(path_or_stream, str(getattr(path_or_stream, "name", "stream")), sensor)


def reader(feed: Feed) -> Reader:
    """What reads the capture that starts at `feed.start`; its magic number has been seen to be there."""
    magic = feed.buffer[feed.start : feed.start + MAGIC_BYTES].tobytes()
    return pcapng.read_pcapng if magic == pcapng.MAGIC else pcap.read_pcap


def _open_path(path: Path, sensor: str) -> CaptureSource:
    name = str(path)

    def begin(damage: Damage) -> Feed:
        try:
            file = path.open("rb", buffering=0)
        except (OSError, ValueError) as error:
            raise _unreadable(name, error) from error
        return _feed(file, name, damage)

    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        raise _unreadable(name, error) from error
    if not stat.S_ISREG(status.st_mode):
        return _once(name, sensor, begin)
    _check(begin, name)
    source = CaptureSource(name, sensor, begin)
    source.bytes_total = status.st_size
    return source


def _open_stream(stream: BinaryIO, name: str, sensor: str) -> CaptureSource:
    def begin(damage: Damage) -> Feed:
        return _feed(stream, name, damage)

    return _once(name, sensor, begin)


def _once(name: str, sensor: str, begin: Callable[[Damage], Feed]) -> CaptureSource:
    """A source that can be begun only once: it is, and the beginning kept until somebody reads on."""
    opening = Damage(name)
    ready = [begin(opening)]

    def kept(_: Damage) -> Feed:
        if not ready:
            raise CaptureError(f"{name}: a stream can be read only once")
        return ready.pop()

    source = CaptureSource(name, sensor, kept, opening)
    source.bytes_total = ready[0].bytes_total
    return source


def _check(begin: Callable[[Damage], Feed], name: str) -> None:
    """Fail now rather than at the first block."""
    damage = Damage(name)
    feed = begin(damage)
    reader(feed)(feed, damage)


def _feed(file: BinaryIO, name: str, damage: Damage) -> Feed:
    """The bytes of the capture in `file`, decompressed and recognised, its magic number in the buffer."""
    size = _regular_size(file)
    if size:
        try:
            start = file.tell()
            if _is_capture(os.pread(file.fileno(), MAGIC_BYTES, start)):
                return MappedFeed(file, start, damage)
        except OSError:
            pass  # a file system that cannot map: read it as a stream
    elif size is None:
        _widen(file)
    from capture.compressed import Decompressed, unpacker  # a plain file needs neither

    source = Peeked(StreamInput(file, name, size))
    head = source.peek(MAGIC_BYTES)
    packed = unpacker(head)
    if packed is not None:
        source = Peeked(Decompressed(source, packed, damage))
        head = source.peek(MAGIC_BYTES)
    if not _is_capture(head):
        raise _no_capture(name, head, packed.name if packed else None, damage)
    feed = StreamFeed(source)
    while feed.end < MAGIC_BYTES:
        feed.fill()
    return feed


def _is_capture(head: bytes) -> bool:
    return len(head) == MAGIC_BYTES and (head == pcapng.MAGIC or pcap.flavour(head) is not None)


def _regular_size(file: BinaryIO) -> int | None:
    """The size of a regular file; None for pipes, devices and objects without a descriptor."""
    try:
        status = os.fstat(file.fileno())
    except (OSError, AttributeError, ValueError):
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _widen(file: BinaryIO) -> None:
    try:
        descriptor = file.fileno()
    except (OSError, AttributeError, ValueError):
        return
    widen_pipe(descriptor)


def _unreadable(name: str, error: Exception) -> CaptureError:
    reason = getattr(error, "strerror", None) or str(error)
    return CaptureError(f"{name}: cannot be read: {reason[:1].lower()}{reason[1:]}")


def _no_capture(name: str, head: bytes, packed: str | None, damage: Damage) -> CaptureError:
    """The one line for something that is no capture."""
    if damage.warnings:
        return CaptureError(damage.warnings[0])
    where = f"{name} (inside {packed})" if packed else name
    if not head:
        return CaptureError(f"{where}: empty, there is no capture in it")
    return CaptureError(
        f"{where}: no capture (starts with {head.hex(' ')}); offhook reads pcap and pcapng, plain or packed "
        "with gzip, zstd or lz4: convert others with `tshark -r FILE -w FILE.pcapng`"
    )
