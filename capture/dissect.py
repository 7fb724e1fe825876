"""Drives the kernel over blocks: from frames to notes of SIP and RTCP, rows of RTP, and slow frames."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from capture import layout as at
from capture.block import Block
from capture.bounds import NOTES_MAX, UDPTL_HINTS
from capture.dissect_kernel import walk
from capture.flows import Flows
from capture.settings import CaptureSettings
from capture.sip_kernel import find_plain
from schemas.clock import NOT_STARTED

SIP_PORT, TCP_OF_INTEREST = 1, 2

FEW_NOTES = 32
"""Notes for which loading another kernel, and calling it, is not worth it."""


class Segment(NamedTuple):
    """Addresses of a TCP segment that may begin a connection with SIP."""

    src_ip: bytes
    src_port: int
    dst_ip: bytes
    dst_port: int


class Dissector:
    """The kernel and its state. `clock_us` is the running maximum of packet time."""

    def __init__(self, settings: CaptureSettings) -> None:
        self._control: NDArray[np.int64] = np.zeros(at.CONTROL_WORDS, np.int64)
        self._counts: NDArray[np.int64] = np.zeros(at.COUNTERS, np.int64)
        self._notes: NDArray[np.int64] = np.empty(NOTES_MAX * at.NOTE_WORDS, np.int64)
        self._hints: NDArray[np.int64] = np.zeros(UDPTL_HINTS * at.HINT_WORDS, np.int64)
        self._hinted: dict[tuple[bytes, int], None] = {}
        self._ports: NDArray[np.uint8] = np.zeros(65536, np.uint8)
        self._ports[list(settings.sip_ports)] = SIP_PORT
        self.flows = Flows(self._control, settings.flows_max, settings.keep_digits)
        self._control[at.C_SORT_BUFFER] = settings.sort_buffer_ms * 1000
        self._control[at.C_CLOCK] = NOT_STARTED
        self._control[at.C_HEAD] = NOT_STARTED
        self._control[at.C_FLUSHED] = NOT_STARTED

    @property
    def clock_us(self) -> int:
        """Running maximum of packet time; NOT_STARTED before the first packet."""
        return int(self._control[at.C_CLOCK])

    @property
    def floor_us(self) -> int:
        """The least place in the sensor's order that a packet can still get."""
        clock, head = int(self._control[at.C_CLOCK]), int(self._control[at.C_HEAD])
        return clock if head < clock else clock - int(self._control[at.C_SORT_BUFFER])

    def counts(self) -> list[int]:
        """The kernel's counters, by COUNT_*."""
        found: list[int] = self._counts.tolist()
        return found

    def start(self, time_us: int) -> None:
        """The first packet's time: the clock starts here."""
        self._control[[at.C_CLOCK, at.C_HEAD, at.C_FLUSH_AT]] = time_us

    def step(self, time_us: int) -> None:
        """The clock has stepped to here."""
        self._control[[at.C_HEAD, at.C_FLUSH_AT]] = time_us

    def flushed(self) -> None:
        """A batch was sent: the next one is due from now on."""
        self._control[at.C_FLUSH_AT] = self._control[at.C_HEAD]

    def walk(self, block: Block, inner: bool = False) -> Iterator[tuple[int, int]]:
        """Walk the block; yields (STOP_* reason, number of frames done) each time the kernel stops.

        Take `notes` at each stop. Between stops other blocks may be walked, flushes made, hints given.
        `inner`: the frame was made of a datagram from the slow path, to which it cannot go again.
        """
        c, flows = self._control, self.flows
        done = 0
        while True:
            c[at.C_NEXT], c[at.C_FRAMES] = done, len(block.offset)
            c[at.C_LINK], c[at.C_INNER] = block.link_type, inner
            c[at.C_NOTES], c[at.C_ASK] = 0, -1
            stop = walk(
                block.buffer, block.offset, block.captured, block.original, block.time_ns, self._ports,
                flows.table, flows.flows, flows.live, flows.kept, flows.rows, self._notes,
                self._hints, self._counts, c,
            )  # fmt: skip
            done = int(c[at.C_NEXT])
            if stop == at.STOP_TABLE:
                flows.grow_table()
            yield stop, done
            if stop == at.STOP_DONE:
                return

    def notes(self, block: Block) -> list[list[int]]:
        """What the kernel noted of the block since it stopped: rows of NOTE_WORDS (capture/layout.py)."""
        noted = int(self._control[at.C_NOTES])
        self._control[at.C_NOTES] = 0
        notes = self._notes[: noted * at.NOTE_WORDS].reshape(-1, at.NOTE_WORDS)
        if noted < FEW_NOTES:
            notes[:, at.N_PLAIN] = 0
        else:
            find_plain(block.buffer, self._notes, noted)
        rows: list[list[int]] = notes.tolist()
        return rows

    def segment(self, block: Block) -> Segment | None:
        """The TCP segment of the slow frame, where its connection is to be asked for."""
        ip = int(self._control[at.C_ASK])
        if ip < 0:
            return None
        head, ports = block.buffer[ip : ip + 40].tobytes(), int(self._control[at.C_ASK_PORTS])
        src, dst = (head[12:16], head[16:20]) if head[0] >> 4 == 4 else (head[8:24], head[24:40])
        return Segment(src, ports >> 16, dst, ports & 0xFFFF)

    def follow(self, segment: Segment) -> None:
        """Send this connection's segments to the slow path from now on."""
        self._ports[segment.src_port ^ segment.dst_port] |= TCP_OF_INTEREST

    def hint_udptl(self, ip: bytes, port: int) -> None:
        """SDP announced a receiver of UDPTL here."""
        hinted = self._hinted
        hinted.pop((ip, port), None)
        hinted[ip, port] = None
        if len(hinted) > UDPTL_HINTS:
            hinted.pop(next(iter(hinted)))
        bloom = 0
        for n, (address, at_port) in enumerate(hinted):
            words = np.frombuffer(address.ljust(16, b"\0"), "<i8")
            self._hints[n * at.HINT_WORDS : n * at.HINT_WORDS + 2] = words
            self._hints[n * at.HINT_WORDS + at.H_PORT] = at_port << 1 | (len(address) == 16)
            bloom |= 1 << (at_port & 63)
        self._control[at.C_HINTS] = len(hinted)
        self._control[at.C_HINT_PORTS] = bloom - (1 << 64 if bloom >> 63 else 0)
