"""The rows of `media.windows` as people read them: one window of one stream.

Times are µs since the epoch, as in `schemas/cdr.py`; unknown is None.
"""

import msgspec

from schemas.media_windows import StreamInfo, W


class WindowRow(msgspec.Struct, frozen=True):
    """Ten seconds of one stream, counted from its first packet.

    `side` is whose voice it carries (a caller, b callee). `length` is in seconds, `loss` in percent;
    `lost` may be negative where a late packet filled a gap of the window before. `jitter_ms` is the mean
    of the RFC 3550 jitter, `jitter_max_ms` its highest value. `mos` is the E-model's, the others are
    VoIPmonitor's three scores.
    """

    stream_id: str
    cdr_id: str | None
    call_id: str | None
    side: str | None
    ssrc: int | None
    window: int
    part: int
    start: int
    length: float
    packets: int
    expected: int
    lost: int
    loss: float | None
    duplicates: int
    reordered: int
    jitter_ms: float | None
    jitter_max_ms: float | None
    delta_max_ms: float | None
    codec: str | None
    mos: float | None
    mos_f1: float | None
    mos_f2: float | None
    mos_adaptive: float | None


class Description(msgspec.Struct, frozen=True, gc=False):
    """What a stream's rows say of it: whose it is, and the codec of each payload type."""

    stream: int
    cdr_id: str | None
    call_id: str | None
    side: str | None
    ssrc: int | None
    codecs: dict[int, str]
    first_us: int


def described(info: StreamInfo) -> Description:
    """What an announcement of a stream says."""
    return Description(
        info.stream,
        info.cdr_id or None,
        info.call_id or None,
        info.side or None,
        info.ssrc,
        {payload.payload_type: payload.codec for payload in info.payloads},
        info.first_us,
    )


def stream_name(stream: int) -> str:
    """A stream's id as rows have it."""
    return f"{stream:016x}"


def window_row(stream: Description, row: list[int]) -> WindowRow:
    """One row of a window batch, of a stream that is known."""
    expected, packets = row[W.EXPECTED], row[W.PACKETS]
    return WindowRow(
        stream_id=stream_name(stream.stream),
        cdr_id=stream.cdr_id,
        call_id=stream.call_id,
        side=stream.side,
        ssrc=stream.ssrc,
        window=row[W.WINDOW],
        part=row[W.PART],
        start=row[W.START],
        length=(row[W.END] - row[W.START]) / 1e6,
        packets=packets,
        expected=expected,
        lost=expected - packets,
        loss=round(100 * (expected - packets) / expected, 4) if expected > 0 else None,
        duplicates=row[W.DUPLICATES],
        reordered=row[W.REORDERED],
        jitter_ms=round(row[W.JITTER_SUM] / row[W.JITTER_COUNT] / 1e6, 3) if row[W.JITTER_COUNT] else None,
        jitter_max_ms=round(row[W.JITTER_MAX] / 1e6, 3) if row[W.JITTER_COUNT] else None,
        delta_max_ms=round(row[W.DELTA_MAX] / 1e3, 3),
        codec=stream.codecs.get(row[W.PAYLOAD_TYPE]),
        mos=_mos(row[W.MOS]),
        mos_f1=_mos(row[W.MOS_F1]),
        mos_f2=_mos(row[W.MOS_F2]),
        mos_adaptive=_mos(row[W.MOS_ADAPTIVE]),
    )


def _mos(millionths: int) -> float | None:
    return round(millionths / 1e6, 3) if millionths >= 0 else None
