"""Reads call records back from a store, equal to what was written."""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final

from schemas.cdr import CallRecord, DtmfEvent, HoldInterval, RelatedCall, RtcpFigures, StreamRecord
from sinks.clickhouse import derived, ladder
from sinks.clickhouse.client import Store
from sinks.clickhouse.tables import CHILDREN, PLAIN, RTCP_COLUMNS, STREAM, Nested

FORMATS: Final[Mapping[str, str]] = {"DateTime64*": "int", "UUID": "string"}
"""How clickhouse-connect is to give times and ids."""

CallReader = Callable[[Sequence[Any]], CallRecord]
"""Makes a call of a row."""

_FLAT: Final = (*PLAIN, "stored_at")
_STRUCTS: Final[Mapping[str, Any]] = {"related": RelatedCall, "dtmf": DtmfEvent, "hold": HoldInterval}
_SMALL: Final = ("related",)
"""Children that are read with every call."""

_ALONE: Final = "max_threads = 1, query_plan_enable_optimizations = 0"
"""For one row: to plan costs more than to read, and there is nothing to optimize."""

_PLACE: Final = (
    "SELECT account, toUnixTimestamp64Micro(start) FROM cdr PREWHERE cdr_id = {cdr_id:UUID} LIMIT 1"
    f" SETTINGS {_ALONE}"
)
_AT_PLACE: Final = (
    "SELECT * FROM cdr PREWHERE account = {account:String}"
    " AND start = fromUnixTimestamp64Micro({start_us:Int64}, 'UTC') AND cdr_id = {cdr_id:UUID}"
    f" SETTINGS use_skip_indexes = 0, {_ALONE}"
)
"""`*` costs less to plan than as many names."""


def read_call(store: Store, cdr_id: str) -> CallRecord | None:
    """The newest version of one call, or None.

    Its place is looked up first, so that all columns are read at that place alone and not wherever the
    bloom filter is mistaken. Every version is read and the newest kept, which costs less than FINAL.
    """
    try:
        uuid.UUID(cdr_id)
    except ValueError:
        return None
    with store.errors():
        places = store.client.query(_PLACE, parameters={"cdr_id": cdr_id}).result_rows
    if not places:
        return None
    account, start_us = places[0]
    place = {"cdr_id": cdr_id, "account": account, "start_us": start_us}
    with store.errors():
        found = store.client.query(_AT_PLACE, parameters=place, query_formats=dict(FORMATS))
    ordered = itemgetter(*map(found.column_names.index, _names(children=True)))
    versions = map(call_reader(children=True), map(ordered, found.result_rows))
    return max(versions, key=lambda call: (call.version, call.stored_at or 0), default=None)


def read_calls(
    store: Store, clauses: str = "ORDER BY start, cdr_id", parameters: Mapping[str, Any] | None = None
) -> Iterator[CallRecord]:
    """Calls by the clauses after FROM (WHERE, ORDER BY, LIMIT), the newest version of each.

    `parameters` are bound by the server: `WHERE caller = {caller:String}`.
    """
    return _select(store, "cdr FINAL", clauses, parameters or {})


def call_columns(*, children: bool) -> list[str]:
    """What `call_reader` reads of `cdr`; without `children` neither SIP events, digits, holds nor streams."""
    return [f"`{name}`" for name in _names(children=children)]


def _names(*, children: bool) -> list[str]:
    nested = [name for each in _read(children=children) for name in each.columns]
    return [*_FLAT, *derived.COLUMNS, *(ladder.COLUMNS if children else derived.STREAMS), *nested]


def call_reader(*, children: bool) -> CallReader:
    """Makes a CallRecord of a row of `call_columns`, read with FORMATS."""
    read = _read(children=children)
    columns = [*_FLAT, *derived.COLUMNS, *(ladder.COLUMNS if children else derived.STREAMS)]
    missing = [] if children else ["sip_events", *(each.name for each in CHILDREN if each not in read)]

    def call(row: Sequence[Any]) -> CallRecord:
        stored = dict(zip(columns, row, strict=False))
        at = len(columns)
        values = {name: stored[name] for name in _FLAT} | {name: [] for name in missing}
        if children:
            own = ((stored["src_ip"], stored["src_port"]), (stored["dst_ip"], stored["dst_port"]))
            landmarks = [stored[name] for name in ladder.LANDMARKS]
            values["sip_events"] = ladder.unpack(own, landmarks, *(stored[name] for name in ladder.COLUMNS))
        for nested in read:
            each = zip(*row[at : at + len(nested.fields)], strict=True)
            at += len(nested.fields)
            if kind := _STRUCTS.get(nested.name):
                values[nested.name] = [kind(*child) for child in each]
            else:
                ids = stored["cdr_id"], stored["call_id"]
                values[nested.name] = [read_stream((*ids, *child)) for child in each]
        if children:
            streams: list[StreamRecord] = values["streams"]
            sides, times = [stream.side for stream in streams], [stream.first_time for stream in streams]
        else:
            sides, times = (stored[name] for name in derived.STREAMS)
        return CallRecord(**values, **derived.restored(values, stored, sides, times))

    return call


def _read(*, children: bool) -> list[Nested]:
    return [nested for nested in CHILDREN if children or nested.name in _SMALL]


STREAM_COLUMNS: Final = ("cdr_id", "call_id", *STREAM, *RTCP_COLUMNS)
"""What `read_stream` reads, of `rtp_streams` and `rtp_unmatched`."""


def read_stream(row: Sequence[Any]) -> StreamRecord:
    """A StreamRecord of a row of STREAM_COLUMNS."""
    known = len(STREAM_COLUMNS) - len(RTCP_COLUMNS)
    values = dict(zip(STREAM_COLUMNS[:known], row, strict=False))
    heard, *figures = row[known:]
    return StreamRecord(**values, rtcp=RtcpFigures(*figures) if heard else None)


def _select(store: Store, source: str, clauses: str, parameters: Mapping[str, Any]) -> Iterator[CallRecord]:
    listed = ", ".join(call_columns(children=True))
    with store.errors():
        result = store.client.query(
            f"SELECT {listed} FROM {source} {clauses}",
            parameters=dict(parameters),
            query_formats=dict(FORMATS),
        )
    return map(call_reader(children=True), result.result_rows)
