"""Appends what a sensor captured to the log, cut up for the partitions of its topics."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, Protocol

import msgspec

from capture.batches import FlowPartitions, split_rtcp, split_sip
from capture.sensor import Batch
from schemas.rtcp_packets import RtcpBatch
from schemas.rtp_packets import RtpBatch
from schemas.sip_messages import SipBatch

SIP: Final = "sip.messages"
RTP: Final = "rtp.packets"
RTCP: Final = "rtcp.packets"


class Outlet(Protocol):
    """What takes the records: a log, or something before one."""

    def partitions(self, topic: str) -> int:
        """How many partitions the topic has."""

    def append(self, topic: str, partition: int, key: bytes, value: Any) -> None:
        """Take a record."""


class Publisher:
    """The way of one sensor's batches into a log."""

    def __init__(self, log: Outlet) -> None:
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


def behind(batches: Sequence[Batch], behind_us: int) -> Sequence[Batch]:
    """The batches, saying how far they lie behind what was captured: so long the sensor is waited for."""
    if not behind_us:
        return batches
    return [msgspec.structs.replace(batch, behind_us=behind_us) for batch in batches]
