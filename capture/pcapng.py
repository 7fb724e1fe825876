"""Reads pcapng: sections, interfaces with their own link type and clock (draft-ietf-opsawg-pcapng)."""

import itertools
import struct
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from capture.block import Block
from capture.bounds import BLOCK_FRAMES_MAX, PCAPNG_BLOCK_MAX, PCAPNG_INTERFACES_MAX, PCAPNG_OPTIONS_MAX
from capture.columns import Columns
from capture.damage import Damage
from capture.errors import CaptureError
from capture.feed import Feed
from capture.index_state import (
    BAD_PACKET,
    BLOCK_OF_INTEREST,
    DAMAGED,
    LAST_TIME,
    POSITION,
    SHORT,
    STATE_SLOTS,
    STATUS,
)
from capture.pcapng_index import (
    FACTOR,
    INTERFACE_SLOTS,
    LINK_TYPE,
    OFFSET_NS,
    SNAPLEN,
    TICKS,
    TICKS_BINARY,
    TICKS_DIVIDED,
    TICKS_TIMES,
    TIME_MAX,
    index_pcapng,
)

MAGIC = b"\x0a\x0d\x0d\x0a"
SECTION_HEAD_BYTES = 28
INTERFACE_HEAD_BYTES = 20  # with the trailing length
BYTE_ORDERS = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}

STATISTICS = 5
STATISTICS_HEAD_BYTES = 24  # with the trailing length

OPTION_END = 0
OPTION_DROPPED_BY_INTERFACE = 5
OPTION_DROPPED_BY_SYSTEM = 7
OPTION_TSRESOL = 9
OPTION_TSOFFSET = 14


class Section:
    """What the current section says of its packets."""

    def __init__(self) -> None:
        self.order = "<"
        self.interfaces: NDArray[np.int64] = np.zeros(INTERFACE_SLOTS, np.int64)
        self.count = 0
        self.dropped: dict[int, int] = {}
        """Packets that were not captured, by interface, as the capture last said."""

    def begin(self, order: str) -> None:
        """Start anew: a section has its own byte order and interfaces."""
        self.order, self.count = order, 0

    def take_statistics(self, body: bytes) -> None:
        """Take what an interface statistics block (without its lengths) says was lost so far."""
        (interface,) = struct.unpack_from(self.order + "I", body)
        lost = [
            int(struct.unpack_from(self.order + "Q", value)[0])
            for code, value in _options(body[12:], self.order)
            if code in (OPTION_DROPPED_BY_INTERFACE, OPTION_DROPPED_BY_SYSTEM) and len(value) >= 8
        ]
        if interface < self.count and lost:
            self.dropped[interface] = sum(lost)

    def tell(self, damage: Damage) -> None:
        """Say what was not captured: the section is over."""
        dropped, self.dropped = sum(self.dropped.values()), {}
        if dropped:
            damage.say(
                f"{dropped:,} packets were dropped when it was captured (its statistics say so):"
                " losses may be the capture's own"
            )

    def describe(self, body: bytes) -> None:
        """Add the interface of one interface description block (without its lengths)."""
        if (self.count + 1) * INTERFACE_SLOTS > len(self.interfaces):
            self.interfaces = np.concatenate([self.interfaces, np.zeros_like(self.interfaces)])
        row = self.interfaces[self.count * INTERFACE_SLOTS :]
        link_type, snaplen = struct.unpack_from(self.order + "HxxI", body)
        row[LINK_TYPE], row[SNAPLEN] = link_type, snaplen
        row[TICKS], row[FACTOR], row[OFFSET_NS] = TICKS_TIMES, 1000, 0
        for code, value in _options(body[8:], self.order):
            if code == OPTION_TSRESOL and len(value) >= 1:
                row[TICKS], row[FACTOR] = resolution(value[0])
            elif code == OPTION_TSOFFSET and len(value) >= 8:
                seconds = struct.unpack_from(self.order + "q", value)[0]
                row[OFFSET_NS] = min(max(seconds * 1_000_000_000, -TIME_MAX), TIME_MAX)
        self.count += 1


def resolution(tsresol: int) -> tuple[int, int]:
    """How ticks become nanoseconds, and the factor for it, of an if_tsresol option."""
    if tsresol & 0x80:
        return TICKS_BINARY, min(tsresol & 0x7F, 63)
    if tsresol <= 9:
        return TICKS_TIMES, int(10 ** (9 - tsresol))
    # Finer than attoseconds, a 64-bit count spans less than a minute: nothing writes that.
    return TICKS_DIVIDED, int(10 ** min(tsresol - 9, 9))


def read_pcapng(feed: Feed, damage: Damage) -> Iterator[Block]:
    """Yield the blocks of a pcapng whose first section header starts at `feed.start`.

    Raises CaptureError if that header is cut or broken.
    """
    while feed.end - feed.start < SECTION_HEAD_BYTES:
        if not feed.fill():
            raise CaptureError(f"{damage.name}: the pcapng header is cut short, no packets to read")
    if BYTE_ORDERS.get(feed.buffer[feed.start + 8 : feed.start + 12].tobytes()) is None:
        raise CaptureError(f"{damage.name}: starts like pcapng, but the byte-order mark at byte 8 is broken")
    return _blocks(feed, damage)


