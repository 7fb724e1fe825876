"""Records for the store: made by hand, and of captures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from offhook.pipeline import Analysis
from offhook.rows import WindowRow
from offhook.settings import Settings
from schemas.cdr import CallRecord
from sinks.clickhouse.client import Store
from tests.offhook.fakes import CALL


def of_captures(*paths: Path, want: str = "calls") -> list[Any]:
    """All rows of one kind that captures hold."""
    return list(Analysis([str(path) for path in paths], Settings(), want=frozenset({want})))


def call(number: int = 0, **changes: Any) -> CallRecord:
    """A call of its own: id, Call-ID and start go by its number."""
    cdr_id, call_id = f"00000000-0000-5000-8000-{number:012x}", f"call-{number}@example.net"
    streams = [replace(stream, cdr_id=cdr_id, call_id=call_id) for stream in CALL.streams]
    own = {"cdr_id": cdr_id, "call_id": call_id, "start": CALL.start + number, "streams": streams}
    return replace(CALL, **(own | changes))


def window(number: int = 0) -> WindowRow:
    """A window of one stream."""
    return WindowRow(
        stream_id="00000000000000aa",
        cdr_id=CALL.cdr_id,
        call_id=CALL.call_id,
        side="a",
        ssrc=7,
        window=number,
        part=0,
        start=CALL.start + number * 10_000_000,
        length=10.0,
        packets=499,
        expected=500,
        lost=1,
        loss=0.2,
        duplicates=0,
        reordered=0,
        jitter_ms=1.5,
        jitter_max_ms=3.25,
        delta_max_ms=41.0,
        codec="PCMU",
        mos=4.3,
        mos_f1=None,
        mos_f2=4.2,
        mos_adaptive=4.1,
    )


def without_stored_at(records: Sequence[CallRecord]) -> list[CallRecord]:
    """As they were before the sink stamped them, by id."""
    return sorted((replace(record, stored_at=None) for record in records), key=lambda each: each.cdr_id)


def count(store: Store, source: str) -> int:
    """Rows of a table, view or query in brackets."""
    return int(store.client.query(f"SELECT count() FROM {source}").result_rows[0][0])
