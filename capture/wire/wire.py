"""The wire of a sensor: its interfaces, heard at once, and what they lost."""

import select
import time
from collections.abc import Iterator, Sequence
from typing import Final

from capture.block import Block
from capture.wire.interface import interface, passed
from capture.wire.ring import RETIRE_MS, Ring
from schemas.clock import NOT_STARTED

KERNEL: Final = "kernel"
INTERFACE: Final = "interface"
"""Reasons of drops: capture/counters.py says what they mean."""

HANDED_ON_US: Final = 2 * RETIRE_MS * 1000
"""What passed so long ago has been handed over, where no block is waiting."""


class Wire:
    """Interfaces being heard until `close`."""

    def __init__(self, names: Sequence[str], ring_bytes: int) -> None:
        """CaptureError where one cannot be heard."""
        self.heard_until_us = NOT_STARTED
        """All packets before this time have been given, µs of wall time, which is that of packets."""
        self._rings: list[Ring] = []
        self._poll = select.poll()
        try:
            for name in dict.fromkeys(names):
                self._rings.append(Ring(interface(name), ring_bytes))
        except BaseException:
            self.close()
            raise
        for ring in self._rings:
            self._poll.register(ring, select.POLLIN)
        self._lost = self._lost_so_far()

    def wait(self, timeout_s: float) -> None:
        """Wait until there are packets, at most so long. CaptureError where an interface went away."""
        if timeout_s <= 0 or any(ring.ready() for ring in self._rings):
            return
        for descriptor, events in self._poll.poll(timeout_s * 1000):
            if events & ~select.POLLIN:
                next(ring for ring in self._rings if ring.fileno() == descriptor).look()

    def blocks(self) -> Iterator[Block]:
        """What has come so far; a block is valid until the next is asked for."""
        now_us = time.time_ns() // 1000
        for ring in self._rings:
            yield from ring.blocks()
        self.heard_until_us = max(self.heard_until_us, now_us - HANDED_ON_US)

    def lost(self) -> dict[str, int]:
        """Packets lost before they could be read, by reason, since this was last asked."""
        before, self._lost = self._lost, self._lost_so_far()
        found = {KERNEL: sum(ring.drops() for ring in self._rings), INTERFACE: max(0, self._lost - before)}
        return {reason: count for reason, count in found.items() if count}

    def passed(self) -> dict[str, int]:
        """Packets that passed each interface since it came up, heard or not."""
        return {ring.interface.name: passed(ring.interface).packets for ring in self._rings}

    def close(self) -> None:
        """Hear no more."""
        for ring in self._rings:
            ring.close()

    def _lost_so_far(self) -> int:
        return sum(passed(ring.interface).lost for ring in self._rings)
