"""How a figure is spread over the calls: MOS, loss, post-dial delay, length."""

from collections.abc import Callable, Sequence
from typing import Final

from offhook.queries.figures import Bin
from offhook.report_page import charts, words
from offhook.report_page.cards import card, keys
from offhook.report_page.charts import Bar
from offhook.report_page.markup import Markup
from offhook.report_page.tables import Cell, behind, number

SATISFIED: Final = ((4.03, "good"), (3.6, "fair"), (3.1, "warn"), (0.0, "bad"))
"""G.107 Annex B: satisfied, some dissatisfied, many dissatisfied, nearly all."""

_LOSS_HEARD: Final = ((3.0, "bad"), (1.0, "warn"), (0.0, "good"))


def mos_kind(mos: float | None) -> str:
    """The class of a MOS."""
    return "" if mos is None else next(kind for least, kind in SATISFIED if mos >= least)


def loss_kind(loss: float | None) -> str:
    """The class of a loss in percent; none below what is heard."""
    return "" if loss is None or loss < 1 else next(kind for least, kind in _LOSS_HEARD if loss >= least)


def mos_card(bins: Sequence[Bin]) -> Markup:
    """MOS in quarters."""
    names = keys(("good", "4.03 and more"), ("fair", "3.6"), ("warn", "3.1"), ("bad", "below"))
    return _card(
        "MOS",
        "lower side of each call, E-model",
        bins,
        lambda bin_: f"{bin_.edge:g}",
        _between("", 2),
        lambda bin_: mos_kind(bin_.edge + 0.125),
        names,
    )


def loss_card(bins: Sequence[Bin]) -> Markup:
    """Loss in percent; none is a bar of its own."""
    return _card(
        "Packet loss",
        "worse side of each call, %",
        bins,
        lambda bin_: "none" if bin_.edge == 0 else "<0.1" if bin_.edge < 0.01 else f"{bin_.edge:g}",
        _loss_words,
        lambda bin_: next(kind for least, kind in _LOSS_HEARD if bin_.edge >= least),
        keys(("good", "below 1 %"), ("warn", "1 %"), ("bad", "3 % and more")),
    )


def pdd_card(bins: Sequence[Bin]) -> Markup:
    """Post-dial delay in seconds."""
    return _card(
        "Post-dial delay",
        "INVITE to ringing, seconds",
        bins,
        lambda bin_: f"{bin_.edge:g}",
        _between(" s", 2),
        lambda _bin: "one",
    )


def length_card(bins: Sequence[Bin]) -> Markup:
    """Lengths of answered calls."""
    return _card(
        "Call length",
        "answered calls, answer to end",
        bins,
        lambda bin_: _short(bin_.edge),
        lambda bin_, after: (
            f"{_short(bin_.edge)} to {_short(after)}"
            if after is not None
            else f"{_short(bin_.edge)} and more"
        ),
        lambda _bin: "one",
    )


Said = Callable[[Bin, float | None], str]
"""A bin and the next one's edge in words; None for the last."""


def _card(
    title: str,
    note: str,
    bins: Sequence[Bin],
    label: Callable[[Bin], str],
    said: Said,
    kind: Callable[[Bin], str],
    legend: Markup | None = None,
) -> Markup:
    total = sum(bin_.count for bin_ in bins)
    if not total:
        return card(title, note, empty="No call of these has it.")
    afters = [*(bin_.edge for bin_ in bins[1:]), None]
    names = [said(bin_, after) for bin_, after in zip(bins, afters, strict=True)]
    columns = [
        Bar(
            label(bin_),
            f"{name}: {words.count(bin_.count)} calls, {words.share(bin_.count, total)}",
            ((kind(bin_), bin_.count),),
        )
        for bin_, name in zip(bins, names, strict=True)
    ]
    picture = charts.bars(charts.HALF, f"{title}: calls by {note}. {_most(columns)}", columns)
    rows = [
        (Cell(name), number(words.count(bin_.count)), number(words.share(bin_.count, total)))
        for bin_, name in zip(bins, names, strict=True)
    ]
    heads = (Cell(title), number("Calls"), number("Share"))
    return card(title, note, picture, behind(f"{title}: {note}", heads, rows), legend=legend)


def _most(columns: Sequence[Bar]) -> str:
    largest = max(columns, key=lambda column: column.parts[0][1])
    return f"Most: {largest.words}."


def _between(unit: str, places: int) -> Said:
    def said(bin_: Bin, after: float | None) -> str:
        if after is None:
            return f"{bin_.edge:.{places}f}{unit} and more"
        return f"{bin_.edge:.{places}f} to {after:.{places}f}{unit}"

    return said


def _loss_words(bin_: Bin, after: float | None) -> str:
    if bin_.edge == 0:
        return "none"
    if bin_.edge < 0.01:
        return f"up to {after:g} %"
    return f"{bin_.edge:g} % and more" if after is None else f"{bin_.edge:g} to {after:g} %"


def _short(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:g} s"
    return f"{seconds / 60:g} min" if seconds < 3600 else f"{seconds / 3600:g} h"
