"""Batches cut up for the partitions of their topics, by the keys of eventlog/topics.py.

RTP and RTCP go by the unordered pair of (ip, even port), so that both directions of a call and their RTCP
meet; SIP by Call-ID. With one partition a batch is handed on as it is.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from capture.bounds import FLOW_IDLE_US, PARTITIONED_FLOWS
from eventlog.topics import partition, routing
from protocols.sip import call_id_of
from schemas.clock import NOT_STARTED
from schemas.rtcp_packets import RtcpBatch, RtcpPacket
from schemas.rtp_packets import FlowRows, RtpBatch
from schemas.sip_messages import SipBatch, SipPacket

I32 = NDArray[np.int32]


def media_key(account: str, site: str, src: tuple[bytes, int], dst: tuple[bytes, int]) -> bytes:
    """The key of RTP and RTCP between two packed addresses and ports, in either direction."""
    ends = sorted(ip + (port & 0xFFFE).to_bytes(2, "big") for ip, port in (src, dst))
    return routing(account, site, *ends)


def split_sip(batch: SipBatch, partitions: int) -> Sequence[SipBatch]:
    """A batch for each partition, with the batch's clock; messages without Call-ID go by the empty one."""
    if partitions == 1:
        return (batch,)
    parts: list[list[SipPacket]] = [[] for _ in range(partitions)]
    for message in batch.messages:
        call_id = (call_id_of(message.raw) or b"").decode("utf-8", "replace")
        parts[partition(routing(batch.account, batch.site, call_id), partitions)].append(message)
    return [msgspec.structs.replace(batch, messages=part) for part in parts]


def split_rtcp(batch: RtcpBatch, partitions: int) -> Sequence[RtcpBatch]:
    """A batch for each partition, with the batch's clock."""
    if partitions == 1:
        return (batch,)
    parts: list[list[RtcpPacket]] = [[] for _ in range(partitions)]
    for packet in batch.packets:
        key = media_key(
            batch.account, batch.site, (packet.src_ip, packet.src_port), (packet.dst_ip, packet.dst_port)
        )
        parts[partition(key, partitions)].append(packet)
    return [msgspec.structs.replace(batch, packets=part) for part in parts]


class FlowPartitions:
    """Remembers the partition of each flow of one sensor, because a batch describes only some of them."""

    def __init__(self, partitions: int) -> None:
        self.partitions = partitions
        self._flow = np.zeros(0, np.uint32)  # ascending
        self._partition = np.zeros(0, np.int32)
        self._seen_us = np.zeros(0, np.int64)
        self._clock_us = NOT_STARTED

    def split(self, batch: RtpBatch) -> Sequence[RtpBatch]:
        """A batch for each partition, with the batch's clock. Batches come in the order they were made."""
        if self.partitions == 1:
            return (batch,)
        described = self._learn(batch)
        place = np.searchsorted(self._flow, batch.present)
        self._seen_us[place] = self._clock_us
        return split(batch, self.partitions, self._partition[place], described)

    def _learn(self, batch: RtpBatch) -> I32:
        """The partition of each described flow; new ones are remembered, long silent ones forgotten."""
        rows = batch.flows
        if len(batch.arrival_us):
            self._clock_us = max(self._clock_us, int(batch.arrival_us.max()))
        described = np.array([self._of(batch, rows, n) for n in range(len(rows.flow))], np.int32)
        flow, first = np.unique(rows.flow, return_index=True)
        new = ~np.isin(flow, self._flow, assume_unique=True)
        if new.any():
            if len(self._flow) > PARTITIONED_FLOWS:
                keep = self._seen_us >= self._clock_us - 2 * FLOW_IDLE_US
                self._flow, self._partition, self._seen_us = (
                    self._flow[keep], self._partition[keep], self._seen_us[keep],
                )  # fmt: skip
            at = np.searchsorted(self._flow, flow[new])
            self._flow = np.insert(self._flow, at, flow[new])
            self._partition = np.insert(self._partition, at, described[first[new]])
            self._seen_us = np.insert(self._seen_us, at, self._clock_us)
        return described

    def _of(self, batch: RtpBatch, rows: FlowRows, n: int) -> int:
        width = 4 if rows.family[n] == 4 else 16
        src = (rows.src_ip[n, :width].tobytes(), int(rows.src_port[n]))
        dst = (rows.dst_ip[n, :width].tobytes(), int(rows.dst_port[n]))
        return partition(media_key(batch.account, batch.site, src, dst), self.partitions)


def split(batch: RtpBatch, partitions: int, of_present: I32, of_described: I32) -> Sequence[RtpBatch]:
    """Cut a batch by the partition of each flow in `present` and of each row in `flows`."""
    of_packet = np.repeat(of_present, batch.count)
    parts = []
    for number in range(partitions):
        flows, present, packets = of_described == number, of_present == number, of_packet == number
        small = packets[batch.small_at]
        new_place = np.cumsum(packets) - 1
        parts.append(
            msgspec.structs.replace(
                batch,
                flows=FlowRows(*(getattr(batch.flows, name)[flows] for name in FlowRows.__struct_fields__)),
                present=batch.present[present],
                count=batch.count[present],
                copies=batch.copies[present],
                arrival_us=batch.arrival_us[packets],
                sequence=batch.sequence[packets],
                timestamp=batch.timestamp[packets],
                marker_type=batch.marker_type[packets],
                length=batch.length[packets],
                small_at=new_place[batch.small_at[small]].astype(np.int32),
                small=batch.small[small],
            )
        )
    return parts
