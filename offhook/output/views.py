"""Which columns a table has for each kind of row, and what stands in them."""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from offhook.ids import SHORT
from offhook.output.flags import in_words
from offhook.rows import MessageRow, WindowRow
from offhook.text import clean
from offhook.times import Clock
from schemas.cdr import CallRecord, StreamRecord

ADDRESS: Final = 15
"""To how much an address is cut before another column goes: less of it tells nothing."""


class Column(msgspec.Struct, frozen=True):
    """One column. `keep` decides which columns a narrow terminal loses: the lowest go first."""

    title: str
    keep: int
    right: bool = False
    free: bool = False  # text of any length, which may be cut
    narrowest: int = 8  # to which free text is cut before another column goes
    live: int = 0  # width where rows are written before the others are known


class View(msgspec.Struct, frozen=True):
    """How rows of one kind are laid out.

    `cells` gives clean text for each column; `styles` the style of some columns by their number (names
    of rich); `order` the key by which kept rows are sorted.
    """

    columns: tuple[Column, ...]
    cells: Callable[[Any, Clock], tuple[str, ...]]
    styles: Callable[[Any], dict[int, str]]
    order: Callable[[Any], int]
    legend: str


def _number(title: str, keep: int, live: int = 0) -> Column:
    return Column(title, keep, right=True, live=live)


def _text(title: str, keep: int, live: int = 0, narrowest: int = 8) -> Column:
    return Column(title, keep, free=True, live=live, narrowest=narrowest)


def _call_cells(call: CallRecord, clock: Clock) -> tuple[str, ...]:
    codec_a, codec_b = call.codec_a, call.codec_b
    return (
        clock.show(call.invite_time if call.invite_time is not None else call.start),
        clean(call.caller or call.caller_domain or call.src_ip),
        clean(call.callee or call.callee_domain or call.dst_ip),
        call.outcome,
        "" if call.response_code is None else str(call.response_code),
        duration(call.connect_duration if call.connect_duration is not None else call.duration),
        "" if call.pdd is None else f"{call.pdd:.2f}",
        clean(
            f"{codec_a}/{codec_b}" if codec_a and codec_b and codec_a != codec_b else codec_a or codec_b or ""
        ),
        "" if call.loss_a is None else f"{call.loss_a:.2f}",
        "" if call.loss_b is None else f"{call.loss_b:.2f}",
        "" if call.jitter_a_ms is None else f"{call.jitter_a_ms:.1f}",
        "" if call.jitter_b_ms is None else f"{call.jitter_b_ms:.1f}",
        "" if call.mos_a is None else f"{call.mos_a:.2f}",
        "" if call.mos_b is None else f"{call.mos_b:.2f}",
        call.cdr_id[:SHORT],
        clean(in_words(call)),
    )


def _call_styles(call: CallRecord) -> dict[int, str]:
    styles = {12: mos_style(call.mos_a), 13: mos_style(call.mos_b), 15: "yellow"}
    styles[3] = OUTCOME_STYLES.get(call.outcome, "")
    styles[8], styles[9] = loss_style(call.loss_a), loss_style(call.loss_b)
    return {column: style for column, style in styles.items() if style}


OUTCOME_STYLES = {"answered": "green", "rejected": "red", "unfinished": "yellow"}

CALLS = View(
    columns=(
        Column("time", 90, live=19),
        _text("from", 100, 15, 11),
        _text("to", 100, 15, 11),
        Column("outcome", 80, live=10),
        _number("code", 60, 4),
        _number("duration", 70, 8),
        _number("pdd", 20, 5),
        _text("codecs", 30, 9),
        _number("loss a", 50, 6),
        _number("loss b", 50, 6),
        _number("jitter a", 10, 8),
        _number("jitter b", 10, 8),
        _number("MOS a", 75, 5),
        _number("MOS b", 75, 5),
        Column("id", 72, live=SHORT),
        _text("flags", 65, 0),
    ),
    cells=_call_cells,
    styles=_call_styles,
    order=lambda call: call.start,
    legend="a: what the caller sends, b: what the callee sends. duration: from the answer, else from the "
    "INVITE; pdd: INVITE to ringing, s; loss: %; jitter: mean, ms; MOS: 1 bad to 4.5 good; id: for --call",
)


def _stream_cells(stream: StreamRecord, clock: Clock) -> tuple[str, ...]:
    notes = [name for name in ("early", "shared", "encrypted") if getattr(stream, name)]
    if stream.call_id is None:
        notes.insert(0, "no call")
    return (
        clock.show(stream.first_time),
        clean(stream.call_id or ""),
        stream.side or "",
        f"{stream.src_ip}:{stream.src_port}",
        f"{stream.dst_ip}:{stream.dst_port}",
        f"{stream.ssrc:08x}",
        clean(stream.codec or ""),
        f"{(stream.last_time - stream.first_time) / 1e6:.1f}",
        str(stream.packets),
        str(stream.lost),
        _decimals(stream.loss, 2),
        _decimals(stream.jitter_mean_ms, 1),
        _decimals(stream.jitter_max_ms, 1),
        _decimals(stream.delta_max_ms, 0),
        ("~" if stream.mos_approximate and stream.mos is not None else "") + _decimals(stream.mos, 2),
        _decimals(stream.mos_min, 2),
        " ".join(notes),
    )


