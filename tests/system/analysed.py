"""A capture through the whole product, in this process."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from offhook.pipeline import Analysis
from offhook.report import Summary
from offhook.settings import Settings
from schemas.cdr import CallRecord, StreamRecord


class Analysed(NamedTuple):
    """The records with the highest version, by cdr_id, in the order of their first appearance."""

    calls: list[CallRecord]
    summary: Summary

    def call(self, call_id: str) -> CallRecord:
        (found,) = (call for call in self.calls if call.call_id == call_id)
        return found

    def only(self) -> CallRecord:
        (found,) = self.calls
        return found


def calls(*captures: Path, settings: Settings | None = None) -> Analysed:
    """Every call of the captures."""
    analysis = Analysis([str(path) for path in captures], settings or Settings(), want=frozenset({"calls"}))
    found: dict[str, CallRecord] = {}
    for row in analysis:
        assert isinstance(row, CallRecord)
        if row.cdr_id not in found or found[row.cdr_id].version < row.version:
            found[row.cdr_id] = row
    return Analysed(list(found.values()), analysis.summary)


def streams(*captures: Path, settings: Settings | None = None) -> list[StreamRecord]:
    """Every stream of the captures once, whoever owns it."""
    analysis = Analysis([str(path) for path in captures], settings or Settings(), want=frozenset({"streams"}))
    return list(_once(analysis))


def _once(rows: Iterable[object]) -> Iterable[StreamRecord]:
    found: dict[str, StreamRecord] = {}
    for row in rows:
        assert isinstance(row, StreamRecord)
        found[row.stream_id] = row
    return found.values()
