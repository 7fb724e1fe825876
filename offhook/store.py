"""Keeps what a run finds in the store of `--db`: every call, stream, window, registration."""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Final

from offhook.bounds import REFUSED_LINES
from offhook.collect import Row
from offhook.pipeline import ACCOUNT, SITE
from offhook.rows import WindowRow
from offhook.text import clean
from schemas.cdr import CallRecord, StreamRecord
from schemas.registrations import Registration
from sinks.clickhouse.client import Store, open_store
from sinks.clickhouse.errors import StoreError
from sinks.clickhouse.migrate import migrate

if TYPE_CHECKING:
    from offhook.pipeline import Analysis
    from offhook.report import Progress
    from sinks.clickhouse.tables import Table

LIVE_S: Final = 0.5
"""Longest that a row of a live source waits for its batch."""

_NOUNS: Final = {
    "cdr": "call",
    "rtp_unmatched": "stream without a call",
    "rtp_windows": "window",
    "registrations": "registration",
}


def open_for_writing(db: str) -> Store:
    """Open the store, made where it is missing, its tables up to date; StoreError where that fails."""
    store = open_store(db, create=True)
    try:
        migrate(store)
    except BaseException:
        store.close()
        raise
    return store


class Keeper:
    """Stores the rows of an analysis as they pass; use it in a `with`, which writes the rest at its end."""

    def __init__(self, db: str, *, retention_days: int, live: bool = False) -> None:
        """Open the store; StoreError where that fails."""
        from sinks.clickhouse import tables
        from sinks.clickhouse.writer import Writer

        self._store = open_for_writing(db)
        self._writer = Writer(self._store, account=ACCOUNT, site=SITE, retention_days=retention_days)
        self._tables: dict[type, Table] = {
            CallRecord: tables.CDR,
            WindowRow: tables.RTP_WINDOWS,
            Registration: tables.REGISTRATIONS,
        }
        self._unmatched = tables.RTP_UNMATCHED
        self._live = live
        self._flushed_at = time.monotonic()
        self._passing: Iterator[Row] = iter(())

    def rows(self, analysis: Analysis) -> Iterator[Row]:
        """The rows of the analysis, each kept before it is given; all are stored when they end."""
        if self._live:
            self._flush_between_packets(analysis)
        self._passing = iter(analysis)
        for row in self._passing:
            self._keep(row)
            yield row
        self._writer.flush()
        analysis.summary.warnings += self._refused()

    def summary(self) -> str:
        """One line: how much was stored, and where."""
        stored = [
            f"{n:,} {noun if n == 1 else _plural(noun)}"
            for name, noun in _NOUNS.items()
            if (n := self._writer.rows.get(name, 0)) or name == "cdr"
        ]
        return f"stored {', '.join(stored)} in {self._store.target}"

    def __enter__(self) -> Keeper:
        """The keeper itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Store what is kept, also when the run was interrupted, and close the store.

        A reader who has seen enough of the output (`| head`) does not end the storing.
        """
        try:
            if kind is not None and issubclass(kind, BrokenPipeError):
                for row in self._passing:
                    self._keep(row)
            if kind is None or not issubclass(kind, StoreError):
                self._writer.flush()
        finally:
            self._store.close()

    def _keep(self, row: Row) -> None:
        table = self._table(row)
        if table is not None:
            self._writer.add(table, row)

    def _table(self, row: Row) -> Table | None:
        """Where a row belongs: a call's own streams go with the call."""
        if type(row) is StreamRecord:
            return self._unmatched if row.cdr_id is None else None
        return self._tables.get(type(row))

    def _flush_between_packets(self, analysis: Analysis) -> None:
        shown = analysis.on_progress

        def moved(progress: Progress) -> None:
            if time.monotonic() - self._flushed_at >= LIVE_S:
                self._writer.flush()
                self._flushed_at = time.monotonic()
            if shown is not None:
                shown(progress)

        analysis.on_progress = moved

    def _refused(self) -> list[str]:
        refused = self._writer.refused
        lines = [
            f"{_NOUNS[each.table]} {_name(each.row)} was not stored: {clean(each.reason)}"
            for each in refused[:REFUSED_LINES]
        ]
        if len(refused) > REFUSED_LINES:
            lines.append(f"and {len(refused) - REFUSED_LINES:,} more rows were not stored")
        return lines


def _plural(noun: str) -> str:
    head, _, tail = noun.partition(" ")
    return f"{head}s {tail}".rstrip()


def _name(row: Row) -> str:
    for field in ("cdr_id", "stream_id", "registration_id"):
        if name := getattr(row, field, None):
            return clean(str(name))
    return "without a name"
