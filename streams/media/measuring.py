"""Runs the kernel over packets whose stream is known, and ends streams."""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from schemas.clock import END_OF_CAPTURE
from streams.media import kernel
from streams.media.binding import GRACE_US, UNBOUND_IDLE_US, Binding
from streams.media.flow_table import BOUND, UNBOUND, WAITING, FlowTable
from streams.media.maps import PayloadMaps
from streams.media.outbox import Outbox
from streams.media.owners import REACH_BACK_US
from streams.media.pending import Pending
from streams.media.reports import Reports
from streams.media.slots import Rows
from streams.media.state import NEVER, S
from streams.media.telephone import Telephone
from streams.media.telling import Telling

I64 = NDArray[np.int64]


class Measuring:
    """The packets of a site that wait, and the kernel that measures them."""

    def __init__(
        self,
        table: FlowTable,
        binding: Binding,
        maps: PayloadMaps,
        telling: Telling,
        reports: Reports,
        outbox: Outbox,
    ) -> None:
        self.table, self.binding, self.maps, self.telling = table, binding, maps, telling
        self.reports, self.outbox = reports, outbox
        self.telephone = Telephone(table, maps, telling.digit)
        self.slots = table.slots
        self.rows = Rows(1024)
        self.pending: deque[Pending] = deque()

    def bind_waiting(self, now: int, only: set[int] | None = None) -> None:
        """Begin the streams whose first packet lies before `now`, of all slots or some."""
        self.binding.bind_waiting(self.pending, now, only)

    def measure(self, now: int, only: set[int] | None = None) -> None:
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
            self.telling.rows(out)
        cuts = out.take_cuts()
        for n, position in cuts:
            until[n] = position
        if len(waiting.small_at):
            self.telephone.read(waiting, slots, starts, until)
        waiting.start[chosen] = until
        for n, position in cuts:
            first_us = int(waiting.arrival_us[position])
            self.finish(slots[n : n + 1], first_us - 1)
            self.binding.bind(int(slots[n]), first_us, now)
        return bool(cuts)

    def finish(self, slots: I64, reports_until: int | None) -> None:
        """End the streams of these slots: their last rows, and `ended`. RTCP counts up to the time given,
        None: up to where the stream's owners end, else shortly after its last packet."""
        out = self.rows
        out.make_room(rows=len(slots), cuts=0)
        self.table.changed[slots] = True
        kernel.finish(self.slots.words, slots, len(slots), 1, out.rows, out.slot, out.control)
        flows = [self.table.at(slot) for slot in slots.tolist()]
        for flow in flows:
            self.telephone.finish(flow)
        self.telling.rows(out)
        for flow in flows:
            last_us, cut_at = self.slots[flow.slot, S.LAST], self.slots[flow.slot, S.CUT_AT]
            if flow.reports:
                own = cut_at if cut_at < NEVER else last_us + GRACE_US
                until_us = own if reports_until is None else min(own, reports_until)
                self.reports.fold(flow, until_us, self.telling.rate(flow.slot))
            self.outbox.ended(flow)
            flow.last_us = last_us
            self.table.status[flow.slot] = WAITING

    def end_streams(self, now: int) -> None:
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
            self.finish(slots, NEVER if now >= END_OF_CAPTURE else None)
