"""The wire of a sensor: its interfaces, heard at once, and what they lost."""

import select
from collections.abc import Iterator, Sequence
from typing import Final

from capture.block import Block
from capture.wire.interface import hears, interface, passed
from capture.wire.ring import RETIRE_MS, Ring
from capture.wire.timeline import Timeline
from schemas.clock import NOT_STARTED

KERNEL: Final = "kernel"
INTERFACE: Final = "interface"
"""Reasons of drops: capture/counters.py says what they mean."""

HANDED_ON_US: Final = 2 * RETIRE_MS * 1000
"""What passed so long ago has been handed over, where no block is waiting."""


class Wire:
    """Interfaces being heard until `close`."""

    def __init__(self, names: Sequence[str], ring_bytes: int, only: str = "") -> None:
        """CaptureError where one cannot be heard. `only`: packets that match (capture/wire/bpf.py)."""
        self.heard_until_us = NOT_STARTED
        """All packets before this time have been given, µs of packet time."""
        self.time = Timeline()
        self._rings: list[Ring] = []
        self._poll = select.poll()
        try:
            for name in dict.fromkeys(names):
                self._rings.append(Ring(interface(name), ring_bytes, only))
        except BaseException:
            self.close()
            raise
        for ring in self._rings:
            self._poll.register(ring, select.POLLIN)
        self.packets = dict.fromkeys((ring.interface.name for ring in self._rings), 0)
        """Read of each interface."""
        self._lost = self._lost_so_far()

    def wait(self, timeout_s: float) -> None:
        """Wait until there are packets, at most so long. CaptureError where an interface went away."""
        if timeout_s <= 0 or any(ring.ready() for ring in self._rings):
            return
        for descriptor, events in self._poll.poll(timeout_s * 1000):
            if events & ~select.POLLIN:
                next(ring for ring in self._rings if ring.fileno() == descriptor).look()

    def blocks(self) -> Iterator[Block]:
        """What has come so far; a block is valid until the next is asked for.

        The oldest of all interfaces comes first: a busy one neither keeps others waiting nor falls behind.
        """
        self.time.look()
        now_us = self.time.now_us
        while busy := [ring for ring in self._rings if ring.ready()]:
            ring = min(busy, key=lambda each: each.oldest)
            for block in ring.blocks(1):
                self.packets[ring.interface.name] += len(block.offset)
                self.time.correct(block.time_ns)
                yield block
        self.heard_until_us = now_us - HANDED_ON_US

    def lost(self) -> dict[tuple[str, str], int]:
        """Packets lost before they could be read, by interface and reason, since this was last asked."""
        before, self._lost = self._lost, self._lost_so_far()
        found = {(ring.interface.name, KERNEL): ring.drops() for ring in self._rings}
        found |= {(name, INTERFACE): lost - before[name] for name, lost in self._lost.items()}
        return {place: count for place, count in found.items() if count > 0}

    def down(self) -> list[str]:
        """The interfaces that cannot hear anything now: they are down, or without a link."""
        return [ring.interface.name for ring in self._rings if not hears(ring.interface)]

    def passed(self) -> dict[str, int]:
        """Packets that passed each interface since it came up, heard or not."""
        return {ring.interface.name: passed(ring.interface).packets for ring in self._rings}

    def close(self) -> None:
        """Hear no more."""
        for ring in self._rings:
            ring.close()

    def _lost_so_far(self) -> dict[str, int]:
        return {ring.interface.name: passed(ring.interface).lost for ring in self._rings}
