"""The whole page."""

from collections.abc import Sequence
from typing import Any

import msgspec

from offhook import __version__
from offhook.queries.figures import Figures, Totals
from offhook.report_page import distributions, lists, words
from offhook.report_page.markup import Markup, join, tag
from offhook.report_page.series import Series
from offhook.report_page.style import POLICY, STYLE
from offhook.times import Clock
from schemas.cdr import CallRecord


class About(msgspec.Struct, frozen=True):
    """What was asked for: range of time in µs, filter as written, and when (µs)."""

    since_us: int | None
    until_us: int | None
    filters: Sequence[str]
    made_us: int


def page(figures: Figures, worst: Sequence[CallRecord], about: About, clock: Clock) -> bytes:
    """The report of some calls."""
    totals, series = figures.totals, Series(figures, clock)
    body = join(
        [
            _tiles(figures),
            tag(
                "div",
                series.calls(),
                series.concurrent(),
                series.asr(),
                series.acd(),
                series.pdd(),
                series.mos(),
                class_="grid",
            ),
            tag(
                "div",
                distributions.mos_card(figures.mos),
                distributions.loss_card(figures.loss),
                distributions.pdd_card(figures.pdd),
                distributions.length_card(figures.lengths),
                class_="grid",
            ),
            tag("div", lists.worst(worst, clock), class_="grid"),
            tag(
                "div",
                lists.peers(figures.peers),
                lists.outcomes(totals),
                lists.codes(figures.codes, totals),
                lists.codecs(figures.codecs),
                lists.counted(
                    "Who hung up",
                    "Answered calls by who sent the BYE",
                    figures.hung_up,
                    totals.answered,
                    "No call was answered.",
                ),
                lists.counted("What stood out", "Flags of calls", figures.flags, totals.calls, "Nothing."),
                class_="grid",
            ),
        ]
    )
    return _document(body, _range(totals, about, clock), about, clock)


def empty_page(about: About, clock: Clock) -> bytes:
    """The report of a store or range without calls."""
    body = tag(
        "section",
        tag("h2", "No calls here"),
        tag("p", _asked_in_words(about), class_="empty"),
        class_="card nothing",
    )
    return _document(body, None, about, clock)


def _asked_in_words(about: About) -> str:
    if about.filters or about.since_us is not None or about.until_us is not None:
        return "The store has no call that matches. A wider range or another filter may find some."
    return "The store has no calls yet. offhook analyze FILE --db PATH puts some there."


def _tiles(figures: Figures) -> Markup:
    totals = figures.totals
    tiles = (
        ("Calls", words.count(totals.calls), f"{words.count(totals.answered)} answered"),
        ("ASR", words.percent(totals.asr), f"NER {words.percent(totals.ner)}"),
        ("ACD", words.length(totals.acd), f"{words.talk(totals.talk_seconds)} of talk"),
        ("PDD, median", words.seconds(totals.pdd_median), f"95 % below {words.seconds(totals.pdd_p95)}"),
        ("MOS, median", words.decimal(totals.mos_median), f"5 % below {words.decimal(totals.mos_p5)}"),
        (
            "MOS below 3.6",
            words.share(totals.mos_poor, totals.mos_calls),
            f"{words.count(totals.mos_poor)} of {words.count(totals.mos_calls)} calls heard",
        ),
        ("Packet loss", words.percent(totals.loss, 2), "of all RTP expected"),
        ("Concurrent calls", words.count(figures.concurrent_max), "at most"),
        ("One-way audio", words.count(totals.one_way), f"dead air in {words.count(totals.dead_air)}"),
        ("Short calls", words.count(totals.short), "answered, below 10 s"),
    )
    return tag(
        "dl",
        *(
            tag(
                "div",
                tag("dt", name),
                tag("dd", tag("div", value, class_="value"), tag("div", note, class_="note")),
                class_="tile",
            )
            for name, value, note in tiles
        ),
        class_="tiles",
        aria_label="Key figures",
    )


def _range(totals: Totals, about: About, clock: Clock) -> Markup | None:
    if totals.first is None or totals.last is None:
        return None
    since = clock.show(totals.first if about.since_us is None else about.since_us)
    until = clock.show(totals.last if about.until_us is None else about.until_us)
    return join([tag("b", since), " to ", tag("b", until), f" ({clock.name})"])


def _document(body: Markup, span: Markup | None, about: About, clock: Clock) -> bytes:
    chosen: list[Any] = [tag("code", text) for text in about.filters]
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("link", rel="icon", href="data:,"),
        tag("title", "Calls: offhook report"),
        Markup(f"<style>{STYLE}</style>"),
    )
    top = tag(
        "header",
        tag("h1", "Call report"),
        tag("p", span, class_="range") if span else None,
        tag("p", "Filter ", _with_commas(chosen), class_="range") if chosen else None,
        class_="top",
    )
    bottom = tag(
        "footer",
        tag(
            "p",
            "ASR: answered of all calls. NER: those the network delivered, busy and no answer too."
            " ACD: mean length of answered calls. PDD: INVITE to ringing."
            " MOS: 1 bad to 4.5 good, the lower side of each call.",
        ),
        tag("p", f"offhook {__version__}, {clock.show(about.made_us)} ({clock.name})"),
    )
    html = tag("html", head, tag("body", top, tag("main", body), bottom), lang="en")
    return ("<!doctype html>\n" + html + "\n").encode("utf-8", "replace")


def _with_commas(parts: Sequence[Markup]) -> Markup:
    return Markup(", ".join(parts))
