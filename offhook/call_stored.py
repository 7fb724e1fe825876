"""One call out of a store, as it is shown."""

from typing import Final

import msgspec

from offhook.bounds import CALL_RECORDS
from offhook.errors import CommandError
from offhook.ids import LEAST, SHOWN, none_named, several_named
from offhook.output.call.story import CallStory
from offhook.rows import WindowRow
from schemas.cdr import CallRecord
from sinks.clickhouse.client import Store
from sinks.clickhouse.reader import read_call, read_calls

_WINDOW: Final = WindowRow.__struct_fields__
_TIMES_AS_NUMBERS: Final = {"DateTime64*": "int", "UUID": "string"}


def in_store(store: Store, call: str) -> list[CallStory]:
    """The calls with the Call-ID `call`, or the one with that cdr_id, in order of start, without texts.

    The beginning of either does where it is unambiguous. Raises CommandError where there is none, StoreError
    where the store cannot be asked.
    """
    records = _named(store, call) or _named(store, _completed(store, call))
    return [CallStory(record, _windows_in(store, record)) for record in records]


def _named(store: Store, call: str) -> list[CallRecord]:
    """The calls of that very cdr_id or Call-ID."""
    record = read_call(store, call)
    if record is not None:
        return [record]
    clauses = "WHERE call_id = {call:String} ORDER BY start, cdr_id LIMIT {most:UInt32}"
    return list(read_calls(store, clauses, {"call": call, "most": CALL_RECORDS}))


def _completed(store: Store, beginning: str) -> str:
    """The id that begins so; CommandError where none does, or several do."""
    found: list[str] = []
    if len(beginning) >= LEAST:
        with store.errors():
            rows = store.client.query(
                "SELECT DISTINCT if(startsWith(call_id, {id:String}), call_id, toString(cdr_id)) FROM cdr"
                " WHERE startsWith(call_id, {id:String}) OR startsWith(toString(cdr_id), lower({id:String}))"
                " LIMIT {most:UInt32}",
                parameters={"id": beginning, "most": SHOWN + 1},
            ).result_rows
        found = [str(row[0]) for row in rows]
    if not found:
        raise CommandError(none_named(beginning, str(store.target)))
    if len(found) > 1:
        raise CommandError(several_named(beginning, found[:SHOWN], more=len(found) > SHOWN))
    return found[0]


def _windows_in(store: Store, record: CallRecord) -> list[WindowRow]:
    """The quality over time of the record's streams."""
    if not record.streams:
        return []
    with store.errors():
        result = store.client.query(
            f"SELECT {', '.join(f'`{name}`' for name in _WINDOW)} FROM rtp_windows FINAL"
            " WHERE account = {account:String} AND stream_id IN {streams:Array(String)}"
            " ORDER BY stream_id, window, part",
            parameters={
                "account": record.account,
                "streams": [stream.stream_id for stream in record.streams],
            },
            query_formats=_TIMES_AS_NUMBERS,
        )
    return [msgspec.convert(dict(zip(_WINDOW, row, strict=True)), WindowRow) for row in result.result_rows]
