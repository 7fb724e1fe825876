"""Captured frames in memory: as a source for an analysis, and what was heard in them."""

import itertools
from collections.abc import Iterator, Sequence

import msgspec
import numpy as np

from capture.block import Block


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One frame as captured: `data` of the `original` bytes there were on the wire."""

    time_ns: int
    link_type: int
    data: bytes
    original: int


class Heard(msgspec.Struct, frozen=True, gc=False):
    """One datagram, or one SIP message out of a stream transport, and the frames that carried it.

    `transport` is udp, tcp, sctp or ws; addresses are packed. `payload` is what the capture has of it,
    `length` its bytes on the wire. `sip` says whether it is a SIP message. `frames` are indexes into the
    list of frames it came with.
    """

    time_ns: int
    src_ip: bytes
    src_port: int
    dst_ip: bytes
    dst_port: int
    transport: str
    dscp: int
    ttl: int
    vlan: int
    ip_id: int
    payload: bytes
    length: int
    sip: bool
    frames: tuple[int, ...]


class FrameSource:
    """Frames in memory as a capture (the Source protocol), in the order given."""

    def __init__(self, frames: Sequence[Frame]) -> None:
        self.warnings: list[str] = []
        self.bytes_done = 0
        self.bytes_total: int | None = sum(len(frame.data) for frame in frames)
        self._frames = frames

    def __iter__(self) -> Iterator[Block]:
        """One block for each run of one link type."""
        for link_type, run in itertools.groupby(self._frames, key=_link_type):
            frames = list(run)
            captured = np.array([len(frame.data) for frame in frames], np.int32)
            yield Block(
                buffer=np.frombuffer(
                    bytearray(b"".join(frame.data for frame in frames)) or bytearray(1), np.uint8
                ),
                offset=np.concatenate((np.zeros(1, np.int64), np.cumsum(captured[:-1], dtype=np.int64))),
                captured=captured,
                original=np.array([frame.original for frame in frames], np.int32),
                time_ns=np.array([frame.time_ns for frame in frames], np.int64),
                link_type=link_type,
            )
            self.bytes_done += int(captured.sum())


def _link_type(frame: Frame) -> int:
    return frame.link_type
