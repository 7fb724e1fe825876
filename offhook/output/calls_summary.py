"""The report of a store's calls on a terminal."""

from collections.abc import Iterator, Sequence

from offhook.output.paint import Paint
from offhook.output.views import mos_style
from offhook.queries.figures import Figures, Totals
from offhook.report_page import words
from offhook.text import clean, cut, fit
from offhook.times import Clock
from schemas.cdr import CallRecord

_WORST = 5
_BAR = 24


def summary_lines(figures: Figures, worst: Sequence[CallRecord], clock: Clock, paint: Paint) -> Iterator[str]:
    """Lines of the report: headings without, details with an indent."""
    totals = figures.totals
    assert totals.first is not None
    assert totals.last is not None
    yield paint.styled(
        f"{_calls(totals.calls)} from {clock.show(totals.first)} to {clock.show(totals.last)} ({clock.name})",
        "bold",
    )
    yield from _key_figures(figures, totals)
    yield from _headed("outcomes", _bars(_outcomes(totals), totals.calls), paint)
    codes = [
        (f"{'none' if row.code is None else row.code} {row.reason or ''}".strip(), row.calls)
        for row in figures.codes[:8]
    ]
    yield from _headed("response codes", _bars(codes, totals.calls), paint)
    codecs = [
        f"  {fit(clean(row.codec), 16)} {row.sides:>9,} sides  MOS {words.decimal(row.mos):>5}"
        f"  loss {words.percent(row.loss, 2):>8}"
        for row in figures.codecs[:8]
    ]
    yield from _headed("codecs", codecs, paint)
    yield from _headed("worst calls", [_call(call, clock, paint) for call in worst[:_WORST]], paint)


def _calls(number: int, kind: str = "") -> str:
    return f"{number:,} {kind}call{'' if number == 1 else 's'}"


def _key_figures(figures: Figures, totals: Totals) -> Iterator[str]:
    asr, ner = words.percent(totals.asr), words.percent(totals.ner)
    yield f"  ASR {asr}, NER {ner}, ACD {words.length(totals.acd)}"
    yield f"  PDD {words.seconds(totals.pdd_median)} median, {words.seconds(totals.pdd_p95)} at 95 %"
    if totals.mos_calls:
        yield (
            f"  MOS {words.decimal(totals.mos_median)} median, {words.decimal(totals.mos_p5)} at 5 %;"
            f" {words.share(totals.mos_poor, totals.mos_calls)} of {_calls(totals.mos_calls)} below 3.6;"
            f" loss {words.percent(totals.loss, 2)}"
        )
    else:
        yield "  MOS unknown: no audio was heard"
    yield (
        f"  {_calls(figures.concurrent_max, 'concurrent ')} at most,"
        f" {words.talk(totals.talk_seconds)} of talk,"
        f" {totals.one_way:,} one-way, {totals.short:,} answered and below 10 s"
    )


def _outcomes(totals: Totals) -> list[tuple[str, int]]:
    names = ("answered", "rejected", "cancelled", "unanswered", "redirected", "unfinished")
    counted = [(name, int(getattr(totals, name))) for name in names]
    return sorted(((name, n) for name, n in counted if n), key=lambda item: -item[1])


def _headed(title: str, lines: Sequence[str], paint: Paint) -> Iterator[str]:
    if lines:
        yield paint.styled(title, "bold")
        yield from lines


def _bars(counted: Sequence[tuple[str, int]], whole: int) -> list[str]:
    return [
        f"  {fit(clean(name), 28)} {n:>9,}  {words.share(n, whole):>7}  {'█' * round(_BAR * n / whole)}"
        for name, n in counted
    ]


def _call(call: CallRecord, clock: Clock, paint: Paint) -> str:
    mos = paint.styled(f"{call.mos:.2f}", mos_style(call.mos))
    parties = f"{clean(call.caller or call.src_ip)} to {clean(call.callee or call.dst_ip)}"
    return f"  {clock.show(call.start)}  MOS {mos}  {cut(parties, 60)}  {cut(clean(call.call_id), 50)}"
