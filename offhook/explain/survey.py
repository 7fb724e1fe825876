"""A survey of everything that a capture holds: flows, EtherTypes, what was cut off, ICMP's complaints."""

import socket
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from capture.block import Block, Source
from offhook.bounds import EXPLAIN_FLOWS, EXPLAIN_UNREACHABLE
from offhook.explain import flows
from offhook.explain.flows import End, Flow
from offhook.explain.headers import ICMP, IPV4, TCP, UDP, Headers, read

_METHODS: Final = (
    b"INVI", b"ACK ", b"BYE ", b"CANC", b"REGI", b"OPTI", b"PRAC", b"SUBS", b"NOTI", b"PUBL", b"INFO",
    b"REFE", b"MESS", b"UPDA",
)  # fmt: skip
_REQUESTS: Final = np.array([int.from_bytes(word) for word in _METHODS])
_RESPONSE: Final = int.from_bytes(b"SIP/")
_HTTP: Final = np.array([int.from_bytes(word) for word in (b"GET ", b"POST", b"HTTP")])
_HEP: Final = int.from_bytes(b"HEP3")
_STEP_US: Final = 1_000_000
_COOKIE: Final = 0x2112A442
_PRIME: Final = np.uint64(0x9E3779B97F4A7C15)


class Survey:
    """Takes blocks in; `flows` and the counters are complete when the source has ended."""

    def __init__(self) -> None:
        self.packets = 0
        self.first_us: int | None = None
        self.last_us: int | None = None
        self.link_types: Counter[int] = Counter()
        self.ethertypes: Counter[int] = Counter()
        self.protocols: Counter[int] = Counter()
        self.fragments = 0
        self.snap_length = 0  # captured bytes of the longest frame that was cut
        self.snapped = 0
        self.snapped_sip = 0
        self.first_snapped_sip_us: int | None = None
        self.steps_back = 0  # packets over a second older than the one before
        self.longest_step_us = 0
        self.first_step_us: int | None = None  # time before the first of them
        self.reordered = False  # they were put in order before
        self.unreachable: Counter[End] = Counter()  # of UDP, by who was asked
        self.flows_omitted = 0
        self._time_us: int | None = None  # of the last packet
        self._flows: dict[int, Flow] = {}

    @property
    def flows(self) -> list[Flow]:
        """All flows, in the order they began."""
        return list(self._flows.values())

    def look(self, block: Block) -> None:
        """Take one block."""
        count = len(block.offset)
        if not count:
            return
        times = (block.time_ns + 500) // 1000
        self.packets += count
        first, last = int(times.min()), int(times.max())
        self.first_us = first if self.first_us is None else min(first, self.first_us)
        self.last_us = last if self.last_us is None else max(last, self.last_us)
        self._watch(times)
        self.link_types[block.link_type] += count
        headers = read(block)
        _tally(self.ethertypes, headers.ethertype)
        _tally(self.protocols, headers.protocol[headers.protocol >= 0])
        self.fragments += int(headers.fragment.sum())
        kinds = _kinds(headers)
        self._snaps(block, headers, kinds, times)
        self._complaints(block, headers)
        self._group(block, headers, kinds, times)

    def _watch(self, times: Any) -> None:
        """Time that goes back. A jump forward may be a link that was silent."""
        before = int(times[0]) if self._time_us is None else self._time_us
        steps = np.diff(times, prepend=before)
        back = np.flatnonzero(steps < -_STEP_US)
        if len(back):
            self.steps_back += len(back)
            self.longest_step_us = max(self.longest_step_us, int(-steps[back].min()))
            if self.first_step_us is None:
                self.first_step_us = int(times[back[0]] - steps[back[0]])
        self._time_us = int(times[-1])

    def read_in_order(self, times_ns: Any) -> None:
        """A file's packets were put in order of time; these are their times as it has them."""
        self.reordered = True
        self._time_us = None
        self._watch(times_ns // 1000)

    def _snaps(self, block: Block, headers: Headers, kinds: Any, times: Any) -> None:
        cut = block.captured < block.original
        if not cut.any():
            return
        self.snapped += int(cut.sum())
        self.snap_length = max(self.snap_length, int(block.captured[cut].max()))
        sip = cut & (kinds & flows.SIP != 0) & (headers.kept < headers.length)
        if sip.any():
            self.snapped_sip += int(sip.sum())
            if self.first_snapped_sip_us is None:
                self.first_snapped_sip_us = int(times[sip][0])

    def _complaints(self, block: Block, headers: Headers) -> None:
        """ICMP port, host and net unreachable about UDP (RFC 792): the inner header says who was asked."""
        asked = np.flatnonzero((headers.protocol == ICMP) & (headers.ethertype == IPV4))
        for frame in asked[:EXPLAIN_UNREACHABLE].tolist():
            end = int(block.offset[frame] + block.captured[frame])
            packet = block.buffer[int(headers.ip[frame]) : end].tobytes()
            icmp = packet[(packet[0] & 15) << 2 :]
            inner = icmp[8:]
            if len(inner) < 28 or icmp[0] != 3 or inner[9] != UDP or len(self.unreachable) > EXPLAIN_FLOWS:
                continue
            udp = inner[(inner[0] & 15) << 2 :]
            if len(udp) >= 4:
                asked_of = socket.inet_ntop(socket.AF_INET, inner[16:20]), int.from_bytes(udp[2:4])
                self.unreachable[asked_of] += 1

    def _group(self, block: Block, headers: Headers, kinds: Any, times: Any) -> None:
        """Put the frames into their flows."""
        known = headers.protocol >= 0
        frames = np.flatnonzero(known)
        if not len(frames):
            return
        keys = _keys(headers)[frames]
        order = np.argsort(keys, kind="stable")
        frames, keys = frames[order], keys[order]
        starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]])
        counts = np.diff(np.r_[starts, len(keys)])
        octets = np.add.reduceat(block.original[frames].astype(np.int64), starts)
        found = np.bitwise_or.reduceat(kinds[frames], starts)
        firsts, lasts = (f.reduceat(times[frames], starts) for f in (np.minimum, np.maximum))
        cut = np.add.reduceat((block.captured < block.original)[frames].astype(np.int64), starts)
        rtp = np.add.reduceat((kinds == flows.RTP)[frames].astype(np.int64), starts)
        columns = (keys[starts], frames[starts], counts, octets, found, firsts, lasts, cut, rtp)
        for row in zip(*(column.tolist() for column in columns), strict=True):
            key, frame, count, size, kind, first, last, snapped, like_rtp = row
            flow = self._flows.get(key)
            if flow is None:
                if len(self._flows) >= EXPLAIN_FLOWS:
                    self.flows_omitted += 1
                    continue
                flow = self._flows[key] = _flow(headers, frame, first)
            flow.packets += count
            flow.octets += size
            flow.kinds |= kind
            flow.snapped += snapped
            flow.rtp += like_rtp
            flow.first_us, flow.last_us = min(flow.first_us, first), max(flow.last_us, last)


