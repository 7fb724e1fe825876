"""Decompresses gzip (RFC 1952), zstd (RFC 8878) and lz4, several members in a row, in bounded memory."""

import zlib
from typing import Any, Protocol

import lz4.frame
import zstandard

from capture.bounds import COMPRESSED_CHUNK, DECOMPRESSED_CHUNK, ZSTD_WINDOW_MAX
from capture.damage import Damage
from capture.inputs import Peeked

MAGIC_BYTES = 4
GZIP_MAGIC = b"\x1f\x8b\x08"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
LZ4_MAGIC = b"\x04\x22\x4d\x18"
SKIPPABLE = b"\x2a\x4d\x18"  # after one byte 0x50 to 0x5f: a frame without data, in zstd and lz4

ZSTD_BLOCK_MAX = 131_072


class Unpacker(Protocol):
    """One member (gzip) or frame (zstd, lz4) being decompressed."""

    eof: bool  # the member is complete
    unused: bytes  # what followed it
    hungry: bool  # no more comes without more input

    def unpack(self, data: bytes) -> bytes:
        """Decompress a bounded piece; raises ValueError on damage, `rest()` then has what was good."""

    def rest(self) -> bytes:
        """What the last failing `unpack` could still get."""


class Gzip:
    """One gzip member."""

    name = "gzip"

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(wbits=31)
        self._before, self._failed = self._inflate, b""
        self._tail = b""
        self.eof, self.hungry, self.unused = False, True, b""

    def unpack(self, data: bytes) -> bytes:
        """See Unpacker."""
        self._failed = self._tail + data
        self._before = self._inflate.copy()
        try:
            out = self._inflate.decompress(self._failed, DECOMPRESSED_CHUNK)
        except zlib.error as error:
            raise ValueError(str(error)) from error
        self._tail = self._inflate.unconsumed_tail
        self.eof, self.unused = self._inflate.eof, self._inflate.unused_data
        self.hungry = not self._tail and len(out) < DECOMPRESSED_CHUNK
        return out

    def rest(self) -> bytes:
        """See Unpacker: the same input again, byte by byte up to the damage."""
        out = bytearray()
        try:
            for at in range(len(self._failed)):
                out += self._before.decompress(self._failed[at : at + 1])
        except zlib.error:
            pass
        return bytes(out)


class Lz4:
    """One lz4 frame."""

    name = "lz4"

    def __init__(self) -> None:
        self._frame = lz4.frame.LZ4FrameDecompressor()
        self.eof, self.hungry, self.unused = False, True, b""

    def unpack(self, data: bytes) -> bytes:
        """See Unpacker."""
        try:
            out: bytes = self._frame.decompress(data, max_length=DECOMPRESSED_CHUNK)
        except (RuntimeError, EOFError) as error:
            raise ValueError(str(error)) from error
        self.eof, self.unused = self._frame.eof, self._frame.unused_data or b""
        self.hungry = self._frame.needs_input
        return out

    def rest(self) -> bytes:
        """See Unpacker: a block that fails has nothing to give."""
        return b""


class Zstd:
    """One zstd frame, given to the library block by block: that bounds its output (RFC 8878 3.1.1)."""

    name = "zstd"

    def __init__(self) -> None:
        self._frame: Any = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW_MAX).decompressobj()
        self._have = bytearray()
        self._in_blocks = self._checksum = self._last_block = False
        self._skip = 0
        self.eof, self.hungry, self.unused = False, True, b""

    def unpack(self, data: bytes) -> bytes:
        """See Unpacker."""
        self._have += data
        self.hungry = True
        if self._skip:
            return self._skip_some()
        size = self._unit()
        if size < 0 or len(self._have) < size or self._skip:
            return b""
        unit = bytes(self._have[:size])
        del self._have[:size]
        self.hungry = False
        try:
            out: bytes = self._frame.decompress(unit)
        except zstandard.ZstdError as error:
            raise ValueError(str(error)) from error
        self._after(unit)
        return out

    def rest(self) -> bytes:
        """See Unpacker: a block that fails has nothing to give."""
        return b""

    def _unit(self) -> int:
        """Bytes of the next header, block or checksum; -1 if that is not known yet."""
        have = self._have
        if self._last_block:
            return 4
        if self._in_blocks:
            if len(have) < 3:
                return -1
            head = int.from_bytes(have[:3], "little")
            size = head >> 3
            if size > ZSTD_BLOCK_MAX:
                raise ValueError(f"a block of {size} bytes")
            return 3 + (1 if head >> 1 & 3 == 1 else size)
        if len(have) < (8 if have[1:4] == SKIPPABLE else 5):
            return -1
        if have[1:4] == SKIPPABLE:
            self._skip = 8 + int.from_bytes(have[4:8], "little")
            self.hungry = False
            return -1
        descriptor = have[4]
        single = descriptor >> 5 & 1
        sizes = (0, 1, 2, 4)[descriptor & 3] + ((single, 2, 4, 8)[descriptor >> 6])
        return 6 - single + sizes

    def _after(self, unit: bytes) -> None:
        """Move on past one unit."""
        if not self._in_blocks:
            self._in_blocks, self._checksum = True, bool(unit[4] & 4)
        elif not self._last_block and unit[0] & 1:
            self._last_block = True
            self.eof = not self._checksum
        elif self._last_block:
            self.eof = True
        if self.eof:
            self.unused = bytes(self._have)

    def _skip_some(self) -> bytes:
        gone = min(self._skip, len(self._have))
        del self._have[:gone]
        self._skip -= gone
        if self._skip == 0:
            self.eof, self.unused = True, bytes(self._have)
        return b""


