"""A walk through captures that looks at little: SIP, what touches given endpoints, and slow frames."""

from collections.abc import Collection, Iterable, Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from capture.block import Block
from capture.bounds import BLOCK_FRAMES_MAX
from capture.cutting.endpoints import Endpoint, table_of
from capture.cutting.memory import Memory, Stretch
from capture.cutting.triage_kernel import (
    ASK,
    PORT_SIP,
    PORT_TCP,
    R_CAPTURED,
    R_PAYLOAD,
    ROW_WORDS,
    SLOW,
    TOUCHES,
    triage,
)
from capture.datagram import Datagram
from capture.slow.path import SlowPath
from protocols.sip import call_id_of

_ROWS: Final = 4096
_FEW: Final = 4
"""Call-IDs that are looked for faster one by one than by reading the header."""


class Sight(NamedTuple):
    """A frame that mattered, and the datagrams and messages it completed (those of UDP not classified).

    `ordinal` counts all frames of the capture, -1 at its end. `slow`: the frame was one for the slow path.
    """

    ordinal: int
    block: Block
    frame: int
    slow: bool
    datagrams: list[Datagram]


class Scan:
    """Sights of a capture in its order; `last_ns` is the latest time so far, None before the first.

    Where `call_ids` are given, messages of others are passed over where that is plain to see. `memory`
    keeps what a later walk needs.
    """

    def __init__(
        self,
        walk: Iterable[Stretch],
        sip_ports: Iterable[int],
        endpoints: Iterable[Endpoint] = (),
        call_ids: Collection[bytes] | None = None,
        memory: Memory | None = None,
    ) -> None:
        self.last_ns: int | None = None
        self._walk = walk
        self._call_ids = call_ids
        self._memory = memory
        self._ports: NDArray[np.uint8] = np.zeros(65536, np.uint8)
        self._ports[list(sip_ports)] = PORT_SIP
        self._endpoints = table_of(endpoints, self._ports)
        self._found: NDArray[np.int64] = np.empty(_ROWS * ROW_WORDS, np.int64)
        self._marks: NDArray[np.uint32] = np.empty(BLOCK_FRAMES_MAX, np.uint32)
        self._slow = SlowPath()

    def __iter__(self) -> Iterator[Sight]:
        """Walk the capture once."""
        for stretch in self._walk:
            if len(stretch.block.offset):
                latest = int(stretch.block.time_ns.max())
                self.last_ns = latest if self.last_ns is None else max(self.last_ns, latest)
                yield from self._stretch(stretch)
                if self._memory is not None and self._memory.whole:
                    self._memory.keep(stretch, self._marks)
        late = self._slow.flush()
        if late:
            yield Sight(-1, _NO_FRAMES, 0, True, late)

    def _stretch(self, stretch: Stretch) -> Iterator[Sight]:
        block, ordinals = stretch
        done, frames = 0, len(block.offset)
        if frames > len(self._marks):
            self._marks = np.empty(frames, np.uint32)
        while done < frames:
            told = triage(
                block.buffer, block.offset, block.captured, block.original, self._ports, self._endpoints,
                block.link_type, done, frames, self._found, self._marks,
            )  # fmt: skip
            done = told & 0xFFFF_FFFF
            rows: list[list[int]] = self._found[: (told >> 32) * ROW_WORDS].reshape(-1, ROW_WORDS).tolist()
            for row in rows:
                frame, kind = row[0], row[1]
                if kind & SLOW:
                    heard = self._feed(block, frame)
                    if kind & ASK:
                        self._follow(block, row)
                    yield Sight(int(ordinals[frame]), block, frame, True, heard)
                elif kind & TOUCHES or self._may_be_wanted(block, row):
                    yield Sight(int(ordinals[frame]), block, frame, False, [_datagram(block, row)])

    def _may_be_wanted(self, block: Block, row: list[int]) -> bool:
        if self._call_ids is None:
            return True
        payload, captured = row[R_PAYLOAD], row[R_CAPTURED]
        message = block.buffer.data[payload : payload + captured].tobytes()
        if len(self._call_ids) <= _FEW and not any(call_id in message for call_id in self._call_ids):
            return False
        return call_id_of(message) in self._call_ids

    def _feed(self, block: Block, frame: int) -> list[Datagram]:
        time_ns, original = int(block.time_ns[frame]), int(block.original[frame])
        return self._slow.feed(block.link_type, time_ns, bytes_of(block, frame), original)

    def _follow(self, block: Block, row: list[int]) -> None:
        """From now on look at the whole TCP connection, where the slow path wants it."""
        _, _, ip, _, _, _, ipv6, ports, _ = row
        head = block.buffer[ip : ip + 40].tobytes()
        src, dst = (head[8:24], head[24:40]) if ipv6 else (head[12:16], head[16:20])
        if self._slow.tcp_of_interest(src, ports >> 16, dst, ports & 0xFFFF):
            self._ports[ports >> 16 ^ ports & 0xFFFF] |= PORT_TCP


def bytes_of(block: Block, frame: int) -> bytes:
    """The captured bytes of a frame."""
    start = int(block.offset[frame])
    return block.buffer[start : start + int(block.captured[frame])].tobytes()


def _datagram(block: Block, row: list[int]) -> Datagram:
    frame, _, ip, payload, captured, wire, ipv6, ports, meta = row
    data = block.buffer.data[ip : payload + captured].tobytes()
    src, dst = (data[8:24], data[24:40]) if ipv6 else (data[12:16], data[16:20])
    ip_id = 0 if ipv6 else data[4] << 8 | data[5]
    return Datagram(
        int(block.time_ns[frame]), src, ports >> 16, dst, ports & 0xFFFF, "udp",
        meta & 0xFF, meta >> 8 & 0xFF, (meta >> 16) - 1, ip_id, data[payload - ip :], wire, captured < wire,
    )  # fmt: skip


_NO_FRAMES: Final = Block(
    np.zeros(1, np.uint8),
    np.zeros(0, np.int64),
    np.zeros(0, np.int32),
    np.zeros(0, np.int32),
    np.zeros(0, np.int64),
    0,
)
