"""The state of a site's media as bytes by key, and back.

Flows are saved in blocks of slots: all that are talking change all the time, and a value a flow would cost
more than the flow.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
import numpy as np

from schemas.media_endpoints import EndpointEvent
from schemas.media_windows import Unread
from schemas.rtcp_packets import RtcpPacket
from streams.clock import SiteClock
from streams.media.flow import Flow
from streams.media.flow_table import FlowTable
from streams.media.owners import Owner
from streams.media.pending import Pending
from streams.media.site import SiteMedia
from streams.media.state import BINS, WORDS

BLOCK: Final = 64
"""Slots of a block: with their words and histograms 90 kB."""


class SavedFlows(msgspec.Struct, array_like=True):
    """The flows of a block, n in order of their slots; of these status (uint8), stream (int64), sent (bool)
    and partition (int64), words (int64, n x WORDS) and histograms (uint16, n x BINS)."""

    flows: list[Flow]
    status: bytes
    stream: bytes
    sent: bytes
    partition: bytes
    words: bytes
    bins: bytes


class SavedPackets(msgspec.Struct, array_like=True):
    """Packets not applied yet."""

    slot: bytes
    start: bytes
    stop: bytes
    arrival_us: bytes
    sequence: bytes
    timestamp: bytes
    marker_type: bytes
    length: bytes
    small_at: bytes
    small: bytes


class SavedSite(msgspec.Struct, array_like=True):
    """What is neither flow nor owner."""

    clock: SiteClock
    told: int
    swept: int
    arrived: int
    events: list[tuple[int, int, int, EndpointEvent]]
    reports: list[tuple[int, str, RtcpPacket]]
    sent: dict[str, dict[int, int]]
    forget_at: list[tuple[int, str]]
    pending: list[SavedPackets]
    unread: list[Unread] = []


_encode = msgspec.msgpack.Encoder().encode
_flows = msgspec.msgpack.Decoder(SavedFlows).decode
_owners = msgspec.msgpack.Decoder(list[Owner]).decode
_site = msgspec.msgpack.Decoder(SavedSite).decode


def save(site: SiteMedia) -> dict[bytes, bytes | None]:
    """What changed since the last call, by key; None deletes."""
    changes: dict[bytes, bytes | None] = {b"site": _encode(_saved_site(site))}
    for cdr_id in site.owners.touched:
        owners = site.owners.of_call(cdr_id)
        changes[b"owners:" + cdr_id.encode()] = _encode(owners) if owners else None
    site.owners.touched.clear()
    for block in np.unique(np.flatnonzero(site.table.changed) // BLOCK).tolist():
        changes[b"flows:%d" % block] = _saved_flows(site.table, block * BLOCK)
    site.table.changed[:] = False
    return changes


def _saved_flows(table: FlowTable, first: int) -> bytes | None:
    """The flows of the block that begins with this slot; None where there are none."""
    flows = [flow for flow in table.flow[first : first + BLOCK] if flow is not None]
    if not flows:
        return None
    slots = np.array([flow.slot for flow in flows], np.int64)
    words, bins = table.slots.words.reshape(-1, WORDS), table.slots.bins.reshape(-1, BINS)
    columns = (table.status, table.stream, table.sent, table.partition, words, bins)
    return _encode(SavedFlows(flows, *(column[slots].tobytes() for column in columns)))


def _saved_site(site: SiteMedia) -> SavedSite:
    return SavedSite(
        site.clock, site.told, site.swept, site.announcements.arrived, site.announcements.events,
        site.reports.waiting, site.reports.reader.sent, list(site.announcements.forget_at),
        [_saved_packets(waiting) for waiting in site.measuring.pending], site.unread,
    )  # fmt: skip


def _saved_packets(waiting: Pending) -> SavedPackets:
    return SavedPackets(*(np.ascontiguousarray(getattr(waiting, name)).tobytes() for name in COLUMNS))


COLUMNS = {
    "slot": np.int64, "start": np.int64, "stop": np.int64, "arrival_us": np.int64, "sequence": np.uint16,
    "timestamp": np.uint32, "marker_type": np.uint8, "length": np.uint16, "small_at": np.int32,
    "small": np.uint8,
}  # fmt: skip


def load(site: SiteMedia, state: Mapping[bytes, bytes]) -> None:
    """Give a new site the state that `save` gave, all of it put together."""
    for key, value in sorted(state.items()):
        if key.startswith(b"owners:"):
            for owner in _owners(value):
                site.owners.add(owner)
        elif key == b"site":
            _load_site(site, _site(value))
    blocks = [_flows(value) for key, value in state.items() if key.startswith(b"flows:")]
    for saved in sorted(blocks, key=lambda saved: saved.flows[0].slot):
        _load_flows(site, saved)
    used = {flow.slot for saved in blocks for flow in saved.flows}
    site.table.slots.free = [slot for slot in range(site.table.slots.count) if slot not in used]
    site.owners.touched.clear()
    site.table.changed[:] = False


def _load_site(site: SiteMedia, saved: SavedSite) -> None:
    site.clock, site.told, site.swept = saved.clock, saved.told, saved.swept
    site.announcements.arrived, site.announcements.events = saved.arrived, saved.events
    site.announcements.forget_at = deque(saved.forget_at)
    site.reports.waiting, site.reports.reader.sent = saved.reports, saved.sent
    site.measuring.pending = deque(_pending(packets) for packets in saved.pending)
    site.unread = saved.unread


def _pending(packets: SavedPackets) -> Pending:
    return Pending.of(
        {name: np.frombuffer(getattr(packets, name), dtype).copy() for name, dtype in COLUMNS.items()}
    )


def _load_flows(site: SiteMedia, saved: SavedFlows) -> None:
    table = site.table
    for flow in saved.flows:
        table.place(flow)
        flow.owners = [_same(site.owners.of_call(owner.cdr_id), owner) for owner in flow.owners]
        if flow.copies or flow.reports:
            site.noted.add(flow.slot)
    slots = np.array([flow.slot for flow in saved.flows], np.int64)
    words, bins = table.slots.words.reshape(-1, WORDS), table.slots.bins.reshape(-1, BINS)
    table.status[slots] = np.frombuffer(saved.status, np.uint8)
    table.stream[slots] = np.frombuffer(saved.stream, np.int64)
    table.sent[slots] = np.frombuffer(saved.sent, np.bool_)
    table.partition[slots] = np.frombuffer(saved.partition, np.int64)
    words[slots] = np.frombuffer(saved.words, np.int64).reshape(-1, WORDS)
    bins[slots] = np.frombuffer(saved.bins, np.uint16).reshape(-1, BINS)


def _same(owners: Iterable[Owner], copy: Owner) -> Owner:
    """The owner that the flow's copy was made of."""
    for owner in owners:
        if (owner.owner, owner.hop, owner.branch, owner.address, owner.from_us) == (
            copy.owner, copy.hop, copy.branch, copy.address, copy.from_us,
        ):  # fmt: skip
            return owner
    return copy