def _stream_styles(stream: StreamRecord) -> dict[int, str]:
    styles = {10: loss_style(stream.loss), 14: mos_style(stream.mos), 15: mos_style(stream.mos_min)}
    return {column: style for column, style in styles.items() if style}


STREAMS = View(
    columns=(
        Column("first", 90, live=19),
        _text("call-id", 40, 20),
        Column("side", 80, live=4),
        _text("from", 100, 21, ADDRESS),
        _text("to", 100, 21, ADDRESS),
        Column("ssrc", 60, live=8),
        _text("codec", 70, 8),
        _number("seconds", 50, 7),
        _number("packets", 65, 7),
        _number("lost", 55, 6),
        _number("loss", 75, 6),
        _number("jitter", 72, 6),
        _number("max", 30, 6),
        _number("delta", 20, 6),
        _number("MOS", 85, 5),
        _number("worst", 45, 5),
        _text("notes", 35, 0),
    ),
    cells=_stream_cells,
    styles=_stream_styles,
    order=lambda stream: stream.first_time,
    legend="side: a from the caller, b from the callee; loss: %; jitter: mean and highest, ms; delta: the "
    "longest time between packets, ms; MOS: ~ where the codec has no published impairment, worst: worst 10 s",
)


def _window_cells(window: WindowRow, clock: Clock) -> tuple[str, ...]:
    return (
        clock.show(window.start),
        clean(window.call_id or ""),
        window.side or "",
        window.stream_id,
        str(window.window),
        f"{window.length:.1f}",
        str(window.packets),
        str(window.lost),
        _decimals(window.loss, 2),
        _decimals(window.jitter_ms, 1),
        _decimals(window.mos, 2),
        _decimals(window.mos_f1, 2),
        _decimals(window.mos_f2, 2),
        _decimals(window.mos_adaptive, 2),
    )


def _window_styles(window: WindowRow) -> dict[int, str]:
    styles = {8: loss_style(window.loss), 10: mos_style(window.mos)}
    return {column: style for column, style in styles.items() if style}


WINDOWS = View(
    columns=(
        Column("start", 90, live=19),
        _text("call-id", 60, 20),
        Column("side", 80, live=4),
        _text("stream", 50, 20),
        _number("window", 70, 6),
        _number("seconds", 40, 7),
        _number("packets", 65, 7),
        _number("lost", 55, 6),
        _number("loss", 75, 6),
        _number("jitter", 72, 6),
        _number("MOS", 85, 5),
        _number("f1", 30, 5),
        _number("f2", 30, 5),
        _number("adaptive", 30, 8),
    ),
    cells=_window_cells,
    styles=_window_styles,
    order=lambda window: window.start,
    legend="loss: %; jitter: mean, ms; f1, f2, adaptive: VoIPmonitor's scores for playout buffers of 50 ms, "
    "200 ms and up to 500 ms",
)


def _message_cells(message: MessageRow, clock: Clock) -> tuple[str, ...]:
    said = message.method if message.status is None else f"{message.status} {message.reason or ''}"
    return (
        clock.show_exact(message.time),
        f"{message.src_ip}:{message.src_port}",
        f"{message.dst_ip}:{message.dst_port}",
        message.transport,
        clean(said),
        clean(f"{'' if message.cseq is None else message.cseq} {message.method}"),
        clean(message.caller or ""),
        clean(message.callee or ""),
        clean(message.call_id or ""),
        str(message.size),
    )


def _message_styles(message: MessageRow) -> dict[int, str]:
    if message.status is None:
        return {4: "bold"}
    return {4: "red" if message.status >= 400 else "green" if message.status >= 200 else "cyan"}


MESSAGES = View(
    columns=(
        Column("time", 90, live=26),
        _text("from", 100, 21, ADDRESS),
        _text("to", 100, 21, ADDRESS),
        Column("over", 40, live=4),
        _text("message", 95, 16, 12),
        _text("cseq", 50, 12),
        _text("caller", 60, 15),
        _text("callee", 60, 15),
        _text("call-id", 70, 20),
        _number("bytes", 30, 6),
    ),
    cells=_message_cells,
    styles=_message_styles,
    order=lambda message: message.time,
    legend="caller, callee: the users of From and To",
)


def duration(seconds: float | None) -> str:
    """Hours, minutes and seconds: 0:20, 1:02:03; tenths below ten seconds."""
    if seconds is None:
        return ""
    if seconds < 10:
        return f"{seconds:.1f}"
    minutes, second = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}:{second:02d}"
    return f"{minutes // 60}:{minutes % 60:02d}:{second:02d}"


def mos_style(mos: float | None) -> str:
    """Colours of G.107's user satisfaction: 4.03 satisfied, 3.60 some not, 3.10 many not (Annex B)."""
    if mos is None:
        return ""
    if mos >= 4.03:
        return "green"
    return "bright_green" if mos >= 3.60 else "yellow" if mos >= 3.10 else "red"


def loss_style(loss: float | None) -> str:
    """Loss that people hear: 1 % and 3 %."""
    if loss is None or loss < 1.0:
        return ""
    return "yellow" if loss < 3.0 else "red"


def _decimals(value: float | None, places: int) -> str:
    return "" if value is None else f"{value:.{places}f}"
