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

from schemas.bounds import BATCH_ROWS
from schemas.codecs.errors import BadColumnsError
from schemas.columns import Column, pack, pack_table, unpack, unpack_table, unzigzag, zigzag
from schemas.media_windows import COLUMNS, W, WindowBatch

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


def to_data(batch: WindowBatch) -> dict[str, Any]:
    """The batch as Avro data."""
    return {
        "account": batch.account,
        "site": batch.site,
        "source": batch.source,
        "clock_us": batch.clock_us,
        "streams": batch.streams,
        "columns": COLUMNS,
        "row_count": len(batch.rows),
        "row_stream": pack(batch.row_stream.view(np.uint64)),
        "rows": pack_table(_packed(batch.rows)),
        "gaps": batch.gaps,
        "digits": batch.digits,
        "rtcp": batch.rtcp,
        "ended": batch.ended,
        "unread": batch.unread,
    }


def from_data(data: dict[str, Any]) -> WindowBatch:
    """The batch of Avro data; BadColumnsError, ColumnError where sizes and columns do not agree."""
    n = data["row_count"]
    if not 0 <= n <= BATCH_ROWS:
        raise BadColumnsError(f"row_count is {n}, not 0 to {BATCH_ROWS}")
    if not 0 < data["columns"] <= COLUMNS:
        raise BadColumnsError(f"rows have {data['columns']} columns, not 1 to {COLUMNS}")
    return WindowBatch(
        account=data["account"],
        site=data["site"],
        source=data["source"],
        clock_us=data["clock_us"],
        streams=data["streams"],
        row_stream=unpack(data["row_stream"], n, np.int64),
        rows=_unpacked(_all_columns(unpack_table(data["rows"], n, data["columns"], np.uint64))),
        gaps=data["gaps"],
        digits=data["digits"],
        rtcp=data["rtcp"],
        ended=data["ended"],
        unread=data["unread"],
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
