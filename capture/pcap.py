"""Reads pcap: both byte orders, µs, ns, and the "modified" format (draft-ietf-opsawg-pcap)."""

import struct
from collections.abc import Iterator

import msgspec
import numpy as np

from capture.block import Block
from capture.columns import Columns
from capture.damage import Damage
from capture.errors import CaptureError
from capture.feed import Feed
from capture.index_state import (
    DAMAGED,
    LAST_START,
    LAST_TIME,
    POSITION,
    SHORT,
    STATE_SLOTS,
    STATUS,
)
from capture.pcap_index import index_pcap

HEADER_BYTES = 24
LINK_TYPE_MASK = 0x03FF_FFFF  # the bits above tell of frame check sequences


class Flavour(msgspec.Struct, frozen=True):
    """What the magic number says: fractions in a second, bytes of a record head."""

    unit: int
    head: int


FLAVOURS = {
    0xA1B2C3D4: Flavour(1_000_000, 16),
    0xA1B23C4D: Flavour(1_000_000_000, 16),
    0xA1B2CD34: Flavour(1_000_000, 24),  # Kuznetsov's patched libpcap
}


def flavour(magic: bytes) -> tuple[Flavour, bool] | None:
    """The flavour of a file that starts with these four bytes, and whether it is big-endian."""
    for order, big in (("<I", False), (">I", True)):
        if found := FLAVOURS.get(struct.unpack(order, magic)[0]):
            return found, big
    return None


def read_pcap(feed: Feed, damage: Damage) -> Iterator[Block]:
    """Yield the blocks of a pcap whose file header starts at `feed.start`.

    Raises CaptureError if the header is cut.
    """
    while feed.end - feed.start < HEADER_BYTES:
        if not feed.fill():
            raise CaptureError(f"{damage.name}: the pcap header is cut short, no packets to read")
    header = feed.buffer[feed.start : feed.start + HEADER_BYTES].tobytes()
    found = flavour(header[:4])
    assert found is not None
    form, big = found
    link_type = struct.unpack_from(">I" if big else "<I", header, 20)[0] & LINK_TYPE_MASK
    feed.advance(feed.start + HEADER_BYTES, feed.start + HEADER_BYTES)
    return _records(feed, damage, form, big, link_type)


def _records(feed: Feed, damage: Damage, form: Flavour, big: bool, link_type: int) -> Iterator[Block]:
    columns, state = Columns(), np.zeros(STATE_SLOTS, np.int64)
    state[LAST_TIME] = -1
    last_start = -1  # in the input, not in the buffer
    lost_from = -1  # searching since here; -1: in sequence
    while True:
        state[LAST_START] = -1
        count = index_pcap(
            feed.buffer, feed.start, feed.stop, feed.end, int(feed.final), int(big), form.unit, form.head,
            int(lost_from >= 0), columns.offset, columns.captured, columns.original, columns.time_ns, state,
        )  # fmt: skip
        position, status = int(state[POSITION]), int(state[STATUS])
        if count:
            last_start = feed.origin + int(state[LAST_START])
            yield columns.block(feed.buffer[: feed.end], 0, count, link_type)
        if lost_from >= 0 and status != SHORT:
            damage.skipped(lost_from, max(feed.origin + position, lost_from), "no record here")
            lost_from = -1
        elif lost_from < 0 and status == DAMAGED:
            lost_from = feed.origin + position
            # The record before may be the damaged one: one byte of its length, and it swallows the next.
            position = last_start + form.head - feed.origin if last_start >= 0 else position + 1
            last_start = -1
        feed.advance(position, last_start - feed.origin if last_start >= 0 else position)
        if (status == SHORT or feed.start >= feed.end) and not feed.fill():
            return
