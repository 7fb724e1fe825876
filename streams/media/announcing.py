"""Announcements of the dialogs applied in event-time order: who listens where, since when, until when."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final

from schemas.clock import END_OF_CAPTURE
from schemas.media_endpoints import (
    CallAnswered,
    CallEnded,
    EndpointBatch,
    EndpointClosed,
    EndpointEvent,
    EndpointOpened,
)
from streams.media.binding import Binding
from streams.media.flow import Flow
from streams.media.flow_table import BOUND, UNBOUND, WAITING, FlowTable
from streams.media.measuring import Measuring
from streams.media.owners import Address, Owner, Owners
from streams.media.reports import Reports
from streams.media.state import S

FLOWS_LOOKED_THROUGH: Final = 16
"""Flows of an address that are all looked at; of more only those that may be concerned."""

FORGET_US: Final = 70_000_000
"""Flows and ended calls are kept this long for what still comes."""


class Announcements:
    """Those of one site. What one changes holds from its own time on: packets before it are measured first,
    whatever came in one batch."""

    def __init__(
        self, table: FlowTable, owners: Owners, binding: Binding, measuring: Measuring, reports: Reports
    ) -> None:
        self.table, self.owners, self.binding = table, owners, binding
        self.measuring, self.reports = measuring, reports
        self.slots = table.slots
        self.events: list[tuple[int, int, int, EndpointEvent]] = []
        """Time (µs), dialogs partition, order of arrival, and what is announced."""
        self.arrived = 0
        self.forget_at: deque[tuple[int, str]] = deque()

    def take(self, batch: EndpointBatch) -> None:
        """Queue announcements."""
        for event in batch.events:
            self.arrived += 1
            self.events.append((event.time_us, batch.source, self.arrived, event))

    def apply(self, now: int) -> None:
        """Apply those before `now`."""
        for time_us, event in self._due(now):
            self._apply(time_us, event)

    def forget_calls(self, now: int) -> None:
        """Forget the calls that ended long before `now`."""
        forgotten = []
        while self.forget_at and self.forget_at[0][0] < now:
            forgotten.append(self.forget_at.popleft()[1])
        self.owners.forget(forgotten)

    def _due(self, now: int) -> Iterator[tuple[int, EndpointEvent]]:
        if not self.events:
            return
        self.events.sort(key=lambda entry: entry[:3])
        cut = len(self.events)
        while cut and self.events[cut - 1][0] >= now and now < END_OF_CAPTURE:
            cut -= 1
        due, self.events = self.events[:cut], self.events[cut:]
        for time_us, _, _, event in due:
            yield time_us, event

    def _apply(self, time_us: int, event: EndpointEvent) -> None:
        self.owners.touched.add(event.cdr_id)
        if isinstance(event, EndpointOpened):
            self._opened(event)
        elif isinstance(event, EndpointClosed):
            for owner in self.owners.of_call(event.cdr_id):
                same = (owner.owner, owner.hop, owner.branch) == (event.owner, event.hop, event.branch)
                if same and owner.address == (event.ip, event.port):
                    self._until(owner, time_us)
        elif isinstance(event, CallAnswered):
            self._answered(event)
        elif isinstance(event, CallEnded):
            for owner in self.owners.of_call(event.cdr_id):
                self._until(owner, time_us)
            self.forget_at.append((time_us + FORGET_US, event.cdr_id))

    def _opened(self, event: EndpointOpened) -> None:
        flows = self._flows_near(event)
        early = {flow.slot for flow in flows if self._heard_before(flow, event.time_us)}
        if early:  # what came before the announcement must not know of it
            self.measuring.bind_waiting(event.time_us, early)
            self.reports.read(event.time_us)
            self.measuring.measure(event.time_us, early)
        owner, new = self.owners.opened(event)
        for flow in flows:
            first = flow.owners[0] if flow.owners else None
            if self.table.status[flow.slot] == BOUND and first is not None and first.cdr_id == event.cdr_id:
                self.binding.change_map(flow, self.binding.map_of(first))
                if first.answered_us < event.time_us:  # the parties changed over: no loss
                    self.table.set(flow.slot, S.FORGIVE_FROM, event.time_us)
        if not new:
            return
        for flow in self._touched(owner.addresses, event.cdr_id, owner.owner):
            status = self.table.status[flow.slot]
            if status == UNBOUND:
                claim = self.owners.next_claim(flow.source, flow.destination, 0)
                self.table.lower(flow.slot, S.CUT_AT, max(claim - 1, 0))
            elif status == BOUND:
                self.binding.join(flow, owner, event.time_us)

    def _flows_near(self, event: EndpointOpened) -> list[Flow]:
        """Flows to and from the event's address and the call's other endpoints."""
        addresses = {(event.ip, event.port), (event.sip_ip, event.port), *event.candidates}
        for owner in self.owners.of_call(event.cdr_id):
            addresses |= owner.addresses
        return self._touched(addresses, event.cdr_id, event.owner)

    def _touched(self, addresses: Iterable[Address], cdr_id: str, side: str) -> list[Flow]:
        """Flows to and from these addresses that news of this side of the call may touch: where many calls
        are answered on one port, not those of other calls that announced both of their ends."""
        flows = self.table.to_or_from(addresses)
        if len(flows) <= FLOWS_LOOKED_THROUGH:
            return flows
        peers = {owner.address for owner in self.owners.of_call(cdr_id) if owner.owner != side}
        status = self.table.status
        return [
            flow
            for flow in flows
            if not flow.paired
            or flow.peer in peers
            or status[flow.slot] != BOUND
            or any(owner.cdr_id == cdr_id for owner in flow.owners)
        ]

    def _heard_before(self, flow: Flow, time_us: int) -> bool:
        status = self.table.status[flow.slot]
        return bool(status == BOUND or (status == WAITING and 0 < flow.first_us < time_us))

    def _answered(self, event: CallAnswered) -> None:
        for owner in self.owners.of_call(event.cdr_id):
            owner.answered_us = min(owner.answered_us, event.time_us)
            for flow in self._touched((owner.address,), event.cdr_id, owner.owner):
                stranger = all(other.cdr_id != event.cdr_id for other in flow.owners)
                bound = self.table.status[flow.slot] == BOUND
                if bound and stranger and not self.owners.only_theirs(flow.owners, flow.peer, owner):
                    self.table.lower(flow.slot, S.WATCH_FROM, event.time_us)

    def _until(self, owner: Owner, time_us: int) -> None:
        if owner.until_us <= time_us:
            return
        owner.until_us = time_us
        for flow in self.table.to_or_from(owner.addresses):
            if owner in flow.owners and self.table.status[flow.slot] == BOUND:
                self.table.set(flow.slot, S.CUT_AT, self.binding.cut_at(flow))
