"""The media of one site: flows bound to calls, their packets measured, window rows out."""

from collections import Counter, deque
from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from schemas.clock import END_OF_CAPTURE, NOT_STARTED
from schemas.media_endpoints import (
    CallAnswered,
    CallEnded,
    EndpointBatch,
    EndpointClosed,
    EndpointEvent,
    EndpointOpened,
    Payload,
)
from schemas.media_windows import Digit, Gap, Unread, W, WindowBatch
from schemas.rtcp_packets import RtcpBatch
from schemas.rtp_packets import RtpBatch
from streams.bounds import FLOW_DESCRIBED_US, FLOWS_MAX, OWNERS_PER_STREAM_MAX
from streams.clock import SiteClock
from streams.media import kernel
from streams.media.flow import Flow, stream_id, stream_info
from streams.media.flow_table import BOUND, NO_SLOT, UNBOUND, WAITING, FlowTable
from streams.media.maps import STATIC_MAP, PayloadMaps
from streams.media.outbox import Outbox
from streams.media.owners import REACH_BACK_US, Match, Owner, Owners, packed_aliases
from streams.media.pending import Pending
from streams.media.reports import Reports
from streams.media.settings import MediaSettings
from streams.media.slots import Rows
from streams.media.state import NEVER, S
from streams.media.telephone import Telephone
from streams.unread import began_anew, unread_before

I64 = NDArray[np.int64]

GRACE_US: Final = 1_000_000
"""A flow stays with its owners this long after the last of them ended."""

UNBOUND_IDLE_US: Final = 60_000_000
"""A flow that no call announced ends after this long without a packet."""

FORGET_US: Final = 70_000_000
"""Flows and ended calls are kept this long for what still comes."""

SWEEP_US: Final = 10_000_000
"""So much packet time lies between two looks for what can be forgotten."""

RTP, RTCP = "rtp", "rtcp"
"""The two topics that sensors speak on: a sensor that is gone is so in each by itself, for workers may be
further with one than with the other."""


