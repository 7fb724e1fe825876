"""Packets taken in but not applied yet: of flows whose owner is not known, or beyond the clock."""

from typing import Any

import numpy as np

from schemas.rtp_packets import I32, I64, U8, U16, U32, RtpBatch


class Pending:
    """The packet columns of one batch, and for each range of them how far it has been applied."""

    __slots__ = ("arrival_us", "latest", "length", "marker_type", "sequence", "slot", "small", "small_at",
                 "start", "stop", "timestamp")  # fmt: skip

    slot: I64
    start: I64
    stop: I64
    arrival_us: I64
    sequence: U16
    timestamp: U32
    marker_type: U8
    length: U16
    small_at: I32
    small: U8
    latest: int

    @classmethod
    def of_batch(cls, batch: RtpBatch, slots: I64) -> "Pending":
        """All packets of a batch, whose flows have these slots."""
        stop: I64 = np.cumsum(batch.count, dtype=np.int64)
        columns = {"slot": slots, "start": stop - batch.count, "stop": stop}
        names = ("arrival_us", "sequence", "timestamp", "marker_type", "length", "small_at", "small")
        return cls.of(columns | {name: getattr(batch, name) for name in names})

    @classmethod
    def of(cls, columns: dict[str, Any]) -> "Pending":
        """From the columns by name."""
        pending = cls()
        for name, column in columns.items():
            setattr(pending, name, column)
        pending.small = pending.small.reshape(-1, 8)
        pending.latest = int(pending.arrival_us.max()) if len(pending.arrival_us) else 0
        return pending

    def within(self, limits: I64) -> I64:
        """Stop of each range (m,) when only packets up to `limits` (m,) may be applied; a later packet
        holds those behind it back."""
        if len(limits) == 0 or self.latest <= int(limits.min()):
            return self.stop
        stops = self.start.copy()
        full = self.stop > self.start
        starts, counts = self.start[full], (self.stop - self.start)[full]
        total = int(counts.sum())
        if total == 0:
            return stops
        index = np.arange(total, dtype=np.int64) + np.repeat(starts - (np.cumsum(counts) - counts), counts)
        late = self.arrival_us[index] > np.repeat(limits[full], counts)
        first = np.where(late, index, self.arrival_us.size + 1)
        earliest = np.minimum.reduceat(first, np.cumsum(counts) - counts)
        stops[full] = np.minimum(earliest, self.stop[full])
        return stops

    def drop_done(self) -> None:
        """Forget the ranges that are applied."""
        left = self.stop > self.start
        if not left.all():
            self.slot, self.start, self.stop = self.slot[left], self.start[left], self.stop[left]
