"""One stream as the record shows it, made from its integer sums: here floats are made, once.

Percent, milliseconds and MOS are rounded to four decimals.
"""

from collections.abc import Iterable
from operator import itemgetter
from typing import Final

from protocols.rtp_profile import STATIC, carried, codec_name
from schemas.cdr import RtcpFigures, StreamRecord
from schemas.media_endpoints import Payload
from schemas.media_windows import Digit, RtcpSummary, StreamInfo, W
from schemas.rtp_packets import FlowKind
from streams.addresses import address_text
from streams.dialogs.call import Call
from streams.media.quality import codec_quality
from streams.records.fold import PTIME_STEP_US, UNKNOWN, F, HeardStream

DIGITS: Final = 4
PTIME_UNKNOWN_US: Final = 20_000
MOS_UNIT: Final = 1_000_000

_COUNTS: Final = itemgetter(
    W.DUPLICATES,
    W.COPIES,
    W.REORDERED,
    W.RESTARTS,
    W.JITTER_SUM,
    W.JITTER_COUNT,
    W.JITTER_MAX,
    W.DELTA_MAX,
)
_RFC3611: Final = itemgetter(W.C11, W.C13, W.C14, W.C22, W.C23, W.C33)
_VIEW: Final = itemgetter(W.START, W.END, W.PACKETS, W.EXPECTED, W.COPIES, W.RESTARTS, W.DTX)
_MOS: Final = slice(int(W.MOS), int(W.MOS_ADAPTIVE) + 1)
_WEIGHT: Final = slice(int(F.WEIGHT), int(F.WEIGHT_ADAPTIVE) + 1)
_WORST: Final = slice(int(F.MIN), int(F.MIN_ADAPTIVE) + 1)
_RUNS: Final = slice(int(W.RUN_1), int(W.RUN_10) + 1)
_DELAYS: Final = slice(int(W.DELAY_0), int(W.DELAY_7) + 1)


def decimals(millionths: int) -> float:
    """Millionths as a number of four decimals; from ns it is ms. Ten times cheaper than `round`."""
    return (millionths + 50) // 100 / 10_000


def percent(part: int, whole: int) -> float | None:
    """100 part/whole with four decimals, None of nothing."""
    return (2_000_000 * part + whole) // (2 * whole) / 10_000 if whole > 0 else None


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
        "dead_us",
        "dtx",
        "early",
        "expected",
        "first",
        "heard",
        "info",
        "last",
        "only_long_pauses",
        "packets",
        "part",
        "payload_type",
        "ptime_ms",
        "ptime_us",
        "restarts",
        "sums",
        "udptl",
    )

    first: int
    last: int
    packets: int
    expected: int
    copies: int
    restarts: int

    def __init__(self, heard: HeardStream, info: StreamInfo, sums: list[int], call: Call | None) -> None:
        self.heard, self.info, self.sums = heard, info, sums
        self.first, self.last, self.packets, self.expected, self.copies, self.restarts, dtx = _VIEW(sums)
        self.part = False  # of the stream: another sensor heard more of it
        self.dead_us = 0  # nothing heard where something had to come, between first and last packet
        self.udptl = info.kind == FlowKind.UDPTL
        self.audio = not self.udptl and info.media in ("audio", "")
        self.dtx: bool = dtx > 0
        self.only_long_pauses: bool = dtx == 1
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

    def cut_to(self, sums: list[int], call: Call) -> None:
        """Show a part of the stream, with these sums."""
        self.sums, self.part = sums, True
        self.first, self.last, self.packets, self.expected, self.copies, self.restarts, _ = _VIEW(sums)
        self.early = _early(call, self.last)

    @property
    def codecs(self) -> Iterable[str]:
        """Every codec that a window of the stream had most of."""
        types = self.heard.payload_types
        if self.udptl or len(types) < 2:
            return () if self.codec is None else (self.codec,)
        named = (codec_of(payload_type, self.info.payloads)[0] for payload_type in types)
        return {codec for codec in named if codec is not None}

    @property
    def digits(self) -> Iterable[Digit]:
        """The keys pressed, of a part of the stream those in it."""
        digits = self.heard.digits.values()
        if not self.part:
            return digits
        return [digit for digit in digits if self.first <= digit.time_us <= self.last]


