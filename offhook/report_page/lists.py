"""Lists of the page: outcomes, codes, codecs, peers, who hung up, flags, the worst calls."""

from collections.abc import Sequence
from typing import Final

from offhook.output.flags import in_words
from offhook.queries.figures import CodecRow, CodeRow, CountRow, PeerRow, Totals
from offhook.report_page import words
from offhook.report_page.cards import card
from offhook.report_page.distributions import loss_kind, mos_kind
from offhook.report_page.markup import Markup
from offhook.report_page.tables import Cell, bar, number, table
from offhook.times import Clock
from schemas.cdr import CallRecord

NUMBER_LONGEST: Final = 16
"""Characters of a number in the form of E.164: 15 digits and a plus."""

_OUTCOMES = {"answered": "good", "rejected": "bad", "unfinished": "warn"}


def outcomes(totals: Totals) -> Markup:
    """How calls ended."""
    counted = {
        name: getattr(totals, name)
        for name in ("answered", "rejected", "cancelled", "unanswered", "redirected", "unfinished")
    }
    rows = [
        (
            Cell(name),
            number(words.count(n)),
            number(words.share(n, totals.calls)),
            bar(n / totals.calls, _OUTCOMES.get(name, "rest")),
        )
        for name, n in sorted(counted.items(), key=lambda item: -item[1])
        if n
    ]
    heads = (Cell("Outcome"), number("Calls"), number("Share"), Cell(""))
    return card("Outcomes", "", table("How calls ended", heads, rows))


def codes(rows: Sequence[CodeRow], totals: Totals) -> Markup:
    """Last responses."""
    cells = [
        (
            Cell("none" if row.code is None else str(row.code), "code"),
            Cell(row.reason or "", "text"),
            number(words.count(row.calls)),
            number(words.share(row.calls, totals.calls)),
            bar(row.calls / totals.calls, _code_kind(row.code)),
        )
        for row in rows
    ]
    heads = (Cell("Code"), Cell("Reason"), number("Calls"), number("Share"), Cell(""))
    return card("Response codes", "", table("Last response to the INVITE", heads, cells))


def _code_kind(code: int | None) -> str:
    if code is None or code < 200:
        return "rest"
    return "good" if code < 300 else "rest" if code < 400 else "warn" if code < 500 else "bad"


def codecs(rows: Sequence[CodecRow]) -> Markup:
    """What was sent, and how it was heard."""
    if not rows:
        return card("Codecs", "", empty="No audio was heard.")
    most = max(row.sides for row in rows)
    cells = [
        (
            Cell(row.codec, "text"),
            number(words.count(row.sides)),
            bar(row.sides / most),
            number(words.decimal(row.mos), mos_kind(row.mos) if (row.mos or 5) < 3.6 else ""),
            number(words.percent(row.loss, 2), loss_kind(row.loss)),
            number(words.decimal(row.jitter_ms, 1, " ms")),
        )
        for row in rows
    ]
    heads = (Cell("Codec"), number("Sides"), Cell(""), number("MOS"), number("Loss"), number("Jitter"))
    return card("Codecs", "", table("Sides of calls by codec; means", heads, cells), full=True)


def peers(rows: Sequence[PeerRow]) -> Markup:
    """The busiest pairs of signalling addresses: trunks."""
    cells = [
        (
            Cell(row.src_ip, "address"),
            Cell(row.dst_ip, "address"),
            number(words.count(row.calls)),
            number(words.percent(row.asr)),
            number(words.length(row.acd)),
            number(words.seconds(row.pdd)),
            number(words.decimal(row.mos), mos_kind(row.mos) if (row.mos or 5) < 3.6 else ""),
        )
        for row in rows
    ]
    heads = (
        *(Cell("From"), Cell("To"), number("Calls"), number("ASR"), number("ACD")),
        *(number("PDD"), number("MOS")),
    )
    caption = "Pairs of SIP addresses with most calls; median PDD, mean MOS"
    return card("Trunks", "", table(caption, heads, cells), full=True)


def counted(title: str, caption: str, rows: Sequence[CountRow], whole: int, none: str) -> Markup:
    """Words and how many calls they are said of."""
    if not rows:
        return card(title, "", empty=none)
    cells = [
        (
            Cell(row.name.replace("-", " ")),
            number(words.count(row.calls)),
            number(words.share(row.calls, whole)),
            bar(row.calls / whole if whole else 0),
        )
        for row in rows
    ]
    return card(title, "", table(caption, (Cell(""), number("Calls"), number("Share"), Cell("")), cells))


def worst(calls: Sequence[CallRecord], clock: Clock) -> Markup:
    """The calls that sounded worst."""
    if not calls:
        return card("Worst calls", "", empty="No call has a MOS: no audio was heard.", full=True)
    heads = (
        *(Cell("Time"), Cell("From"), Cell("To"), number("Length"), number("MOS a"), number("MOS b")),
        *(number("Loss a"), number("Loss b"), number("Jitter a"), number("Jitter b")),
        *(Cell("Notes"), Cell("Call-ID")),
    )
    cells = [
        (
            Cell(clock.show(call.start), "time"),
            _party(call.caller or call.caller_domain or call.src_ip),
            _party(call.callee or call.callee_domain or call.dst_ip),
            number(words.length(call.connect_duration)),
            number(words.decimal(call.mos_a), mos_kind(call.mos_a)),
            number(words.decimal(call.mos_b), mos_kind(call.mos_b)),
            number(words.percent(call.loss_a, 2), loss_kind(call.loss_a)),
            number(words.percent(call.loss_b, 2), loss_kind(call.loss_b)),
            number(words.decimal(call.jitter_a_ms, 1)),
            number(words.decimal(call.jitter_b_ms, 1)),
            Cell(_names(call), "notes"),
            Cell(call.call_id, "party"),
        )
        for call in calls
    ]
    caption = "Lowest MOS first. a: what the caller sends, b: what the callee sends; jitter in ms"
    return card("Worst calls", "", table(caption, heads, cells), full=True, long=True)


def _party(name: str) -> Cell:
    """Who it was; a number is not broken in two."""
    return Cell(name, "whole" if len(name) <= NUMBER_LONGEST else "party")


def _names(call: CallRecord) -> str:
    """Display names and what stands out."""
    named = " to ".join(f"“{name}”" for name in (call.caller_name, call.callee_name) if name)
    return "; ".join(part for part in (named, in_words(call)) if part)
