"""A call's streams: what each carried, how good it was, and how good at which time."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Final

from offhook.bounds import LADDER_STREAMS, WINDOWS_SHOWN
from offhook.output.call.lines import Line, Span, wrap
from offhook.output.ladder import delta_text
from offhook.output.sparkline import gathered, sparkline
from offhook.output.views import duration, loss_style, mos_style
from offhook.rows import WindowRow
from offhook.times import Clock
from schemas.cdr import CallRecord, DtmfEvent, RtcpFigures, StreamRecord

_WINDOW_SECONDS: Final = 10
_MOS_SCALE: Final = (1.0, 4.5)
_LOSS_SCALE_LEAST: Final = 5.0
_JITTER_SCALE_LEAST: Final = 30.0
_SPARK_NARROWEST: Final = 8
_LABEL: Final = 8
_SIDES: Final = {"a": "caller", "b": "callee"}


def streams(call: CallRecord, windows: Sequence[WindowRow], columns: int, clock: Clock) -> Iterator[Line]:
    """The call's streams in order of their first packet, with sparklines where windows are known."""
    by_stream: dict[str, list[WindowRow]] = {}
    for window in windows:
        by_stream.setdefault(window.stream_id, []).append(window)
    for number, stream in enumerate(call.streams[:LADDER_STREAMS]):
        if number:
            yield []
        over_time = _by_window(by_stream.get(stream.stream_id, []))
        if over_time:
            over_time += [None] * _silent_windows(call, stream, len(over_time))
        yield from _stream(stream, over_time, columns, clock)
    if len(call.streams) > LADDER_STREAMS:
        yield []
        yield from wrap([(f"… {len(call.streams) - LADDER_STREAMS} more streams", "")], columns, first=2)


