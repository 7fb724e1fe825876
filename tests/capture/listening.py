"""Runs a sensor over frames and puts its batches back together, so that tests can look at streams."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

import msgspec
import numpy as np

from capture.block import Block
from capture.files import open_capture
from capture.sensor import Batch, Sensor
from capture.settings import CaptureSettings
from schemas.rtcp_packets import RtcpPacket
from schemas.rtp_packets import RtpBatch
from schemas.sip_messages import SipBatch, SipPacket
from tests.capture.tshark_oracle import Stream
from tests.capture.writers import Frame


@dataclass
class Flow:
    """All that was said of one flow; `packets`: arrival, sequence, timestamp, marker_type, length."""

    stream: Stream
    kind: int
    descriptions: list[tuple[int, int, int]]  # dscp, ttl, vlan
    packets: list[tuple[int, int, int, int, int]] = field(default_factory=list)
    small: dict[int, bytes] = field(default_factory=dict)
    copies: int = 0


@dataclass
class Heard:
    """A sensor's events, whatever the batches were."""

    flows: dict[int, Flow] = field(default_factory=dict)
    sip: list[SipPacket] = field(default_factory=list)
    rtcp: list[RtcpPacket] = field(default_factory=list)
    clocks: list[int] = field(default_factory=list)
    counters: dict[str, int] = field(default_factory=dict)

    def take(self, batches: Iterable[Batch]) -> None:
        """Add batches in the order they were sent."""
        for batch in batches:
            if isinstance(batch, SipBatch):
                self.sip += batch.messages
                self.clocks.append(batch.clock_us)
            elif isinstance(batch, RtpBatch):
                assert batch.clock_us == self.clocks[-1]
                self._take_rtp(batch)
            else:
                self.rtcp += batch.packets
                assert batch.clock_us == self.clocks[-1]

    def _take_rtp(self, batch: RtpBatch) -> None:
        rows = batch.flows
        for n, flow in enumerate(rows.flow.tolist()):
            assert flow in batch.present
            said = (int(rows.dscp[n]), int(rows.ttl[n]), int(rows.vlan[n]))
            known = self.flows.setdefault(flow, Flow(_stream(batch, n), int(rows.kind[n]), []))
            assert known.stream == _stream(batch, n)
            known.descriptions.append(said)
        assert np.all(np.diff(batch.present.astype(np.int64)) > 0)
        small = {int(at): batch.small[n].tobytes() for n, at in enumerate(batch.small_at)}
        assert list(small) == sorted(small)
        start = 0
        for flow, count, copies in zip(
            batch.present.tolist(), batch.count.tolist(), batch.copies.tolist(), strict=True
        ):
            known = self.flows[flow]
            known.copies += copies
            for at in range(start, start + count):
                if at in small:
                    known.small[len(known.packets)] = small[at][: batch.length[at]]
                known.packets.append(
                    (
                        int(batch.arrival_us[at]),
                        int(batch.sequence[at]),
                        int(batch.timestamp[at]),
                        int(batch.marker_type[at]),
                        int(batch.length[at]),
                    )
                )
            start += count
        assert start == len(batch.arrival_us)

    def packets_by_stream(self) -> dict[Stream, int]:
        """Distinct and copied packets of each stream."""
        found: dict[Stream, int] = {}
        for flow in self.flows.values():
            found[flow.stream] = found.get(flow.stream, 0) + len(flow.packets) + flow.copies
        return found

    def events(self) -> tuple[object, ...]:
        """What may not depend on how frames came in blocks, nor on when batches were sent."""
        flows = [
            (number, flow.stream, flow.kind, flow.descriptions[0], flow.packets, flow.small, flow.copies)
            for number, flow in sorted(self.flows.items())
        ]
        return flows, self.sip, self.rtcp, self.counters


def sensor(**settings: object) -> Sensor:
    """A sensor with these settings."""
    return Sensor("acme", "hq", "tap1", settings=msgspec.convert(settings, CaptureSettings))


def listen(blocks: Iterable[Block], by: Sensor | None = None) -> Heard:
    """Everything a sensor says about the blocks."""
    by = by or sensor()
    heard = Heard()
    for block in blocks:
        heard.take(by.feed(block))
    heard.take(by.close())
    heard.counters = {name: count for name, count in by.counters.items() if count}
    return heard


def listen_to(path: Path) -> Heard:
    """Everything a sensor says about a capture."""
    return listen(open_capture(path))


def blocks_of(frames: Sequence[Frame], size: int = 1 << 30) -> Iterator[Block]:
    """The frames as blocks of up to `size` frames of one link type."""
    at = 0
    while at < len(frames):
        end = at + 1
        while end < len(frames) and end - at < size and frames[end].link_type == frames[at].link_type:
            end += 1
        yield _block(frames[at:end])
        at = end


def _block(frames: Sequence[Frame]) -> Block:
    lengths = np.array([len(frame.data) for frame in frames], np.int64)
    return Block(
        buffer=np.frombuffer(bytearray(b"".join(frame.data for frame in frames)) or bytearray(1), np.uint8),
        offset=np.concatenate(([0], np.cumsum(lengths)[:-1])).astype(np.int64),
        captured=lengths.astype(np.int32),
        original=np.array([frame.wire for frame in frames], np.int32),
        time_ns=np.array([frame.time_ns for frame in frames], np.int64),
        link_type=frames[0].link_type,
    )


def _stream(batch: RtpBatch, n: int) -> Stream:
    rows = batch.flows
    width = 4 if rows.family[n] == 4 else 16
    src, dst = (str(ip_address(ip[n, :width].tobytes())) for ip in (rows.src_ip, rows.dst_ip))
    return Stream(src, int(rows.src_port[n]), dst, int(rows.dst_port[n]), int(rows.ssrc[n]))
