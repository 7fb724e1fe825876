"""RTCP as reports about streams: loss, jitter, round trip as the sensor sees it, XR VoIP metrics."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from protocols import rtcp
from schemas.rtcp_packets import RtcpPacket
from streams.bounds import RTCP_SOURCES_MAX, SENDER_REPORTS_KEPT
from streams.media.flow import Report

_UNKNOWN_MOS: Final = 127
"""RFC 3611 4.7.5: no value."""


class RtcpReader:
    """Turns RTCP packets into reports; remembers when sender reports passed, for the round trip.

    The round trip is that of Wireshark: from the sender report passing the sensor to the report about it
    passing back, less the delay that the receiver says it held it (RFC 3550 6.4.1): the path between the
    sensor and the receiver.
    """

    def __init__(self, counters: Counter[str]) -> None:
        self.counters = counters
        # SSRC and sensor -> middle of the NTP time -> packet time, µs: a round trip has one clock
        self.sent: dict[str, dict[int, int]] = {}

    def read(self, sensor: str, packet: RtcpPacket) -> list[tuple[int, Report]]:
        """Reports in one datagram, each with the SSRC it is about."""
        try:
            parts = rtcp.parse(packet.raw)
        except rtcp.RtcpError:
            self.counters["rtcp-unreadable"] += 1
            return []
        return [found for part in parts for found in self._part(part, sensor, packet.time_us)]

    def _part(self, part: Any, sensor: str, time_us: int) -> Iterator[tuple[int, Report]]:
        if isinstance(part, rtcp.SenderReport):
            self._remember(f"{part.ssrc} {sensor}", (part.ntp >> 16) & 0xFFFFFFFF, time_us)
        if isinstance(part, rtcp.SenderReport | rtcp.ReceiverReport):
            for block in part.reports:
                round_trip = self._round_trip(f"{block.ssrc} {sensor}", block, time_us)
                yield (
                    block.ssrc,
                    Report(time_us, block.cumulative_lost, block.fraction_lost, block.jitter, round_trip),
                )
        elif isinstance(part, rtcp.ExtendedReport):
            for metrics in part.voip_metrics:
                listening = metrics.mos_lq if metrics.mos_lq != _UNKNOWN_MOS else -1
                talking = metrics.mos_cq if metrics.mos_cq != _UNKNOWN_MOS else -1
                yield metrics.ssrc, Report(time_us, xr_mos_lq=listening, xr_mos_cq=talking)

    def _remember(self, sender: str, middle: int, time_us: int) -> None:
        sent = self.sent.get(sender)
        if sent is None:
            if len(self.sent) >= RTCP_SOURCES_MAX:
                self.sent.pop(next(iter(self.sent)))
            sent = self.sent[sender] = {}
        sent[middle] = time_us
        if len(sent) > SENDER_REPORTS_KEPT:
            sent.pop(next(iter(sent)))

    def _round_trip(self, sender: str, block: rtcp.ReportBlock, time_us: int) -> int:
        passed = self.sent.get(sender, {}).get(block.lsr) if block.lsr else None
        if passed is None:
            return -1
        return max(time_us - passed - (block.dlsr * 1_000_000 >> 16), 0)
