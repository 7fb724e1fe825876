"""`offhook calls`: the calls of a store (or streams, windows, registrations), page by page."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from msgspec.structs import replace

from offhook import settings
from offhook.errors import DONE, UsageError
from offhook.output import views
from offhook.output.destination import destination
from offhook.output.registrations import REGISTRATIONS
from offhook.output.views import View
from offhook.queries.page import (
    Page,
    Place,
    all_calls,
    calls_page,
    registrations_page,
    streams_page,
    windows_page,
)
from offhook.queries.selection import CallSelection, RowSelection
from offhook.queries.sorting import parse_sort
from offhook.queries.store import asked
from offhook.report import Shown, Summary
from offhook.rows import WindowRow
from offhook.times import Clock
from schemas.cdr import CallRecord, StreamRecord
from schemas.registrations import Registration

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

_KINDS: Final[dict[str, type[Any]]] = {
    "calls": CallRecord,
    "streams": StreamRecord,
    "windows": WindowRow,
    "registrations": Registration,
}
_VIEWS: Final[dict[type[Any], View]] = {
    CallRecord: views.CALLS,
    StreamRecord: views.STREAMS,
    WindowRow: views.WINDOWS,
    Registration: REGISTRATIONS,
}
_PAGES: Final[dict[type[Any], Any]] = {
    StreamRecord: streams_page,
    WindowRow: windows_page,
    Registration: registrations_page,
}


def run(options: argparse.Namespace) -> int:
    """Run the command; returns the exit code. Raises CommandError, OSError or an error of a room."""
    clock = Clock(options.timezone or settings.load(options).offhook.timezone)
    ask = _question(options, clock)
    with asked(options.db) as client, destination(options.output) as out:
        _write(options, ask(client), clock, out)
    return DONE


def _question(options: argparse.Namespace, clock: Clock) -> Any:
    """What to ask a connection for; raises UsageError before any store is opened."""
    kind = _KINDS[options.rows]
    sort = parse_sort(options.sort, kind)
    if options.limit == 0 and options.page != 1:
        raise UsageError("--limit 0 shows all rows: it has one page")
    place = Place(options.limit, options.page) if options.limit else None
    if kind is not CallRecord:
        selection = RowSelection(kind, options.filter, clock)
        return lambda client: _PAGES[kind](client, selection, sort, place)
    calls, children = CallSelection(options.filter, clock), options.format == "json"

    def ask(client: Client) -> Page:
        if place is not None:
            return calls_page(client, calls, sort, place, children=children)
        return Page(all_calls(client, calls, sort, children=children), 1, 1, more=False)

    return ask


def _write(options: argparse.Namespace, page: Page, clock: Clock, out: BinaryIO) -> None:
    """Write the page in the format asked for."""
    kind = _KINDS[options.rows]
    if options.format == "table":
        _write_table(options, page, clock, out)
        return
    if options.format == "json":
        from offhook.output.json_lines import JsonLines

        writer: Any = JsonLines(out, flush=False)
    else:
        from offhook.output.csv_rows import CsvRows

        writer = CsvRows(out, kind, flush=False)
    for row in page.rows:
        writer.write(row)
    writer.finish(Summary(), Shown())
    out.flush()
    if page.more:
        print(f"offhook: page {page.number}; --page {page.number + 1} has more", file=sys.stderr)


def _write_table(options: argparse.Namespace, page: Page, clock: Clock, out: BinaryIO) -> None:
    """Write a table in the order of the page, and which page it is."""
    from offhook.output.paint import Paint
    from offhook.output.table import Table

    paint = Paint() if options.output else Paint.of(sys.stdout)
    in_order = replace(_VIEWS[_KINDS[options.rows]], order=lambda _row: 0)
    table = Table(out, in_order, clock, paint, live=False)
    shown = 0
    for row in page.rows:
        table.write(row)
        shown += 1
    table.finish_rows()
    out.write(("\n" * bool(shown) + _where(options, page, shown) + "\n").encode())
    out.flush()


def _where(options: argparse.Namespace, page: Page, shown: int) -> str:
    """Which page this is, in a line."""
    noun = options.rows if shown != 1 else options.rows.removesuffix("s")
    if not shown:
        which = "" if page.number == 1 else f" on page {page.number}"
        return f"no {options.rows}{which}" + (" match the filter" if options.filter else " in the store")
    if page.number == 1 and not page.more:
        return f"{shown:,} {noun}"
    rows = f"page {page.number}: {options.rows} {page.first:,} to {page.first + shown - 1:,}"
    return f"{rows}; --page {page.number + 1} has more" if page.more else f"{rows}, the last"
