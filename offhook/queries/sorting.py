"""--sort FIELD[:desc]: by which column of the store rows are sorted."""

import difflib
from typing import Final

import msgspec

from offhook.errors import UsageError
from offhook.rows import WindowRow
from schemas.cdr import CallRecord, StreamRecord
from schemas.registrations import Registration

_NOT_SORTED: Final = frozenset(
    ("related", "headers", "sensor_ids", "proxies", "flags", "sip_events", "dtmf", "hold", "streams", "rtcp")
) | {"loss_runs", "delay_hist", "codes"}
_SHORT: Final[dict[type, dict[str, str]]] = {
    CallRecord: {
        "time": "start",
        "code": "response_code",
        "loss": "greatest(ifNull(loss_a, loss_b), ifNull(loss_b, loss_a))",
        "jitter": "greatest(ifNull(jitter_a_ms, jitter_b_ms), ifNull(jitter_b_ms, jitter_a_ms))",
    },
    StreamRecord: {
        "time": "first_time",
        "jitter": "jitter_mean_ms",
        "duration": "toUnixTimestamp64Micro(last_time) - toUnixTimestamp64Micro(first_time)",
    },
    WindowRow: {"time": "start", "jitter": "jitter_ms"},
    Registration: {"time": "first_time", "code": "last_code"},
}
"""Names of --filter, and what they stand for; of a call with two sides the worse one."""

_TIE: Final[dict[type, tuple[str, ...]]] = {
    CallRecord: ("start", "cdr_id"),
    StreamRecord: ("first_time", "stream_id"),
    WindowRow: ("start", "stream_id", "window", "part"),
    Registration: ("first_time", "registration_id"),
}


SORTED_BY: Final = "sorted_by"
"""The name of what rows are sorted by, where only what was selected of them is known."""


class Sort(msgspec.Struct, frozen=True):
    """By one expression, unknown values last, then by time and id, so that pages do not overlap."""

    expression: str
    descending: bool
    ties: tuple[str, ...]

    @property
    def by_time(self) -> bool:
        """Whether it is the order in which the store keeps rows."""
        return self.expression == self.ties[0]

    @property
    def clause(self) -> str:
        """What follows ORDER BY."""
        way = "DESC" if self.descending else "ASC"
        nulls = "" if self.by_time else " NULLS LAST"  # of a time, which is known, they would cost
        rest = [tie for tie in self.ties if tie != self.expression]
        return ", ".join([f"{self.expression} {way}{nulls}", *(f"{tie} {way}" for tie in rest)])

    @property
    def of_selected(self) -> "Sort":
        """The same order of rows that were selected with the expression as SORTED_BY."""
        return self if self.by_time else Sort(SORTED_BY, self.descending, self.ties)


def parse_sort(text: str, kind: type[msgspec.Struct]) -> Sort:
    """The order asked for; raises UsageError for a field that rows of that kind do not have."""
    name, _, way = text.partition(":")
    name = name.strip().replace("-", "_")
    if way not in ("", "asc", "desc"):
        raise UsageError(f"--sort {text}: write FIELD, FIELD:asc or FIELD:desc")
    known = _SHORT[kind] | {field: field for field in kind.__struct_fields__ if field not in _NOT_SORTED}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = (
            f"did you mean {near[0]}?"
            if near
            else f"some are {', '.join(_SHORT[kind])}, or any of --format csv"
        )
        raise UsageError(f"--sort {name}: no such field of these rows; {hint}")
    return Sort(known[name], way == "desc", _TIE[kind])
