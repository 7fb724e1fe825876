"""The media of one site: flows bound to calls, their packets measured, window rows out."""

from collections import deque
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from eventlog.topics import partition, routing
from schemas.clock import END_OF_CAPTURE
from schemas.media_endpoints import (
    CallAnswered,
    CallEnded,
    EndpointBatch,
    EndpointClosed,
    EndpointEvent,
    EndpointOpened,
    Payload,
)
from schemas.media_windows import COLUMNS, Digit, Gap, RtcpSummary, StreamInfo, W, WindowBatch
from schemas.rtcp_packets import RtcpBatch, RtcpPacket
from schemas.rtp_packets import RtpBatch
from streams.bounds import FLOWS_MAX, OWNERS_PER_STREAM_MAX, RTCP_QUEUE_MAX
from streams.clock import SiteClock
from streams.media import kernel
from streams.media.flow import EventInProgress, Flow, RtcpSums, finished_digit, stream_id, stream_info
from streams.media.maps import STATIC_MAP, PayloadMaps, key_of
from streams.media.owners import REACH_BACK_US, Address, Match, Owner, Owners
from streams.media.pending import Pending
from streams.media.rtcp import RtcpReader
from streams.media.settings import MediaSettings
from streams.media.slots import Rows, Slots
from streams.media.state import NEVER, Kind, S

I64 = NDArray[np.int64]

GRACE_US: Final = 1_000_000
"""A flow stays with its owners this long after the last of them ended."""

UNBOUND_IDLE_US: Final = 60_000_000
"""A flow that no call announced ends after this long without a packet."""

FORGET_US: Final = 70_000_000
"""Flows and ended calls are kept this long for what still comes."""

NO_SENSOR: Final = "rtp"
"""Holds the clock until the first sensor has spoken."""

WAITING, BOUND, UNBOUND = 0, 1, 2
"""Status of a slot: first packet not bound yet, measured for its owners, measured for nobody."""


class Outgoing:
    """What goes to one calls partition with the next batch."""

    __slots__ = ("digits", "ended", "gaps", "row_stream", "rows", "rtcp", "streams")

    def __init__(self) -> None:
        self.streams: list[StreamInfo] = []
        self.row_stream: list[I64] = []
        self.rows: list[I64] = []
        self.gaps: list[Gap] = []
        self.digits: list[Digit] = []
        self.rtcp: list[RtcpSummary] = []
        self.ended: list[int] = []


