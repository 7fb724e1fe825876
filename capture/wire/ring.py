"""One interface heard through a packet ring: memory that the kernel fills and that is read in place.

packet(7) with PACKET_RX_RING and TPACKET_V3 (Documentation/networking/packet_mmap.rst). The kernel hands
over whole blocks, when they are full or RETIRE_MS after their first packet; with no block free it drops
packets, and counts them.
"""

import mmap
import socket
import struct
from collections.abc import Iterator
from typing import Final

import numpy as np

from capture.block import Block
from capture.errors import CaptureError
from capture.wire.bpf import attach
from capture.wire.interface import Interface
from capture.wire.ring_kernel import BLOCK_FIRST, BLOCK_STATUS, NANOSECONDS, SECONDS, index_ring

BLOCK_BYTES: Final = 1 << 20
RETIRE_MS: Final = 40
"""How long the kernel keeps a packet at most, before it hands its block over."""

_FRAME_BYTES: Final = 2048  # of no meaning in this version, but checked: it has to divide a block
_FRAME_LEAST: Final = 64  # a frame in a block takes more

_SOL_PACKET: Final = 263
_PACKET_ADD_MEMBERSHIP: Final = 1
_PACKET_RX_RING: Final = 5
_PACKET_STATISTICS: Final = 6
_PACKET_VERSION: Final = 10
_PACKET_RESERVE: Final = 12
_TPACKET_V3: Final = 2
_PACKET_MR_PROMISC: Final = 1
_ETH_P_ALL: Final = 3
_STATUS_USER: Final = 1
_STATUS_KERNEL: Final = 0
_VLAN_TAG: Final = 4
_STATISTICS: Final = struct.Struct("III")  # packets, drops, times that the queue froze; read, they begin anew


class Ring:
    """An interface being heard, in promiscuous mode, from the moment this is made until `close`."""

    def __init__(self, heard: Interface, ring_bytes: int, only: str = "") -> None:
        """CaptureError where the system does not let us. `only`: packets that match (capture/wire/bpf.py)."""
        self.interface = heard
        blocks = max(2, ring_bytes // BLOCK_BYTES)
        self._socket = _opened(heard)
        try:
            if only:
                attach(self._socket, heard, only)
            self._map = self._mapped(blocks)
            self._hear()
        except BaseException as error:
            self._socket.close()
            if not isinstance(error, OSError):
                raise
            raise CaptureError(
                f"{heard.name}: no packet ring of {blocks} MB: {error.strerror}; see capture.ring_mb"
            ) from None
        self._buffer = np.frombuffer(self._map, np.uint8)
        self._halves = self._buffer.view(np.uint16)
        self._words = self._buffer.view(np.uint32)
        most = BLOCK_BYTES // _FRAME_LEAST
        self._offset, self._time_ns = np.empty(most, np.int64), np.empty(most, np.int64)
        self._captured, self._original = np.empty(most, np.int32), np.empty(most, np.int32)
        self._blocks = blocks
        self._next = 0

    def fileno(self) -> int:
        """Ready for reading when a block is."""
        return self._socket.fileno()

    def ready(self) -> bool:
        """Whether the kernel has handed a block over."""
        return bool(self._words[(self._next * BLOCK_BYTES + BLOCK_STATUS) >> 2] & _STATUS_USER)

    @property
    def oldest(self) -> tuple[int, int]:
        """Second and nanosecond of the first packet in the block that is next, where one is ready."""
        start = self._next * BLOCK_BYTES  # its own time is when it was opened, long before on a quiet wire
        at = (start + int(self._words[(start + BLOCK_FIRST) >> 2])) >> 2
        return int(self._words[at + (SECONDS >> 2)]), int(self._words[at + (NANOSECONDS >> 2)])

    def blocks(self, most: int | None = None) -> Iterator[Block]:
        """Blocks that are there now, each valid until the next is asked for: its memory goes back then."""
        while self.ready() and most != 0:
            most = None if most is None else most - 1
            start = self._next * BLOCK_BYTES
            try:
                frames = index_ring(
                    self._buffer, self._halves, self._words, start, start + BLOCK_BYTES,
                    int(self.interface.is_loopback),
                    self._offset, self._captured, self._original, self._time_ns,
                )  # fmt: skip
                if frames:
                    yield Block(
                        self._buffer, self._offset[:frames], self._captured[:frames],
                        self._original[:frames], self._time_ns[:frames], self.interface.link_type,
                    )  # fmt: skip
            finally:
                self._words[(start + BLOCK_STATUS) >> 2] = _STATUS_KERNEL
                self._next = (self._next + 1) % self._blocks

    def drops(self) -> int:
        """Packets the kernel had no block for, since this was last asked."""
        read = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, _STATISTICS.size)
        _, drops, _ = _STATISTICS.unpack(read)
        return int(drops)

    def look(self) -> None:
        """See what is wrong: an interface that is down is waited for. CaptureError where it is gone."""
        self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)  # asked for, it is told no more
        try:
            number = socket.if_nametoindex(self.interface.name)
        except OSError:
            number = 0
        if number != self.interface.number:
            raise CaptureError(f"{self.interface.name}: the interface went away while it was heard")

    def close(self) -> None:
        """Hear no more."""
        self._socket.close()

    def _mapped(self, blocks: int) -> mmap.mmap:
        size = blocks * BLOCK_BYTES
        made = struct.pack(
            "7I", BLOCK_BYTES, blocks, _FRAME_BYTES, size // _FRAME_BYTES, RETIRE_MS, 0, 0
        )  # struct tpacket_req3
        self._socket.setsockopt(_SOL_PACKET, _PACKET_VERSION, _TPACKET_V3)
        self._socket.setsockopt(_SOL_PACKET, _PACKET_RESERVE, _VLAN_TAG)
        self._socket.setsockopt(_SOL_PACKET, _PACKET_RX_RING, made)
        return mmap.mmap(self._socket.fileno(), size, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)

    def _hear(self) -> None:
        everything = struct.pack("iHH8s", self.interface.number, _PACKET_MR_PROMISC, 0, b"")
        self._socket.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, everything)
        self._socket.bind((self.interface.name, _ETH_P_ALL))


def _opened(heard: Interface) -> socket.socket:
    try:  # protocol 0: nothing is heard before it is bound
        return socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    except PermissionError:
        raise CaptureError(
            f"{heard.name}: capturing needs the capability CAP_NET_RAW: run as root, or let the service"
            " manager give it (infra/systemd)"
        ) from None
    except OSError as error:
        raise CaptureError(f"{heard.name}: cannot capture: {error.strerror}") from None
