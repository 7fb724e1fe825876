"""Writes records into a store: batches of rows as columns, and the rows that the store will not take."""

import struct
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from clickhouse_connect.driver.exceptions import DataError, Error

from schemas.cdr import CallRecord
from sinks.bounds import BATCH_BYTES, BATCH_ROWS
from sinks.clickhouse.client import Store
from sinks.clickhouse.tables import Columns, Table
from sinks.clickhouse.text import readable

NEVER: Final = 0xFFFF_FFFF
"""`expire_at` of a row that is kept for ever: DateTime's last second, in 2106."""

_DAY_S: Final = 86_400

_OF_A_ROW: Final = frozenset({6, 26, 27, 33, 41, 43, 53, 69, 70, 72, 117, 128, 131, 321, 349, 407, 469})
"""ClickHouse's codes that blame the values: parsing, types, ranges, sizes, NULL, a constraint."""

_UNWRITABLE: Final = (ValueError, TypeError, AttributeError, OverflowError, struct.error)
"""What clickhouse-connect raises where a value does not fit its column."""


class Refused(msgspec.Struct, frozen=True):
    """A row the store did not take, where it stood among those given, and why."""

    table: str
    index: int
    row: Any
    reason: str


class _BadValueError(Exception):
    """A batch has a value that its column cannot hold."""


class Writer:
    """Inserts rows of any table of `sinks.clickhouse.tables`.

    `insert` writes at once; `add` keeps rows until a batch is full, and `flush` writes what is kept. A row
    written again replaces itself. `retention_days` 0 keeps rows for ever. Not safe to share among threads.
    """

    def __init__(
        self,
        store: Store,
        *,
        account: str = "local",
        site: str = "local",
        retention_days: int = 0,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        """`account` and `site` are those of rows that do not know theirs."""
        self.rows: dict[str, int] = {}
        self.refused: list[Refused] = []
        self._store = store
        self._account, self._site = account, site
        self._retention_days = retention_days
        self._now_us = now_us
        self._kept: dict[str, tuple[Table, list[Any]]] = {}
        self._types: dict[str, Sequence[Any]] = {}
        """The types of each table's columns, asked for once."""
        self._bytes: dict[str, int] = {}

    def add(self, table: Table, row: Any) -> None:
        """Keep a row for the next batch, which is written when it is full. StoreError as `insert`."""
        _, rows = self._kept.setdefault(table.name, (table, []))
        rows.append(row)
        size = self._bytes.get(table.name, 0) + row_bytes(row)
        self._bytes[table.name] = size
        if len(rows) >= BATCH_ROWS or size >= BATCH_BYTES:
            self._flush(table.name)

    def flush(self) -> None:
        """Write every row kept. What the store refused is in `refused`."""
        for name in list(self._kept):
            self._flush(name)

    def insert(self, table: Table, rows: Sequence[Any]) -> list[Refused]:
        """Write rows now; returns those that the store does not take, each by itself.

        Raises OutOfReachError where it is worth trying again, StoreError where the store cannot take any.
        When this returns, all other rows are stored.
        """
        refused: list[Refused] = []
        if rows:
            self._insert(table, rows, 0, refused)
        self.rows[table.name] = self.rows.get(table.name, 0) + len(rows) - len(refused)
        return refused

    def _flush(self, name: str) -> None:
        table, rows = self._kept[name]
        self.refused += self.insert(table, rows)
        del self._kept[name]
        self._bytes[name] = 0

    def _insert(self, table: Table, rows: Sequence[Any], first: int, refused: list[Refused]) -> None:
        """Write the rows, or halve them until the ones at fault stand alone."""
        try:
            self._write(table, rows)
        except _BadValueError as error:
            if len(rows) == 1:
                refused.append(Refused(table.name, first, rows[0], str(error)))
                return
            half = len(rows) // 2
            self._insert(table, rows[:half], first, refused)
            self._insert(table, rows[half:], first + half, refused)

    def _write(self, table: Table, rows: Sequence[Any]) -> None:
        names = [*table.columns, "stored_at", "expire_at"]
        stored_us = self._now_us()
        columns: Columns = [
            *table.take(rows),
            [stored_us] * len(rows),
            self._expire_at(table, rows, stored_us),
        ]
        if table.stamped:
            names += ["account", "site"]
            columns += [[self._account] * len(rows), [self._site] * len(rows)]
        try:
            self._send(table.name, names, columns)
        except UnicodeEncodeError:  # broken UTF-8 of the wire, kept as surrogates
            self._send(table.name, names, [readable(column) for column in columns])

    def _send(self, name: str, names: list[str], columns: Columns) -> None:
        client = self._store.client
        with self._store.errors():
            try:
                if name not in self._types:
                    self._types[name] = client.create_insert_context(name, names).column_types
                client.insert(
                    name, columns, column_names=names, column_types=self._types[name], column_oriented=True
                )
            except UnicodeEncodeError:
                raise
            except _UNWRITABLE as error:
                raise _BadValueError(f"{type(error).__name__}: {error}") from None
            except Error as error:
                if isinstance(error, DataError) or error.code in _OF_A_ROW:
                    raise _BadValueError(self._store.said(error)) from None
                raise

    def _expire_at(self, table: Table, rows: Sequence[Any], stored_us: int) -> list[int]:
        """Retention counts from the later of the row's end and now."""
        if not self._retention_days:
            return [NEVER] * len(rows)
        more_s, ends = self._retention_days * _DAY_S, table.ends
        return [min(max(ends(row), stored_us) // 1_000_000 + more_s, NEVER) for row in rows]


def row_bytes(row: Any) -> int:
    """About what a row takes, in bytes."""
    if isinstance(row, CallRecord):
        return 2000 + 300 * len(row.sip_events) + 1000 * len(row.streams) + 100 * len(row.dtmf)
    return 1000