def unpacker(head: bytes) -> type[Gzip] | type[Zstd] | type[Lz4] | None:
    """What decompresses data that starts with these bytes; None: it is not compressed in a way we know."""
    if head.startswith(GZIP_MAGIC):
        return Gzip
    if head.startswith(LZ4_MAGIC):
        return Lz4
    if head.startswith(ZSTD_MAGIC) or (len(head) >= 4 and head[0] & 0xF0 == 0x50 and head[1:4] == SKIPPABLE):
        return Zstd
    return None


class Decompressed:
    """An input that gives the decompressed bytes of another; damage ends it, after what was good."""

    def __init__(self, source: Peeked, kind: type[Gzip] | type[Zstd] | type[Lz4], damage: Damage) -> None:
        self.name = source.name
        self.bytes_total = source.bytes_total
        self.ended = False
        self._source = source
        self._damage = damage
        self._unpacker: Unpacker | None = kind()
        self._kind = kind.name
        self._data = b""  # read, not unpacked
        self._out = memoryview(b"")  # unpacked, not read
        self._chunk = memoryview(bytearray(COMPRESSED_CHUNK))

    @property
    def bytes_done(self) -> int:
        """Compressed bytes read."""
        return self._source.bytes_done

    def ready(self, within_s: float) -> bool:
        """See Input."""
        if self._out or self._data or (self._unpacker is not None and not self._unpacker.hungry):
            return True
        return self._source.ready(within_s)

    def read_some(self, into: memoryview) -> int:
        """See Input."""
        if not self._out and not self.ended:
            self._out = memoryview(self._more())
        count = min(len(into), len(self._out))
        into[:count] = self._out[:count]
        self._out = self._out[count:]
        if self._out:
            self.ended = False
        return count

    def _more(self) -> bytes:
        unpacking = self._unpacker
        if unpacking is None:
            return self._next_member()
        if unpacking.hungry and not self._data:
            self._read()
            if not self._data:
                if self._source.ended:
                    self._stop("cut short")
                return b""
        data, self._data = self._data, b""
        try:
            out = unpacking.unpack(data)
        except ValueError as error:
            self._stop(f"damaged ({error})")
            return unpacking.rest()
        if unpacking.eof:
            self._data, self._unpacker = unpacking.unused, None
        return out

    def _next_member(self) -> bytes:
        """Begin the member that follows; zeros after the last one are padding."""
        self._data = self._data.lstrip(b"\0")
        while len(self._data) < MAGIC_BYTES and not self._source.ended:
            if self._data == b"" and not self._source.ready(0):
                return b""
            self._read()
            self._data = self._data.lstrip(b"\0")
        if not self._data:
            self.ended = True
        elif kind := unpacker(self._data):
            self._unpacker, self._kind = kind(), kind.name
        else:
            self._stop("followed by something else")
        return b""

    def _read(self) -> None:
        count = self._source.read_some(self._chunk)
        self._data += bytes(self._chunk[:count])

    def _stop(self, why: str) -> None:
        self.ended, self._data = True, b""
        self._damage.note(
            f"{self.name}: the {self._kind} data is {why} before compressed byte {self.bytes_done}; "
            "what came before it is read"
        )
