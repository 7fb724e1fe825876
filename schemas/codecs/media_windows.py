"""`media.windows` as Avro data: window rows as one packed table.

`rows` is a packed table (schemas/columns.py) of n = `row_count` rows and 56 columns of 64 bits, named in
schemas.media_windows.W, after these transforms (modulo 2^64), each then zigzag:

- END minus START; EXPECTED, JITTER_COUNT, DELAY_0 minus PACKETS; MOS_F1, MOS_F2, MOS_ADAPTIVE minus MOS,
- then START minus the START of the row before it (the first minus 0).

`row_stream` is n packed values of 64 bits (a packed column), plain.
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
    return WindowBatch(
        account=datum["account"],
        site=datum["site"],
        source=datum["source"],
        clock_us=datum["clock_us"],
        streams=[_stream(stream) for stream in datum["streams"]],
        row_stream=unpack(datum["row_stream"], n, np.int64),
        rows=_unpacked(unpack_table(datum["rows"], n, COLUMNS, np.uint64)),
        gaps=[Gap(**gap) for gap in datum["gaps"]],
        digits=[Digit(**digit) for digit in datum["digits"]],
        rtcp=[RtcpSummary(**summary) for summary in datum["rtcp"]],
        ended=datum["ended"],
    )


def _packed(rows: Column) -> Column:
    values = rows.copy()
    for column, other in _MINUS:
        values[:, column] -= rows[:, other]
    values[1:, W.START] -= rows[:-1, W.START]
    return zigzag(values)


def _unpacked(values: Column) -> Column:
    rows = unzigzag(values)
    np.cumsum(rows[:, W.START], out=rows[:, W.START])
    for column, other in _MINUS:
        rows[:, column] += rows[:, other]
    return rows


def _stream(datum: dict[str, Any]) -> StreamInfo:
    datum["payloads"] = payloads(datum["payloads"])
    return StreamInfo(**datum)
