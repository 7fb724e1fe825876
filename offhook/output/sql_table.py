"""The answer to an SQL statement as a table, or a block of `name: value` a row where columns do not fit."""

import re
from collections.abc import Sequence
from typing import TextIO

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from offhook.text import clean, width

_NUMBER = re.compile(r"(?:Nullable\()?(?:LowCardinality\()?(?:Nullable\()?(?:U?Int|Float|Decimal)")
_NULL = "ᴺᵁᴸᴸ"
_NARROWEST = 6
_PLAIN_WIDTH = 100_000  # where there is no terminal, lines are as long as they are


def print_table(
    out: TextIO,
    names: Sequence[str],
    types: Sequence[str],
    rows: Sequence[Sequence[str]],
    columns: int | None,
) -> None:
    """Write text values under their names; `columns` is the terminal's width, None outside of one."""
    console = Console(file=out, width=columns or _PLAIN_WIDTH, highlight=False, soft_wrap=columns is None)
    if columns is not None and rows and _least_width(names, rows) > columns:
        _print_records(console, names, rows)
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False)
    for name, kind in zip(names, types, strict=True):
        is_number = _NUMBER.match(kind) is not None
        table.add_column(
            Text(clean(name)), justify="right" if is_number else "left", no_wrap=columns is None or is_number
        )
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    console.print(table)
    console.print(f"{len(rows):,} row{'' if len(rows) == 1 else 's'}")


def _least_width(names: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """Columns of a terminal below which values would be torn to shreds."""
    widest = (
        max(width(name), min(24, max(width(clean(row[number])) for row in rows[:1000])))
        for number, name in enumerate(names)
    )
    return sum(max(size, _NARROWEST) + 2 for size in widest)


def _print_records(console: Console, names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A block a row, as psql's expanded display."""
    wide = max(width(name) for name in names)
    for number, row in enumerate(rows, 1):
        console.print(Text(f"row {number:,}", style="bold"))
        for name, value in zip(names, row, strict=True):
            line = Text(clean(name).ljust(wide), style="cyan")
            console.print(line.append("  ").append_text(_cell(value)), overflow="fold")


def _cell(value: str) -> Text:
    return Text("null", style="dim") if value == _NULL else Text(clean(value))
