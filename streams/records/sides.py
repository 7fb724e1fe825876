"""A side's figures: what the record says of the voice of the caller (a) or the callee (b).

They come from the answered branch, the last hop heard, audio only, without early media unless the call was
never answered. Over consecutive streams counts add, jitter goes by packets, MOS by time.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from schemas.media_windows import W
from streams.dialogs.call import BYE, Call
from streams.records.dead_air import Span, dead_air, heard_spans, heard_within, union
from streams.records.flags import CAPTURE_DROPS
from streams.records.fold import UNKNOWN, F
from streams.records.stream_record import MOS_UNIT, StreamView, decimals, percent

SILENT_US: Final = 200_000
"""A side heard for less than this between answer and end counts as never heard (a stray packet or three)."""

ONE_WAY_US: Final = 3_000_000
LOST_AFTER_US: Final = 1_000_000

# plain ints: a member of an enum costs three times as much as an index
_JITTER_SUM, _JITTER_COUNT, _MOS = int(W.JITTER_SUM), int(W.JITTER_COUNT), int(W.MOS)
_WEIGHT, _MIN = int(F.WEIGHT), int(F.MIN)


class Side(msgspec.Struct, frozen=True, gc=False):
    """The figures of one side; None is unknown. Durations `_us`, MOS on 1 to 5."""

    codec: str | None = None
    ptime_ms: float | None = None
    packets: int | None = None
    lost: int | None = None
    loss: float | None = None
    jitter_ms: float | None = None
    mos: float | None = None
    mos_min: float | None = None
    lost_after_last: int | None = None
    last_stream: int | None = None  # the stream that `lost_after_last` is about
    dead_air_us: int | None = None
    heard_us: int = 0  # between answer and end
    first_us: int | None = None
    dscp: int | None = None
    codecs: int = 0  # different ones


def line_up(views: Iterable[StreamView], side: str, call: Call) -> list[StreamView]:
    """The streams that carry a side's voice: answered branch, last hop; early media still among them.

    Where nothing was heard of the answered branch (a To tag that changed), all branches are taken.
    """
    audio = [view for view in views if view.info.side == side and view.audio]
    if len(audio) <= 1:
        return audio
    if call.answer_us is not None and call.to_tag:
        answered = [view for view in audio if view.info.branch in ("", call.to_tag)]
        audio = answered or audio
    last_hop = max(view.info.hop for view in audio)
    return [view for view in audio if view.info.hop == last_hop]


def counted(streams: Sequence[StreamView], call: Call) -> list[StreamView]:
    """Those of a line-up that count: early media only where the call was never answered."""
    return list(streams) if call.answer_us is None else [view for view in streams if not view.early]


def talk_span(call: Call, end_us: int, views: Iterable[StreamView]) -> Span | None:
    """From the answer to the end, or to the fax that took the voice's place; None where never answered.

    A fax that was negotiated and not heard began after the last voice.
    """
    if call.answer_us is None:
        return None
    fax = [view.first for view in views if view.udptl]
    if call.t38_agreed and not fax:
        fax = [max((view.last for view in views if view.audio), default=end_us)]
    return call.answer_us, max(call.answer_us, min([end_us, *fax]))


def dead_air_inside(view: StreamView, holds: Sequence[Span]) -> int:
    """Dead air between a stream's first and last packet."""
    if not view.audio or not view.heard.gaps:
        return 0
    span = view.first, view.last
    return dead_air(span, audible(view, span), holds)


def side_figures(
    streams: Sequence[StreamView], talk: Span | None, holds: Sequence[Span], call: Call, media_heard: bool
) -> Side:
    """Figures of the side whose counted streams these are; `media_heard`: RTP of either side was heard."""
    silent, heard_us = None, 0
    if talk is not None:
        heard = union([span for view in streams for span in audible(view, talk)])
        silent = dead_air(talk, heard, holds) if media_heard else None
        heard_us = heard_within(talk, heard)
    if not streams:
        return Side(dead_air_us=silent, heard_us=heard_us)
    packets = expected = jitter = updates = 0
    main = last = streams[0]
    for view in streams:
        packets += view.packets
        expected += view.expected
        jitter += view.sums[_JITTER_SUM]
        updates += view.sums[_JITTER_COUNT]
        if view.packets > main.packets:
            main = view
        if view.last > last.last:
            last = view
    mos, mos_min = side_mos(streams, silent or 0)
    return Side(
        codec=main.codec,
        ptime_ms=main.ptime_ms,
        packets=packets,
        lost=expected - packets,
        loss=percent(expected - packets, expected),
        jitter_ms=decimals(jitter // updates) if updates else None,
        mos=mos,
        mos_min=mos_min,
        lost_after_last=lost_after_last(last, talk, holds, call),
        last_stream=last.heard.stream,
        dead_air_us=silent,
        heard_us=heard_us,
        first_us=streams[0].first,  # in order of their first packets
        dscp=main.info.dscp,
        codecs=len({codec for view in streams for codec in view.codecs}),
    )


def side_mos(streams: Sequence[StreamView], dead_us: int) -> tuple[float | None, float | None]:
    """Time-weighted mean of the windows' MOS with dead air as 1.0, and the worst; None where unknown."""
    weight, total, worst = dead_us, dead_us * MOS_UNIT, UNKNOWN
    for view in streams:
        sums = view.sums
        weight += sums[_WEIGHT]
        total += sums[_MOS]
        worst = min(worst, sums[_MIN])
    if worst == UNKNOWN:
        return None, None
    return decimals(total // weight), 1.0 if dead_us else decimals(worst)


def suppresses_silence(view: StreamView, holds: Sequence[Span]) -> bool:
    """Whether the sender stops when there is nothing to hear. To fall silent for a hold is no sign of it."""
    if not view.only_long_pauses or not holds:
        return view.dtx
    pauses = [(gap.from_us, gap.to_us) for gap in view.heard.gaps.values() if gap.suppressed]
    return not pauses or any(
        not any(start < to and from_ < until for start, until in holds) for from_, to in pauses
    )


def audible(view: StreamView, talk: Span) -> list[Span]:
    """When nothing can be said against a stream: it was heard, or it suppressed silence."""
    last = max(view.last, talk[1]) if view.dtx else view.last
    gaps = [(gap.from_us, gap.to_us) for gap in view.heard.gaps.values() if not gap.suppressed]
    return heard_spans(view.first, last, gaps)


def lost_after_last(last: StreamView, talk: Span | None, holds: Sequence[Span], call: Call) -> int | None:
    """Packets that should have followed the last one before the BYE; None where nothing had to follow."""
    if talk is None or call.end_reason != BYE or last.dtx or CAPTURE_DROPS in call.flags:
        return None
    since, end = max(last.last, talk[0]), talk[1]
    if end != call.bye_us or end - since <= LOST_AFTER_US:
        return None
    if any(start < end and until > since for start, until in holds):
        return None
    return (end - last.last) // last.ptime_us - 1


def one_way(a: Side, b: Side) -> str | None:
    """The silent side: it had to be sending, was not heard, and the other sent for 3 s and more."""
    for name, side, other in (("a", a, b), ("b", b, a)):
        if side.heard_us < SILENT_US and side.dead_air_us and other.heard_us >= ONE_WAY_US:
            return name
    return None
