"""Rows of the store as the records they were.

The columns are those the sink writes (`sinks.clickhouse.tables`). Times come as µs since the epoch, ids as
text. Without `children` a call is read without its SIP events, digits, holds and streams: the largest part.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from offhook.rows import WindowRow
from schemas.cdr import (
    CallRecord,
    DtmfEvent,
    HoldInterval,
    RelatedCall,
    RtcpFigures,
    SipEvent,
    StreamRecord,
)
from schemas.registrations import Registration
from sinks.clickhouse.tables import CALL, CHILDREN, REGISTRATIONS, RTCP_COLUMNS, RTP_WINDOWS, STREAM

FORMATS: Final[Mapping[str, str]] = {"DateTime64*": "int", "UUID": "string"}
"""How clickhouse-connect is to give times and ids."""

_STRUCTS: Final[dict[str, Any]] = {
    "related": RelatedCall,
    "sip_events": SipEvent,
    "dtmf": DtmfEvent,
    "hold": HoldInterval,
}
_LARGE: Final = frozenset({"sip_events", "dtmf", "hold", "streams"})
_IDS: Final = ("cdr_id", "call_id")
_FLAT: Final = (*_IDS, *(name for name in (*CALL, "stored_at") if name not in _IDS))

Reader = Callable[[Sequence[Any]], Any]
"""Makes a record of a row."""


def call_columns(*, children: bool) -> list[str]:
    """What `call_reader` reads."""
    nested = [name for child in CHILDREN if children or child.name not in _LARGE for name in child.columns]
    return [*_FLAT, *(f"`{name}`" for name in nested)]


def call_reader(*, children: bool) -> Reader:
    """Makes a CallRecord of a row of `call_columns`."""
    read = [child for child in CHILDREN if children or child.name not in _LARGE]
    none: dict[str, list[Any]] = {child.name: [] for child in CHILDREN if child not in read}

    def call(row: Sequence[Any]) -> CallRecord:
        values = dict(zip(_FLAT, row, strict=False)) | {name: list(empty) for name, empty in none.items()}
        at = len(_FLAT)
        for child in read:
            columns = row[at : at + len(child.fields)]
            at += len(child.fields)
            if kind := _STRUCTS.get(child.name):
                values[child.name] = [kind(*each) for each in zip(*columns, strict=True)]
            else:
                values[child.name] = [read_stream((*row[:2], *each)) for each in zip(*columns, strict=True)]
        return CallRecord(**values)

    return call


STREAM_COLUMNS: Final = ("cdr_id", "call_id", *STREAM, *RTCP_COLUMNS)
"""What `read_stream` reads, of `rtp_streams` and `rtp_unmatched`."""


def read_stream(row: Sequence[Any]) -> StreamRecord:
    """A StreamRecord of a row of STREAM_COLUMNS."""
    known = len(STREAM_COLUMNS) - len(RTCP_COLUMNS)
    values = dict(zip(STREAM_COLUMNS[:known], row, strict=False))
    heard, *figures = row[known:]
    return StreamRecord(**values, rtcp=RtcpFigures(*figures) if heard else None)


WINDOW_COLUMNS: Final = RTP_WINDOWS.fields
"""What `read_window` reads, of `rtp_windows`."""


def read_window(row: Sequence[Any]) -> WindowRow:
    """A WindowRow of a row of WINDOW_COLUMNS."""
    return WindowRow(**dict(zip(WINDOW_COLUMNS, row, strict=True)))


REGISTRATION_COLUMNS: Final = (*REGISTRATIONS.fields, "stored_at")
"""What `read_registration` reads, of `registrations`."""


def read_registration(row: Sequence[Any]) -> Registration:
    """A Registration of a row of REGISTRATION_COLUMNS."""
    return Registration(**dict(zip(REGISTRATION_COLUMNS, row, strict=True)))