class SiteMedia:
    """All media of one account's site in one media partition.

    A step applies announcements in event-time order, binds the flows whose first packet lies before the
    clock, and measures their packets. What an announcement changes holds from its own time on: packets
    before it are measured first, whatever came in one batch.
    """

    def __init__(
        self,
        outbox: Outbox,
        dialogs: int,
        maps: PayloadMaps,
        settings: MediaSettings,
        counters: Counter[str],
    ) -> None:
        self.outbox, self.maps, self.counters = outbox, maps, counters
        self.clock = SiteClock.of((*(f"dialogs-{n}" for n in range(dialogs)), RTP, RTCP))
        self.clock.topics = {
            topic: SiteClock.of_sensors(settings.sensor_gone_s, settings.lateness_max_s)
            for topic in (RTP, RTCP)
        }
        self.owners = Owners(packed_aliases(settings.natalias))
        self.table = FlowTable()
        self.slots = self.table.slots
        self.rows = Rows(1024)
        self.pending: deque[Pending] = deque()
        self.events: list[tuple[int, int, int, EndpointEvent]] = []
        self.arrived = 0
        self.noted: set[int] = set()  # slots with capture copies or RTCP to tell
        self.reports = Reports(self.table, outbox, self.noted, counters)
        self.telephone = Telephone(self.table, maps, self._tell_digit)
        self.forget_at: deque[tuple[int, str]] = deque()
        self.swept = -NEVER
        self.told = -NEVER
        self.unread: list[Unread] = []  # not told yet

    # -- inputs --------------------------------------------------------------------------------------

    def take_rtp(self, batch: RtpBatch) -> None:
        """Queue a batch; flows are described, nothing is measured yet."""
        if self.told >= END_OF_CAPTURE:
            self.counters["rtp-after-end"] += len(batch.arrival_us)
            return
        if began_anew(batch, self.clock.topics[RTP]):
            self.table.begin_anew(batch.sensor)
        unread = unread_before(batch, self.clock.topics[RTP], self.counters)
        if unread is not None:
            self.unread.append(Unread(unread.from_us, unread.to_us + FLOW_DESCRIBED_US))
        if self._heard(RTP, RTCP, batch):
            self.counters["rtp-late"] += int(np.count_nonzero(batch.arrival_us < self.told))
        self.table.describe(batch)
        if not len(batch.present):
            return
        waiting = Pending.of_batch(batch, self.table.find(batch.sensor, batch.present))
        if batch.copies.any():
            self._take_copies(batch, waiting.slot)
        unknown = waiting.slot == NO_SLOT
        if unknown.any():
            self.counters["rtp-without-flow"] += int((waiting.stop - waiting.start)[unknown].sum())
            waiting.start = np.where(unknown, waiting.stop, waiting.start)
            waiting.drop_done()
        self._first_packets(waiting)
        self.table.changed[waiting.slot] = True
        self.pending.append(waiting)
        if self.table.count > FLOWS_MAX:
            self._evict()

    def _first_packets(self, waiting: Pending) -> None:
        """Note when flows were first heard."""
        some = (self.table.status[waiting.slot] == WAITING) & (waiting.stop > waiting.start)
        for n in np.flatnonzero(some).tolist():
            flow = self.table.at(int(waiting.slot[n]))
            if not flow.first_us:
                flow.first_us = int(waiting.arrival_us[waiting.start[n]])

    def _take_copies(self, batch: RtpBatch, slots: I64) -> None:
        for n in np.flatnonzero((batch.copies > 0) & (slots != NO_SLOT)).tolist():
            slot = int(slots[n])
            self.table.at(slot).copies += int(batch.copies[n])
            self.noted.add(slot)

    def take_rtcp(self, batch: RtcpBatch) -> None:
        """Queue RTCP packets."""
        if self.told >= END_OF_CAPTURE:
            self.counters["rtcp-after-end"] += len(batch.packets)
            return
        unread_before(batch, self.clock.topics[RTCP], self.counters)
        if self._heard(RTCP, RTP, batch):
            self.counters["rtcp-late"] += sum(packet.time_us < self.told for packet in batch.packets)
        self.reports.take(batch.sensor, batch.packets)

    def _heard(self, topic: str, twin: str, batch: RtpBatch | RtcpBatch) -> bool:
        """A sensor spoke on one of its two topics, the site waits for both. True where it was behind."""
        sensor, topics = batch.sensor, self.clock.topics
        behind = topics[topic].marks.get(sensor, NOT_STARTED) < self.told
        topics[twin].hold(sensor)
        if topics[topic].heard(sensor, batch.clock_us, batch.behind_us):
            self.clock.heard(topic, topics[topic].now)
        return behind

    def take_endpoints(self, batch: EndpointBatch) -> None:
        """Queue announcements."""
        self.clock.heard(f"dialogs-{batch.source}", batch.clock_us)
        for event in batch.events:
            self.arrived += 1
            self.events.append((event.time_us, batch.source, self.arrived, event))

    # -- the step ------------------------------------------------------------------------------------

    def advance(self) -> dict[int, WindowBatch]:
        """Apply everything before the clock; batches by calls partition, where there is something to say."""
        now = self.clock.now
        if now <= self.told:
            return {}
        for time_us, event in self._due(now):
            self._apply(time_us, event)
        self._bind_waiting(now)
        self.reports.read(now)
        self._measure(now)
        self._end_streams(now)
        if now >= END_OF_CAPTURE or now - self.swept > SWEEP_US:
            self._sweep(now)
        self.told = now
        self.outbox.unread(self.unread)
        self.unread = []
        return self.outbox.take(now, to_all=self.clock.tick(False))

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
            self._bind_waiting(event.time_us, early)
            self.reports.read(event.time_us)
            self._measure(event.time_us, early)
        owner, new = self.owners.opened(event)
        for flow in flows:
            first = flow.owners[0] if flow.owners else None
            if self.table.status[flow.slot] == BOUND and first is not None and first.cdr_id == event.cdr_id:
                self._change_map(flow, self._map_of(first))
                if first.answered_us < event.time_us:  # the parties changed over: no loss
                    self._set(flow, S.FORGIVE_FROM, event.time_us)
        if not new:
            return
        for flow in self.table.to_or_from(owner.addresses):
            status = self.table.status[flow.slot]
            if status == UNBOUND:
                claim = self.owners.next_claim(flow.source, flow.destination, 0)
                self._set(flow, S.CUT_AT, min(self.slots[flow.slot, S.CUT_AT], max(claim - 1, 0)))
            elif status == BOUND:
                self._join(flow, owner, event.time_us)

    def _flows_near(self, event: EndpointOpened) -> list[Flow]:
        """Flows to and from the event's address and the call's other endpoints."""
        addresses = {(event.ip, event.port), (event.sip_ip, event.port), *event.candidates}
        for owner in self.owners.of_call(event.cdr_id):
            addresses |= owner.addresses
        return self.table.to_or_from(addresses)

    def _heard_before(self, flow: Flow, time_us: int) -> bool:
        status = self.table.status[flow.slot]
        return bool(status == BOUND or (status == WAITING and 0 < flow.first_us < time_us))

    def _change_map(self, flow: Flow, number: int) -> None:
        """The call gave the payload types other meanings; a new clock takes the kernel's full way."""
        before, payload_type = self.slots[flow.slot, S.MAP], self.slots[flow.slot, S.PT]
        if before == number:
            return
        ticks = self.maps.ticks
        if payload_type >= 0 and ticks[before * 128 + payload_type] != ticks[number * 128 + payload_type]:
            self._set(flow, S.AFTER, 1)
        self._set(flow, S.MAP, number)

    def _set(self, flow: Flow, word: int, value: int) -> None:
        self.slots[flow.slot, word] = value
        self.table.changed[flow.slot] = True

    def _join(self, flow: Flow, owner: Owner, time_us: int) -> None:
        """A further call that announces the endpoint within 2 s of the stream's begin shares it."""
        place = flow.destination if flow.towards else flow.source
        direct = flow.matched_by in ("sdp-destination", "sdp-source") and owner.address == place
        if not direct or any(other.cdr_id == owner.cdr_id for other in flow.owners):
            return
        if not self.owners.reaches(owner, self.slots[flow.slot, S.FIRST] or time_us):
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
            for flow in self.table.to_or_from((owner.address,)):
                stranger = all(other.cdr_id != event.cdr_id for other in flow.owners)
                if self.table.status[flow.slot] == BOUND and stranger:
                    watch = min(self.slots[flow.slot, S.WATCH_FROM], event.time_us)
                    self._set(flow, S.WATCH_FROM, watch)

    def _until(self, owner: Owner, time_us: int) -> None:
        if owner.until_us <= time_us:
            return
        owner.until_us = time_us
        for flow in self.table.to_or_from(owner.addresses):
            if owner in flow.owners and self.table.status[flow.slot] == BOUND:
                self._set(flow, S.CUT_AT, self._cut_at(flow))

    def _cut_at(self, flow: Flow) -> int:
        latest = max([owner.until_us for owner in flow.owners])
        return NEVER if latest >= NEVER else latest + GRACE_US

    # -- binding -------------------------------------------------------------------------------------

    def _bind_waiting(self, now: int, only: set[int] | None = None) -> None:
        """Bind the flows whose first packet lies before `now`, where it can be decided."""
        undecided: set[int] = set()
        for waiting in self.pending:
            unbound = (self.table.status[waiting.slot] == WAITING) & (waiting.stop > waiting.start)
            if only is not None:
                unbound &= np.isin(waiting.slot, list(only))
            some = np.flatnonzero(unbound)
            firsts = waiting.arrival_us[waiting.start[some]].tolist()
            for slot, first_us in zip(waiting.slot[some].tolist(), firsts, strict=True):
                if self.table.status[slot] != WAITING or slot in undecided:
                    continue
                if first_us >= now or not self._bind(slot, first_us, now):
                    undecided.add(slot)

    def _bind(self, slot: int, first_us: int, now: int) -> bool:
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
        place = flow.destination if match.towards else flow.source
        watch_from = NEVER  # until another call on this place is answered
        calls = [owner.cdr_id for owner in flow.owners]
        for owner in self.owners.at(place):
            if first_us < owner.answered_us < watch_from and owner.cdr_id not in calls:
                watch_from = owner.answered_us
        self.slots.begin(flow.slot, self._map_of(flow.owners[0]), self._cut_at(flow), watch_from, NEVER)
        self.table.status[flow.slot] = BOUND

    def _map_of(self, owner: Owner) -> int:
        """The payload map of a stream: the endpoint's own types first, then the call's others."""
        return self.maps.announced(self.owners.payloads(owner))

    def _route(self, flow: Flow) -> None:
        """Where the stream's rows go, and that its owners are to be told of it."""
        targets = self.outbox.targets(flow)
        self.table.sent[flow.slot] = False
        self.table.changed[flow.slot] = True
        self.table.partition[flow.slot] = targets[0] if len(targets) == 1 else -1

    # -- measuring -----------------------------------------------------------------------------------

    def _measure(self, now: int, only: set[int] | None = None) -> None:
        """Run the kernel over every packet before `now` whose stream is known, of all slots or some."""
        limit_of = np.array([-NEVER, now - 1, now - 1 - REACH_BACK_US], np.int64)
        if now >= END_OF_CAPTURE:
            limit_of[UNBOUND] = NEVER
        blocked: list[int] = []  # slots with packets left behind in an older batch
        for waiting in self.pending:
            more = True
            while more:
                limits = limit_of[self.table.status[waiting.slot]]
                if only is not None:
                    limits = np.where(np.isin(waiting.slot, list(only)), limits, -NEVER)
                if blocked:
                    limits = np.where(np.isin(waiting.slot, blocked), -NEVER, limits)
                more = self._run(waiting, waiting.within(limits), now)
            waiting.drop_done()
            blocked += waiting.slot.tolist()
        if any(not len(waiting.slot) for waiting in self.pending):
            self.pending = deque(waiting for waiting in self.pending if len(waiting.slot))

    def _run(self, waiting: Pending, stops: I64, now: int) -> bool:
        """Measure the packets from start to `stops`; True where streams were cut and there may be more."""
        chosen = np.flatnonzero(stops > waiting.start)
        if not len(chosen):
            return False
        slots, starts, until = waiting.slot[chosen], waiting.start[chosen], stops[chosen]
        self.table.changed[slots] = True
        out = self.rows
        out.make_room(rows=64, cuts=len(chosen))
        full = kernel.FULL
        while full == kernel.FULL:
            full = kernel.measure(
                self.slots.words, self.slots.bins, waiting.arrival_us, waiting.sequence, waiting.timestamp,
                waiting.marker_type, waiting.length, slots, starts, until, len(chosen), self.maps.ticks,
                self.maps.kinds, out.rows, out.slot, out.gaps, out.cuts, out.control, 1,
            )  # fmt: skip
            self._drain()
        cuts = out.take_cuts()
        for n, position in cuts:
            until[n] = position
        if len(waiting.small_at):
            self.telephone.read(waiting, slots, starts, until)
        waiting.start[chosen] = until
        for n, position in cuts:
            first_us = int(waiting.arrival_us[position])
            self._finish(slots[n : n + 1], first_us - 1)
            self._bind(int(slots[n]), first_us, now)
        return bool(cuts)

    def _finish(self, slots: I64, reports_until: int | None) -> None:
        """End the streams of these slots: their last rows, and `ended`. RTCP counts up to the time given,
        None: up to where the stream's owners end, else shortly after its last packet."""
        out = self.rows
        out.make_room(rows=len(slots), cuts=0)
        self.table.changed[slots] = True
        kernel.finish(self.slots.words, slots, len(slots), 1, out.rows, out.slot, out.control)
        flows = [self.table.at(slot) for slot in slots.tolist()]
        for flow in flows:
            self.telephone.finish(flow)
        self._drain()
        for flow in flows:
            last_us, cut_at = self.slots[flow.slot, S.LAST], self.slots[flow.slot, S.CUT_AT]
            if flow.reports:
                own = cut_at if cut_at < NEVER else last_us + GRACE_US
                until_us = own if reports_until is None else min(own, reports_until)
                self.reports.fold(flow, until_us, self._rate(flow.slot))
            self.outbox.ended(flow)
            flow.last_us = last_us
            self.table.status[flow.slot] = WAITING

    def _end_streams(self, now: int) -> None:
        """End the streams whose time is over by the clock alone."""
        status = self.table.status[: self.slots.count]
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
        for slot, from_us, to_us, suppressed in gaps.tolist():
            flow = self.table.at(slot)
            self._introduce(flow)
            self.outbox.gap(flow, Gap(flow.stream, from_us, to_us, bool(suppressed)))
        if not len(rows):
            return
        for slot in sorted(set(slots[~self.table.sent[slots]].tolist())):
            self._introduce(self.table.at(slot))
        if self.noted:
            self._add_notes(slots, rows)
        maps, one_way_us = self.slots.column(S.MAP)[slots], self.slots.column(S.ONE_WAY)[slots]
        self.maps.quality.score(rows, maps, one_way_us)
        streams, targets = self.table.stream[slots], self.table.partition[slots]
        for target in sorted(set(targets.tolist())):
            some = targets == target
            if target >= 0:
                self.outbox.rows(target, streams[some], rows[some])
                continue
            for n in np.flatnonzero(some).tolist():
                for each in self.outbox.targets(self.table.at(int(slots[n]))):
                    self.outbox.rows(each, streams[n : n + 1], rows[n : n + 1])

    def _introduce(self, flow: Flow) -> None:
        """Describe the stream to those of its owners that do not know it."""
        if self.table.sent[flow.slot]:
            return
        first_us, sensors = self.slots[flow.slot, S.FIRST], len(self.clock.topics[RTP].marks)
        if not flow.owners:
            info = stream_info(flow, None, "", self._static_payload(flow.slot), first_us, sensors)
            self.outbox.stream(info, int(self.table.partition[flow.slot]))
        for owner in flow.owners:
            if owner.cdr_id in flow.described:
                continue
            flow.described = [*flow.described, owner.cdr_id]
            branch = self.owners.branch_of(owner, flow.source if flow.towards else flow.destination)
            info = stream_info(flow, owner, branch, self.owners.payloads(owner), first_us, sensors)
            self.outbox.stream(info, self.outbox.partition_of(owner.call_id))
        self.table.sent[flow.slot] = True

    def _tell_digit(self, flow: Flow, digit: Digit) -> None:
        self._introduce(flow)
        self.outbox.digit(flow, digit)

    def _static_payload(self, slot: int) -> list[Payload]:
        codecs, payload_type = self.maps.codecs[self.slots[slot, S.MAP]], self.slots[slot, S.PT]
        if payload_type not in codecs:
            return []
        return [Payload(payload_type, codecs[payload_type], self._rate(slot))]

    def _rate(self, slot: int) -> int:
        tick = self.slots[slot, S.TICK]
        return round((1_000_000_000 << 12) / tick) if tick else 0

    def _add_notes(self, slots: I64, rows: I64) -> None:
        """Capture copies and RTCP of the streams, with their rows."""
        for n, slot in enumerate(slots.tolist()):
            if slot not in self.noted:
                continue
            flow = self.table.at(slot)
            rows[n, W.COPIES] += flow.copies
            flow.copies = 0
            self.reports.fold(flow, int(rows[n, W.END]), self._rate(slot))
            if not flow.reports:
                self.noted.discard(slot)

    # -- forgetting ----------------------------------------------------------------------------------

    def _sweep(self, now: int) -> None:
        """Forget ended calls and silent flows."""
        self.swept = now
        forgotten = []
        while self.forget_at and self.forget_at[0][0] < now:
            forgotten.append(self.forget_at.popleft()[1])
        self.owners.forget(forgotten)
        idle = self.table.status[: self.slots.count] == WAITING
        idle &= self.slots.column(S.LAST) + FORGET_US < now
        for waiting in self.pending:
            idle[waiting.slot] = False
        flows = [self.table.flow[slot] for slot in np.flatnonzero(idle).tolist()]
        self.table.drop(
            [
                flow
                for flow in flows
                if flow is not None and max(flow.last_us, flow.first_us) + FORGET_US < now
            ]
        )

    def _evict(self) -> None:
        """Too many flows: the longest silent ones go, counted."""
        excess = self.table.count - FLOWS_MAX + FLOWS_MAX // 16
        last = self.slots.column(S.LAST)
        flows = (flow for flow in self.table.flow if flow is not None)
        for flow in sorted(flows, key=lambda flow: (last[flow.slot], flow.number))[:excess]:
            if self.table.status[flow.slot] != WAITING:
                self._finish(np.array([flow.slot], np.int64), None)
            self.counters["flows-evicted"] += 1
            for waiting in self.pending:
                waiting.start = np.where(waiting.slot == flow.slot, waiting.stop, waiting.start)
                waiting.drop_done()
            self.table.drop([flow])