def _early(call: Call, last_us: int) -> bool:
    """Whether all of a stream came before or at the answer."""
    if call.answer_us is not None:
        return last_us <= call.answer_us
    return call.invite_us is not None


def stream_record(view: StreamView, after_last: int | None = None) -> StreamRecord:
    """The record of a stream; `after_last` are the packets lost after its last one.

    Its MOS counts dead air between its first and last packet as 1.0; VoIPmonitor's scores do not.
    """
    info, sums, packets, expected = view.info, view.sums, view.packets, view.expected
    announced = ((payload.codec, payload.clock_rate) for payload in info.payloads)
    quality = codec_quality(carried(view.codec, view.clock_rate or 0, announced) if view.codec else None)
    duplicates, copies, reordered, restarts, jitter_sum, updates, jitter_max, delta_max = _COUNTS(sums)
    burst, gap = densities(*_RFC3611(sums))
    mos, mos_f1, mos_f2, mos_adaptive = [
        decimals(total // weight) if weight else None
        for total, weight in zip(sums[_MOS], sums[_WEIGHT], strict=True)
    ]
    mos_min, f1_min, f2_min, adaptive_min = [
        decimals(worst) if worst < UNKNOWN else None for worst in sums[_WORST]
    ]
    if view.dead_us and mos is not None:
        dead = view.dead_us
        mos = decimals((sums[W.MOS] + dead * MOS_UNIT) // (sums[F.WEIGHT] + dead))
        mos_min = 1.0
    return StreamRecord(
        f"{info.stream:016x}",  # stream_id
        info.cdr_id or None,
        info.call_id or None,
        info.ssrc,
        info.side or None,
        info.hop if info.cdr_id else None,
        info.branch or None,
        view.early,
        info.owners > 1,  # shared
        info.matched_by or None,
        info.sensor,  # sensor_id
        info.media or None,
        info.encrypted,
        address_text(info.src_ip),
        info.src_port,
        address_text(info.dst_ip),
        info.dst_port,
        info.dscp,
        info.vlan if info.vlan >= 0 else None,
        view.codec,
        view.payload_type,
        view.clock_rate,
        view.ptime_ms,
        view.first,  # first_time
        view.last,  # last_time
        packets,
        expected,
        expected - packets,  # lost
        percent(expected - packets, expected),  # loss
        duplicates,
        copies,  # capture_copies
        reordered,
        restarts,
        decimals(jitter_sum // updates) if updates else None,  # jitter_mean_ms
        decimals(jitter_max) if updates else None,  # jitter_max_ms
        delta_max / 1e3 if packets > 1 else None,  # delta_max_ms
        sums[_RUNS],  # loss_runs
        sums[_DELAYS],  # delay_hist
        burst,  # burst_density
        gap,  # gap_density
        after_last,  # lost_after_last
        mos,
        mos_min,
        quality.model if quality is not None and mos is not None else None,  # mos_model
        quality is not None and quality.approximate,  # mos_approximate
        mos_f1,
        mos_f2,
        mos_adaptive,
        f1_min,  # mos_f1_min
        f2_min,  # mos_f2_min
        adaptive_min,  # mos_adaptive_min
        rtcp_figures(view.heard.rtcp),
    )


def densities(c11: int, c13: int, c14: int, c22: int, c23: int, c33: int) -> tuple[float, float]:
    """Burst and gap density (RFC 3611 4.7.2, A.2) as fractions of packets; the RFC's integers are 256 times
    these. Without a burst the burst density is 0."""
    lost_in_bursts = c13 + c23 + c33  # c31 + c32 + c33, with c31 = c13 and c32 = c23
    burst = 0.0
    if lost_in_bursts:
        p23 = 1.0 - c22 / (c22 + c23) if c22 + c23 else 1.0
        p32 = c23 / lost_in_bursts
        burst = p23 / (p23 + p32) if p23 + p32 else 1.0
    gap = c14 / (c11 + c14) if c11 + c14 else 0.0
    return round(burst, DIGITS) if burst else 0.0, round(gap, DIGITS) if gap else 0.0


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
