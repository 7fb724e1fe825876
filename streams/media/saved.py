"""The state of a site's media as bytes by key, and back."""

from collections import deque
from collections.abc import Iterable, Mapping

import msgspec
import numpy as np

from schemas.media_endpoints import EndpointEvent
from schemas.rtcp_packets import RtcpPacket
from streams.clock import SiteClock
from streams.media.flow import Flow
from streams.media.owners import Owner
from streams.media.pending import Pending
from streams.media.site import SiteMedia
from streams.media.state import BINS, WORDS


class SavedFlow(msgspec.Struct, array_like=True):
    """A flow, its status and its slot's words and histogram."""

    flow: Flow
    status: int
    stream: int
    sent: bool
    partition: int
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
    sent: dict[int, dict[int, int]]
    forget_at: list[tuple[int, str]]
    pending: list[SavedPackets]


_encode = msgspec.msgpack.Encoder().encode
_flow = msgspec.msgpack.Decoder(SavedFlow).decode
_owners = msgspec.msgpack.Decoder(list[Owner]).decode
_site = msgspec.msgpack.Decoder(SavedSite).decode


def save(site: SiteMedia) -> dict[bytes, bytes | None]:
    """What changed since the last call, by key; None deletes."""
    changes: dict[bytes, bytes | None] = {b"site": _encode(_saved_site(site))}
    for cdr_id in site.owners.touched:
        owners = site.owners.of_call(cdr_id)
        changes[b"owners:" + cdr_id.encode()] = _encode(owners) if owners else None
    site.owners.touched.clear()
    for slot in np.flatnonzero(site.table.changed).tolist():
        flow = site.table.flow[slot]
        changes[b"flow:%d" % slot] = _encode(_saved_flow(site, flow)) if flow is not None else None
    site.table.changed[:] = False
    return changes


def _saved_flow(site: SiteMedia, flow: Flow) -> SavedFlow:
    slot, table = flow.slot, site.table
    return SavedFlow(
        flow, int(table.status[slot]), int(table.stream[slot]), bool(table.sent[slot]),
        int(table.partition[slot]), table.slots.words[slot * WORDS : (slot + 1) * WORDS].tobytes(),
        table.slots.bins[slot * BINS : (slot + 1) * BINS].tobytes(),
    )  # fmt: skip


def _saved_site(site: SiteMedia) -> SavedSite:
    return SavedSite(
        site.clock, site.told, site.swept, site.arrived, site.events, site.reports.waiting,
        site.reports.reader.sent, list(site.forget_at), [_saved_packets(waiting) for waiting in site.pending],
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
    flows = [_flow(value) for key, value in state.items() if key.startswith(b"flow:")]
    for saved in sorted(flows, key=lambda saved: saved.flow.slot):
        _load_flow(site, saved)
    used = {saved.flow.slot for saved in flows}
    site.table.slots.free = [slot for slot in range(site.table.slots.count) if slot not in used]
    site.owners.touched.clear()
    site.table.changed[:] = False


def _load_site(site: SiteMedia, saved: SavedSite) -> None:
    site.clock, site.told, site.swept, site.arrived = saved.clock, saved.told, saved.swept, saved.arrived
    site.events, site.reports.waiting = saved.events, saved.reports
    site.reports.reader.sent = saved.sent
    site.forget_at = deque(saved.forget_at)
    site.pending = deque(_pending(packets) for packets in saved.pending)


def _pending(packets: SavedPackets) -> Pending:
    return Pending.of(
        {name: np.frombuffer(getattr(packets, name), dtype).copy() for name, dtype in COLUMNS.items()}
    )


def _load_flow(site: SiteMedia, saved: SavedFlow) -> None:
    flow, table, slot = saved.flow, site.table, saved.flow.slot
    table.place(flow)
    table.status[slot], table.stream[slot] = saved.status, saved.stream
    table.sent[slot], table.partition[slot] = saved.sent, saved.partition
    table.slots.words[slot * WORDS : (slot + 1) * WORDS] = np.frombuffer(saved.words, np.int64)
    table.slots.bins[slot * BINS : (slot + 1) * BINS] = np.frombuffer(saved.bins, np.uint16)
    flow.owners = [_same(site.owners.of_call(owner.cdr_id), owner) for owner in flow.owners]
    if flow.copies or flow.reports:
        site.noted.add(slot)


def _same(owners: Iterable[Owner], copy: Owner) -> Owner:
    """The owner that the flow's copy was made of."""
    for owner in owners:
        if (owner.owner, owner.hop, owner.branch, owner.address, owner.from_us) == (
            copy.owner, copy.hop, copy.branch, copy.address, copy.from_us,
        ):  # fmt: skip
            return owner
    return copy
