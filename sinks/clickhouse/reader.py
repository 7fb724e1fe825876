"""Reads call records back from a store, equal to what was written."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from schemas.cdr import CallRecord, DtmfEvent, HoldInterval, RelatedCall, RtcpFigures, SipEvent, StreamRecord
from sinks.clickhouse.client import Store
from sinks.clickhouse.tables import CALL, CHILDREN, RTCP, STREAM

_FORMATS: Final = {"DateTime64*": "int", "UUID": "string"}
"""Times as µs since the epoch, ids as text."""

_FLAT: Final = (*CALL, "stored_at")
_STRUCTS: Final[Mapping[str, type[msgspec.Struct]]] = {
    "related": RelatedCall,
    "sip_events": SipEvent,
    "dtmf": DtmfEvent,
    "hold": HoldInterval,
}
_PARENT: Final = (_FLAT.index("cdr_id"), _FLAT.index("call_id"))


_PLACE: Final = "SELECT account, toUnixTimestamp64Micro(start) FROM cdr WHERE cdr_id = {cdr_id:UUID} LIMIT 1"
_AT_PLACE: Final = (
    "WHERE account = {account:String} AND start = fromUnixTimestamp64Micro({start_us:Int64}, 'UTC')"
    " AND cdr_id = {cdr_id:UUID} SETTINGS max_threads = 1"
)


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
    versions = _select(store, "cdr", _AT_PLACE, place)
    return max(versions, key=lambda call: (call.version, call.stored_at or 0), default=None)


def read_calls(
    store: Store, clauses: str = "ORDER BY start, cdr_id", parameters: Mapping[str, Any] | None = None
) -> Iterator[CallRecord]:
    """Calls by the clauses after FROM (WHERE, ORDER BY, LIMIT), the newest version of each.

    `parameters` are bound by the server: `WHERE caller = {caller:String}`.
    """
    return _select(store, "cdr FINAL", clauses, parameters or {})


def _select(store: Store, source: str, clauses: str, parameters: Mapping[str, Any]) -> Iterator[CallRecord]:
    columns = [*_FLAT, *(name for nested in CHILDREN for name in nested.columns)]
    listed = ", ".join(f"`{name}`" for name in columns)
    with store.errors():
        result = store.client.query(
            f"SELECT {listed} FROM {source} {clauses}", parameters=dict(parameters), query_formats=_FORMATS
        )
    return map(_call, result.result_rows)


def _call(row: Sequence[Any]) -> CallRecord:
    values = dict(zip(_FLAT, row, strict=False))
    at = len(_FLAT)
    for nested in CHILDREN:
        columns = row[at : at + len(nested.fields)]
        at += len(nested.fields)
        children = zip(*columns, strict=True)
        if struct := _STRUCTS.get(nested.name):
            values[nested.name] = [struct(*child) for child in children]
        else:
            cdr_id, call_id = (row[index] for index in _PARENT)
            values[nested.name] = [_stream(child, cdr_id, call_id) for child in children]
    return CallRecord(**values)


def _stream(values: Sequence[Any], cdr_id: str, call_id: str) -> StreamRecord:
    named = dict(zip(STREAM, values, strict=False))
    heard, *figures = values[len(STREAM) :]
    rtcp = RtcpFigures(**dict(zip(RTCP, figures, strict=True))) if heard else None
    return StreamRecord(cdr_id=cdr_id, call_id=call_id, rtcp=rtcp, **named)
