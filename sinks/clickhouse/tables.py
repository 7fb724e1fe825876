"""How records become columns: for each table, its columns and how they are taken from rows."""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, Final

import msgspec

from schemas.capture_health import CaptureHealth
from schemas.cdr import CallRecord, DtmfEvent, HoldInterval, RelatedCall, RtcpFigures, StreamRecord
from schemas.cdr_rejected import RejectedCall
from schemas.registrations import Registration
from sinks.clickhouse import derived, ladder

Columns = list[Sequence[Any]]


class Nested(msgspec.Struct, frozen=True):
    """Children of a record: the Nested columns `name.field`, and one child's values in their order."""

    name: str
    fields: tuple[str, ...]
    values: Callable[[Any], tuple[Any, ...]]

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return [f"{self.name}.{field}" for field in self.fields]

    def take(self, rows: Sequence[Any]) -> Columns:
        """For each column, a tuple a row."""
        children, values = attrgetter(self.name), self.values
        none = ((),) * len(self.fields)
        return list(
            zip(*[tuple(zip(*map(values, children(row)), strict=True)) or none for row in rows], strict=True)
        )


class Table(msgspec.Struct, frozen=True):
    """A table: columns taken as they are by name, children, and when a row's time is over (µs).

    `stamped` rows do not know their account and site; the writer does.
    """

    name: str
    fields: tuple[str, ...]
    values: Callable[[Any], tuple[Any, ...]]
    ends: Callable[[Any], int]
    nested: tuple[Nested, ...] = ()
    stamped: bool = False

    @property
    def columns(self) -> list[str]:
        """Names of the columns that `take` gives."""
        return [*self.fields, *(name for nested in self.nested for name in nested.columns)]

    def take(self, rows: Sequence[Any]) -> Columns:
        """The columns of one row or more."""
        columns: Columns = list(zip(*map(self.values, rows), strict=True))
        for nested in self.nested:
            columns += nested.take(rows)
        return columns


def _nested(name: str, struct: type[msgspec.Struct]) -> Nested:
    fields = struct.__struct_fields__
    return Nested(name, fields, attrgetter(*fields))


def _without(struct: type[msgspec.Struct], *names: str) -> tuple[str, ...]:
    return tuple(field for field in struct.__struct_fields__ if field not in names)


RTCP: Final = RtcpFigures.__struct_fields__
RTCP_COLUMNS: Final = ("rtcp", *(f"rtcp_{field}" for field in RTCP))
"""Whether RTCP was heard, and what it said."""

_rtcp_figures = attrgetter(*RTCP)
_NO_RTCP: Final = (False, *(None for _ in RTCP))


def _stream_values(*fields: str) -> Callable[[StreamRecord], tuple[Any, ...]]:
    plain = attrgetter(*fields)

    def values(stream: StreamRecord) -> tuple[Any, ...]:
        if stream.rtcp is None:
            return (*plain(stream), *_NO_RTCP)
        return (*plain(stream), True, *_rtcp_figures(stream.rtcp))

    return values


STREAM: Final = _without(StreamRecord, "cdr_id", "call_id", "rtcp")
"""A call's streams know their call from their row."""

_UNMATCHED: Final = _without(StreamRecord, "rtcp")

CHILDREN: Final = (
    _nested("related", RelatedCall),
    _nested("dtmf", DtmfEvent),
    _nested("hold", HoldInterval),
    Nested("streams", (*STREAM, *RTCP_COLUMNS), _stream_values(*STREAM)),
)

PLAIN: Final = _without(
    CallRecord, "stored_at", "sip_events", *derived.DERIVED, *(nested.name for nested in CHILDREN)
)
"""A call's fields that are columns as they are."""

_plain = attrgetter(*PLAIN)

CDR: Final = Table(
    "cdr",
    (*PLAIN, *derived.COLUMNS, *ladder.COLUMNS),
    lambda call: (*_plain(call), *derived.differences(call), *ladder.pack(call)),
    attrgetter("end_time"),
    CHILDREN,
)

RTP_UNMATCHED: Final = Table(
    "rtp_unmatched",
    (*_UNMATCHED, *RTCP_COLUMNS),
    _stream_values(*_UNMATCHED),
    attrgetter("last_time"),
    stamped=True,
)

_WINDOW: Final = (
    *("stream_id", "cdr_id", "call_id", "side", "ssrc", "window", "part", "start", "length"),
    *("packets", "expected", "lost", "loss", "duplicates", "reordered"),
    *("jitter_ms", "jitter_max_ms", "delta_max_ms", "codec", "mos", "mos_f1", "mos_f2", "mos_adaptive"),
)

RTP_WINDOWS: Final = Table(
    "rtp_windows",
    _WINDOW,
    attrgetter(*_WINDOW),
    lambda row: int(row.start + row.length * 1e6),
    stamped=True,
)

_REJECTED: Final = _without(RejectedCall, "stored_at")

CDR_REJECTED: Final = Table("cdr_rejected", _REJECTED, attrgetter(*_REJECTED), attrgetter("end_time"))

_HEALTH: Final = CaptureHealth.__struct_fields__

CAPTURE_HEALTH: Final = Table(
    "capture_health",
    tuple({"time_us": "time", "clock_us": "clock"}.get(field, field) for field in _HEALTH),
    attrgetter(*_HEALTH),
    attrgetter("time_us"),
)

_REGISTRATION: Final = _without(Registration, "stored_at")

REGISTRATIONS: Final = Table(
    "registrations", _REGISTRATION, attrgetter(*_REGISTRATION), attrgetter("last_time")
)
