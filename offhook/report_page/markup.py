"""HTML and SVG made of elements: whatever is text is escaped here, in one place."""

from collections.abc import Iterable
from html import escape
from typing import Any, Final

from offhook.text import clean

_VOID: Final = frozenset({"meta", "link", "br", "hr", "col", "line", "rect", "path", "polyline", "circle"})


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


Child = str | int | float | None | Iterable["Child"]
"""Markup stays as it is, other text is escaped, None is nothing."""


def tag(name: str, /, *children: Any, **attributes: Any) -> Markup:
    """An element. `class_` is class, `aria_label` aria-label; None leaves an attribute out."""
    head = name + "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _VOID and not children:
        return Markup(f"<{head}>") if name in {"meta", "link", "br", "hr", "col"} else Markup(f"<{head}/>")
    return Markup(f"<{head}>{join(children)}</{name}>")


def join(children: Iterable[Any]) -> Markup:
    """Children one after the other."""
    return Markup("".join(map(_child, children)))


def _child(child: Any) -> str:
    if child is None:
        return ""
    if isinstance(child, Markup):
        return child
    if isinstance(child, str):
        return escape(clean(child))
    if isinstance(child, int | float):
        return str(child)
    return join(child)


def _attribute(key: str, value: Any) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    if value is True:
        return f" {name}"
    text = f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
    return f' {name}="{escape(clean(text), quote=True)}"'
