"""Tables of the page: the numbers behind a chart, and lists."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from offhook.report_page.markup import Markup, tag


class Cell(msgspec.Struct, frozen=True):
    """A value and its class: number, text, bad, warn, good; several by spaces."""

    value: Any
    kind: str = ""


def number(value: Any, kind: str = "") -> Cell:
    """A value that stands at the right."""
    return Cell(value, f"number {kind}".strip())


def table(caption: str, heads: Sequence[Cell], rows: Iterable[Sequence[Cell]]) -> Markup:
    """A table whose first column names the row; it scrolls by itself where it is too wide."""
    head = tag("tr", *(tag("th", cell.value, scope="col", class_=cell.kind or None) for cell in heads))
    body = [
        tag(
            "tr",
            tag("th", row[0].value, scope="row", class_=row[0].kind or None),
            *(tag("td", cell.value, class_=cell.kind or None) for cell in row[1:]),
        )
        for row in rows
    ]
    whole = tag("table", tag("caption", caption), tag("thead", head), tag("tbody", *body))
    return tag("div", whole, class_="scroll", tabindex=0, role="region", aria_label=caption)


def behind(caption: str, heads: Sequence[Cell], rows: Iterable[Sequence[Cell]]) -> Markup:
    """The numbers of a chart, shown when asked for."""
    return tag("details", tag("summary", "Numbers"), table(caption, heads, rows), class_="data")


def bar(share: float, kind: str = "one") -> Cell:
    """A share of 0 to 1 as a small bar; the number stands beside it."""
    width = max(min(share, 1.0) * 100, 0.5 if share else 0)
    drawn = tag("rect", x=0, y=0, width=width, height=10, class_=kind)
    svg = tag("svg", drawn, viewBox="0 0 100 10", preserveAspectRatio="none", aria_hidden="true")
    return Cell(svg, "bar")
