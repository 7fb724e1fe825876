"""What the records hear of streams: who they are, window rows with their scores, gaps, digits."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from schemas.media_endpoints import Payload
from schemas.media_windows import Digit, Gap, W
from streams.media.flow import Flow, stream_info
from streams.media.flow_table import FlowTable
from streams.media.maps import PayloadMaps
from streams.media.outbox import Outbox
from streams.media.owners import Owners
from streams.media.reports import Reports
from streams.media.slots import Rows
from streams.media.state import S

I64 = NDArray[np.int64]


class Telling:
    """Puts what was measured of a site's streams into the outbox. `noted` are slots with capture copies or
    RTCP to tell, `sensors` gives how many sensors the site has."""

    def __init__(
        self,
        table: FlowTable,
        owners: Owners,
        maps: PayloadMaps,
        outbox: Outbox,
        reports: Reports,
        noted: set[int],
        sensors: Callable[[], int],
    ) -> None:
        self.table, self.owners, self.maps, self.outbox = table, owners, maps, outbox
        self.reports, self.noted, self.sensors = reports, noted, sensors
        self.slots = table.slots

    def rows(self, written: Rows) -> None:
        """Score the kernel's rows and hand them to the partitions of their calls."""
        rows, slots, gaps = written.take()
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
        first_us, sensors = self.slots[flow.slot, S.FIRST], self.sensors()
        if not flow.owners:
            info = stream_info(flow, None, "", self._static_payload(flow.slot), first_us, sensors)
            self.outbox.stream(info, int(self.table.partition[flow.slot]))
        for owner in flow.owners:
            if owner.cdr_id in flow.described:
                continue
            flow.described = [*flow.described, owner.cdr_id]
            branch = self.owners.branch_of(owner, flow.peer)
            info = stream_info(flow, owner, branch, self.owners.payloads(owner), first_us, sensors)
            self.outbox.stream(info, self.outbox.partition_of(owner.call_id))
        self.table.sent[flow.slot] = True

    def digit(self, flow: Flow, digit: Digit) -> None:
        """A key was pressed."""
        self._introduce(flow)
        self.outbox.digit(flow, digit)

    def _static_payload(self, slot: int) -> list[Payload]:
        codecs, payload_type = self.maps.codecs[self.slots[slot, S.MAP]], self.slots[slot, S.PT]
        if payload_type not in codecs:
            return []
        return [Payload(payload_type, codecs[payload_type], self.rate(slot))]

    def rate(self, slot: int) -> int:
        """The stream's clock, Hz; 0 not known."""
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
            self.reports.fold(flow, int(rows[n, W.END]), self.rate(slot))
            if not flow.reports:
                self.noted.discard(slot)