class SiteMedia:
    """All media of one account's site in one media partition."""

    def __init__(
        self,
        account: str,
        site: str,
        source: int,
        dialogs: int,
        calls: int,
        maps: PayloadMaps,
        settings: MediaSettings,
        counters: dict[str, int],
    ) -> None:
        self.account, self.site, self.source, self.calls = account, site, source, calls
        self.maps, self.settings, self.counters = maps, settings, counters
        self.clock = SiteClock.of((*(f"dialogs-{n}" for n in range(dialogs)), NO_SENSOR))
        self.owners = Owners(packed_aliases(settings.natalias))
        self.slots = Slots()
        self.rows = Rows(1024)
        self.status = np.zeros(0, np.uint8)
        self.stream_of = np.zeros(0, np.int64)
        self.sent = np.zeros(0, np.bool_)  # the stream's description went out to all its owners
        self.partition_of = np.zeros(0, np.int64)  # calls partition of its only owner, -1 several
        self.flow_of: list[Flow | None] = []
        self.flows: dict[tuple[str, int], Flow] = {}
        self.by_address: dict[Address, list[Flow]] = {}
        self.by_ssrc: dict[int, list[Flow]] = {}
        self.pending: deque[Pending] = deque()
        self.events: list[tuple[int, int, int, EndpointEvent]] = []
        self.arrived = 0
        self.reader = RtcpReader()
        self.reports: list[tuple[int, str, RtcpPacket]] = []
        self.outgoing = [Outgoing() for _ in range(calls)]
        self.forget_at: deque[tuple[int, str]] = deque()
        self.touched: set[int] = set()  # slots changed since the state was saved
        self.noted: set[int] = set()  # slots with copies or reports to tell
        self.swept = -NEVER
        self.told = -NEVER

    # -- inputs --------------------------------------------------------------------------------------

    def take_rtp(self, batch: RtpBatch) -> None:
        """Queue a batch; flows are described, nothing is measured yet."""
        self._heard(f"rtp-{batch.sensor}", f"rtcp-{batch.sensor}", batch.clock_us)
        self._describe(batch)
        if not len(batch.present):
            return
        flows, sensor, slots = self.flows, batch.sensor, []
        starts = (np.cumsum(batch.count) - batch.count).tolist()
        for number, count, start in zip(batch.present.tolist(), batch.count.tolist(), starts, strict=True):
            flow = flows.get((sensor, number))
            if flow is None:
                self._count("rtp-without-flow")
                slots.append(-1)
                continue
            slots.append(flow.slot)
            if count and not flow.first_us:
                flow.first_us = int(batch.arrival_us[start])
        if batch.copies.any():
            self._take_copies(batch)
        waiting = Pending.of_batch(batch, np.array(slots, np.int64))
        self.touched.update(slots)
        if min(slots) < 0:
            waiting.start = np.where(waiting.slot < 0, waiting.stop, waiting.start)
            waiting.drop_done()
        self.pending.append(waiting)

    def _take_copies(self, batch: RtpBatch) -> None:
        for number, copies in zip(batch.present.tolist(), batch.copies.tolist(), strict=True):
            flow = self.flows.get((batch.sensor, number))
            if copies and flow is not None:
                flow.copies += copies
                self.noted.add(flow.slot)

    def take_rtcp(self, batch: RtcpBatch) -> None:
        """Queue RTCP packets."""
        self._heard(f"rtcp-{batch.sensor}", f"rtp-{batch.sensor}", batch.clock_us)
        self.reports += [(packet.time_us, batch.sensor, packet) for packet in batch.packets]

    def _heard(self, topic: str, twin: str, clock_us: int) -> None:
        """A sensor spoke on one of its two topics; the site waits for both."""
        self.clock.hold(twin)
        self.clock.marks.pop(NO_SENSOR, None)
        self.clock.heard(topic, clock_us)

    def take_endpoints(self, batch: EndpointBatch) -> None:
        """Queue announcements."""
        self.clock.heard(f"dialogs-{batch.source}", batch.clock_us)
        for event in batch.events:
            self.arrived += 1
            self.events.append((event.time_us, batch.source, self.arrived, event))

    def _describe(self, batch: RtpBatch) -> None:
        rows = batch.flows
        if not len(rows.flow):
            return
        columns = (
            rows.flow,
            rows.kind,
            rows.family,
            rows.src_port,
            rows.dst_port,
            rows.ssrc,
            rows.dscp,
            rows.vlan,
        )
        described = zip(*(column.tolist() for column in columns), strict=True)
        for n, (number, kind, family, src_port, dst_port, ssrc, dscp, vlan) in enumerate(described):
            key = (batch.sensor, number)
            flow = self.flows.get(key)
            if flow is not None:
                flow.dscp, flow.vlan = dscp, vlan
                continue
            size = 4 if family == 4 else 16
            source = (rows.src_ip[n, :size].tobytes(), src_port)
            destination = (rows.dst_ip[n, :size].tobytes(), dst_port)
            slot = self.slots.allocate()
            where = (source, destination, ssrc, dscp, vlan)
            self.place(Flow(slot, batch.sensor, number, kind, *where, last_us=batch.clock_us))
            self.status[slot] = WAITING
        if len(self.flows) > FLOWS_MAX:
            self._evict()

    def place(self, flow: Flow) -> None:
        """Enter a flow into its slot and every index."""
        self.slots.reserve(flow.slot)
        self._grow(flow.slot)
        self.flows[flow.sensor, flow.number] = self.flow_of[flow.slot] = flow
        self.by_address.setdefault(flow.destination, []).append(flow)
        self.by_address.setdefault(flow.source, []).append(flow)
        self.by_ssrc.setdefault(flow.ssrc, []).append(flow)

    def _grow(self, slot: int) -> None:
        if slot >= len(self.status):
            room = max(256, 2 * len(self.status))
            self.status = np.resize(self.status, room)
            self.stream_of = np.resize(self.stream_of, room)
            self.sent = np.resize(self.sent, room)
            self.partition_of = np.resize(self.partition_of, room)
            self.flow_of += [None] * (room - len(self.flow_of))

    # -- the step ------------------------------------------------------------------------------------

    def advance(self) -> list[WindowBatch]:
        """Apply everything before the clock; one batch a calls partition where the clock moved."""
        now = self.clock.now
        if now <= self.told:
            return []
        for time_us, event in self._due(now):
            self._apply(time_us, event)
        self._bind_waiting(now)
        self._read_reports(now)
        self._measure(now)
        self._end_streams(now)
        if now >= END_OF_CAPTURE or now - self.swept > 10_000_000:
            self._sweep(now)
        self.told = now
        return [self._batch(number, out, now) for number, out in enumerate(self.outgoing)]

    def _due(self, now: int) -> Iterable[tuple[int, EndpointEvent]]:
        if not self.events:
            return []
        self.events.sort(key=lambda entry: entry[:3])
        cut = len(self.events)
        while cut and self.events[cut - 1][0] >= now and now < END_OF_CAPTURE:
            cut -= 1
        due, self.events = self.events[:cut], self.events[cut:]
        return [(time_us, event) for time_us, _, _, event in due]

    # -- announcements -------------------------------------------------------------------------------

    def _apply(self, time_us: int, event: EndpointEvent) -> None:
        if isinstance(event, EndpointOpened):
            self._opened(event)
        elif isinstance(event, EndpointClosed):
            self.owners.touched.add(event.cdr_id)
            for owner in self.owners.of_call(event.cdr_id):
                same = (owner.owner, owner.hop, owner.branch) == (event.owner, event.hop, event.branch)
                if same and owner.address == (event.ip, event.port):
                    self._until(owner, time_us)
        elif isinstance(event, CallAnswered):
            self.owners.touched.add(event.cdr_id)
            self._answered(event)
        elif isinstance(event, CallEnded):
            self.owners.touched.add(event.cdr_id)
            for owner in self.owners.of_call(event.cdr_id):
                self._until(owner, time_us)
            self.forget_at.append((time_us + FORGET_US, event.cdr_id))

    def _opened(self, event: EndpointOpened) -> None:
        flows = self._flows_near(event)
        early = {flow.slot for flow in flows if self._heard_before(flow, event.time_us)}
        if early:  # what came before the announcement must not know of it
            self._bind_waiting(event.time_us, early)
            self._measure(event.time_us, early)
        owner, new = self.owners.opened(event)
        for flow in flows:
            first = flow.owners[0] if flow.owners else None
            if self.status[flow.slot] == BOUND and first is not None and first.cdr_id == event.cdr_id:
                self._change_map(flow, self._map_of(first))
        if not new:
            return
        for address in {owner.address, owner.sip_address, *owner.candidates}:
            for flow in self.by_address.get(address, ()):
                status = self.status[flow.slot]
                if status == UNBOUND:
                    claim = self.owners.next_claim(flow.source, flow.destination, 0)
                    self._set(flow, S.CUT_AT, min(self.slots[flow.slot, S.CUT_AT], max(claim - 1, 0)))
                elif status == BOUND:
                    self._join(flow, owner, event.time_us)

    def _flows_near(self, event: EndpointOpened) -> list[Flow]:
        """Flows to and from the event's address and the call's other endpoints."""
        addresses = {(event.ip, event.port), (event.sip_ip, event.port), *map(tuple, event.candidates)}
        for owner in self.owners.of_call(event.cdr_id):
            addresses |= {owner.address, owner.sip_address, *owner.candidates}
        found = {flow.slot: flow for address in addresses for flow in self.by_address.get(address, ())}  # type: ignore[arg-type]
        return list(found.values())

    def _heard_before(self, flow: Flow, time_us: int) -> bool:
        status = self.status[flow.slot]
        return status == BOUND or (status == WAITING and 0 < flow.first_us < time_us)

    def _change_map(self, flow: Flow, number: int) -> None:
        """The call gave the payload types other meanings; a new clock takes the kernel's full way."""
        before, payload_type = self.slots[flow.slot, S.MAP], self.slots[flow.slot, S.PT]
        if before == number:
            return
        ticks = self.maps.ticks
        if payload_type >= 0 and ticks[before * 128 + payload_type] != ticks[number * 128 + payload_type]:
            self._set(flow, S.AFTER, 1)
        self._set(flow, S.MAP, number)

    def _set(self, flow: Flow, word: S, value: int) -> None:
        self.slots[flow.slot, word] = value
        self.touched.add(flow.slot)

    def _join(self, flow: Flow, owner: Owner, time_us: int) -> None:
        """A further call that announces the endpoint within 2 s of the stream's begin shares it."""
        first = self.slots[flow.slot, S.FIRST]
        place = flow.destination if flow.towards else flow.source
        direct = flow.matched_by in ("sdp-destination", "sdp-source") and owner.address == place
        if not direct or any(other.cdr_id == owner.cdr_id for other in flow.owners):
            return
        if not self.owners.reaches(owner, first or time_us):
            self._set(flow, S.WATCH_FROM, min(self.slots[flow.slot, S.WATCH_FROM], owner.answered_us))
            return
        flow.owner_count += 1
        if len(flow.owners) < OWNERS_PER_STREAM_MAX:
            flow.owners = [*flow.owners, owner]
            self._route(flow)
            self._set(flow, S.CUT_AT, self._cut_at(flow))

    def _answered(self, event: CallAnswered) -> None:
        for owner in self.owners.of_call(event.cdr_id):
            owner.answered_us = min(owner.answered_us, event.time_us)
            for flow in self.by_address.get(owner.address, ()):
                stranger = all(other.cdr_id != event.cdr_id for other in flow.owners)
                if self.status[flow.slot] == BOUND and stranger:
                    watch = min(self.slots[flow.slot, S.WATCH_FROM], event.time_us)
                    self._set(flow, S.WATCH_FROM, watch)

    def _until(self, owner: Owner, time_us: int) -> None:
        if owner.until_us <= time_us:
            return
        owner.until_us = time_us
        for flow in self._bound_to(owner):
            self._set(flow, S.CUT_AT, self._cut_at(flow))

    def _bound_to(self, owner: Owner) -> list[Flow]:
        return [
            flow
            for address in {owner.address, owner.sip_address, *owner.candidates}
            for flow in self.by_address.get(address, ())
            if any(other is owner for other in flow.owners) and self.status[flow.slot] == BOUND
        ]

    def _cut_at(self, flow: Flow) -> int:
        latest = max(owner.until_us for owner in flow.owners)
        return NEVER if latest >= NEVER else latest + GRACE_US

    # -- binding -------------------------------------------------------------------------------------

    def _bind_waiting(self, now: int, only: set[int] | None = None) -> None:
        """Bind the flows whose first packet lies before `now`, where it can be decided."""
        undecided: set[int] = set()
        for waiting in self.pending:
            unbound = (self.status[waiting.slot] == WAITING) & (waiting.stop > waiting.start)
            if only is not None:
                unbound &= np.isin(waiting.slot, list(only))
            some = np.flatnonzero(unbound)
            for n in some.tolist():
                slot = int(waiting.slot[n])
                if self.status[slot] != WAITING or slot in undecided:
                    continue
                first_us = int(waiting.arrival_us[waiting.start[n]])
                if first_us >= now or not self._bind(slot, first_us, now):
                    undecided.add(slot)

    def _bind(self, slot: int, first_us: int, now: int) -> bool:
        """Begin a stream with the flow's next packet; False where it is too early to tell whose it is."""
        self.touched.add(slot)
        flow = self.flow_of[slot]
        assert flow is not None
        held = self.slots[slot, S.HELD]
        if held:
            first_us = min(first_us, self.slots[slot, S.HELD_ARRIVAL])
        match = self.owners.match(flow.source, flow.destination, first_us, now - 1)
        if match is None and now - 1 < first_us + REACH_BACK_US:
            return False
        flow.stream = stream_id(flow, first_us)
        flow.described = []
        flow.rtcp, flow.event, flow.ended_event = None, None, -1
        self.stream_of[slot] = flow.stream
        self.sent[slot] = False
        if match is None:
            flow.owners, flow.owner_count, flow.matched_by, flow.towards = [], 0, "", True
            flow.clock_rate = 0
            claim = self.owners.next_claim(flow.source, flow.destination, first_us)
            self.slots.begin(slot, STATIC_MAP, NEVER if claim >= NEVER else claim - 1, NEVER, UNBOUND_IDLE_US)
            self.status[slot] = UNBOUND
        else:
            self._bind_to(flow, match, first_us)
        self._route(flow)
        return True

    def _bind_to(self, flow: Flow, match: Match, first_us: int) -> None:
        owners = sorted(match.owners, key=lambda owner: (owner.from_us, owner.cdr_id))
        flow.owner_count = len(owners)
        flow.owners = owners[:OWNERS_PER_STREAM_MAX]
        flow.matched_by, flow.towards = match.by, match.towards
        watch = min(
            (
                owner.answered_us
                for owner in self.owners.by_address.get(
                    flow.destination if match.towards else flow.source, ()
                )
                if all(other.cdr_id != owner.cdr_id for other in flow.owners) and owner.answered_us > first_us
            ),
            default=NEVER,
        )
        number = self._map_of(flow.owners[0])
        self.slots.begin(flow.slot, number, self._cut_at(flow), watch, NEVER)
        self.status[flow.slot] = BOUND

    def _map_of(self, owner: Owner) -> int:
        """The payload map of a stream: the endpoint's own types first, then the call's others."""
        return self.maps.number(key_of(self._payloads(owner)))

    def _payloads(self, owner: Owner) -> list[Payload]:
        payloads = list(owner.payloads)
        for other in self.owners.of_call(owner.cdr_id):
            if other is not owner and other.media == owner.media:
                payloads += other.payloads
        return payloads

    def _route(self, flow: Flow) -> None:
        """Where the stream's rows go, and that its owners are to be told of it."""
        self.sent[flow.slot] = False
        self.touched.add(flow.slot)
        targets = {self._partition(owner.call_id) for owner in flow.owners}
        if not targets:
            targets = {self._partition(str(flow.stream))}
        self.partition_of[flow.slot] = targets.pop() if len(targets) == 1 else -1

    def _partition(self, call_id: str) -> int:
        return partition(routing(self.account, self.site, call_id), self.calls)

    # -- measuring -----------------------------------------------------------------------------------

    def _measure(self, now: int, only: set[int] | None = None) -> None:
        """Run the kernel over every packet before `now` whose stream is known, of all slots or some."""
        limit_of = np.array([-NEVER, now - 1, now - 1 - REACH_BACK_US], np.int64)
        if now >= END_OF_CAPTURE:
            limit_of[UNBOUND] = NEVER
        blocked: set[int] = set()
        for waiting in self.pending:
            while True:
                limits = limit_of[self.status[waiting.slot]]
                if only is not None:
                    limits = np.where(np.isin(waiting.slot, list(only)), limits, -NEVER)
                if blocked:
                    limits = np.where(np.isin(waiting.slot, list(blocked)), -NEVER, limits)
                stops = waiting.within(limits)
                if not self._run(waiting, stops, now):
                    break
            left = waiting.stop > waiting.start
            if left.any():
                blocked.update(waiting.slot[left].tolist())
                waiting.drop_done()
            else:
                waiting.drop_done()
        while self.pending and not len(self.pending[0].slot):
            self.pending.popleft()
        if any(not len(waiting.slot) for waiting in self.pending):
            self.pending = deque(waiting for waiting in self.pending if len(waiting.slot))

    def _run(self, waiting: Pending, stops: I64, now: int) -> bool:
        """Measure the packets from start to `stops`; True where streams were cut and there may be more."""
        chosen = np.flatnonzero(stops > waiting.start)
        if not len(chosen):
            return False
        slots, starts, until = waiting.slot[chosen], waiting.start[chosen], stops[chosen]
        self.touched.update(slots.tolist())
        out = self.rows
        out.make_room(64)
        if len(out.cuts) < 2 * len(chosen):
            out.cuts = np.zeros(2 * len(chosen), np.int64)
        out.control[:] = 0
        while True:
            full = kernel.measure(
                self.slots.words, self.slots.bins, waiting.arrival_us, waiting.sequence, waiting.timestamp,
                waiting.marker_type, waiting.length, slots, starts, until, len(chosen), self.maps.ticks,
                self.maps.kinds, out.rows, out.slot, out.gaps, out.cuts, out.control, 1,
            )  # fmt: skip
            self._drain()
            if full == kernel.DONE:
                break
        cuts = out.cuts[: 2 * int(out.control[kernel.C_CUTS])].reshape(-1, 2).tolist()
        for n, position in cuts:
            until[n] = position
        if len(waiting.small_at):
            self._read_events(waiting, slots, starts, until)
        waiting.start[chosen] = until
        for n, position in cuts:
            self._cut(int(slots[n]), int(waiting.arrival_us[position]), now)
        return bool(cuts)

    def _cut(self, slot: int, first_us: int, now: int) -> None:
        """End the slot's stream and bind the flow anew with its next packet."""
        self._finish(np.array([slot], np.int64), first_us - 1)
        self._bind(slot, first_us, now)

    def _finish(self, slots: I64, reports_until: int | None) -> None:
        """End the streams of these slots: their last rows, and `ended`. RTCP counts up to the time given,
        None: up to where the stream's owners end, else shortly after its last packet."""
        out = self.rows
        out.make_room(len(slots))
        out.control[:] = 0
        self.touched.update(slots.tolist())
        kernel.finish(self.slots.words, slots, len(slots), 1, out.rows, out.slot, out.control)
        for slot in slots.tolist():
            flow = self.flow_of[slot]
            if flow is not None and flow.event is not None:
                self._emit_digit(flow, flow.event.timestamp)
        self._drain()
        for slot in slots.tolist():
            flow = self.flow_of[slot]
            if flow is None:
                continue
            if flow.reports:
                cut_at = self.slots[slot, S.CUT_AT]
                own = cut_at if cut_at < NEVER else self.slots[slot, S.LAST] + GRACE_US
                self._fold_reports(flow, own if reports_until is None else min(own, reports_until))
            for target in self._targets(flow):
                self.outgoing[target].ended.append(flow.stream)
            self.status[slot] = WAITING
            flow.last_us = self.slots[slot, S.LAST]

    def _end_streams(self, now: int) -> None:
        """End the streams whose time is over by the clock alone."""
        count = self.slots.count
        if not count:
            return
        status = self.status[:count]
        if now >= END_OF_CAPTURE:
            over = status != WAITING
        else:
            idle = self.slots.column(S.LAST) + UNBOUND_IDLE_US < now - 1 - REACH_BACK_US
            cut = self.slots.column(S.CUT_AT) < now
            over = ((status == BOUND) & cut) | ((status == UNBOUND) & idle)
        slots = np.flatnonzero(over & (self.slots.column(S.OPEN) == 1))
        if len(slots):
            self._finish(slots, NEVER if now >= END_OF_CAPTURE else None)

    # -- rows out ------------------------------------------------------------------------------------

    def _drain(self) -> None:
        """Score the kernel's rows and hand them to the partitions of their calls."""
        rows, slots, gaps = self.rows.take()
        if len(gaps):
            self._gaps(gaps)
        if not len(rows):
            return
        self.maps.quality.score(rows, self.slots.column(S.MAP)[slots])
        for slot in np.unique(slots[~self.sent[slots]]).tolist():
            self._introduce(slot)
        streams, targets = self.stream_of[slots], self.partition_of[slots]
        self._notes(slots, rows)
        if self.calls == 1:
            self._hand_over(0, streams, rows)
            return
        for target in range(self.calls):
            some = targets == target
            if some.any():
                self._hand_over(target, streams[some], rows[some])
        for n in np.flatnonzero(targets < 0).tolist():
            flow = self.flow_of[int(slots[n])]
            assert flow is not None
            for target in self._targets(flow):
                self._hand_over(target, streams[n : n + 1], rows[n : n + 1])

    def _hand_over(self, target: int, streams: I64, rows: I64) -> None:
        self.outgoing[target].row_stream.append(streams)
        self.outgoing[target].rows.append(rows)

    def _targets(self, flow: Flow) -> list[int]:
        target = int(self.partition_of[flow.slot])
        if target >= 0:
            return [target]
        return sorted({self._partition(owner.call_id) for owner in flow.owners})

    def _introduce(self, slot: int) -> None:
        """Describe the stream to those of its owners that do not know it."""
        flow = self.flow_of[slot]
        assert flow is not None
        first_us = self.slots[slot, S.FIRST]
        if not flow.owners:
            target = int(self.partition_of[slot])
            payloads = self._static_payloads(slot)
            self.outgoing[target].streams.append(stream_info(flow, None, "", payloads, first_us))
        for owner in flow.owners:
            if owner.cdr_id in flow.described:
                continue
            flow.described = [*flow.described, owner.cdr_id]
            peer = flow.source if flow.towards else flow.destination
            branch = self.owners.branch_of(owner, peer)
            info = stream_info(flow, owner, branch, self._payloads(owner), first_us)
            self.outgoing[self._partition(owner.call_id)].streams.append(info)
        self.sent[slot] = True

    def _static_payloads(self, slot: int) -> list[Payload]:
        codecs = self.maps.codecs[self.slots[slot, S.MAP]]
        payload_type = self.slots[slot, S.PT]
        if payload_type not in codecs:
            return []
        return [Payload(payload_type, codecs[payload_type], self._rate(slot))]

    def _rate(self, slot: int) -> int:
        tick = self.slots[slot, S.TICK]
        return round((1_000_000_000 << 12) / tick) if tick else 0

    def _gaps(self, gaps: I64) -> None:
        for slot, from_us, to_us, suppressed in gaps.tolist():
            flow = self.flow_of[slot]
            assert flow is not None
            for target in self._targets(flow):
                self.outgoing[target].gaps.append(Gap(flow.stream, from_us, to_us, bool(suppressed)))

    def _notes(self, slots: I64, rows: I64) -> None:
        """Capture copies and RTCP of the streams, with their rows."""
        if not self.noted:
            return
        for n, slot in enumerate(slots.tolist()):
            flow = self.flow_of[slot]
            if slot not in self.noted or flow is None:
                continue
            rows[n, W.COPIES] += flow.copies
            flow.copies = 0
            self._fold_reports(flow, int(rows[n, W.END]))
            if not flow.reports:
                self.noted.discard(slot)

    def _batch(self, number: int, out: Outgoing, now: int) -> WindowBatch:
        self.outgoing[number] = Outgoing()
        empty = np.zeros(0, np.int64)
        return WindowBatch(
            self.account, self.site, self.source, now, out.streams,
            np.concatenate(out.row_stream) if out.row_stream else empty,
            np.concatenate(out.rows) if out.rows else empty.reshape(0, COLUMNS),
            out.gaps, out.digits, out.rtcp, out.ended,
        )  # fmt: skip

    # -- events (RFC 4733) ---------------------------------------------------------------------------

    def _read_events(self, waiting: Pending, slots: I64, starts: I64, stops: I64) -> None:
        """Telephone events among the packets just measured."""
        order = np.argsort(starts)
        at = np.searchsorted(starts[order], waiting.small_at, side="right") - 1
        for n, where in enumerate(at.tolist()):
            if where < 0:
                continue
            r, index = int(order[where]), int(waiting.small_at[n])
            if index >= stops[r]:
                continue
            slot = int(slots[r])
            payload_type = int(waiting.marker_type[index]) & 0x7F
            key = self.slots[slot, S.MAP] * 128 + payload_type
            if self.maps.kinds[key] != Kind.EVENT or waiting.length[index] < 4:
                continue
            flow = self.flow_of[slot]
            assert flow is not None
            tick = int(self.maps.ticks[key])
            flow.clock_rate = round((1_000_000_000 << 12) / tick) if tick else 8000
            self._event(flow, int(waiting.timestamp[index]), int(waiting.arrival_us[index]), waiting.small[n])

    def _event(self, flow: Flow, timestamp: int, time_us: int, payload: NDArray[np.uint8]) -> None:
        if timestamp == flow.ended_event:
            return
        event, end = int(payload[0]), bool(payload[1] & 0x80)
        duration = int(payload[2]) << 8 | int(payload[3])
        if flow.event is not None and flow.event.timestamp != timestamp:
            self._emit_digit(flow, flow.event.timestamp)
        if flow.event is None:
            flow.event = EventInProgress(timestamp, time_us, event, duration)
        flow.event.duration = max(flow.event.duration, duration)
        if end:
            self._emit_digit(flow, timestamp)

    def _emit_digit(self, flow: Flow, timestamp: int) -> None:
        digit = finished_digit(flow, self.settings.dtmf, timestamp)
        if digit is not None:
            for target in self._targets(flow):
                self.outgoing[target].digits.append(digit)

    # -- RTCP ----------------------------------------------------------------------------------------

    def _read_reports(self, now: int) -> None:
        """Give the reports before the clock to the flows they are about."""
        if not self.reports:
            return
        self.reports.sort(key=lambda entry: (entry[0], entry[1]))
        due = [entry for entry in self.reports if entry[0] < now or now >= END_OF_CAPTURE]
        self.reports = self.reports[len(due) :]
        for _, sensor, packet in due:
            for ssrc, report in self.reader.read(packet):
                flow = self._reported(sensor, ssrc, packet)
                if flow is None:
                    self._count("rtcp-without-stream")
                    continue
                flow.reports = [*flow.reports[-RTCP_QUEUE_MAX + 1 :], report]
                self.noted.add(flow.slot)

    def _reported(self, sensor: str, ssrc: int, packet: RtcpPacket) -> Flow | None:
        """The flow of this SSRC that goes to where the RTCP packet comes from."""
        best, rank = None, (0, 0)
        for flow in self.by_ssrc.get(ssrc, ()):
            if flow.sensor != sensor or flow.first_us > packet.time_us:
                continue
            ip, port = flow.destination
            near = 1 + (ip == packet.src_ip) * 4 + (flow.source[0] == packet.dst_ip) * 2
            near += packet.src_port in (port, port + 1)
            if ip == packet.src_ip and (near, -flow.number) > rank:
                best, rank = flow, (near, -flow.number)
        return best

    def _fold_reports(self, flow: Flow, until_us: int) -> None:
        due = [report for report in flow.reports if report.time_us <= until_us]
        if not due:
            return
        flow.reports = flow.reports[len(due) :]
        sums = flow.rtcp or RtcpSums()
        rate = self._rate(flow.slot)
        for report in due:
            sums.fold(report, rate)
        flow.rtcp = sums
        for target in self._targets(flow):
            self.outgoing[target].rtcp.append(sums.summary(flow.stream))

    # -- forgetting ----------------------------------------------------------------------------------

    def _sweep(self, now: int) -> None:
        """Forget ended calls and silent flows."""
        self.swept = now
        while self.forget_at and self.forget_at[0][0] < now:
            self.owners.forget(self.forget_at.popleft()[1])
        busy = {slot for waiting in self.pending for slot in waiting.slot.tolist()}
        for flow in list(self.flows.values()):
            idle = max(flow.last_us, flow.first_us) + FORGET_US < now
            if idle and self.status[flow.slot] == WAITING and flow.slot not in busy:
                self._drop(flow)

    def _evict(self) -> None:
        """Too many flows: the longest silent ones go, counted."""
        excess = len(self.flows) - FLOWS_MAX + FLOWS_MAX // 16
        last = self.slots.column(S.LAST)
        for flow in sorted(self.flows.values(), key=lambda flow: (last[flow.slot], flow.number))[:excess]:
            if self.status[flow.slot] != WAITING:
                self._finish(np.array([flow.slot], np.int64), None)
            self._count("flows-evicted")
            for waiting in self.pending:
                gone = waiting.slot == flow.slot
                waiting.start = np.where(gone, waiting.stop, waiting.start)
                waiting.drop_done()
            self._drop(flow)

    def _drop(self, flow: Flow) -> None:
        self.touched.add(flow.slot)
        del self.flows[flow.sensor, flow.number]
        self.flow_of[flow.slot] = None
        for address in (flow.source, flow.destination):
            _remove(self.by_address, address, flow)
        _remove(self.by_ssrc, flow.ssrc, flow)
        self.slots.release(flow.slot)

    def _count(self, reason: str) -> None:
        self.counters[reason] = self.counters.get(reason, 0) + 1


def _remove(index: dict[Any, list[Flow]], key: Address | int, flow: Flow) -> None:
    rest = [other for other in index.get(key, ()) if other is not flow]
    if rest:
        index[key] = rest
    else:
        index.pop(key, None)


def packed_aliases(aliases: dict[str, str]) -> dict[bytes, bytes]:
    """natalias settings as packed addresses."""
    return {ip_address(public).packed: ip_address(private).packed for public, private in aliases.items()}
