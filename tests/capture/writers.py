"""Writes captures of every flavour for the tests, plainly, byte by byte."""

import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from capture.block import Source


class Frame(NamedTuple):
    """One captured frame; `wire` is its length on the wire."""

    time_ns: int
    data: bytes
    wire: int
    link_type: int = 1


def frames_of(source: Source) -> list[Frame]:
    """Everything that a source yields, copied out of its blocks."""
    frames = []
    for block in source:
        assert block.buffer.flags.writeable
        assert block.offset.dtype == block.time_ns.dtype == np.int64
        assert block.captured.dtype == block.original.dtype == np.int32
        for at, length, wire, time_ns in zip(
            block.offset.tolist(),
            block.captured.tolist(),
            block.original.tolist(),
            block.time_ns.tolist(),
            strict=True,
        ):
            data = block.buffer[at : at + length].tobytes()
            assert len(data) == length
            frames.append(Frame(time_ns, data, wire, block.link_type))
    return frames


def pcap_header(
    magic: int = 0xA1B2C3D4, order: str = "<", link_type: int = 1, snaplen: int = 262144
) -> bytes:
    return struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snaplen, link_type)


def pcap_record(frame: Frame, magic: int = 0xA1B2C3D4, order: str = "<") -> bytes:
    unit = 1 if magic == 0xA1B23C4D else 1000
    second, rest = divmod(frame.time_ns, 1_000_000_000)
    head = struct.pack(order + "IIII", second, rest // unit, len(frame.data), frame.wire)
    return head + (b"\0" * 8 if magic == 0xA1B2CD34 else b"") + frame.data


def pcap(frames: Iterable[Frame], magic: int = 0xA1B2C3D4, order: str = "<", link_type: int = 1) -> bytes:
    records = b"".join(pcap_record(frame, magic, order) for frame in frames)
    return pcap_header(magic, order, link_type) + records


def block(order: str, kind: int, body: bytes) -> bytes:
    body += b"\0" * (-len(body) % 4)
    length = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + length + body + length


def section(order: str = "<") -> bytes:
    return block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))


def option(order: str, code: int, value: bytes) -> bytes:
    return struct.pack(order + "HH", code, len(value)) + value + b"\0" * (-len(value) % 4)


def interface(
    order: str = "<",
    link_type: int = 1,
    tsresol: int | None = None,
    tsoffset: int | None = None,
    snaplen: int = 0,
) -> bytes:
    options = option(order, 2, b"eth0")
    if tsresol is not None:
        options += option(order, 9, bytes([tsresol]))
    if tsoffset is not None:
        options += option(order, 14, struct.pack(order + "q", tsoffset))
    return block(
        order, 1, struct.pack(order + "HHI", link_type, 0, snaplen) + options + option(order, 0, b"")
    )


def ticks(time_ns: int, tsresol: int = 6, tsoffset: int = 0) -> int:
    """The timestamp of a moment as an interface of this resolution and offset counts it."""
    since = time_ns - tsoffset * 1_000_000_000
    if tsresol & 0x80:
        return int((since << (tsresol & 0x7F)) // 1_000_000_000)
    return since * 10**tsresol // 1_000_000_000


def enhanced(order: str, number: int, count: int, frame: Frame) -> bytes:
    padding = b"\0" * (-len(frame.data) % 4)
    head = struct.pack(order + "IIIII", number, count >> 32, count & 0xFFFFFFFF, len(frame.data), frame.wire)
    return block(
        order, 6, head + frame.data + padding + option(order, 1, b"a comment") + option(order, 0, b"")
    )


def obsolete(order: str, number: int, count: int, frame: Frame) -> bytes:
    head = struct.pack(
        order + "HHIIII", number, 0, count >> 32, count & 0xFFFFFFFF, len(frame.data), frame.wire
    )
    return block(order, 2, head + frame.data)


def simple(order: str, frame: Frame) -> bytes:
    return block(order, 3, struct.pack(order + "I", frame.wire) + frame.data)


def pcapng(frames: Sequence[Frame], order: str = "<") -> bytes:
    """One section, an interface for each link type, nanoseconds."""
    link_types = list(dict.fromkeys(frame.link_type for frame in frames)) or [1]
    head = section(order) + b"".join(interface(order, link_type, 9) for link_type in link_types)
    return head + b"".join(
        enhanced(order, link_types.index(frame.link_type), frame.time_ns, frame) for frame in frames
    )


def calls_like(
    count: int, start_ns: int = 1_700_000_000_000_000_000, step_ns: int = 1_000_000
) -> list[Frame]:
    """Frames as of RTP, with contents that are all different and of no special form."""
    random = np.random.default_rng(1)
    frames = []
    for number in range(count):
        length = 60 if number % 7 == 0 else 214
        data = random.integers(0, 256, length, np.uint8).tobytes()
        frames.append(Frame(start_ns + number * step_ns, data, length))
    return frames
