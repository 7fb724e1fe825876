"""Packs and unpacks bodies: HTTP's encodings, and ClickHouse's own blocks (`compress=1`, `decompress=1`)."""

import zlib
from struct import Struct
from typing import Any, Final, Protocol

import lz4.block
import lz4.frame
import zstandard

from sinks.clickhouse.served.bounds import BLOCK_BYTES, DATA_BYTES
from sinks.clickhouse.served.cityhash import city_hash_128
from sinks.clickhouse.served.failures import BAD_ARGUMENTS, CANNOT_DECOMPRESS, RequestError

ENCODINGS: Final = ("zstd", "lz4", "gzip", "deflate")
"""In the order we like them."""

_CHECKSUM: Final = Struct("<QQ")
_HEAD: Final = Struct("<BII")
_LZ4: Final = 0x82
_ZSTD: Final = 0x90
_NONE: Final = 0x02


class Packer(Protocol):
    """Packs a body chunk by chunk."""

    def pack(self, data: bytes) -> bytes:
        """What can be sent by now."""

    def end(self) -> bytes:
        """The rest."""


class _Encoder:
    def __init__(self, encoder: Any, begin: bytes = b"") -> None:
        self._encoder = encoder
        self._begin = begin

    def pack(self, data: bytes) -> bytes:
        begin, self._begin = self._begin, b""
        return begin + bytes(self._encoder.compress(data))

    def end(self) -> bytes:
        begin, self._begin = self._begin, b""
        return begin + bytes(self._encoder.flush())


class _Blocks:
    """ClickHouse's own: checksum, method, sizes, data."""

    def pack(self, data: bytes) -> bytes:
        return b"".join(_block(data[at : at + BLOCK_BYTES]) for at in range(0, len(data), BLOCK_BYTES))

    def end(self) -> bytes:
        return b""


class _Plain:
    def pack(self, data: bytes) -> bytes:
        return data

    def end(self) -> bytes:
        return b""


def packer(encoding: str | None, *, blocks: bool) -> Packer:
    """The packer of an answer: one of ENCODINGS, ClickHouse's blocks, or none."""
    if blocks:
        return _Blocks()
    if encoding == "zstd":
        return _Encoder(zstandard.ZstdCompressor(level=1).compressobj())
    if encoding == "lz4":
        frame = lz4.frame.LZ4FrameCompressor()
        return _Encoder(frame, bytes(frame.begin()))
    if encoding in {"gzip", "deflate"}:
        return _Encoder(zlib.compressobj(1, zlib.DEFLATED, 31 if encoding == "gzip" else 15))
    return _Plain()


def accepted(header: str) -> str | None:
    """The encoding that we like best among those of Accept-Encoding."""
    named = {part.partition(";")[0].strip().lower() for part in header.split(",")}
    return next((name for name in ENCODINGS if name in named), None)


def unpack(data: bytes, encoding: str, *, blocks: bool) -> bytes:
    """A request's body; RequestError where it cannot be unpacked, or would be too large."""
    if encoding and encoding != "identity":
        if encoding not in ENCODINGS:
            raise RequestError(BAD_ARGUMENTS, f"Content-Encoding {encoding}: we read {', '.join(ENCODINGS)}")
        data = _decoded(data, encoding)
    return _unblocked(data) if blocks else data


def _decoded(data: bytes, encoding: str) -> bytes:
    try:
        if encoding == "zstd":
            reader: Any = zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True)
            return _bounded(bytes(reader.read(DATA_BYTES + 1)))
        reader = lz4.frame.LZ4FrameDecompressor() if encoding == "lz4" else zlib.decompressobj(47)
        plain = _bounded(bytes(reader.decompress(data, DATA_BYTES + 1)))
    except (zlib.error, zstandard.ZstdError, RuntimeError, EOFError):
        raise RequestError(CANNOT_DECOMPRESS, f"the body is no {encoding}") from None
    if not reader.eof:
        raise RequestError(CANNOT_DECOMPRESS, f"the body is no {encoding}, or not all of it")
    return plain


def _bounded(data: bytes) -> bytes:
    if len(data) > DATA_BYTES:
        raise RequestError(BAD_ARGUMENTS, f"a body has at most {DATA_BYTES} bytes; send it in parts")
    return data


def _block(data: bytes) -> bytes:
    packed = bytes(lz4.block.compress(data, store_size=False))
    body = _HEAD.pack(_LZ4, len(packed) + _HEAD.size, len(data)) + packed
    return _CHECKSUM.pack(*city_hash_128(body)) + body


def _unblocked(data: bytes) -> bytes:
    """Blocks to plain bytes. Their checksums guard disks; here TCP has guarded them already."""
    parts, at, total = [], 0, 0
    while at < len(data):
        at += _CHECKSUM.size
        if at + _HEAD.size > len(data):
            raise RequestError(CANNOT_DECOMPRESS, "the body ends in the middle of a block")
        method, size, plain_size = _HEAD.unpack_from(data, at)
        packed = data[at + _HEAD.size : at + size]
        total += plain_size
        if total > DATA_BYTES:
            raise RequestError(BAD_ARGUMENTS, f"a body has at most {DATA_BYTES} bytes; send it in parts")
        if size < _HEAD.size or len(packed) != size - _HEAD.size:
            raise RequestError(CANNOT_DECOMPRESS, "the body ends in the middle of a block")
        parts.append(_plain_block(method, packed, plain_size))
        at += size
    return b"".join(parts)


def _plain_block(method: int, packed: bytes, size: int) -> bytes:
    try:
        if method == _LZ4:
            return bytes(lz4.block.decompress(packed, uncompressed_size=size))
        if method == _ZSTD:
            return bytes(zstandard.ZstdDecompressor().decompress(packed, max_output_size=size))
    except (zstandard.ZstdError, lz4.block.LZ4BlockError):
        raise RequestError(CANNOT_DECOMPRESS, "a block of the body is damaged") from None
    if method == _NONE and len(packed) == size:
        return packed
    raise RequestError(CANNOT_DECOMPRESS, f"a block of the body is of method {method}, which we do not read")