def _blocks(feed: Feed, damage: Damage) -> Iterator[Block]:
    section, columns, state = Section(), Columns(), np.zeros(STATE_SLOTS, np.int64)
    link_type: NDArray[np.int64] = np.empty(BLOCK_FRAMES_MAX, np.int64)
    state[LAST_TIME] = -1
    lost_from = -1  # searching since here, in the input; -1: in sequence
    while True:
        count = index_pcapng(
            feed.buffer, feed.start, feed.stop, feed.end, int(feed.final), int(section.order == ">"),
            int(lost_from >= 0), section.interfaces, section.count, columns.offset, columns.captured,
            columns.original, columns.time_ns, link_type, state,
        )  # fmt: skip
        position, status = int(state[POSITION]), int(state[STATUS])
        yield from _runs(feed, columns, link_type, count)
        if lost_from >= 0:
            if status != SHORT:
                damage.skipped(lost_from, feed.origin + position, "no block here")
                lost_from = -1
        elif status == BLOCK_OF_INTEREST:
            length = _interest(feed, position, section, damage)
            if length > 0:
                position += length
            status = SHORT if length == 0 else DAMAGED if length < 0 else status
        elif status == BAD_PACKET:
            length = struct.unpack_from(section.order + "I", feed.buffer.data, position + 4)[0]
            start = feed.origin + position
            damage.skipped(start, start + length, "a packet block that contradicts itself or its section")
            position += length
        elif status == SHORT and feed.final and _runs_far_over(feed, position, section.order):
            status = DAMAGED
        if status == DAMAGED:
            lost_from = feed.origin + position
            position += 1
        feed.advance(position, position)
        at_end = feed.start >= feed.end
        if (status == SHORT or at_end) and not feed.fill():
            section.tell(damage)
            return


def _runs(feed: Feed, columns: Columns, link_type: NDArray[np.int64], count: int) -> Iterator[Block]:
    """The indexed frames as blocks of one link type each, in order."""
    if not count:
        return
    buffer = feed.buffer[: feed.end]
    edges = np.flatnonzero(np.diff(link_type[:count])) + 1
    firsts = [0, *edges.tolist(), count]
    for first, last in itertools.pairwise(firsts):
        yield columns.block(buffer, first, last, int(link_type[first]))


def _interest(feed: Feed, at: int, section: Section, damage: Damage) -> int:
    """Apply a section header, or an interface's description or statistics.

    Its length, 0: not all there yet, -1: damaged.
    """
    here = feed.end - at
    kind = feed.buffer[at : at + 4].tobytes()
    order = section.order
    if kind == MAGIC:
        if here < SECTION_HEAD_BYTES:
            return 0
        found = BYTE_ORDERS.get(feed.buffer[at + 8 : at + 12].tobytes())
        if found is None:
            return -1
        order = found
    length = int(struct.unpack_from(order + "I", feed.buffer.data, at + 4)[0])
    statistics = struct.unpack(order + "I", kind)[0] == STATISTICS
    least = SECTION_HEAD_BYTES if kind == MAGIC else INTERFACE_HEAD_BYTES
    if statistics:
        least = STATISTICS_HEAD_BYTES
    if length < least or length > PCAPNG_BLOCK_MAX or length % 4:
        return -1
    if length > here:
        return 0
    if struct.unpack_from(order + "I", feed.buffer.data, at + length - 4)[0] != length:
        return -1
    if kind == MAGIC:
        section.tell(damage)
        section.begin(order)
    elif statistics:
        section.take_statistics(feed.buffer[at + 8 : at + length - 4].tobytes())
    elif section.count < PCAPNG_INTERFACES_MAX:
        section.describe(feed.buffer[at + 8 : at + length - 4].tobytes())
    else:
        damage.skipped(feed.origin + at, feed.origin + at + length, "more interfaces than are kept")
    return length


def _options(data: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """The options of a block: code, length, value padded to four bytes."""
    at = 0
    for _ in range(PCAPNG_OPTIONS_MAX):
        if at + 4 > len(data):
            return
        code, length = struct.unpack_from(order + "HH", data, at)
        if code == OPTION_END or at + 4 + length > len(data):
            return
        yield code, data[at + 4 : at + 4 + length]
        at += 4 + (length + 3) // 4 * 4


def _runs_far_over(feed: Feed, at: int, order: str) -> bool:
    """Whether the cut-off last block claims more than its packet needs: its length may be the damage."""
    if feed.end - at < SECTION_HEAD_BYTES:
        return False
    length = struct.unpack_from(order + "I", feed.buffer.data, at + 4)[0]
    captured = struct.unpack_from(order + "I", feed.buffer.data, at + 20)[0]
    return bool(length > (captured + 3) // 4 * 4 + 32 + 4096)
