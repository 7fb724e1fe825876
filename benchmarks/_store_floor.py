"""What of a call is random by nature, and how small it gets: what no store of complete records goes below.

Only ids, tags, ports, numbers and times, as numbers of the fewest bytes, each as the difference from what
it follows: what was measured of a call (loss, jitter, MOS), its names and addresses are left out as if they
took nothing. Each field is packed alone, bytes of one weight together, by xz at its best.
"""

import lzma
from collections.abc import Iterator
from typing import Final

import numpy as np

from sinks.clickhouse.client import Store

ROWS: Final = 100_000
"""Neighbours in the store's own order: enough that a call more takes as much as the last."""


def _after(of: str, since: str) -> str:
    return f"toUnixTimestamp64Micro({of}) - toUnixTimestamp64Micro({since})"


def _number(column: str, country: str) -> str:
    return f"toUInt64(substring({column}, {len(country) + 1}))"


def _hex(text: str) -> str:
    return f"reinterpretAsUInt64(reverse(unhex({text})))"


_FIELDS: Final = {
    "cdr_id, two stream ids": (
        "reinterpretAsUInt64(substring(reinterpretAsString(cdr_id), 1, 8))",
        "reinterpretAsUInt64(substring(reinterpretAsString(cdr_id), 9, 8))",
        *(_hex(f"`streams.stream_id`[{n}]") for n in (1, 2)),
    ),
    "Call-ID, two tags, three branches": (
        _hex("splitByChar('@', call_id)[1]"),
        _hex("from_tag"),
        _hex("to_tag"),
        *(_hex(f"event_branches[{n}]") for n in (1, 5, 6)),
    ),
    "two SSRCs, two ports": (
        *(f"toUInt64(`streams.ssrc`[{n}])" for n in (1, 2)),
        *(f"toUInt64((`streams.src_port`[{n}] - 10000) / 2)" for n in (1, 2)),
    ),
    "two numbers": (_number("caller", "+1202"), _number("callee", "+4420")),
    "start, ringing, answer, end, stored": (
        "toUnixTimestamp64Micro(start) - lagInFrame(toUnixTimestamp64Micro(start), 1,"
        " toUnixTimestamp64Micro(start)) OVER (ORDER BY start)",
        _after("ringing_time", "start"),
        _after("answer_time", "ringing_time"),
        _after("end_time", "answer_time"),
        _after("stored_at", "end_time"),
    ),
    "the other messages, first and last packets": (
        *(f"bitShiftRight(event_times[{n}], 2)" for n in (2, 5, 7)),
        *(_after(f"`streams.first_time`[{n}]", "answer_time") for n in (1, 2)),
        *(_after("end_time", f"`streams.last_time`[{n}]") for n in (1, 2)),
    ),
}


def floor(store: Store) -> Iterator[tuple[str, float]]:
    """Fields, and the bytes that they take of a call."""
    for name, expressions in _FIELDS.items():
        listed = ", ".join(f"toUInt64({each}) AS v{n}" for n, each in enumerate(expressions))
        columns = store.client.query(
            f"SELECT {listed} FROM (SELECT * FROM cdr ORDER BY start LIMIT {ROWS}) ORDER BY start",
            column_oriented=True,
        ).result_columns
        sizes = [_packed(np.array(column, np.uint64)) for column in columns]
        yield name, sum(sizes) / len(columns[0])


def _packed(values: "np.typing.NDArray[np.uint64]") -> int:
    """Bytes of the values: the least of as they are and as differences from the least."""
    width = max((int(values.max() - values.min()).bit_length() + 7) // 8, 1)
    planes = (values - values.min()).view(np.uint8).reshape(len(values), 8)[:, :width]
    return len(lzma.compress(np.ascontiguousarray(planes.T).tobytes(), preset=9 | lzma.PRESET_EXTREME))
