"""The frame around a chart or a table: title, what it shows, key to its colours."""

from typing import Any

from offhook.report_page.markup import Markup, tag


def card(
    title: str,
    note: str,
    *children: Any,
    legend: Markup | None = None,
    full: bool = False,
    long: bool = False,
    empty: str | None = None,
) -> Markup:
    """A section; `full` takes the whole width, `long` may be parted between pages of paper."""
    name = "".join(c if c.isalnum() else "-" for c in title.lower())
    head = tag("div", tag("h2", title, id=name), tag("p", note) if note else None, legend, class_="head")
    body = tag("p", empty, class_="empty") if empty else children
    kinds = " ".join(kind for kind, on in (("card", True), ("full", full), ("long", long)) if on)
    return tag("section", head, body, class_=kinds, aria_labelledby=name)


def keys(*names: tuple[str, str]) -> Markup:
    """What the colours mean."""
    return tag(
        "ul",
        *(
            tag(
                "li",
                tag(
                    "svg",
                    tag("rect", width=10, height=10, rx=2, class_=f"swatch {kind}"),
                    viewBox="0 0 10 10",
                    aria_hidden="true",
                ),
                text,
            )
            for kind, text in names
        ),
        class_="keys",
    )
