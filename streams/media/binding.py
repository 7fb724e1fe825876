"""Which stream a flow's packets begin, whose it is, and until when."""

from collections.abc import Iterable
from typing import Final

import numpy as np

from streams.bounds import OWNERS_PER_STREAM_MAX
from streams.media.flow import Flow, stream_id
from streams.media.flow_table import BOUND, UNBOUND, WAITING, FlowTable
from streams.media.maps import STATIC_MAP, PayloadMaps
from streams.media.outbox import Outbox
from streams.media.owners import REACH_BACK_US, Match, Owner, Owners
from streams.media.pending import Pending
from streams.media.state import NEVER, S

GRACE_US: Final = 1_000_000
"""A flow stays with its owners this long after the last of them ended."""

UNBOUND_IDLE_US: Final = 60_000_000
"""A flow that no call announced ends after this long without a packet."""


class Binding:
    """Gives the flows of a site to the owners of their endpoints."""

    def __init__(self, table: FlowTable, owners: Owners, maps: PayloadMaps, outbox: Outbox) -> None:
        self.table, self.owners, self.maps, self.outbox = table, owners, maps, outbox
        self.slots = table.slots

    def bind_waiting(self, pending: Iterable[Pending], now: int, only: set[int] | None = None) -> None:
        """Bind the flows whose first packet lies before `now`, where it can be decided."""
        undecided: set[int] = set()
        for waiting in pending:
            unbound = (self.table.status[waiting.slot] == WAITING) & (waiting.stop > waiting.start)
            if only is not None:
                unbound &= np.isin(waiting.slot, list(only))
            some = np.flatnonzero(unbound)
            firsts = waiting.arrival_us[waiting.start[some]].tolist()
            for slot, first_us in zip(waiting.slot[some].tolist(), firsts, strict=True):
                if self.table.status[slot] != WAITING or slot in undecided:
                    continue
                if first_us >= now or not self.bind(slot, first_us, now):
                    undecided.add(slot)

    def bind(self, slot: int, first_us: int, now: int) -> bool:
        """Begin a stream with the flow's next packet; False where it is too early to tell whose it is."""
        flow = self.table.at(slot)
        if self.slots[slot, S.HELD]:
            first_us = min(first_us, self.slots[slot, S.HELD_ARRIVAL])
        match = self.owners.match(flow.source, flow.destination, first_us, now - 1)
        if match is None and now - 1 < first_us + REACH_BACK_US:
            return False
        flow.begin(stream_id(flow, first_us))
        self.table.stream[slot] = flow.stream
        if match is None:
            claim = self.owners.next_claim(flow.source, flow.destination, first_us)
            self.slots.begin(slot, STATIC_MAP, NEVER if claim >= NEVER else claim - 1, NEVER, UNBOUND_IDLE_US)
            self.table.status[slot] = UNBOUND
        else:
            self._bind_to(flow, match, first_us)
        self._route(flow)
        return True

    def _bind_to(self, flow: Flow, match: Match, first_us: int) -> None:
        flow.owner_count = len(match.owners)
        flow.owners = match.owners[:OWNERS_PER_STREAM_MAX]
        flow.matched_by, flow.towards = match.by, match.towards
        flow.paired = any(self.owners.faces(owner, flow.peer) for owner in flow.owners)
        place = flow.destination if match.towards else flow.source
        watch_from = NEVER  # until another call on this place is answered
        calls = [owner.cdr_id for owner in flow.owners]
        for owner in self.owners.at(place):
            stranger = first_us < owner.answered_us < watch_from and owner.cdr_id not in calls
            if stranger and (not flow.paired or self.owners.faces(owner, flow.peer)):
                watch_from = owner.answered_us
        self.slots.begin(flow.slot, self.map_of(flow.owners[0]), self.cut_at(flow), watch_from, NEVER)
        self.table.status[flow.slot] = BOUND

    def map_of(self, owner: Owner) -> int:
        """The payload map of a stream: the endpoint's own types first, then the call's others."""
        return self.maps.announced(self.owners.payloads(owner))

    def change_map(self, flow: Flow, number: int) -> None:
        """The call gave the payload types other meanings; a new clock takes the kernel's full way."""
        before, payload_type = self.slots[flow.slot, S.MAP], self.slots[flow.slot, S.PT]
        if before == number:
            return
        ticks = self.maps.ticks
        if payload_type >= 0 and ticks[before * 128 + payload_type] != ticks[number * 128 + payload_type]:
            self.table.set(flow.slot, S.AFTER, 1)
        self.table.set(flow.slot, S.MAP, number)

    def join(self, flow: Flow, owner: Owner, time_us: int) -> None:
        """A further call that announces the endpoint within 2 s of the stream's begin shares it."""
        place = flow.destination if flow.towards else flow.source
        direct = flow.matched_by in ("sdp-destination", "sdp-source") and owner.address == place
        if not direct or any(other.cdr_id == owner.cdr_id for other in flow.owners):
            return
        if self.owners.only_theirs(flow.owners, flow.peer, owner):
            return
        if not self.owners.reaches(owner, self.slots[flow.slot, S.FIRST] or time_us):
            self.table.lower(flow.slot, S.WATCH_FROM, owner.answered_us)
            return
        flow.owner_count += 1
        if len(flow.owners) < OWNERS_PER_STREAM_MAX:
            flow.owners = [*flow.owners, owner]
            self._route(flow)
            self.table.set(flow.slot, S.CUT_AT, self.cut_at(flow))

    def cut_at(self, flow: Flow) -> int:
        """Until when the flow is its owners', µs."""
        latest = max([owner.until_us for owner in flow.owners])
        return NEVER if latest >= NEVER else latest + GRACE_US

    def _route(self, flow: Flow) -> None:
        """Where the stream's rows go, and that its owners are to be told of it."""
        targets = self.outbox.targets(flow)
        self.table.sent[flow.slot] = False
        self.table.changed[flow.slot] = True
        self.table.partition[flow.slot] = targets[0] if len(targets) == 1 else -1
