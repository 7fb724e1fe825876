"""One page of a list: which rows, then the rows.

A store keeps older versions of a call until it merges them away. FINAL shows the newest alone, and over all
of a large store it is slow; so the ids of the page are found without it among all versions, and FINAL
looks at those alone: a version that is not the newest falls out. Sorted by time, days are asked one after
the other, two at once, four ..., until the page is full.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import msgspec

from offhook.bounds import PAGE_ROWS, ROWS_REACHED
from offhook.errors import UsageError
from offhook.queries.parameters import Parameters
from offhook.queries.records import (
    FORMATS,
    REGISTRATION_COLUMNS,
    STREAM_COLUMNS,
    WINDOW_COLUMNS,
    Reader,
    call_columns,
    call_reader,
    read_registration,
    read_stream,
    read_window,
)
from offhook.queries.selection import CallSelection, RowSelection
from offhook.queries.sorting import Sort

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

Id = tuple[int, str]
"""A call's start in µs, and its cdr_id."""

_FETCHED_AT_ONCE: Final = 500
"""Calls fetched by one statement: they are held at once."""

_CHECKED_AT_ONCE: Final = 2000
"""Calls looked at by one statement, which has at most 256 kB (max_query_size)."""

_MORE: Final = 4
"""By how much the search grows when old versions have crowded out the newest."""


class Page(msgspec.Struct, frozen=True):
    """Rows of a page, which is the number of its first row (from 1), and whether more come after it."""

    rows: Iterable[Any]
    number: int
    first: int
    more: bool


class Place(msgspec.Struct, frozen=True):
    """Which page is asked for: `limit` rows each, `number` from 1."""

    limit: int
    number: int = 1

    def __post_init__(self) -> None:
        """Raises UsageError where it is out of reach."""
        if not 1 <= self.limit <= PAGE_ROWS:
            raise UsageError(f"--limit {self.limit}: a page has 1 to {PAGE_ROWS:,} rows; 0 gives all")
        if self.number < 1:
            raise UsageError(f"--page {self.number}: pages begin at 1")
        if self.offset + self.limit > ROWS_REACHED:
            raise UsageError(
                f"--page {self.number}: beyond the first {ROWS_REACHED:,} rows; use --filter or --limit 0"
            )

    @property
    def offset(self) -> int:
        """Rows before the page."""
        return (self.number - 1) * self.limit


def calls_page(client: Client, selection: CallSelection, sort: Sort, place: Place, *, children: bool) -> Page:
    """A page of calls, each in its newest version; without `children` the records have none."""
    wanted = place.offset + place.limit + 1
    ids: list[Id] = []
    for days in _days(client, sort):
        ids += _ids(client, selection, sort, days, wanted - len(ids))
        if len(ids) >= wanted:
            break
    chosen = ids[place.offset : place.offset + place.limit]
    return Page(
        list(calls_by_id(client, chosen, children=children)),
        place.number,
        place.offset + 1,
        len(ids) >= wanted,
    )


def calls_by_id(client: Client, ids: Sequence[Id], *, children: bool) -> Iterator[Any]:
    """The newest version of calls, in the order of their ids."""
    read = call_reader(children=children)
    columns = ", ".join(call_columns(children=children))
    for at in range(0, len(ids), _FETCHED_AT_ONCE):
        some = ids[at : at + _FETCHED_AT_ONCE]
        calls = {call.cdr_id: call for call in map(read, _final(client, some, columns))}
        yield from (calls[cdr_id] for _, cdr_id in some if cdr_id in calls)


def all_calls(client: Client, selection: CallSelection, sort: Sort, *, children: bool) -> Iterator[Any]:
    """Every call that matches, as they come from the store; sorted by time, a day is held at once."""
    read = call_reader(children=children)
    columns = ", ".join(call_columns(children=children))
    for days in _days(client, sort, growing=False):
        statement = (
            f"SELECT {columns} FROM cdr FINAL WHERE ({selection.condition}) AND ({days})"
            f" ORDER BY {sort.clause}"
        )
        with client.query_rows_stream(
            statement, parameters=selection.parameters.values, query_formats=dict(FORMATS)
        ) as rows:
            yield from map(read, rows)


def streams_page(client: Client, selection: RowSelection, sort: Sort, place: Place | None) -> Page:
    """A page of streams, or all of them: of calls, and those that no call announced."""
    columns = ", ".join(STREAM_COLUMNS)
    tables = ["rtp_streams"] if selection.of_calls else ["rtp_streams", "rtp_unmatched FINAL"]
    source = " UNION ALL ".join(
        f"SELECT {columns} FROM {table} WHERE {selection.condition}" for table in tables
    )
    statement = f"SELECT {columns} FROM ({source}) ORDER BY {sort.clause}"
    return _plain_page(client, statement, selection.parameters, place, read_stream)


def windows_page(client: Client, selection: RowSelection, sort: Sort, place: Place | None) -> Page:
    """A page of windows of quality, or all of them."""
    statement = (
        f"SELECT {', '.join(WINDOW_COLUMNS)} FROM rtp_windows FINAL"
        f" WHERE {selection.condition} ORDER BY {sort.clause}"
    )
    return _plain_page(client, statement, selection.parameters, place, read_window)