def _silent_windows(call: CallRecord, stream: StreamRecord, heard: int) -> int:
    """Windows from the end of a side's last stream to the end of an answered call: nothing was heard."""
    if call.answer_time is None or any(
        other.side == stream.side and other.last_time > stream.last_time for other in call.streams
    ):
        return 0
    windows = -(-(call.end_time - stream.first_time) // (_WINDOW_SECONDS * 1_000_000))
    return min(max(windows - heard, 0), WINDOWS_SHOWN)


def _stream(
    stream: StreamRecord, windows: list[WindowRow | None], columns: int, clock: Clock
) -> Iterator[Line]:
    yield from wrap(_what(stream, clock), columns, indent=4, first=2)
    yield from wrap(_how_good(stream), columns, indent=4, first=4)
    yield from _over_time(windows, columns)
    for spans in (_bursts(stream), _counted_apart(stream), _rtcp(stream.rtcp)):
        yield from wrap(spans, columns, indent=6, first=4)


def _what(stream: StreamRecord, clock: Clock) -> list[Span]:
    """Whose voice, in which codec, from where to where, when."""
    who = {"a": "caller's voice", "b": "callee's voice"}.get(stream.side or "", "stream")
    notes = [note for note in ("early", "shared", "encrypted") if getattr(stream, note)]
    notes += [f"hop {stream.hop + 1}"] if stream.hop else []
    seconds = (stream.last_time - stream.first_time) / 1e6
    first = clock.show_exact(stream.first_time)[-15:-3]
    ptime = f"{stream.ptime_ms:g} ms" if stream.ptime_ms is not None else ""
    return [
        (who, "bold"),
        (f"{stream.codec or stream.media or '?'} {ptime}", "bold bright_blue"),
        (f"{stream.src_ip}:{stream.src_port} → {stream.dst_ip}:{stream.dst_port}", ""),
        (f"ssrc {stream.ssrc:08x}", "dim"),
        (f"from {first} for {duration(seconds)}{' s' if seconds < 10 else ''}", ""),
        (", ".join(notes), "yellow"),
    ]


def _how_good(stream: StreamRecord) -> list[Span]:
    spans: list[Span] = []
    if stream.mos is not None:
        about = "~" if stream.mos_approximate else ""
        several = stream.mos_min is not None and round(stream.mos_min, 2) < round(stream.mos, 2)
        worst = f" (worst 10 s {stream.mos_min:.2f})" if several else ""
        spans.append((f"MOS {about}{stream.mos:.2f}{worst},", mos_style(stream.mos)))
    spans.append((f"{stream.packets:,} packets,", ""))
    loss = f" ({stream.loss:.2f} %)" if stream.loss is not None else ""
    spans.append((f"{stream.lost:,} lost{loss},", loss_style(stream.loss)))
    if stream.jitter_mean_ms is not None:
        most = f" (max {stream.jitter_max_ms:.1f})" if stream.jitter_max_ms is not None else ""
        spans.append((f"jitter {stream.jitter_mean_ms:.1f} ms{most},", ""))
    if stream.delta_max_ms is not None:
        spans.append((f"longest gap {stream.delta_max_ms:,.0f} ms,", ""))
    spans[-1] = spans[-1][0].rstrip(","), spans[-1][1]
    return spans


def _bursts(stream: StreamRecord) -> list[Span]:
    """Loss runs and RFC 3611's densities; nothing where nothing was lost."""
    said = []
    runs = [f"{count:,} × {length}" for length, count in enumerate(stream.loss_runs, 1) if count]
    if runs:
        more = " and more" if stream.loss_runs[-1] else ""
        said.append(f"lost in a row: {', '.join(runs)}{more}")
    if stream.burst_density:
        said.append(f"bursts lose {stream.burst_density:.1f} %, gaps {stream.gap_density or 0:.1f} %")
    if stream.lost_after_last:
        said.append(f"{stream.lost_after_last:,} missing after the last packet")
    return [(" · ".join(said), "")] if said else []


def _counted_apart(stream: StreamRecord) -> list[Span]:
    counts = (
        (stream.duplicates, "duplicates"),
        (stream.reordered, "out of order"),
        (stream.capture_copies, "captured twice"),
        (stream.restarts, "restarts of the sequence"),
    )
    said = ", ".join(f"{count:,} {what}" for count, what in counts if count)
    delayed = sum(stream.delay_hist[1:])
    if delayed:
        said += f"{', ' if said else ''}{delayed:,} varied by 50 ms and more"
    return [(said, "")] if said else []


def _rtcp(rtcp: RtcpFigures | None) -> list[Span]:
    """What the receiver reported."""
    if rtcp is None:
        return []
    said = []
    if rtcp.loss_max is not None:
        share = f" ({rtcp.fraction_avg:.1f} %)" if rtcp.fraction_avg is not None else ""
        said.append(f"{rtcp.loss_max:,} lost{share}")
    if rtcp.jitter_avg_ms is not None:
        said.append(f"jitter {rtcp.jitter_avg_ms:.1f} ms (max {rtcp.jitter_max_ms or 0:.1f})")
    if rtcp.rtt_avg_ms is not None:
        said.append(f"round trip {rtcp.rtt_avg_ms:.1f} ms (max {rtcp.rtt_max_ms or 0:.1f})")
    if rtcp.xr_mos_lq is not None:
        said.append(f"MOS listening {rtcp.xr_mos_lq:.1f}")
    if rtcp.xr_mos_cq is not None:
        said.append(f"MOS conversation {rtcp.xr_mos_cq:.1f}")
    return [("the receiver said (RTCP): " + ", ".join(said), "")] if said else []


def _over_time(windows: list[WindowRow | None], columns: int) -> Iterator[Line]:
    """MOS, loss and jitter, ten seconds a bar; more where the terminal is narrow."""
    if len(windows) < 2:
        return
    room = max(columns - 4 - _LABEL - 24, _SPARK_NARROWEST)
    bars = 1
    for label, values, least, unit in (
        ("MOS", [window.mos if window else None for window in windows], None, ""),
        ("loss", [window.loss if window else None for window in windows], _LOSS_SCALE_LEAST, " %"),
        ("jitter", [window.jitter_ms if window else None for window in windows], _JITTER_SCALE_LEAST, " ms"),
    ):
        known = [value for value in values if value is not None]
        if not known:
            continue
        shown, bars = gathered(values, room, min if least is None else max)
        low, high = _MOS_SCALE if least is None else (0.0, max(least, *known))
        style = mos_style if least is None else loss_style if label == "loss" else _plain
        yield [
            (f"    {label.ljust(_LABEL)}", "dim"),
            *_coloured(shown, sparkline(shown, low, high), style),
            (f"  {_range(known, unit)}", ""),
        ]
    end = f"{'':{4 + _LABEL}}a bar is {duration(bars * _WINDOW_SECONDS)}"
    yield [(end if bars > 1 else end.rsplit(" ", 1)[0] + " 10 s", "dim")]


def _plain(_value: float | None) -> str:
    return ""


def _range(known: list[float], unit: str) -> str:
    places = 2 if unit != " ms" else 1
    low, high = f"{min(known):.{places}f}", f"{max(known):.{places}f}"
    return (low if low == high else f"{low} to {high}") + unit


def _coloured(
    values: Sequence[float | None], bars: str, style: Callable[[float | None], str]
) -> Iterator[Span]:
    """The bars, those of one colour together."""
    for colour, run in groupby(zip(values, bars, strict=True), key=lambda each: style(each[0])):
        yield "".join(bar for _, bar in run), colour


def _by_window(rows: list[WindowRow]) -> list[WindowRow | None]:
    """A row a window, its longest part; None where nothing was heard."""
    longest: dict[int, WindowRow] = {}
    for row in rows:
        if row.window not in longest or row.packets > longest[row.window].packets:
            longest[row.window] = row
    if not longest:
        return []
    first = min(longest)
    last = min(max(longest), first + WINDOWS_SHOWN)
    return [longest.get(number) for number in range(first, last + 1)]


def digits_and_hold(call: CallRecord, columns: int) -> Iterator[Line]:
    """Digits in runs of one side and source, and who held the call when; times from the first message."""
    for run in _runs(call.dtmf):
        first = run[0]
        who = _SIDES.get(first.side or "", "other side")
        pressed = "".join(event.digit for event in run)
        at = delta_text(first.time - call.start)
        until = f" to {delta_text(run[-1].time - call.start)}" if len(run) > 1 else ""
        spans: list[Span] = [("digits", "dim"), (f"the {who} pressed", ""), (pressed, "bold")]
        spans.append((f"({first.source}) at {at}{until}", ""))
        yield from wrap(spans, columns, indent=4, first=2)
    for hold in call.hold:
        since = delta_text(hold.since - call.start)
        until = "to the end" if hold.until is None else f"for {duration((hold.until - hold.since) / 1e6)}"
        if hold.until is not None and hold.until - hold.since < 10_000_000:
            until += " s"
        who = _SIDES.get(hold.side, hold.side)
        yield from wrap(
            [("hold", "dim"), (f"by the {who} at {since} {until}", "")], columns, indent=4, first=2
        )


def _runs(events: Sequence[DtmfEvent]) -> Iterator[list[DtmfEvent]]:
    run: list[DtmfEvent] = []
    for event in events:
        if run and (event.side, event.source) != (run[-1].side, run[-1].source):
            yield run
            run = []
        run.append(event)
    if run:
        yield run
