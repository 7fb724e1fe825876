"""RTP flows of one sensor: their table, the rows held for the sort buffer, and the batches made of them."""

import secrets

import numpy as np
from numpy.typing import NDArray

from capture import layout as at
from capture.bounds import BATCH_ROWS, PROBATION_KEPT, ROWS_MAX
from capture.gather_kernel import gather
from schemas.clock import NOT_STARTED
from schemas.rtp_packets import KEYS, MASKED_EVENT, FlowKind, FlowRows, RtpBatch

I64 = NDArray[np.int64]

ROOM = 131_072
TABLE = 8_192
CACHE_LINE = 64
EVENT_OCTETS = 4
"""Of an RFC 4733 telephone event: event, end and volume, duration."""


class Flows:
    """The arrays that the dissector kernel fills, by the words of capture/layout.py.

    Slots of flows are memory that is touched when first used; `control` is shared with the dissector.
    """

    def __init__(self, control: I64, flows_max: int, keep_digits: bool) -> None:
        self.control = control
        self._keep_digits = keep_digits
        self.table: I64 = np.zeros(TABLE, np.int64)
        self.flows: I64 = _aligned(flows_max * at.FLOW_WORDS)
        self.tally: I64 = np.zeros(flows_max * at.TALLY_WORDS, np.int64)
        self.kept: I64 = np.empty(flows_max * PROBATION_KEPT * at.KEPT_WORDS, np.int64)
        self.live: I64 = np.empty(flows_max + BATCH_ROWS, np.int64)
        self.rows: I64 = np.empty(ROOM * at.ROW_WORDS, np.int64)
        self._present: I64 = np.empty((flows_max + BATCH_ROWS) * 3, np.int64)
        self._described: I64 = np.empty((flows_max + BATCH_ROWS) * 6, np.int64)
        control[at.C_SLOTS_MAX] = flows_max
        control[at.C_TABLE_MASK] = TABLE - 1
        control[at.C_ROWS_MASK] = ROOM - 1
        control[at.C_FLOW] = 1
        control[at.C_SEED] = secrets.randbits(62)
        control[at.C_LAST_KEY] = NOT_STARTED

    def grow_table(self) -> None:
        """Double the hash table; entries go to the places that their tags say."""
        old = self.table[self.table != 0]
        size = 2 * len(self.table)
        table: list[int] = [0] * size
        for entry in old.tolist():
            place = (entry >> 32) & (size - 1)
            while table[place]:
                place = (place + 1) & (size - 1)
            table[place] = entry
        self.table = np.array(table, np.int64)
        self.control[at.C_TABLE_MASK] = size - 1

    @property
    def crowded(self) -> bool:
        """Do the held rows fill nearly all of their ring?"""
        c = self.control
        return bool(8 * (c[at.C_ROWS_END] - c[at.C_ROWS_START]) > 7 * c[at.C_ROWS_MASK])

    def make_room(self) -> bool:
        """Double the ring of held rows; False: it has reached its bound."""
        c, words = self.control, at.ROW_WORDS
        room = len(self.rows) // words
        if room >= ROWS_MAX:
            return False
        rows: I64 = np.empty((2 * room, words), np.int64)
        held = self.rows.reshape(-1, words)
        start, end = int(c[at.C_ROWS_START]), int(c[at.C_ROWS_END])
        while start < end:
            old, new = start % room, start % (2 * room)
            run = min(end - start, room - old)
            rows[new : new + run] = held[old : old + run]
            start += run
        self.rows = rows.reshape(-1)
        c[at.C_ROWS_MASK] = 2 * room - 1
        return True

    def take(self, account: str, site: str, sensor: str, clock_us: int, watermark_us: int) -> RtpBatch:
        """The rows up to the watermark as a batch whose clock is `clock_us`; the others stay."""
        c = self.control
        c[at.C_WATERMARK] = watermark_us
        if self._gather(0, _NO_COLUMNS) == at.STOP_DISORDER:
            self._sort()
            self._gather(0, _NO_COLUMNS)
        columns = _Columns(int(c[at.C_SENT]), int(c[at.C_SMALL]))
        self._gather(1, columns)
        c[at.C_FLUSHED] = watermark_us
        c[at.C_ROWS_NEW] = 0
        present = self._present[: 3 * c[at.C_PRESENT]].reshape(-1, 3)
        small_at, small = columns.small_at, columns.small
        if len(small_at) > 1:
            order = np.argsort(small_at, kind="stable")
            small_at, small = small_at[order], small[order]
        if not self._keep_digits:
            keys = (columns.length[small_at] >= EVENT_OCTETS) & (small & 0xFF < KEYS)
            small[keys] |= MASKED_EVENT
        return RtpBatch(
            account=account,
            site=site,
            sensor=sensor,
            clock_us=clock_us,
            flows=self._describe(present, columns.ip_id),
            present=present[:, 0].astype(np.uint32),
            count=present[:, 1].astype(np.int32),
            copies=present[:, 2].astype(np.int32),
            arrival_us=columns.arrival,
            sequence=columns.sequence,
            timestamp=columns.timestamp,
            marker_type=columns.marker_type,
            length=columns.length,
            small_at=small_at,
            small=small.astype("<i8", copy=False).view(np.uint8).reshape(-1, 8),
        )

    def _gather(self, step: int, to: "_Columns") -> int:
        return gather(
            step, self.rows, self.flows, self.tally, self.live, self._present, self._described,
            to.arrival, to.sequence, to.timestamp, to.marker_type, to.length, to.ip_id, to.small_at, to.small,
            self.control,
        )  # fmt: skip

    def _sort(self) -> None:
        """Put the held rows in order of key; equal keys stay in capture order."""
        c, words = self.control, at.ROW_WORDS
        held = np.arange(c[at.C_ROWS_START], c[at.C_ROWS_END]) & c[at.C_ROWS_MASK]
        rows = self.rows.reshape(-1, words)
        rows[held] = rows[held[np.argsort(rows[held, at.ROW_KEY], kind="stable")]]
        tally = self.tally[: c[at.C_SLOTS] * at.TALLY_WORDS].reshape(-1, at.TALLY_WORDS)
        tally[:] = 0
        c[at.C_DISORDER] = 0

    def _describe(self, present: I64, ip_id: NDArray[np.uint16]) -> FlowRows:
        """Rows for the flows that the gather says have to be described."""
        described = self._described[: 3 * self.control[at.C_DESCRIBED]].reshape(-1, 3)
        slot, place, meta = described[:, 0], described[:, 1], described[:, 2]
        words = self.flows.reshape(-1, at.FLOW_WORDS)[slot]
        info, ports = words[:, at.F_INFO], words[:, at.F_PORTS]
        address = np.ascontiguousarray(words[:, _ADDRESS], "<i8").view(np.uint8).reshape(-1, 32)
        ipv6 = (info & at.FLAG_IPV6) != 0
        src, dst = address[:, :16].copy(), address[:, 16:].copy()
        src[~ipv6] = dst[~ipv6] = 0
        src[~ipv6, :4], dst[~ipv6, :4] = address[~ipv6, :4], address[~ipv6, 4:8]
        count = present[:, 1]
        last = np.cumsum(count)[place] if len(place) else place
        first = last - count[place]
        heard = ((count[place] > 0) & ~ipv6) if len(place) else np.zeros(0, bool)
        first_id, last_id = np.zeros(len(slot), np.uint16), np.zeros(len(slot), np.uint16)
        first_id[heard], last_id[heard] = ip_id[first[heard]], ip_id[last[heard] - 1]
        return FlowRows(
            flow=(info >> at.NUMBER_SHIFT).astype(np.uint32),
            kind=np.where(info & at.FLAG_UDPTL, FlowKind.UDPTL, FlowKind.RTP).astype(np.uint8),
            family=np.where(ipv6, 6, 4).astype(np.uint8),
            src_ip=src,
            dst_ip=dst,
            src_port=((ports >> 48) & 0xFFFF).astype(np.uint16),
            dst_port=((ports >> 32) & 0xFFFF).astype(np.uint16),
            ssrc=(ports & 0xFFFFFFFF).astype(np.uint32),
            dscp=(meta & 0xFF).astype(np.uint8),
            ttl=((meta >> 8) & 0xFF).astype(np.uint8),
            vlan=(((meta >> 16) & 0x1FFF) - 1).astype(np.int32),
            first_ip_id=first_id,
            last_ip_id=last_id,
        )


_ADDRESS = [at.F_ADDRESS, at.F_ADDRESS_2, at.F_ADDRESS_2 + 1, at.F_ADDRESS_2 + 2]


def _aligned(words: int) -> I64:
    """Zeros that begin at a cache line, as memory that is given when it is first touched."""
    room = np.zeros(words + CACHE_LINE // 8, np.int64)
    skip = -room.__array_interface__["data"][0] % CACHE_LINE // 8
    return room[skip : skip + words]


class _Columns:
    """Packet columns of one batch: `sent` rows, `smalls` small payloads."""

    __slots__ = ("arrival", "ip_id", "length", "marker_type", "sequence", "small", "small_at", "timestamp")

    def __init__(self, sent: int, smalls: int) -> None:
        self.arrival = np.empty(sent, np.int64)
        self.sequence = np.empty(sent, np.uint16)
        self.timestamp = np.empty(sent, np.uint32)
        self.marker_type = np.empty(sent, np.uint8)
        self.length = np.empty(sent, np.uint16)
        self.ip_id = np.empty(sent, np.uint16)
        self.small_at = np.empty(smalls, np.int32)
        self.small = np.empty(smalls, np.int64)


_NO_COLUMNS = _Columns(0, 0)
