"""One stream as the record shows it, made from its integer sums: here floats are made, once.

Percent, milliseconds and MOS are rounded to four decimals.
"""

import socket
from functools import lru_cache
from typing import Final

from protocols.rtp_profile import STATIC, codec_name
from schemas.cdr import RtcpFigures, StreamRecord
from schemas.media_endpoints import Payload
from schemas.media_windows import RtcpSummary, StreamInfo, W
from schemas.rtp_packets import FlowKind
from streams.dialogs.call import Call
from streams.media.quality import codec_quality
from streams.records.fold import PTIME_STEP_US, UNKNOWN, F, HeardStream

DIGITS: Final = 4
PTIME_UNKNOWN_US: Final = 20_000
MOS_UNIT: Final = 1_000_000


@lru_cache(maxsize=65536)
def address(packed: bytes) -> str:
    """An IP address as text, "" where there is none. `packed` has 4 or 16 bytes."""
    if not packed:
        return ""
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)


def codec_of(payload_type: int, payloads: list[Payload]) -> tuple[str | None, int | None]:
    """Codec and clock rate: as announced, else the static type (RFC 3551 6), else unknown."""
    for payload in payloads:
        if payload.payload_type == payload_type:
            return codec_name(payload.codec), payload.clock_rate
    static = STATIC.get(payload_type)
    return (static.codec, static.clock_rate) if static else (None, None)


def most(counts: dict[int, int]) -> int | None:
    """The key counted most often, the lowest of several."""
    if len(counts) <= 1:
        return next(iter(counts), None)
    return min(counts, key=lambda key: (-counts[key], key))


class StreamView:
    """A stream in the eyes of one owner, for the time of making a record. Times µs."""

    __slots__ = (
        "audio",
        "clock_rate",
        "codec",
        "copies",
        "dtx",
        "early",
        "expected",
        "first",
        "heard",
        "info",
        "last",
        "packets",
        "payload_type",
        "ptime_ms",
        "ptime_us",
        "restarts",
        "sums",
        "udptl",
    )

    def __init__(self, heard: HeardStream, info: StreamInfo, sums: list[int], call: Call | None) -> None:
        self.heard, self.info, self.sums = heard, info, sums
        self.first, self.last = sums[W.START], sums[W.END]
        self.packets, self.expected = sums[W.PACKETS], sums[W.EXPECTED]
        self.copies, self.restarts = sums[W.COPIES], sums[W.RESTARTS]
        self.udptl = info.kind == FlowKind.UDPTL
        self.audio = not self.udptl and info.media in ("audio", "")
        self.dtx = sums[W.DTX] > 0
        self.early = call is not None and _early(call, self.last)
        step = most(heard.ptimes)
        announced = info.ptime_ms or None
        self.ptime_us = step * PTIME_STEP_US if step else announced * 1000 if announced else PTIME_UNKNOWN_US
        self.ptime_ms = None if step is None and announced is None else self.ptime_us / 1000
        self.payload_type = None if self.udptl else most(heard.payload_types)
        self.codec: str | None = "T38" if self.udptl else None
        self.clock_rate: int | None = None
        if self.payload_type is not None:
            self.codec, self.clock_rate = codec_of(self.payload_type, info.payloads)


def _early(call: Call, last_us: int) -> bool:
    """Whether all of a stream came before or at the answer."""
    if call.answer_us is not None:
        return last_us <= call.answer_us
    return call.invite_us is not None


