"""One sensor: blocks of frames in, batches of SIP, RTCP and RTP out, in the order of its clock."""

from bisect import bisect_right
from collections.abc import Iterator
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

from capture import layout as at
from capture.block import Block
from capture.counters import DISCARDS, PACKETS, zeros
from capture.datagram import Datagram
from capture.dissect import Dissector
from capture.order import Clock, Run
from capture.settings import CaptureSettings
from capture.sip_text import Payload, classify
from capture.slow import counters as slow
from capture.synthetic import frame_of
from capture.udptl import udptl_receivers
from protocols.secrets import mask_secrets
from schemas.clock import END_OF_CAPTURE, NOT_STARTED
from schemas.rtcp_packets import RtcpBatch, RtcpPacket
from schemas.rtp_packets import RtpBatch
from schemas.sip_messages import Dropped, SipBatch, SipPacket

if TYPE_CHECKING:
    from capture.slow.path import SlowPath

Batch = SipBatch | RtcpBatch | RtpBatch
T = TypeVar("T")


class Sensor:
    """Dissects what one capturing machine heard.

    Order: with M the running maximum of packet time, a packet's key is max(its time, M - B), B the sort
    buffer; output is in order of key, equal keys in capture order. A flush sends what has a key before M - B
    and keeps the rest. An older packet keeps its own time and counts as `misordered`.
    """

    def __init__(self, account: str, site: str, name: str, *, settings: CaptureSettings) -> None:
        self.account, self.site, self.name = account, site, name
        self.packets = self.bytes = 0
        self.first_us: int | None = None
        self.last_us: int | None = None
        self._keep_secrets, self._keep_digits = settings.keep_secrets, settings.keep_digits
        self._sort_buffer_us = settings.sort_buffer_ms * 1000
        self._dissector = Dissector(settings)
        self._clock = Clock()
        self._made_slow: SlowPath | None = None
        self._sip: _Held[SipPacket] = _Held()
        self._rtcp: _Held[RtcpPacket] = _Held()
        self._counts = zeros()
        self._watermark = NOT_STARTED
        self._serial = 0  # of the next batches
        self._dropped: list[Dropped] = []  # not said yet

    @property
    def counters(self) -> dict[str, int]:
        """Packets by kind, and every discard and oddity by name (capture/counters.py, capture/slow)."""
        counts = self._dissector.counts()
        found = self._counts | {"clock_steps": self._clock.steps, "bad_time": self._clock.bad_times}
        for place, (name, _) in chain(PACKETS.items(), DISCARDS.items()):
            found[name] += counts[place]
        for name, count in (self._made_slow.counters if self._made_slow else slow.zeros()).items():
            found[name] = found.get(name, 0) + count
        return found

    def feed(self, block: Block) -> list[Batch]:
        """Take a block; the batches that are due by it, most often none."""
        if not len(block.offset):
            return []
        self.packets += len(block.offset)
        self.bytes += int(block.original.sum())
        return [batch for run in self._clock.admit(block) for batch in self._walk(run)]

    def lose(self, reason: str, packets: int, from_us: int, to_us: int) -> None:
        """Packets of between these times were lost before they came here; `reason` is one of the counters."""
        self._counts[reason] += packets
        self._dropped.append(Dropped(from_us, to_us, packets))

    def deaf(self, reason: str, from_us: int, to_us: int) -> None:
        """What passed between these times was not heard, and nobody counted it; `reason` counts how often."""
        self._counts[reason] += 1
        self._dropped.append(Dropped(from_us, to_us, 0))

    def flush(self, heard_until_us: int = NOT_STARTED) -> list[Batch]:
        """What lies before the watermark: one batch each of SIP, RTCP and RTP, empty or not; they come last.

        Before the first packet it says that this sensor is there. `heard_until_us`: a live source has handed
        on all packets before this time, so that time goes on where there are none.
        """
        settled: list[Batch] = []
        if heard_until_us != NOT_STARTED:
            runs = self._clock.reached(heard_until_us * 1000)
            settled = [batch for run in runs for batch in self._walk(run)]
        clock = max(self._dissector.clock_us, heard_until_us)
        if clock != NOT_STARTED:
            self._watermark = max(self._watermark, clock - self._sort_buffer_us)
        self._dissector.flushed()
        return settled + self._send(self._watermark)

    def close(self) -> list[Batch]:
        """The capture has ended: everything, up to its last packet's time first, so that timers fire alike
        however it was flushed; then the last watermark there is."""
        batches = [batch for run in self._clock.end() for batch in self._walk(run)]
        if self._made_slow:
            for datagram in self._made_slow.flush():
                batches += self._take(datagram)
        clock = self._dissector.clock_us
        if clock != NOT_STARTED:
            self._watermark = max(self._watermark, clock + 1)
            batches += self._send(self._watermark)
        return batches + self._send(END_OF_CAPTURE)

    @property
    def _slow(self) -> "SlowPath":
        """The slow path: most captures never need it."""
        if self._made_slow is None:
            from capture.slow.path import SlowPath

            self._made_slow = SlowPath()
        return self._made_slow

    def _walk(self, run: Run) -> Iterator[Batch]:
        block, dissector = run.block, self._dissector
        if self.first_us is None:
            self.first_us = _us(int(block.time_ns[0]))
            dissector.start(self.first_us)
        elif run.step_ns is not None:
            if _us(run.step_ns) < dissector.clock_us:  # what was heard before comes first
                self._watermark = dissector.clock_us + 1
                yield from self.flush()
            dissector.step(_us(run.step_ns))
        yield from self._dissect(block)
        self.last_us = dissector.clock_us

    def _dissect(self, block: Block, inner: bool = False) -> Iterator[Batch]:
        dissector = self._dissector
        for stop, done in dissector.walk(block, inner):
            if notes := dissector.notes(block):
                self._heed(notes, block)
            if stop == at.STOP_FLUSH:
                yield from self.flush()
            elif stop == at.STOP_SLOW:
                yield from self._dissect_slow(block, done - 1)
            elif stop == at.STOP_ROWS:
                yield from self._relieve()

    def _relieve(self) -> Iterator[Batch]:
        """The ring of rows is full: send what is due; where that helps little, make it larger."""
        yield from self.flush()
        flows = self._dissector.flows
        if flows.crowded and not flows.make_room():
            self._counts["sort_buffer_full"] += 1
            self._watermark = max(self._watermark, self._dissector.clock_us + 1)
            yield from self._send(self._watermark)

    def _dissect_slow(self, block: Block, frame: int) -> Iterator[Batch]:
        """One frame through the slow path, its datagrams back through the kernel, before the next frame."""
        start = int(block.offset[frame])
        data = block.buffer[start : start + int(block.captured[frame])].tobytes()
        asked = self._dissector.segment(block)
        found = self._slow.feed(block.link_type, int(block.time_ns[frame]), data, int(block.original[frame]))
        if asked is not None and self._slow.tcp_of_interest(*asked):
            self._dissector.follow(asked)
        for datagram in found:
            yield from self._take(datagram)

    def _take(self, datagram: Datagram) -> Iterator[Batch]:
        if datagram.transport == "udp":
            yield from self._dissect(frame_of(datagram), inner=True)
            return
        time_us = _us(datagram.time_ns)
        self._offered(datagram.payload)
        key = max(time_us, self._dissector.floor_us)
        packet = SipPacket(
            time_us, datagram.src_ip, datagram.src_port, datagram.dst_ip, datagram.dst_port,
            datagram.transport, datagram.dscp, datagram.ttl, datagram.vlan, self._masked(datagram.payload),
        )  # fmt: skip
        self._hear_sip(key, packet)

    def _heed(self, notes: list[list[int]], block: Block) -> None:
        """Take the datagrams that the kernel noted."""
        buffer = block.buffer.data
        for kind, at_payload, captured, wire, ip, ipv6, meta, ports, time_us, key, plain in notes:
            packet = buffer[ip : at_payload + captured].tobytes()
            payload = packet[at_payload - ip :]
            src_ip, dst_ip = (packet[8:24], packet[24:40]) if ipv6 else (packet[12:16], packet[16:20])
            if kind == at.NOTE_RTCP:
                report = RtcpPacket(time_us, src_ip, ports >> 16, dst_ip, ports & 0xFFFF, payload)
                self._rtcp.add(key, report)
                continue
            if plain and kind == at.NOTE_SIP:
                message = payload
            elif (found := self._message(kind, payload, captured < wire)) is not None:
                message = self._masked(found)
            else:
                continue
            heard = SipPacket(
                time_us, src_ip, ports >> 16, dst_ip, ports & 0xFFFF, "udp",
                meta & 0xFF, meta >> 8 & 0xFF, (meta >> 16) - 1, message,
            )  # fmt: skip
            self._hear_sip(key, heard)

    def _message(self, kind: int, payload: bytes, snapped: bool) -> bytes | None:
        """The SIP message of a datagram, None (counted) where it is none."""
        found, message = classify(payload, snapped=snapped)
        if found is Payload.SIP:
            if kind == at.NOTE_OFFER or message is not payload:
                self._offered(message)
            return message
        self._counts["sip_keepalives" if found is Payload.KEEPALIVE else "not_sip"] += 1
        return None

    def _masked(self, message: bytes) -> bytes:
        return message if self._keep_secrets else mask_secrets(message, self._keep_digits)

    def _offered(self, message: bytes) -> None:
        for ip, port in udptl_receivers(message):
            self._dissector.hint_udptl(ip, port)

    def _hear_sip(self, key: int, packet: SipPacket) -> None:
        self._counts["sip"] += 1
        self._sip.add(key, packet)

    def _send(self, clock_us: int) -> list[Batch]:
        account, site, name = self.account, self.site, self.name
        watermark_us = clock_us - 1  # what comes at the watermark itself is still to be said
        serial, self._serial = self._serial, self._serial + 1
        dropped, self._dropped = self._dropped, []
        rtp = self._dissector.flows.take(account, site, name, clock_us, watermark_us)
        return [
            SipBatch(
                account, site, name, clock_us, self._sip.take(watermark_us), serial=serial, dropped=dropped
            ),
            RtcpBatch(account, site, name, clock_us, self._rtcp.take(watermark_us), serial=serial),
            msgspec.structs.replace(rtp, serial=serial),
        ]


class _Held(Generic[T]):
    """Packets held for the sort buffer, with their keys."""

    __slots__ = ("_held", "_last", "_sorted")

    def __init__(self) -> None:
        self._held: list[tuple[int, T]] = []
        self._last = NOT_STARTED
        self._sorted = True

    def add(self, key: int, packet: T) -> None:
        """Packets come in capture order."""
        if key < self._last:
            self._sorted = False
        else:
            self._last = key
        self._held.append((key, packet))

    def take(self, watermark: int) -> list[T]:
        """Those up to the watermark, in order of key, then of capture."""
        held = self._held
        if not self._sorted:
            held.sort(key=itemgetter(0))
            self._sorted = True
        due = bisect_right(held, watermark, key=itemgetter(0))
        self._held = held[due:]
        return [packet for _, packet in held[:due]]


def _us(time_ns: int) -> int:
    return (time_ns + 500) // 1000
