"""Which packets out of a capture are the media of a call: those of its streams, and what goes with them."""

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Final

from capture.cutting.frames import Heard
from schemas.cdr import CallRecord, StreamRecord

AROUND_US: Final = 2_000_000
"""How long before and after its streams other packets between their addresses belong to a call."""

AFTER_US: Final = 2_000_000
"""A stream's last time is that of its last packet heard once: repeats of it may follow."""

RTCP_SHORT: Final = (192, 195)
RTCP: Final = (200, 213)

_Way = tuple[bytes, int, bytes, int]


class Span:
    """The packets of one stream: its flow, from its first packet to its last."""

    def __init__(self, stream: StreamRecord) -> None:
        self.way: _Way = (
            ip_address(stream.src_ip).packed,
            stream.src_port,
            ip_address(stream.dst_ip).packed,
            stream.dst_port,
        )
        self._ssrc = stream.ssrc.to_bytes(4, "big")
        self.stream = stream
        self.udptl = stream.ssrc == 0 and stream.media == "image"
        self.first_us, self.last_us = stream.first_time, stream.last_time + AFTER_US

    def has(self, each: Heard) -> bool:
        """Is this one of its packets?"""
        if way_of(each) != self.way or not self.first_us <= time_us(each) <= self.last_us:
            return False
        return self.udptl or (is_rtp(each.payload) and each.payload[8:12] == self._ssrc)


class OwnMedia:
    """Tells the packets of a call's media from others at the same addresses."""

    def __init__(self, records: Sequence[CallRecord]) -> None:
        self._spans: dict[_Way, list[Span]] = {}
        self._ways: dict[_Way, tuple[int, int]] = {}
        self._hosts: dict[tuple[bytes, bytes], tuple[int, int]] = {}
        self._ssrcs: set[bytes] = set()
        for record in records:
            for stream in record.streams:
                self._add(stream, max(record.end_time, stream.last_time))

    def _add(self, stream: StreamRecord, end_us: int) -> None:
        span = Span(stream)
        src, src_port, dst, dst_port = span.way
        self._spans.setdefault(span.way, []).append(span)
        self._ssrcs.add(stream.ssrc.to_bytes(4, "big"))
        time = (span.first_us - AROUND_US, end_us + AROUND_US)
        for way in (span.way, (dst, dst_port, src, src_port)):
            self._ways[way] = _joined(self._ways.get(way, time), time)
            hosts = way[0], way[2]
            self._hosts[hosts] = _joined(self._hosts.get(hosts, time), time)

    def has(self, each: Heard) -> bool:
        """Is it the call's: of a stream, a report about one, or other traffic between the same ports?"""
        if self.span_of(each) is not None:
            return True
        if is_rtcp(each.payload):
            return _within(each, self._hosts.get((each.src_ip, each.dst_ip))) and self._reports(each.payload)
        return not is_rtp(each.payload) and _within(each, self._ways.get(way_of(each)))

    def span_of(self, each: Heard) -> Span | None:
        """The stream that a packet is of, None where it is of none."""
        return next((span for span in self._spans.get(way_of(each), ()) if span.has(each)), None)

    def _reports(self, payload: bytes) -> bool:
        """Does an RTCP datagram name one of the streams?"""
        return any(payload[at : at + 4] in self._ssrcs for at in range(4, len(payload) - 3, 4))


def sharing_media(own: Sequence[CallRecord], records: Sequence[CallRecord]) -> list[str]:
    """The Call-IDs of the other calls that share a stream of these."""
    names = {record.call_id for record in own}
    shared = [stream for record in own for stream in record.streams if stream.shared]
    flows = {_flow(stream) for stream in shared}
    return sorted(
        {
            record.call_id
            for record in records
            if record.call_id not in names and any(_flow(stream) in flows for stream in record.streams)
        }
    )


def _flow(stream: StreamRecord) -> tuple[str, int, str, int, int]:
    return stream.src_ip, stream.src_port, stream.dst_ip, stream.dst_port, stream.ssrc


def is_rtcp(payload: bytes) -> bool:
    """RTCP by its form (RFC 3550 6.1), as the dissector tells it."""
    if len(payload) < 8 or payload[0] >> 6 != 2:
        return False
    kind, words = payload[1], payload[2] << 8 | payload[3]
    known = RTCP[0] <= kind <= RTCP[1] or RTCP_SHORT[0] <= kind <= RTCP_SHORT[1]
    return known and (words + 1) * 4 <= len(payload) and words >= (6 if kind == RTCP[0] else 1)


def is_rtp(payload: bytes) -> bool:
    """RTP by its form (RFC 3550 5.1), where it is no RTCP."""
    return len(payload) >= 12 and payload[0] >> 6 == 2 and not is_rtcp(payload)


def way_of(each: Heard) -> _Way:
    """From where to where."""
    return each.src_ip, each.src_port, each.dst_ip, each.dst_port


def time_us(each: Heard) -> int:
    """Its time as records have it, µs since the epoch."""
    return (each.time_ns + 500) // 1000


def _joined(one: tuple[int, int], two: tuple[int, int]) -> tuple[int, int]:
    return min(one[0], two[0]), max(one[1], two[1])


def _within(each: Heard, times: tuple[int, int] | None) -> bool:
    return times is not None and times[0] <= time_us(each) <= times[1]
