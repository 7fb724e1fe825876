"""Rows of the store as the records they were, and the columns that each is read from.

Times come as µs since the epoch, ids as text (FORMATS). Calls and streams are read as
`sinks.clickhouse.reader` does.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from offhook.rows import WindowRow
from schemas.registrations import Registration
from sinks.clickhouse.reader import (
    FORMATS,
    STREAM_COLUMNS,
    call_columns,
    call_reader,
    read_stream,
)
from sinks.clickhouse.tables import REGISTRATIONS, RTP_WINDOWS

__all__ = [
    "FORMATS",
    "REGISTRATION_COLUMNS",
    "STREAM_COLUMNS",
    "WINDOW_COLUMNS",
    "Reader",
    "call_columns",
    "call_reader",
    "read_registration",
    "read_stream",
    "read_window",
]

Reader = Callable[[Sequence[Any]], Any]
"""Makes a record of a row."""

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
