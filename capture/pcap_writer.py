"""Writes frames as a capture: pcap (draft-ietf-opsawg-pcap), or pcapng where that takes more than one link
type or a word on a frame (draft-ietf-opsawg-pcapng)."""

import struct
from collections.abc import Mapping, Sequence
from typing import BinaryIO, Final

from capture.bounds import CAPTURED_MAX
from capture.cutting.frames import Frame

NS_MAGIC: Final = 0xA1B23C4D
SECTION, INTERFACE, PACKET = 0x0A0D0D0A, 1, 6
BYTE_ORDER: Final = 0x1A2B3C4D
COMMENT, TSRESOL, APPLICATION = 1, 9, 4
SECOND_NS: Final = 1_000_000_000
_NANOSECONDS: Final = b"\x09"


def write_capture(out: BinaryIO, frames: Sequence[Frame], comments: Mapping[int, str] | None = None) -> None:
    """Write frames in the order given, to the nanosecond; `comments` by index. OSError where it fails."""
    link_types = list(dict.fromkeys(frame.link_type for frame in frames)) or [1]
    if len(link_types) == 1 and not comments:
        _write_pcap(out, frames, link_types[0])
    else:
        _write_pcapng(out, frames, link_types, comments or {})


def _write_pcap(out: BinaryIO, frames: Sequence[Frame], link_type: int) -> None:
    out.write(struct.pack("<IHHiIII", NS_MAGIC, 2, 4, 0, 0, CAPTURED_MAX, link_type))
    for frame in frames:
        second, ns = divmod(frame.time_ns, SECOND_NS)
        out.write(struct.pack("<IIII", second & 0xFFFF_FFFF, ns, len(frame.data), frame.original))
        out.write(frame.data)


def _write_pcapng(
    out: BinaryIO, frames: Sequence[Frame], link_types: list[int], comments: Mapping[int, str]
) -> None:
    options = _option(APPLICATION, b"offhook") + _option(0, b"")
    out.write(_block(SECTION, struct.pack("<IHHq", BYTE_ORDER, 1, 0, -1) + options))
    for link_type in link_types:
        options = _option(TSRESOL, _NANOSECONDS) + _option(0, b"")
        out.write(_block(INTERFACE, struct.pack("<HHI", link_type, 0, CAPTURED_MAX) + options))
    for number, frame in enumerate(frames):
        head = struct.pack(
            "<IIIII", link_types.index(frame.link_type), frame.time_ns >> 32, frame.time_ns & 0xFFFF_FFFF,
            len(frame.data), frame.original,
        )  # fmt: skip
        comment = comments.get(number)
        options = _option(COMMENT, comment.encode()) + _option(0, b"") if comment else b""
        out.write(_block(PACKET, head + _padded(frame.data) + options))


def _block(kind: int, body: bytes) -> bytes:
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + _padded(value)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