class Surveyed:
    """A source whose blocks are surveyed on their way (the Source protocol)."""

    def __init__(self, source: Source, survey: Survey) -> None:
        self._source, self._survey = source, survey

    def __iter__(self) -> Iterator[Block]:
        """The source's blocks."""
        for block in self._source:
            self._survey.look(block)
            yield block

    @property
    def warnings(self) -> list[str]:
        """The source's."""
        return self._source.warnings

    @warnings.setter
    def warnings(self, warnings: list[str]) -> None:
        self._source.warnings = warnings

    @property
    def bytes_done(self) -> int:
        """The source's."""
        return self._source.bytes_done

    @bytes_done.setter
    def bytes_done(self, done: int) -> None:
        self._source.bytes_done = done

    @property
    def bytes_total(self) -> int | None:
        """The source's."""
        return self._source.bytes_total

    @bytes_total.setter
    def bytes_total(self, total: int | None) -> None:
        self._source.bytes_total = total


def _tally(counter: Counter[int], values: Any) -> None:
    for value, count in zip(
        *(column.tolist() for column in np.unique(values, return_counts=True)), strict=True
    ):
        counter[value] += count


def _kinds(headers: Headers) -> NDArray[np.int64]:
    """What each payload looks like by its first bytes, as bits of `flows`."""
    head, tail, kept = headers.head, headers.tail, headers.kept
    udp, tcp = headers.protocol == UDP, headers.protocol == TCP
    first, second = head >> 24, head >> 16 & 0xFF
    rtp = udp & (first >> 6 == 2) & (headers.length >= 12)
    control = rtp & (second >= 192) & (second <= 223)
    record = (first >= 20) & (first <= 23) & (second == 3) & (head >> 8 & 0xFF <= 4)
    return np.select(
        [
            headers.length < 0,
            headers.length == 0,
            np.isin(head, _REQUESTS),
            head == _RESPONSE,
            udp & (tail == _COOKIE) & (first < 2),
            udp & (first >= 20) & (first <= 26) & (second == 0xFE),
            control,
            rtp & ((second & 127 < 64) | (second & 127 > 95)),
            tcp & record & (kept >= 5),
            tcp & np.isin(head, _HTTP),
            head == _HEP,
        ],
        [
            0, flows.EMPTY, flows.SIP_REQUEST, flows.SIP_RESPONSE, flows.STUN, flows.DTLS, flows.RTCP,
            flows.RTP, flows.TLS, flows.HTTP, flows.HEP,
        ],
        flows.OTHER,
    )  # fmt: skip


def _keys(headers: Headers) -> NDArray[np.uint64]:
    """A hash of protocol, addresses and ports; two flows of one capture do not share one."""
    mixed: NDArray[np.uint64]
    mixed = headers.protocol.astype(np.uint64) << np.uint64(1) | (headers.ethertype == IPV4).astype(np.uint64)
    for column in (headers.src_high, headers.src_low, headers.dst_high, headers.dst_low, headers.ports):
        mixed = (mixed ^ column.astype(np.uint64)) * _PRIME
        mixed ^= mixed >> np.uint64(29)
    return mixed


def _flow(headers: Headers, frame: int, first_us: int) -> Flow:
    ports, six = int(headers.ports[frame]), headers.ethertype[frame] != IPV4
    source = _address(int(headers.src_high[frame]), int(headers.src_low[frame]), bool(six))
    target = _address(int(headers.dst_high[frame]), int(headers.dst_low[frame]), bool(six))
    return Flow(
        int(headers.protocol[frame]), (source, ports >> 16), (target, ports & 0xFFFF), first_us, first_us
    )


def _address(high: int, low: int, six: bool) -> str:
    if not six:
        return socket.inet_ntop(socket.AF_INET, low.to_bytes(4))
    words = (high & 0xFFFFFFFFFFFFFFFF) << 64 | (low & 0xFFFFFFFFFFFFFFFF)
    return socket.inet_ntop(socket.AF_INET6, words.to_bytes(16))
