"""The media of one site: what its sensors and dialogs say taken in, measured as far as the clock allows."""

from collections import Counter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from schemas.clock import END_OF_CAPTURE, NOT_STARTED
from schemas.media_endpoints import EndpointBatch
from schemas.media_windows import Unread, WindowBatch
from schemas.rtcp_packets import RtcpBatch
from schemas.rtp_packets import RtpBatch
from streams.bounds import FLOW_DESCRIBED_US, FLOWS_MAX
from streams.clock import SiteClock
from streams.media.announcing import FORGET_US, Announcements
from streams.media.binding import Binding
from streams.media.flow_table import NO_SLOT, WAITING, FlowTable
from streams.media.maps import PayloadMaps
from streams.media.measuring import Measuring
from streams.media.outbox import Outbox
from streams.media.owners import Owners, packed_aliases
from streams.media.pending import Pending
from streams.media.reports import Reports
from streams.media.settings import MediaSettings
from streams.media.state import NEVER, S
from streams.media.telling import Telling
from streams.unread import began_anew, unread_before

I64 = NDArray[np.int64]

SWEEP_US: Final = 10_000_000
"""So much packet time lies between two looks for what can be forgotten."""

RTP, RTCP = "rtp", "rtcp"
"""The two topics that sensors speak on: a sensor that is gone is so in each by itself, for workers may be
further with one than with the other."""


class SiteMedia:
    """All media of one account's site in one media partition.

    A step applies announcements in event-time order, binds the flows whose first packet lies before the
    clock, and measures their packets.
    """

    def __init__(
        self,
        outbox: Outbox,
        dialogs: int,
        maps: PayloadMaps,
        settings: MediaSettings,
        counters: Counter[str],
    ) -> None:
        self.outbox, self.counters = outbox, counters
        self.clock = SiteClock.of((*(f"dialogs-{n}" for n in range(dialogs)), RTP, RTCP))
        self.clock.topics = {
            topic: SiteClock.of_sensors(settings.sensor_gone_s, settings.lateness_max_s)
            for topic in (RTP, RTCP)
        }
        self.noted: set[int] = set()  # slots with capture copies or RTCP to tell
        self.owners = Owners(packed_aliases(settings.natalias))
        self.table = table = FlowTable()
        self.slots = table.slots
        self.reports = Reports(table, outbox, self.noted, counters)
        telling = Telling(table, self.owners, maps, outbox, self.reports, self.noted, self._sensors)
        binding = Binding(table, self.owners, maps, outbox)
        self.measuring = Measuring(table, binding, maps, telling, self.reports, outbox)
        self.announcements = Announcements(table, self.owners, binding, self.measuring, self.reports)
        self.swept = -NEVER
        self.told = -NEVER
        self.unread: list[Unread] = []  # not told yet

    def _sensors(self) -> int:
        return len(self.clock.topics[RTP].marks)

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
        self.measuring.pending.append(waiting)
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
        self.announcements.take(batch)

    # -- the step ------------------------------------------------------------------------------------

    def advance(self) -> dict[int, WindowBatch]:
        """Apply everything before the clock; batches by calls partition, where there is something to say."""
        now = self.clock.now
        if now <= self.told:
            return {}
        self.announcements.apply(now)
        self.measuring.bind_waiting(now)
        self.reports.read(now)
        self.measuring.measure(now)
        self.measuring.end_streams(now)
        if now >= END_OF_CAPTURE or now - self.swept > SWEEP_US:
            self._sweep(now)
        self.told = now
        self.outbox.unread(self.unread)
        self.unread = []
        return self.outbox.take(now, to_all=self.clock.tick(False))

    # -- forgetting ----------------------------------------------------------------------------------

    def _sweep(self, now: int) -> None:
        """Forget ended calls and silent flows."""
        self.swept = now
        self.announcements.forget_calls(now)
        idle = self.table.status[: self.slots.count] == WAITING
        idle &= self.slots.column(S.LAST) + FORGET_US < now
        for waiting in self.measuring.pending:
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
                self.measuring.finish(np.array([flow.slot], np.int64), None)
            self.counters["flows-evicted"] += 1
            for waiting in self.measuring.pending:
                waiting.start = np.where(waiting.slot == flow.slot, waiting.stop, waiting.start)
                waiting.drop_done()
            self.table.drop([flow])
