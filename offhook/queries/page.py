"""One page of a list: which rows, then the rows.

A store keeps older versions of a call until it merges them away. FINAL shows the newest alone, and over all
of a large store it is slow; so the ids of the page are found without it among all versions, then the
versions of those ids alone are compared: one that is not the newest falls out. Sorted by time, days are
asked one after the other, two at once, four ..., until the page is full; the first day by hours if it is
large. Where the first of them do not fill it, rows are rare: then the others are asked through the indexes
of digits, if there is a number in the filter. In another order all days are asked at once, through the
indexes where a number of many digits is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
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
from offhook.queries.sorting import SORTED_BY, Sort
from schemas.cdr import CallRecord

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

Id = tuple[int, str]
"""A call's start in µs, and its cdr_id."""

_FETCHED_AT_ONCE: Final = 500
"""Calls fetched by one statement: they are held at once."""

_CHECKED_AT_ONCE: Final = 2000
"""Calls looked at by one statement, which has at most 256 kB (max_query_size)."""

_LARGE_DAY: Final = 100_000
"""Versions of calls from which on the first day is asked by hours."""

_MORE: Final = 4
"""By how much the search grows when old versions have crowded out the newest."""

_RARE: Final = 8
"""Calls are rare where this many first spans (an hour, or a small day) would not fill the page."""

_RARE_GROWTH: Final = 24
"""By how much a span is longer than the one before where an index finds what is rare."""

_DAY_HOURS: Final = 24
_HOUR_US: Final = 3_600_000_000

_ID: Final = "start, cdr_id, version, stored_at"
"""What is read of the candidates for a page."""


class Page(msgspec.Struct, frozen=True):
    """Rows of a page, which is the number of its first row (from 1), and whether more come after it."""

    rows: Iterable[Any]
    number: int
    first: int
    more: bool


class _Days(msgspec.Struct, frozen=True):
    """Days with calls; and when the first call of the sort was (µs), if its day is to be asked by hours."""

    days: list[date]
    edge_us: int | None


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
    if selection.sharp and not sort.by_time:
        ids = _ids_by_index(client, selection, sort, wanted)
    else:
        ids = _ids_by_days(client, selection, sort, wanted)
    chosen = ids[place.offset : place.offset + place.limit]
    return Page(
        list(calls_by_id(client, chosen, children=children)),
        place.number,
        place.offset + 1,
        len(ids) >= wanted,
    )


def _ids_by_index(client: Client, selection: CallSelection, sort: Sort, wanted: int) -> list[Id]:
    """The first calls of all, which are few, as an index tells where they are."""
    rows = selection.rows(f"{_ID}, {sort.expression} AS {SORTED_BY}", "1", by_index=True)
    return _ids(client, f"SELECT {_ID} FROM ({rows})", selection.parameters, sort.of_selected, wanted)


def _ids_by_days(client: Client, selection: CallSelection, sort: Sort, wanted: int) -> list[Id]:
    """The first calls, of ever more days where the order is by time."""
    known = _known_days(client, sort)
    spans = _spans(known, sort, growth=2)
    ids = _ids(client, selection.rows(_ID, next(spans, "1")), selection.parameters, sort, wanted)
    rare = selection.indexed and _RARE * len(ids) < wanted
    if rare:
        spans = islice(_spans(known, sort, growth=_RARE_GROWTH), 1, None)
    for days in spans:
        if len(ids) >= wanted:
            break
        rows = selection.rows(_ID, days, by_index=rare)
        ids += _ids(client, rows, selection.parameters, sort, wanted - len(ids))
    return ids


def calls_by_id(client: Client, ids: Sequence[Id], *, children: bool) -> Iterator[Any]:
    """The newest version of calls, in the order of their ids."""
    read = call_reader(children=children)
    columns = ", ".join(call_columns(children=children))
    for at in range(0, len(ids), _FETCHED_AT_ONCE):
        some = ids[at : at + _FETCHED_AT_ONCE]
        calls: dict[str, CallRecord] = {}
        for call in map(read, _versions(client, some, columns)):
            if call.cdr_id not in calls or _age(call) > _age(calls[call.cdr_id]):
                calls[call.cdr_id] = call
        yield from (calls[cdr_id] for _, cdr_id in some if cdr_id in calls)


def _age(call: CallRecord) -> tuple[int, int]:
    """The larger, the newer the version."""
    return call.version, call.stored_at or 0


def all_calls(client: Client, selection: CallSelection, sort: Sort, *, children: bool) -> Iterator[Any]:
    """Every call that matches, as they come from the store; sorted by time, a day is held at once."""
    read = call_reader(children=children)
    columns = ", ".join(call_columns(children=children))
    for days in _spans(_known_days(client, sort), sort, growth=1):
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


def _ids(client: Client, rows: str, parameters: Parameters, sort: Sort, wanted: int) -> list[Id]:
    """The first calls in the order of the sort, of the rows that a statement selects."""
    depth = wanted + wanted // 4 + 10
    while True:
        candidates = _rows(client, f"{rows} ORDER BY {sort.clause} LIMIT {depth}", parameters.values)
        unique = list(dict.fromkeys(map(tuple, candidates)))
        newest = _newest(client, [(start, cdr_id) for start, cdr_id, *_ in unique])
        found = [(start, cdr_id) for start, cdr_id, *_ in filter(newest.__contains__, unique)]
        if len(found) >= wanted or len(candidates) < depth:
            return found[:wanted]
        depth *= _MORE


