"""RTCP compound packets (RFC 3550 6) and extended reports (RFC 3611): who hears how much of whom.

SR, RR, SDES, BYE and XR are read; APP, transport and payload feedback are passed over. A datagram whose
tail is broken or cut gives the packets before it.
"""

from collections.abc import Iterator
from struct import Struct
from typing import Final

import msgspec

from protocols.bounds import RTCP_PACKETS, RTCP_SOURCES, XR_BLOCKS

SR: Final = 200
RR: Final = 201
SDES: Final = 202
BYE: Final = 203
XR: Final = 207

_KNOWN: Final = range(192, 214)  # 192 to 195 and 204 to 213 are passed over (IANA rtp-parameters)
_HEADER: Final = Struct("!BBH")
_SENDER: Final = Struct("!IQIII")
_REPORT: Final = Struct("!IIIIII")
_WORD: Final = Struct("!I")
_VOIP: Final = Struct("!IBBBBHHHHbbBBBBBBBxHHH")
_RRTR: Final = Struct("!Q")
_DLRR: Final = Struct("!III")
_CNAME: Final = 1
_CUT_WORDS: Final = 375  # a packet that was cut short had 1500 octets at most; else chance made its head
_SRTCP_TAIL: Final = 12  # octets after a first packet that are no RTCP: with less it is some padding
_SRTCP_INDEX_LIMIT: Final = 2**24  # of 31 bits; a session of that many RTCP packets lasts years
_NTP_EPOCH_S: Final = 2_208_988_800  # 1900 to 1970


class RtcpError(ValueError):
    """The octets are no RTCP, or encrypted RTCP; the text says which, in one line."""


class ReportBlock(msgspec.Struct, frozen=True, gc=False):
    """What a receiver says of the stream of `ssrc` (RFC 3550 6.4.1).

    `fraction_lost` in 1/256 since its last report; `cumulative_lost` signed, since the start (duplicates can
    make it negative); `highest_sequence` extended to 32 bits; `jitter` in RTP units; `lsr` the middle 32 bits
    of the NTP time of the last SR heard, `dlsr` the delay since in 1/65536 s, both 0 before the first SR.
    """

    ssrc: int
    fraction_lost: int
    cumulative_lost: int
    highest_sequence: int
    jitter: int
    lsr: int
    dlsr: int


class SenderReport(msgspec.Struct, frozen=True, gc=False):
    """SR: `ntp` the 64-bit NTP time of sending, and the counts of the sender."""

    ssrc: int
    ntp: int
    rtp_timestamp: int
    packets: int
    octets: int
    reports: tuple[ReportBlock, ...]

    @property
    def ntp_middle(self) -> int:
        """The middle 32 bits of the NTP time, as LSR repeats them."""
        return self.ntp >> 16 & 0xFFFFFFFF


class ReceiverReport(msgspec.Struct, frozen=True, gc=False):
    """RR: reports of one that sends nothing."""

    ssrc: int
    reports: tuple[ReportBlock, ...]


class SourceDescription(msgspec.Struct, frozen=True, gc=False):
    """SDES: the canonical name of each source, "" where none is given."""

    cnames: tuple[tuple[int, str], ...]


class Goodbye(msgspec.Struct, frozen=True, gc=False):
    """BYE: the sources that leave, and why, if it is said."""

    ssrcs: tuple[int, ...]
    reason: str


class VoipMetrics(msgspec.Struct, frozen=True, gc=False):
    """VoIP metrics of the stream of `ssrc` (RFC 3611 4.7).

    Rates and densities in 1/256, durations and delays in ms, levels in dBm, `r_factor` 0 to 100, MOS in
    tenths; 127 in the last six up to MOS-CQ means unavailable.
    """

    ssrc: int
    loss_rate: int
    discard_rate: int
    burst_density: int
    gap_density: int
    burst_duration_ms: int
    gap_duration_ms: int
    round_trip_ms: int
    end_system_delay_ms: int
    signal_level: int
    noise_level: int
    residual_echo_return_loss: int
    gmin: int
    r_factor: int
    external_r_factor: int
    mos_lq: int
    mos_cq: int
    receiver_configuration: int
    jitter_buffer_nominal_ms: int
    jitter_buffer_maximum_ms: int
    jitter_buffer_absolute_maximum_ms: int


