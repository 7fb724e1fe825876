"""`offhook analyze`: captures in, calls (or streams, windows, messages) out."""

import argparse
import contextlib
import gc
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from kernels import compiler
from offhook import filters, settings
from offhook.bounds import WARNING_LINES
from offhook.errors import DONE, FAILED, UsageError
from offhook.inputs import refuse_overwriting, say_unread
from offhook.output.destination import destination
from offhook.output.writer import Row, Writer
from offhook.pingers import merged
from offhook.pipeline import Analysis
from offhook.progress import progress_of
from offhook.report import Shown
from offhook.rows import MessageRow, WindowRow
from offhook.text import clean
from offhook.times import Clock
from schemas.cdr import CallRecord, StreamRecord

if TYPE_CHECKING:
    from offhook.store import Keeper
from schemas.registrations import Registration

_KINDS: dict[str, type[Row]] = {
    "calls": CallRecord,
    "streams": StreamRecord,
    "windows": WindowRow,
    "messages": MessageRow,
    "registrations": Registration,
}


KEPT: Final = frozenset({"calls", "streams", "windows", "registrations"})
"""Kinds of rows that a store keeps, whatever is shown."""


class Selection:
    """Which rows of a run are shown: their kind, and the terms of --filter.

    Streams may be chosen by what only their call knows (`--rows streams --filter caller=1202*`): then they
    are taken from the calls that match.
    """

    def __init__(self, rows: str, expressions: Sequence[str], clock: Clock) -> None:
        """Raises UsageError where a term does not fit the rows."""
        self.kind = _KINDS[rows]
        self.want = rows
        terms = filters.parse(expressions)
        of_call = []
        if rows == "streams":
            of_call = [term for term in terms if not filters.knows(self.kind, term)]
            terms = [term for term in terms if filters.knows(self.kind, term)]
        self._test = filters.compile_filter(terms, self.kind, clock)
        self._call_test = filters.compile_filter(of_call, CallRecord, clock) if of_call else None
        if self._call_test is not None:
            self.want = "calls"

    def of(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The rows to show, in their order."""
        test, call_test = self._test, self._call_test
        for row in rows:
            if call_test is not None:
                if isinstance(row, CallRecord) and call_test(row):
                    yield from filter(test, row.streams)
            elif type(row) is self.kind and test(row):
                yield row


def run(options: argparse.Namespace) -> int:
    """Run the command; returns the exit code. Raises CommandError, OSError or an error of a room."""
    chosen = settings.load(options)
    clock = Clock(options.timezone or chosen.offhook.timezone)
    selection = Selection(options.rows, options.filter, clock)
    _check_output(options)
    say_when_compiling()
    collect_seldom()
    live = "-" in options.files
    want = frozenset({selection.want})
    analysis = Analysis(options.files, chosen, want=want | KEPT if options.db else want)
    say_unread(analysis.unread)
    shown = Shown()
    with _store(options.db, chosen, live=live) as keeper, destination(options.output) as out:
        writer = _writer(options, out, selection.kind, clock, live=live)
        with progress_of(analysis, sys.stderr):
            rows = keeper.rows(analysis) if keeper else iter(analysis)
            if selection.kind is Registration and not live:
                rows = merged(rows)
            for row in selection.of(rows):
                writer.write(row)
                shown.rows += 1
                if isinstance(row, CallRecord):
                    shown.count(row.outcome, row.flags)
        writer.finish(analysis.summary, shown)
        out.flush()
    if options.format != "table" or options.output:
        _warn(analysis.summary.warnings)
    if keeper:
        print(f"offhook: {clean(keeper.summary())}", file=sys.stderr)
    return FAILED if analysis.unread or (options.strict and analysis.summary.warnings) else DONE


def collect_seldom() -> None:
    """Let the cyclic garbage collector look, seldom, and never at what the imports made.

    Calls, messages and rows hold no cycles: reference counts free them. The collector would walk all calls
    in progress again and again to find nothing, at a fifth of the whole run.
    """
    gc.freeze()
    gc.enable()
    gc.set_threshold(1_000_000, 20, 50)


def _writer(
    options: argparse.Namespace, out: BinaryIO, kind: type[Row], clock: Clock, *, live: bool
) -> Writer:
    if options.format == "json":
        from offhook.output.json_lines import JsonLines

        return JsonLines(out, flush=live)
    if options.format == "csv":
        from offhook.output.csv_rows import CsvRows

        return CsvRows(out, kind, flush=live)
    from offhook.output import views
    from offhook.output.paint import Paint
    from offhook.output.registrations import REGISTRATIONS
    from offhook.output.table import Table

    view = {
        CallRecord: views.CALLS,
        StreamRecord: views.STREAMS,
        WindowRow: views.WINDOWS,
        MessageRow: views.MESSAGES,
        Registration: REGISTRATIONS,
    }[kind]
    paint = Paint() if options.output else Paint.of(sys.stdout)
    return Table(out, view, clock, paint, live=live)


def _store(
    db: str | None, chosen: settings.Settings, *, live: bool
) -> contextlib.AbstractContextManager["Keeper | None"]:
    """What keeps the rows in the store of --db."""
    if db is None:
        return contextlib.nullcontext()
    from offhook.store import Keeper

    return Keeper(db, retention_days=chosen.store.retention_days or 0, live=live)


def _check_output(options: argparse.Namespace) -> None:
    """Refuse to write over a capture that is read."""
    if options.files.count("-") > 1:
        raise UsageError("standard input (-) can be read once")
    if options.output is not None:
        refuse_overwriting(Path(options.output), options.files)


def say_when_compiling() -> None:
    """One line on standard error when kernels are compiled, which happens once a machine, or at every start
    where they cannot be kept."""

    def say(folder: Path, refused: OSError | None) -> None:
        compiler.on_compile = None
        line = f"offhook: compiling kernels once, a minute at most; kept in {folder}"
        if refused is not None:
            line = (
                "offhook: compiling kernels, a minute at most, and again at every start:"
                f" {folder} cannot keep them ({refused.strerror}); name a folder that can in OFFHOOK_CACHE"
            )
        print(line, file=sys.stderr, flush=True)

    compiler.on_compile = say


def _warn(warnings: Sequence[str]) -> None:
    for warning in warnings[:WARNING_LINES]:
        print(f"offhook: {clean(warning)}", file=sys.stderr)
    if len(warnings) > WARNING_LINES:
        print(f"offhook: and {len(warnings) - WARNING_LINES} more warnings", file=sys.stderr)
