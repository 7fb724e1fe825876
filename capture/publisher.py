"""Appends what a sensor captured to the log, cut up for the partitions of its topics."""

from collections.abc import Iterable, Sequence
from typing import Final

from capture.batches import FlowPartitions, split_rtcp, split_sip
from capture.sensor import Batch
from eventlog.log import Log
from schemas.rtcp_packets import RtcpBatch
from schemas.rtp_packets import RtpBatch
from schemas.sip_messages import SipBatch

SIP: Final = "sip.messages"
RTP: Final = "rtp.packets"
RTCP: Final = "rtcp.packets"


class Publisher:
    """The way of one sensor's batches into a log."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._flows = FlowPartitions(log.partitions(RTP))

    def publish(self, batches: Iterable[Batch]) -> None:
        """Append the batches, each to every partition of its topic: the clock goes to all."""
        for batch in batches:
            topic, parts = self._parts(batch)
            for number, part in enumerate(parts):
                self._log.append(topic, number, b"", part)

    def _parts(self, batch: Batch) -> tuple[str, Sequence[Batch]]:
        if isinstance(batch, SipBatch):
            return SIP, split_sip(batch, self._log.partitions(SIP))
        if isinstance(batch, RtcpBatch):
            return RTCP, split_rtcp(batch, self._log.partitions(RTCP))
        assert isinstance(batch, RtpBatch)
        return RTP, self._flows.split(batch)
