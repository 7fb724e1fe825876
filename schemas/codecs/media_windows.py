"""`media.windows` as Avro data: window rows as one packed table.

`rows` is a packed table (schemas/columns.py) of n = `row_count` rows and `columns` columns of 64 bits, those
of schemas.media_windows.W by number (a later version may have more at the end), after these transforms in
this order, modulo 2^64, and then zigzag:

- END minus START; then ACTIVE minus that; EXPECTED, JITTER_COUNT and DELAY_0 minus PACKETS; MOS_F1, MOS_F2
  and MOS_ADAPTIVE minus MOS;
- START minus the START of the row before it (the first minus 0).

`row_stream` is a packed column of n values of 64 bits, plain.
"""

from typing import Any, Final

import numpy as np
from msgspec.structs import asdict

from schemas.bounds import BATCH_ROWS
from schemas.codecs.errors import BadColumnsError
from schemas.codecs.records import payloads, with_payloads
from schemas.columns import Column, pack, pack_table, unpack, unpack_table, unzigzag, zigzag
from schemas.media_windows import COLUMNS, Digit, Gap, RtcpSummary, StreamInfo, W, WindowBatch

_MINUS: Final = (
    (W.END, W.START),
    (W.ACTIVE, W.END),
    (W.EXPECTED, W.PACKETS),
    (W.JITTER_COUNT, W.PACKETS),
    (W.DELAY_0, W.PACKETS),
    (W.MOS_F1, W.MOS),
    (W.MOS_F2, W.MOS),
    (W.MOS_ADAPTIVE, W.MOS),
)


def to_datum(batch: WindowBatch) -> dict[str, Any]:
    """The batch as Avro data."""
    return {
        "account": batch.account,
        "site": batch.site,
        "source": batch.source,
        "clock_us": batch.clock_us,
        "streams": [with_payloads(stream) for stream in batch.streams],
        "columns": COLUMNS,
        "row_count": len(batch.rows),
        "row_stream": pack(batch.row_stream.view(np.uint64)),
        "rows": pack_table(_packed(batch.rows)),
        "gaps": [asdict(gap) for gap in batch.gaps],
        "digits": [asdict(digit) for digit in batch.digits],
        "rtcp": [asdict(summary) for summary in batch.rtcp],
        "ended": batch.ended,
    }


def from_datum(datum: dict[str, Any]) -> WindowBatch:
    """The batch of Avro data; BadColumnsError, ColumnError where sizes and columns do not agree."""
    n = datum["row_count"]
    if not 0 <= n <= BATCH_ROWS:
        raise BadColumnsError(f"row_count is {n}, not 0 to {BATCH_ROWS}")
    if not 0 < datum["columns"] <= COLUMNS:
        raise BadColumnsError(f"rows have {datum['columns']} columns, not 1 to {COLUMNS}")
    return WindowBatch(
        account=datum["account"],
        site=datum["site"],
        source=datum["source"],
        clock_us=datum["clock_us"],
        streams=[_stream(stream) for stream in datum["streams"]],
        row_stream=unpack(datum["row_stream"], n, np.int64),
        rows=_unpacked(_all_columns(unpack_table(datum["rows"], n, datum["columns"], np.uint64))),
        gaps=[Gap(**gap) for gap in datum["gaps"]],
        digits=[Digit(**digit) for digit in datum["digits"]],
        rtcp=[RtcpSummary(**summary) for summary in datum["rtcp"]],
        ended=datum["ended"],
    )


def _packed(rows: Column) -> Column:
    if rows.shape[1] != COLUMNS:
        raise BadColumnsError(f"window rows have {rows.shape[1]} columns, not {COLUMNS}")
    values = rows.copy()
    for column, other in _MINUS:
        values[:, column] -= values[:, other]
    values[1:, W.START] -= rows[:-1, W.START]
    return zigzag(values)


def _unpacked(values: Column) -> Column:
    rows = unzigzag(values)
    np.cumsum(rows[:, W.START], out=rows[:, W.START])
    for column, other in reversed(_MINUS):
        rows[:, column] += rows[:, other]
    return rows


def _all_columns(values: Column) -> Column:
    """Columns that the writer did not know yet are 0."""
    n, c = values.shape
    return values if c == COLUMNS else np.hstack((values, np.zeros((n, COLUMNS - c), values.dtype)))


def _stream(datum: dict[str, Any]) -> StreamInfo:
    datum["payloads"] = payloads(datum["payloads"])
    return StreamInfo(**datum)