def stream_record(view: StreamView, after_last: int | None = None) -> StreamRecord:
    """The record of a stream; `after_last` are the packets lost after its last one."""
    info, sums, packets, expected = view.info, view.sums, view.packets, view.expected
    quality = codec_quality(view.codec)
    updates = sums[W.JITTER_COUNT]
    burst, gap = densities(sums)
    return StreamRecord(
        stream_id=f"{info.stream:016x}",
        cdr_id=info.cdr_id or None,
        call_id=info.call_id or None,
        ssrc=info.ssrc,
        side=info.side or None,
        hop=info.hop if info.cdr_id else None,
        branch=info.branch or None,
        early=view.early,
        shared=info.owners > 1,
        matched_by=info.matched_by or None,
        sensor_id=info.sensor,
        media=info.media or None,
        encrypted=info.encrypted,
        src_ip=address(info.src_ip),
        src_port=info.src_port,
        dst_ip=address(info.dst_ip),
        dst_port=info.dst_port,
        dscp=info.dscp,
        vlan=info.vlan if info.vlan >= 0 else None,
        codec=view.codec,
        payload_type=view.payload_type,
        clock_rate=view.clock_rate,
        ptime_ms=view.ptime_ms,
        first_time=view.first,
        last_time=view.last,
        packets=packets,
        expected=expected,
        lost=expected - packets,
        loss=round(100.0 * (expected - packets) / expected, DIGITS) if expected > 0 else None,
        duplicates=sums[W.DUPLICATES],
        capture_copies=sums[W.COPIES],
        reordered=sums[W.REORDERED],
        restarts=sums[W.RESTARTS],
        jitter_mean_ms=round(sums[W.JITTER_SUM] / updates / 1e6, DIGITS) if updates else None,
        jitter_max_ms=round(sums[W.JITTER_MAX] / 1e6, DIGITS) if updates else None,
        delta_max_ms=round(sums[W.DELTA_MAX] / 1e3, DIGITS) if packets > 1 else None,
        loss_runs=sums[W.RUN_1 : W.RUN_10 + 1],
        delay_hist=sums[W.DELAY_0 : W.DELAY_7 + 1],
        burst_density=burst,
        gap_density=gap,
        lost_after_last=after_last,
        mos=_mean(sums, 0),
        mos_min=_worst(sums, 0),
        mos_model=quality.model if quality and sums[F.WEIGHT] else None,
        mos_approximate=quality is not None and quality.approximate,
        mos_f1=_mean(sums, 1),
        mos_f2=_mean(sums, 2),
        mos_adaptive=_mean(sums, 3),
        mos_f1_min=_worst(sums, 1),
        mos_f2_min=_worst(sums, 2),
        mos_adaptive_min=_worst(sums, 3),
        rtcp=rtcp_figures(view.heard.rtcp),
    )


def _mean(sums: list[int], which: int) -> float | None:
    """Mean MOS, time-weighted: 0 the E-model's, 1 f1, 2 f2, 3 adaptive."""
    weight = sums[F.WEIGHT + which]
    return round(sums[W.MOS + which] / weight / MOS_UNIT, DIGITS) if weight else None


def _worst(sums: list[int], which: int) -> float | None:
    worst = sums[F.MIN + which]
    return round(worst / MOS_UNIT, DIGITS) if worst < UNKNOWN else None


def densities(sums: list[int]) -> tuple[float | None, float | None]:
    """Burst and gap density (RFC 3611 4.7.2, A.2) as fractions of packets, None where nothing was counted.

    The RFC's integers are 256 times these. Without a burst the burst density is 0.
    """
    c11, c13, c14 = sums[W.C11], sums[W.C13], sums[W.C14]
    c22, c23, c33 = sums[W.C22], sums[W.C23], sums[W.C33]
    if not sums[W.PACKETS]:
        return None, None
    lost_in_bursts = c13 + c23 + c33  # c31 + c32 + c33, with c31 = c13 and c32 = c23
    burst = 0.0
    if lost_in_bursts:
        p23 = 1.0 - c22 / (c22 + c23) if c22 + c23 else 1.0
        p32 = c23 / lost_in_bursts
        burst = p23 / (p23 + p32) if p23 + p32 else 1.0
    gap = c14 / (c11 + c14) if c11 + c14 else 0.0
    return round(burst, DIGITS), round(gap, DIGITS)


def rtcp_figures(summary: RtcpSummary | None) -> RtcpFigures | None:
    """What the receiver reported; the fraction lost in percent."""
    if summary is None:
        return None
    reports, trips = summary.reports, summary.round_trips
    return RtcpFigures(
        loss_max=summary.loss_max if reports else None,
        fraction_avg=round(summary.fraction_sum / reports / 2.56, DIGITS) if reports else None,
        jitter_avg_ms=round(summary.jitter_sum_us / reports / 1e3, DIGITS) if reports else None,
        jitter_max_ms=round(summary.jitter_max_us / 1e3, DIGITS) if reports else None,
        rtt_avg_ms=round(summary.rtt_sum_us / trips / 1e3, DIGITS) if trips else None,
        rtt_max_ms=round(summary.rtt_max_us / 1e3, DIGITS) if trips else None,
        xr_mos_lq=summary.xr_mos_lq / 10 if summary.xr_mos_lq >= 0 else None,
        xr_mos_cq=summary.xr_mos_cq / 10 if summary.xr_mos_cq >= 0 else None,
    )