class DelaySinceLastReport(msgspec.Struct, frozen=True, gc=False):
    """One sub-block of DLRR (RFC 3611 4.5): as LSR and DLSR, for receivers that send no SR."""

    ssrc: int
    lrr: int
    dlrr: int


class ExtendedReport(msgspec.Struct, frozen=True, gc=False):
    """XR: its VoIP metrics, its receiver reference time (64-bit NTP, None if absent), its DLRR sub-blocks."""

    ssrc: int
    voip_metrics: tuple[VoipMetrics, ...]
    reference_ntp: int | None
    delays: tuple[DelaySinceLastReport, ...]

    @property
    def reference_ntp_middle(self) -> int | None:
        """The middle 32 bits of the receiver reference time, as LRR repeats them."""
        return None if self.reference_ntp is None else self.reference_ntp >> 16 & 0xFFFFFFFF


RtcpPacket = SenderReport | ReceiverReport | SourceDescription | Goodbye | ExtendedReport


def parse(data: bytes) -> list[RtcpPacket]:
    """Parse a compound packet; one that holds nothing but kinds passed over gives an empty list.

    Raises RtcpError, and nothing else, where the first packet is no RTCP of version 2 (RFC 3550 A.2), or
    where the rest is encrypted (SRTCP, RFC 3711 3.4: only the first eight octets are in the clear).
    """
    packets: list[RtcpPacket] = []
    at = first_end = 0
    for number in range(RTCP_PACKETS):
        if len(data) - at < 8:
            break
        first, kind, words = _HEADER.unpack_from(data, at)
        end = at + 4 + 4 * words
        if first >> 6 != 2 or kind not in _KNOWN or end - at < _least_length(kind, first & 31):
            break
        if end > len(data) and words > _CUT_WORDS:
            break
        packet = _packet(kind, first & 31, data, at, min(end, len(data)))
        if packet is not None:
            packets.append(packet)
        elif number == 0 and end > len(data):
            break
        at = end
        first_end = first_end or end
    if at == 0:
        raise RtcpError(f"no RTCP: {data[:8].hex(' ')}")
    if at != len(data) and (_encrypted(data) or (at == first_end and len(data) - at >= _SRTCP_TAIL)):
        raise RtcpError("encrypted RTCP (SRTCP)")
    return packets