def registrations_page(client: Client, selection: RowSelection, sort: Sort, place: Place | None) -> Page:
    """A page of registrations, or all of them."""
    statement = (
        f"SELECT {', '.join(REGISTRATION_COLUMNS)} FROM registrations FINAL"
        f" WHERE {selection.condition} ORDER BY {sort.clause}"
    )
    return _plain_page(client, statement, selection.parameters, place, read_registration)


def _plain_page(
    client: Client, statement: str, parameters: Parameters, place: Place | None, read: Reader
) -> Page:
    """Rows as one statement gives them; None: all, as they come."""
    if place is None:
        return Page(_all(client, statement, parameters, read), 1, 1, more=False)
    limited = f"{statement} LIMIT {place.limit + 1} OFFSET {place.offset}"
    rows = [read(row) for row in _rows(client, limited, parameters.values)]
    return Page(rows[: place.limit], place.number, place.offset + 1, more=len(rows) > place.limit)


def _all(client: Client, statement: str, parameters: Parameters, read: Reader) -> Iterator[Any]:
    with client.query_rows_stream(
        statement, parameters=parameters.values, query_formats=dict(FORMATS)
    ) as rows:
        yield from map(read, rows)


def _ids(client: Client, selection: CallSelection, sort: Sort, days: str, wanted: int) -> list[Id]:
    """The first calls in the order of the sort, within some days."""
    depth = 2 * wanted + 100
    while True:
        candidates = _rows(
            client,
            f"SELECT start, cdr_id, version, stored_at FROM cdr WHERE ({selection.condition}) AND ({days})"
            f" ORDER BY {sort.clause} LIMIT {depth}",
            selection.parameters.values,
        )
        unique = list(dict.fromkeys(map(tuple, candidates)))
        newest = _newest(client, [(start, cdr_id) for start, cdr_id, *_ in unique])
        found = [(start, cdr_id) for start, cdr_id, *_ in filter(newest.__contains__, unique)]
        if len(found) >= wanted or len(candidates) < depth:
            return found[:wanted]
        depth *= _MORE


def _newest(client: Client, ids: Sequence[Id]) -> set[tuple[Any, ...]]:
    """Start, cdr_id, version and stored_at of the newest version of calls."""
    found: set[tuple[Any, ...]] = set()
    for at in range(0, len(ids), _CHECKED_AT_ONCE):
        some = ids[at : at + _CHECKED_AT_ONCE]
        found |= set(map(tuple, _final(client, some, "start, cdr_id, version, stored_at")))
    return found


def _final(client: Client, ids: Sequence[Id], columns: str) -> Sequence[Sequence[Any]]:
    """Columns of the newest version of each call.

    Ids stand in the statement, being numbers and UUIDs: as parameters they would be too long for a URL.
    """
    if not ids:
        return []
    starts = ", ".join(str(int(start)) for start, _ in ids)
    uuids = ", ".join(f"'{UUID(cdr_id)}'" for _, cdr_id in ids)
    return _rows(
        client,
        f"SELECT {columns} FROM cdr FINAL WHERE (start, cdr_id) IN ("
        "SELECT fromUnixTimestamp64Micro(toInt64(at), 'UTC'), toUUID(id)"
        f" FROM (SELECT [{starts}] AS starts, [{uuids}] AS ids) ARRAY JOIN starts AS at, ids AS id)",
        {},
    )


def _rows(client: Client, statement: str, values: dict[str, Any]) -> Sequence[Sequence[Any]]:
    return client.query(statement, parameters=values, query_formats=dict(FORMATS)).result_rows


def _days(client: Client, sort: Sort, *, growing: bool = True) -> Iterator[str]:
    """Conditions that part the calls by day in the order of the sort; one condition where it is another."""
    if not sort.by_time:
        yield "1"
        return
    rows = client.query(
        "SELECT DISTINCT partition FROM system.parts"
        " WHERE database = currentDatabase() AND table = 'cdr' AND active ORDER BY partition"
    ).result_rows
    days = [date.fromisoformat(partition) for (partition,) in rows]
    yield from _spans(days, descending=sort.descending, growing=growing)


def _spans(days: list[date], *, descending: bool, growing: bool) -> Iterator[str]:
    """Spans of one, two, four ... days, or of one; the outer ones are open, since days have an end.

    ClickHouse's Date ends in 2149, and what is later counts as its last day.
    """
    ordered = days[::-1] if descending else days
    at, size = 0, 1
    while at < len(ordered):
        some = sorted(ordered[at : at + size])
        at += size
        size = size * 2 if growing else 1
        conditions = []
        if some[0] != days[0]:
            conditions.append(f"start >= toDateTime64('{some[0]} 00:00:00', 6, 'UTC')")
        if some[-1] != days[-1]:
            after = some[-1] + timedelta(days=1)
            conditions.append(f"start < toDateTime64('{after} 00:00:00', 6, 'UTC')")
        yield " AND ".join(conditions) or "1"
