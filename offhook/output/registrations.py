"""The table of registrations, and of what else asks outside of calls."""

from typing import Final

from offhook.output.views import ADDRESS, Column, View
from offhook.text import clean
from offhook.times import Clock
from schemas.registrations import Registration
from streams.registrations.state import CHALLENGED, EXPIRED, FAILED, REGISTERED, UNANSWERED

_STYLES: Final = {
    REGISTERED: "green",
    FAILED: "red",
    UNANSWERED: "red",
    CHALLENGED: "yellow",
    EXPIRED: "yellow",
}


def _cells(row: Registration, clock: Clock) -> tuple[str, ...]:
    mean, longest = row.response_time_avg_ms, row.response_time_max_ms
    return (
        clock.show(row.first_time),
        row.method,
        clean("@".join(part for part in (row.user, row.domain) if part)),
        f"{row.src_ip}:{row.src_port}",
        f"{row.dst_ip}:{row.dst_port}",
        row.state,
        "" if row.last_code is None else str(row.last_code),
        "" if row.expires is None else str(row.expires),
        str(row.requests),
        str(row.successes),
        str(row.failures),
        str(row.unanswered),
        "" if mean is None else f"{mean:.0f}",
        "" if longest is None else f"{longest:.0f}",
        clean(row.user_agent or ""),
        " ".join(_note(row)),
    )


def _note(row: Registration) -> list[str]:
    """The codes of failures, and the flags."""
    failed = [f"{code}x{n}" for code, n in row.codes.items() if code >= "3" and code not in ("401", "407")]
    return failed + row.flags


def _styles(row: Registration) -> dict[int, str]:
    styles = {5: _STYLES.get(row.state, ""), 15: "yellow"}
    if row.failures:
        styles[10] = "red"
    if row.unanswered:
        styles[11] = "red"
    return {column: style for column, style in styles.items() if style}


REGISTRATIONS: Final = View(
    columns=(
        Column("first", 90, live=19),
        Column("method", 75, live=9),
        Column("user", 100, free=True, live=20, narrowest=11),
        Column("from", 85, free=True, live=21, narrowest=ADDRESS),
        Column("to", 70, free=True, live=21, narrowest=ADDRESS),
        Column("state", 95, live=12),
        Column("code", 80, right=True, live=4),
        Column("expires", 50, right=True, live=7),
        Column("requests", 60, right=True, live=8),
        Column("ok", 62, right=True, live=5),
        Column("failed", 72, right=True, live=6),
        Column("silent", 71, right=True, live=6),
        Column("ms", 45, right=True, live=5),
        Column("max ms", 44, right=True, live=6),
        Column("agent", 40, free=True, live=20),
        Column("notes", 55, free=True),
    ),
    cells=_cells,
    styles=_styles,
    order=lambda row: row.first_time,
    legend="user: the address of record; from, to: newest addresses; code: newest final answer; expires: "
    "seconds granted; failed: answers 3xx to 6xx, a first 401 or 407 not counted; silent: requests without "
    "an answer; ms: from a request to its final answer",
)