def ntp_middle(time_ns: int) -> int:
    """The middle 32 bits of the NTP time, 1/65536 s, of a packet time in ns since the epoch."""
    seconds, rest = divmod(time_ns, 1_000_000_000)
    return ((seconds + _NTP_EPOCH_S) << 16 | (rest << 16) // 1_000_000_000) & 0xFFFFFFFF


def round_trip_us(arrival: int, lsr: int, dlsr: int) -> int | None:
    """Round trip A - LSR - DLSR (RFC 3550 6.4.1) in µs; all in 1/65536 s, modulo 2^32.

    None where no SR was heard before (LSR 0), or where the clocks make it negative.
    """
    if lsr == 0:
        return None
    units = (arrival - lsr - dlsr) & 0xFFFFFFFF
    return None if units >= 2**31 else units * 1_000_000 >> 16


def _least_length(kind: int, count: int) -> int:
    """The octets a packet of this kind and count has at least."""
    if kind == SR:
        return 28 + 24 * count
    if kind == RR:
        return 8 + 24 * count
    if kind == SDES:
        return 4 + 8 * count if count else 4
    return 4 + 4 * count if kind == BYE else 8 if kind == XR else 4


def _encrypted(data: bytes) -> bool:
    """Whether octets that are no RTCP end as SRTCP does: E flag and index before a tag of 80 bits (RFC 3711
    4.2), or behind a tag of 128 (AEAD, RFC 7714 9.3)."""
    for end in (len(data) - 10, len(data)):
        if end >= 12:
            (word,) = _WORD.unpack_from(data, end - 4)
            if word >> 31 and word & 0x7FFFFFFF < _SRTCP_INDEX_LIMIT:
                return True
    return False


def _packet(kind: int, count: int, data: bytes, at: int, end: int) -> RtcpPacket | None:
    """The packet data[at:end], which may be cut short; None if it is passed over or cut too short."""
    if kind == SR:
        if end - at < 28:
            return None
        ssrc, ntp, rtp_timestamp, sent, octets = _SENDER.unpack_from(data, at + 4)
        return SenderReport(ssrc, ntp, rtp_timestamp, sent, octets, _reports(count, data, at + 28, end))
    if kind == RR:
        (ssrc,) = _WORD.unpack_from(data, at + 4)
        return ReceiverReport(ssrc, _reports(count, data, at + 8, end))
    if kind == SDES:
        return SourceDescription(tuple(_cnames(count, data, at + 4, end)))
    if kind == BYE:
        return _goodbye(count, data, at + 4, end)
    return _extended_report(data, at, end) if kind == XR else None


def _reports(count: int, data: bytes, at: int, end: int) -> tuple[ReportBlock, ...]:
    count = min(count, (end - at) // 24)
    return tuple([_report(data, at + 24 * index) for index in range(count)])


def _report(data: bytes, at: int) -> ReportBlock:
    ssrc, loss, highest, jitter, lsr, dlsr = _REPORT.unpack_from(data, at)
    cumulative = loss & 0xFFFFFF
    if cumulative & 0x800000:  # signed 24 bits
        cumulative -= 0x1000000
    return ReportBlock(ssrc, loss >> 24, cumulative, highest, jitter, lsr, dlsr)


def _cnames(count: int, data: bytes, at: int, end: int) -> Iterator[tuple[int, str]]:
    """(SSRC, CNAME) of each chunk; a chunk ends with a zero octet, padded to 32 bits (RFC 3550 6.5)."""
    for _ in range(min(count, RTCP_SOURCES)):
        if end - at < 4:
            return
        (ssrc,) = _WORD.unpack_from(data, at)
        cname = ""
        at += 4
        while at < end and data[at] != 0:
            if at + 2 > end:
                return
            length = data[at + 1]
            if at + 2 + length > end:
                return
            if data[at] == _CNAME:
                cname = data[at + 2 : at + 2 + length].decode("utf-8", "replace")
            at += 2 + length
        yield ssrc, cname
        at += 4 - at % 4  # packets begin at multiples of 4 of the datagram


def _goodbye(count: int, data: bytes, at: int, end: int) -> Goodbye:
    count = min(count, (end - at) // 4)
    ssrcs = tuple([_WORD.unpack_from(data, at + 4 * index)[0] for index in range(count)])
    at += 4 * count
    reason = data[at + 1 : min(end, at + 1 + data[at])].decode("utf-8", "replace") if at < end else ""
    return Goodbye(ssrcs, reason)


def _extended_report(data: bytes, at: int, end: int) -> ExtendedReport:
    (ssrc,) = _WORD.unpack_from(data, at + 4)
    metrics: list[VoipMetrics] = []
    delays: list[DelaySinceLastReport] = []
    reference = None
    at += 8
    for _ in range(XR_BLOCKS):
        if end - at < 4:
            break
        kind, _specific, words = _HEADER.unpack_from(data, at)
        body, at = at + 4, at + 4 + 4 * words
        if at > end:
            break
        if kind == 7 and words >= 8:
            metrics.append(VoipMetrics(*_VOIP.unpack_from(data, body)))
        elif kind == 4 and words >= 2:
            (reference,) = _RRTR.unpack_from(data, body)
        elif kind == 5:
            delays += [DelaySinceLastReport(*part) for part in _dlrr(data, body, at)]
    return ExtendedReport(ssrc, tuple(metrics), reference, tuple(delays))


def _dlrr(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    for _ in range(min((end - at) // 12, RTCP_SOURCES)):
        yield _DLRR.unpack_from(data, at)
        at += 12
