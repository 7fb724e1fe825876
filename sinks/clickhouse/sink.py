"""Keeps facts in ClickHouse: calls, rejected calls, streams without a call, windows, registrations, health.

A row written again replaces itself, so that a batch may come twice. `stored_at` is when it was written.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from typing import Any, Final, NamedTuple

from schemas.capture_health import CaptureHealth
from schemas.cdr import CallRecord, UnmatchedStream
from schemas.cdr_rejected import RejectedCall
from schemas.media_windows import WindowBatch
from schemas.registrations import Registration
from sinks.clickhouse import tables
from sinks.clickhouse.client import Store
from sinks.clickhouse.descriptions import Descriptions
from sinks.clickhouse.errors import StoreError
from sinks.clickhouse.tables import Table
from sinks.clickhouse.writer import Writer, row_bytes
from sinks.contract import BackPressureError, BadRecordError, Place, Refusal
from sinks.settings import SinkSettings

FIRST_RETRY_S: Final = 0.5
LAST_RETRY_S: Final = 30.0
"""Back-pressure doubles from one to the other while the store is away."""

_KINDS: Final[dict[str, tuple[type, Table]]] = {
    "cdr": (CallRecord, tables.CDR),
    "cdr.rejected": (RejectedCall, tables.CDR_REJECTED),
    "rtp.unmatched": (UnmatchedStream, tables.RTP_UNMATCHED),
    "media.windows": (WindowBatch, tables.RTP_WINDOWS),
    "registrations": (Registration, tables.REGISTRATIONS),
    "capture.health": (CaptureHealth, tables.CAPTURE_HEALTH),
}

Owner = tuple[str, str]
"""Account and site."""

_EACH_ITS_OWN: Final[Owner] = "", ""
"""Of rows that name account and site themselves."""


class Figures:
    """What the sink has done. `rows` by table; `stored_at` is the wall time of the last write, if any."""

    def __init__(self) -> None:
        self.rows: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.batches = 0
        self.failures = 0
        self.insert_s = 0.0
        self.stored_at: float | None = None


class _Row(NamedTuple):
    place: Place
    row: Any


class ClickHouseSink:
    """The sink of one store (sinks.contract.Sink)."""

    topics: tuple[str, ...] = tuple(_KINDS)
    bulk: frozenset[str] = frozenset({"media.windows", "rtp.unmatched"})

    def __init__(
        self,
        store: Store,
        *,
        retention_days: int,
        settings: SinkSettings | None = None,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self.figures = Figures()
        self.descriptions = Descriptions(store)
        self._store, self._retention_days, self._now_us = store, retention_days, now_us
        self._settings = settings or SinkSettings()
        self._writers: dict[Owner, Writer] = {}
        self._failed = 0
        self._rows: dict[str, list[_Row]] = {}
        self._count: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()

    @property
    def full(self) -> bool:
        """Whether a batch is complete."""
        settings = self._settings
        return self._count.total() >= settings.batch_rows or self._bytes.total() >= settings.batch_mb << 20

    def add(self, place: Place, value: Any) -> None:
        """Keep a record for the next flush; BadRecordError where it is not what its topic carries."""
        kind, _ = _KINDS[place.topic]
        if type(value) is not kind:
            raise BadRecordError(f"{place.topic} carries {kind.__name__}, this is {type(value).__name__}")
        rows = 1
        if isinstance(value, WindowBatch):
            rows = len(value.row_stream)
            if not rows and not value.streams and not value.ended:
                return  # it only tells the time
        self._rows.setdefault(place.topic, []).append(_Row(place, value))
        self._count[place.topic] += rows
        self._bytes[place.topic] += row_bytes(value) * rows

    def flush(self, topics: Collection[str] = tuple(_KINDS)) -> list[Refusal]:
        """Write what was added from these topics; BackPressureError where the store takes nothing now."""
        began = time.monotonic()
        due = {topic: self._rows[topic] for topic in topics if topic in self._rows}
        try:
            refused = [refusal for group in self._groups(due) for refusal in self._write(*group)]
        except StoreError as error:
            self.drop()
            self.figures.failures += 1
            retry_s = min(FIRST_RETRY_S * 2**self._failed, LAST_RETRY_S)
            self._failed = min(self._failed + 1, 10)
            raise BackPressureError(str(error), retry_s) from error
        self._failed = 0
        for topic in due:
            del self._rows[topic], self._count[topic], self._bytes[topic]
        self.figures.batches += 1
        self.figures.insert_s += time.monotonic() - began
        self.figures.stored_at = time.time()
        return refused

    def drop(self) -> None:
        """Forget what was added and not flushed."""
        self._rows = {}
        self._count.clear()
        self._bytes.clear()

    def _groups(self, due: dict[str, list[_Row]]) -> Iterator[tuple[Table, Owner, list[_Row]]]:
        """What is written in one go: rows of one table and, where they do not name it, of one owner."""
        for topic, rows in due.items():
            _, table = _KINDS[topic]
            if not table.stamped:
                yield table, _EACH_ITS_OWN, rows
        yield from self._windows(due.get("media.windows", []))
        yield from self._unmatched(due.get("rtp.unmatched", []))

    def _windows(self, due: list[_Row]) -> Iterator[tuple[Table, Owner, list[_Row]]]:
        batches = [(each.place, each.row) for each in due]
        if not batches:
            return
        by_owner: dict[Owner, list[_Row]] = {}
        for (place, batch), windows in self.descriptions.rows(batches):
            mine = by_owner.setdefault((batch.account, batch.site), [])
            mine += [_Row(place, window) for window in windows]
        for owner, rows in by_owner.items():
            yield tables.RTP_WINDOWS, owner, rows

    def _unmatched(self, streams: list[_Row]) -> Iterator[tuple[Table, Owner, list[_Row]]]:
        by_owner: dict[Owner, list[_Row]] = {}
        for place, each in streams:
            by_owner.setdefault((each.account, each.site), []).append(_Row(place, each.stream))
        for owner, rows in by_owner.items():
            yield tables.RTP_UNMATCHED, owner, rows

    def _write(self, table: Table, owner: Owner, rows: list[_Row]) -> list[Refusal]:
        refused = self._writer(owner).insert(table, [each.row for each in rows])
        self.figures.rows[table.name] += len(rows) - len(refused)
        self.figures.refused[table.name] += len(refused)
        return [Refusal(rows[each.index].place, f"{table.name}: {each.reason}") for each in refused]

    def _writer(self, owner: Owner) -> Writer:
        if owner not in self._writers:
            self._writers[owner] = Writer(
                self._store,
                account=owner[0],
                site=owner[1],
                retention_days=self._retention_days,
                now_us=self._now_us,
            )
        return self._writers[owner]
