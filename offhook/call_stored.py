"""One call out of a store, as it is shown."""

from typing import Final

import msgspec

from offhook.bounds import CALL_RECORDS
from offhook.errors import CommandError
from offhook.output.call.story import CallStory
from offhook.rows import WindowRow
from schemas.cdr import CallRecord
from sinks.clickhouse.client import Store
from sinks.clickhouse.reader import read_call, read_calls

_WINDOW: Final = WindowRow.__struct_fields__
_TIMES_AS_NUMBERS: Final = {"DateTime64*": "int", "UUID": "string"}


def in_store(store: Store, call: str) -> list[CallStory]:
    """The calls with the Call-ID `call`, or the one with that cdr_id, in order of start, without texts.

    Raises CommandError where there is none, StoreError where the store cannot be asked.
    """
    record = read_call(store, call)
    records = (
        [record]
        if record is not None
        else list(
            read_calls(
                store,
                "WHERE call_id = {call:String} ORDER BY start, cdr_id LIMIT {most:UInt32}",
                {"call": call, "most": CALL_RECORDS},
            )
        )
    )
    if not records:
        raise CommandError(f"no call with the cdr_id or Call-ID {call!a} in {store.target}")
    return [CallStory(record, _windows_in(store, record)) for record in records]


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
