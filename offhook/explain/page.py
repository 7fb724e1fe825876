"""Findings for people: numbered, evidence below, and what to do."""

import textwrap
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Final

from offhook.explain.finding import HIGH, LOW, MEDIUM, Finding
from offhook.output.paint import Paint
from offhook.text import clean

_STYLES: Final = {HIGH: "bold red", MEDIUM: "bold yellow", LOW: "bold"}
_WIDTH: Final = 110
_INDENT: Final = "   "


def write_page(findings: Sequence[Finding], well: str, out: BinaryIO, paint: Paint) -> None:
    """Write the findings; `well` is said where there is none."""
    columns = min(paint.columns or _WIDTH, _WIDTH)
    lines = [line for number, each in enumerate(findings, 1) for line in _lines(number, each, columns, paint)]
    for line in lines or [well]:
        out.write((line + "\n").encode("utf-8", "replace"))


def _lines(number: int, each: Finding, columns: int, paint: Paint) -> Iterator[str]:
    head = textwrap.wrap(
        f"{number}. {clean(each.title)} [{each.severity}, {each.code}]", columns, subsequent_indent=_INDENT
    )
    yield from (paint.styled(line, _STYLES[each.severity]) for line in head)
    for line in each.evidence:
        yield from textwrap.wrap(
            clean(line), columns, initial_indent=f"{_INDENT}- ", subsequent_indent=f"{_INDENT}  ",
            break_on_hyphens=False,
        )  # fmt: skip
    yield from textwrap.wrap(
        f"What to do: {each.advice}.",
        columns,
        initial_indent=_INDENT,
        subsequent_indent=_INDENT,
        break_on_hyphens=False,
    )
    yield ""
