"""RTCP reports given to the streams they are about."""

from collections import Counter

from schemas.rtcp_packets import RtcpPacket
from streams.bounds import RTCP_QUEUE_MAX
from streams.media.flow import Flow, RtcpSums
from streams.media.flow_table import FlowTable
from streams.media.outbox import Outbox
from streams.media.rtcp import RtcpReader
from streams.media.state import S


class Reports:
    """Waiting RTCP packets of a site, and who they are about. `noted` are slots with reports to fold."""

    def __init__(self, table: FlowTable, outbox: Outbox, noted: set[int], counters: Counter[str]) -> None:
        self.table, self.outbox, self.noted, self.counters = table, outbox, noted, counters
        self.reader = RtcpReader(counters)
        self.waiting: list[tuple[int, str, RtcpPacket]] = []

    def take(self, sensor: str, packets: list[RtcpPacket]) -> None:
        """Queue a sensor's packets."""
        self.waiting += [(packet.time_us, sensor, packet) for packet in packets]

    def read(self, before_us: int) -> None:
        """Give the reports before this time to their flows; they count with the flow's next row."""
        if not self.waiting:
            return
        self.waiting.sort(key=lambda entry: entry[:2])
        due = sum(time_us < before_us for time_us, _, _ in self.waiting)
        taken, self.waiting = self.waiting[:due], self.waiting[due:]
        for _, sensor, packet in taken:
            for ssrc, report in self.reader.read(sensor, packet):
                flow = self._flow(sensor, ssrc, packet)
                if flow is None:
                    self.counters["rtcp-without-stream"] += 1
                    continue
                flow.reports = [*flow.reports[-RTCP_QUEUE_MAX + 1 :], report]
                self.noted.add(flow.slot)
                self.table.changed[flow.slot] = True

    def _flow(self, sensor: str, ssrc: int, packet: RtcpPacket) -> Flow | None:
        """The flow of this SSRC that goes to where the packet comes from."""
        best, rank = None, (0, 0)
        for flow in self.table.of_ssrc(ssrc):
            ip, port = flow.destination
            if flow.sensor != sensor or not 0 < flow.first_us <= packet.time_us or ip != packet.src_ip:
                continue
            near = 2 * (flow.source[0] == packet.dst_ip) + (packet.src_port in (port, port + 1))
            if best is None or (near, -flow.number) > rank:
                best, rank = flow, (near, -flow.number)
        return best

    def fold(self, flow: Flow, until_us: int, clock_rate: int) -> None:
        """Sum up the flow's reports up to this time and send the sums."""
        due = [report for report in flow.reports if report.time_us <= until_us]
        if not due:
            return
        flow.reports = flow.reports[len(due) :]
        flow.rtcp = flow.rtcp or RtcpSums()
        for report in due:
            flow.rtcp.fold(report, clock_rate)
        if flow.rtcp.round_trips:
            self.table.slots[flow.slot, S.ONE_WAY] = flow.rtcp.rtt_sum_us // flow.rtcp.round_trips // 2
        self.outbox.rtcp(flow, flow.rtcp.summary(flow.stream))