def _newest(client: Client, ids: Sequence[Id]) -> set[tuple[Any, ...]]:
    """Start, cdr_id, version and stored_at of the newest version of calls."""
    found: dict[Id, tuple[Any, ...]] = {}
    for at in range(0, len(ids), _CHECKED_AT_ONCE):
        some = ids[at : at + _CHECKED_AT_ONCE]
        for start, cdr_id, *age in _versions(client, some, "start, cdr_id, version, stored_at"):
            found[start, cdr_id] = max(found.get((start, cdr_id), ()), tuple(age))
    return {(*call, *age) for call, age in found.items()}


def _versions(client: Client, ids: Sequence[Id], columns: str) -> Sequence[Sequence[Any]]:
    """Columns of all versions of calls.

    Ids stand in the statement, being numbers and UUIDs: as parameters they would be too long for a URL.
    """
    if not ids:
        return []
    starts = ", ".join(str(int(start)) for start, _ in ids)
    uuids = ", ".join(f"'{UUID(cdr_id)}'" for _, cdr_id in ids)
    return _rows(
        client,
        f"SELECT {columns} FROM cdr WHERE (start, cdr_id) IN ("
        "SELECT fromUnixTimestamp64Micro(toInt64(at), 'UTC'), toUUID(id)"
        f" FROM (SELECT [{starts}] AS starts, [{uuids}] AS ids) ARRAY JOIN starts AS at, ids AS id)",
        {},
    )


def _rows(client: Client, statement: str, values: dict[str, Any]) -> Sequence[Sequence[Any]]:
    return client.query(statement, parameters=values, query_formats=dict(FORMATS)).result_rows


def _known_days(client: Client, sort: Sort) -> _Days:
    """The days with calls in the order of the sort; none where it is not by time."""
    if not sort.by_time:
        return _Days([], None)
    rows = client.query(
        "SELECT partition, sum(rows) FROM system.parts"
        " WHERE database = currentDatabase() AND table = 'cdr' AND active"
        " GROUP BY partition ORDER BY partition"
    ).result_rows
    first = -1 if sort.descending else 0
    edge = None
    if rows and rows[first][1] >= _LARGE_DAY:
        outermost = "max" if sort.descending else "min"
        edge = int(_rows(client, f"SELECT {outermost}(start) FROM cdr", {})[0][0])  # parts know it
    return _Days([date.fromisoformat(partition) for partition, _ in rows], edge)


def _spans(known: _Days, sort: Sort, *, growth: int) -> Iterator[str]:
    """Conditions that part the calls by time in the order of the sort.

    The first spans an hour or, where that is no large one, a day; each other about `growth` times as much as
    the one before. 1: a day each.
    """
    if not sort.by_time:
        yield "1"
        return
    at, size = 0, 1
    if known.edge_us is not None and growth > 1:
        first = known.days[-1 if sort.descending else 0]
        yield from _hours(
            known.edge_us, first, growth, descending=sort.descending, alone=len(known.days) == 1
        )
        at, size = 1, growth // 2
    yield from _by_days(known.days, at, size, growth, descending=sort.descending)


def _hours(edge_us: int, day: date, growth: int, *, descending: bool, alone: bool) -> Iterator[str]:
    """A day in growing spans of hours from its outermost call on; open where no day is beside it."""
    hours, size = [1], 1
    while hours[-1] + (size := size * growth) < _DAY_HOURS:
        hours.append(hours[-1] + size)
    midnight = datetime.combine(day, time(), UTC) + timedelta(days=0 if descending else 1)
    end_us = int(midnight.timestamp()) * 1_000_000
    marks_us = [edge_us - hour * _HOUR_US if descending else edge_us + hour * _HOUR_US for hour in hours]
    inside = [mark for mark in marks_us if (mark > end_us if descending else mark < end_us)]
    begins, ends = ("start < ", "start >= ") if descending else ("start >= ", "start < ")
    reached: int | None = None
    for mark in (*inside, None if alone else end_us):
        bounds = ((begins, reached), (ends, mark))
        yield (
            " AND ".join(
                f"{word}fromUnixTimestamp64Micro(toInt64({at}), 'UTC')"
                for word, at in bounds
                if at is not None
            )
            or "1"
        )
        reached = mark


def _by_days(days: list[date], at: int, size: int, growth: int, *, descending: bool) -> Iterator[str]:
    """From the day numbered `at` on growing spans of days, the first of `size`.

    The outer ones are open, since days have an end: ClickHouse's Date ends in 2149, and what is later counts
    as its last day.
    """
    ordered = days[::-1] if descending else days
    while at < len(ordered):
        some = sorted(ordered[at : at + size])
        at += size
        size *= growth
        conditions = []
        if some[0] != days[0]:
            conditions.append(f"start >= toDateTime64('{some[0]} 00:00:00', 6, 'UTC')")
        if some[-1] != days[-1]:
            after = some[-1] + timedelta(days=1)
            conditions.append(f"start < toDateTime64('{after} 00:00:00', 6, 'UTC')")
        yield " AND ".join(conditions) or "1"
