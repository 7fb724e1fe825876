"""Asks a store for the figures of a report.

Each statement looks at the newest version of every call (FINAL) that is chosen; distributions and series are
counted by the store into bins and intervals whose edges travel with the statement.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING, Any, Final

from offhook.queries.figures import (
    Bin,
    CodecRow,
    CodeRow,
    CountRow,
    Figures,
    Moment,
    PeerRow,
    Totals,
)
from offhook.queries.intervals import edges, step_of
from offhook.queries.page import Place, calls_page
from offhook.queries.selection import CallSelection
from offhook.queries.sorting import parse_sort
from schemas.cdr import CallRecord
from sinks.clickhouse.derived import DERIVED

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

PDD_EDGES: Final = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 15.0, 20.0)
MOS_EDGES: Final = tuple(round(1 + 0.25 * step, 2) for step in range(15))
LOSS_EDGES: Final = (0.0, 0.000001, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0)
LENGTH_EDGES: Final = (0.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0)
"""Lower edges of bins; the last bin is open. Loss has a bin of its own for none at all."""

TOP: Final = 12
"""Rows of a table of codes, codecs, peers, flags."""

WORST: Final = 20
"""Calls of the table of the worst ones."""

POOR_MOS: Final = 3.6
"""Below it many users are dissatisfied (G.107 Annex B)."""

LONGEST_CALL_US: Final = 86_400_000_000
"""How far back a call in progress may have begun: a day, beyond any absolute timeout in use."""

DELIVERED: Final = (
    "outcome IN ('answered', 'cancelled', 'unanswered')"
    " OR ifNull(response_code IN (408, 480, 486, 487, 600, 603), 0)"
)

_TOTALS: Final = f"""
    count() AS calls,
    if(calls = 0, NULL, min(start)) AS first,
    if(calls = 0, NULL, max(start)) AS last,
    countIf(outcome = 'answered') AS answered,
    countIf(outcome = 'rejected') AS rejected,
    countIf(outcome = 'cancelled') AS cancelled,
    countIf(outcome = 'unanswered') AS unanswered,
    countIf(outcome = 'redirected') AS redirected,
    countIf(outcome = 'unfinished') AS unfinished,
    100 * answered / nullIf(calls, 0) AS asr,
    100 * countIf({DELIVERED}) / nullIf(calls, 0) AS ner,
    avgIf(connect_duration, outcome = 'answered') AS acd,
    ifNull(sum(connect_duration), 0) AS talk_seconds,
    quantileExactInclusive(0.5)(pdd) AS pdd_median,
    quantileExactInclusive(0.95)(pdd) AS pdd_p95,
    count(mos) AS mos_calls,
    quantileExactInclusive(0.5)(mos) AS mos_median,
    quantileExactInclusive(0.05)(mos) AS mos_p5,
    countIf(mos < {POOR_MOS}) AS mos_poor,
    100 * (ifNull(sum(lost_a), 0) + ifNull(sum(lost_b), 0)) / nullIf(
        ifNull(sum(lost_a + packets_a), 0) + ifNull(sum(lost_b + packets_b), 0), 0) AS loss,
    countIf(one_way IS NOT NULL) AS one_way,
    countIf(ifNull(dead_air_a, 0) > 0 OR ifNull(dead_air_b, 0) > 0) AS dead_air,
    countIf(outcome = 'answered' AND connect_duration < 10) AS short,
    uniqExact(caller) AS callers,
    uniqExact(callee) AS callees
"""

_SERIES: Final = """
    count() AS calls,
    countIf(outcome = 'answered') AS answered,
    100 * answered / nullIf(calls, 0) AS asr,
    avgIf(connect_duration, outcome = 'answered') AS acd,
    quantileExactInclusive(0.5)(pdd) AS pdd,
    quantileExactInclusive(0.5)(mos) AS mos
"""

_PEERS: Final = """
    src_ip, dst_ip,
    count() AS calls,
    countIf(outcome = 'answered') AS answered,
    100 * answered / nullIf(calls, 0) AS asr,
    avgIf(connect_duration, outcome = 'answered') AS acd,
    quantileExactInclusive(0.5)(pdd) AS pdd,
    avg(mos) AS mos
"""

_CODECS: Final = """
    SELECT codec_a AS codec, mos_a AS mos, loss_a AS loss, jitter_a_ms AS jitter_ms {calls}
    UNION ALL
    SELECT codec_b AS codec, mos_b AS mos, loss_b AS loss, jitter_b_ms AS jitter_ms {calls}
"""


class Asker:
    """Asks one connection about one selection of calls."""

    def __init__(self, client: Client, selection: CallSelection) -> None:
        self._client, self._selection = client, selection
        # A query inside, so that a name of a figure never stands for a column of a condition.
        self._calls = (
            f"FROM (SELECT *, {', '.join(DERIVED)} FROM cdr FINAL WHERE {selection.condition}) WHERE 1"
        )

    def totals(self) -> Totals:
        """Counts, ratios, medians."""
        return Totals(*self._ask(f"SELECT {_TOTALS} {self._calls}", {})[0])

    def figures(self, totals: Totals, zone: tzinfo | None) -> Figures:
        """Everything, where there are calls."""
        assert totals.first is not None
        assert totals.last is not None
        first = totals.first if self._selection.since_us is None else self._selection.since_us
        last = totals.last if self._selection.until_us is None else self._selection.until_us - 1
        step = step_of(first, last)
        return Figures(
            totals=totals,
            step_us=step,
            series=self.series(edges(first, last, step, zone)),
            pdd=self.bins("pdd", PDD_EDGES),
            mos=self.bins("mos", MOS_EDGES),
            loss=self.bins("greatest(ifNull(loss_a, loss_b), ifNull(loss_b, loss_a))", LOSS_EDGES),
            lengths=self.bins("if(outcome = 'answered', connect_duration, NULL)", LENGTH_EDGES),
            codes=self._structs(
                CodeRow,
                f"SELECT response_code AS code, anyHeavy(response_reason) AS reason, count() AS calls"
                f" {self._calls} GROUP BY code ORDER BY calls DESC, code LIMIT {TOP}",
            ),
            codecs=self._structs(
                CodecRow,
                "SELECT codec, count() AS sides, avg(mos), avg(loss), avg(jitter_ms)"
                f" FROM ({_CODECS.format(calls=self._calls)})"
                f" WHERE codec IS NOT NULL GROUP BY codec ORDER BY sides DESC, codec LIMIT {TOP}",
            ),
            peers=self._structs(
                PeerRow,
                f"SELECT {_PEERS} {self._calls} GROUP BY src_ip, dst_ip"
                f" ORDER BY calls DESC, src_ip, dst_ip LIMIT {TOP}",
            ),
            hung_up=self._counts("ifNull(hung_up_by, 'unknown')", "outcome = 'answered'"),
            flags=self._counts("arrayJoin(flags)", "1"),
        )

    def series(self, begins: Sequence[int]) -> list[Moment]:
        """One moment an interval, also where no call began."""
        rows = self._ask(
            f"SELECT {self._interval('start')} AS at, {_SERIES} {self._calls} GROUP BY at",
            {"edges": list(begins)},
        )
        known: dict[int, list[Any]] = {at: values for at, *values in rows}
        concurrent = self.concurrent(begins)
        empty: list[Any] = [0, 0, None, None, None, None]
        return [
            Moment(begin, *[*known.get(begin, empty), count])
            for begin, count in zip(begins, concurrent, strict=True)
        ]

    def concurrent(self, begins: Sequence[int]) -> list[int]:
        """The most calls in progress in each interval, from their INVITE to their end.

        Calls that began before the first interval count too, if they match but for the range of time. A call
        that ends as another begins is not in progress with it.
        """
        until = self._selection.until_us
        conditions = [self._selection.without_range, "end_time > start"]
        values: dict[str, Any] = {"edges": list(begins), "begin": begins[0]}
        conditions.append(
            f"start >= fromUnixTimestamp64Micro({{begin:Int64}} - {LONGEST_CALL_US}, 'UTC')"
            " AND end_time > fromUnixTimestamp64Micro({begin:Int64}, 'UTC')"
        )
        if until is not None:
            values["until"] = until
            conditions.append("start < fromUnixTimestamp64Micro({until:Int64}, 'UTC')")
        rows = self._ask(
            f"""
            SELECT at, max(running), argMax(running, time), min(time) FROM (
                SELECT {self._interval("time")} AS at, time,
                    sum(change) OVER (ORDER BY time ROWS UNBOUNDED PRECEDING) AS running
                FROM (
                    SELECT time, sum(change) AS change FROM (
                        SELECT greatest(toUnixTimestamp64Micro(start), {{begin:Int64}}) AS opened,
                            toUnixTimestamp64Micro(end_time) AS closed
                        FROM cdr FINAL WHERE {" AND ".join(f"({each})" for each in conditions)}
                    ) ARRAY JOIN [opened, closed] AS time, [1, -1] AS change
                    GROUP BY time
                )
            ) GROUP BY at ORDER BY at
            """,
            values,
        )
        return _carried(begins, {at: (most, last, first) for at, most, last, first in rows})

    def bins(self, value: str, lower: Sequence[float]) -> list[Bin]:
        """How many calls lie in each bin."""
        rows = self._ask(
            f"SELECT roundDown(assumeNotNull({value}), {{edges:Array(Float64)}}) AS edge, count()"
            f" {self._calls} AND ({value}) IS NOT NULL GROUP BY edge",
            {"edges": list(lower)},
        )
        known: dict[float, int] = dict(map(tuple, rows))
        return [Bin(edge, known.get(edge, 0)) for edge in lower]

    def worst(self) -> list[CallRecord]:
        """The calls of the lowest MOS."""
        sort = parse_sort("mos", CallRecord)
        page = calls_page(self._client, self._selection, sort, Place(WORST), children=False)
        return [call for call in page.rows if call.mos is not None]

    def _counts(self, name: str, condition: str) -> list[CountRow]:
        return self._structs(
            CountRow,
            f"SELECT {name} AS name, count() AS calls {self._calls} AND {condition}"
            f" GROUP BY name ORDER BY calls DESC, name LIMIT {TOP}",
        )

    def _structs(self, kind: Any, statement: str) -> list[Any]:
        return [kind(*row) for row in self._ask(statement, {})]

    def _ask(self, statement: str, values: dict[str, Any]) -> Sequence[Sequence[Any]]:
        found = self._client.query(
            statement,
            parameters=self._selection.parameters.values | values,
            query_formats={"DateTime64*": "int"},
        )
        return [[_unknown(value) for value in row] for row in found.result_rows]

    @staticmethod
    def _interval(time: str) -> str:
        """The beginning of the interval that a time lies in."""
        micros = time if time == "time" else f"toUnixTimestamp64Micro({time})"
        return f"roundDown({micros}, {{edges:Array(Int64)}})"


def _carried(begins: Sequence[int], changes: dict[int, tuple[int, int, int]]) -> list[int]:
    """The most of each interval: what it began with counts, unless that changed as it began.

    `changes` are, of the intervals with any, the most after a change, the last, and when the first came.
    """
    found, running = [], 0
    for begin in begins:
        most, last, first = changes.get(begin, (running, running, begin + 1))
        found.append(most if first == begin else max(most, running))
        running = last
    return found


def _unknown(value: Any) -> Any:
    """The mean of nothing is not a number."""
    return None if isinstance(value, float) and value != value else value  # noqa: PLR0124


def figures_of(
    client: Client, selection: CallSelection, zone: tzinfo | None
) -> tuple[Figures, list[CallRecord]] | None:
    """The figures and the worst calls of a selection; None where it has no calls."""
    asker = Asker(client, selection)
    totals = asker.totals()
    if not totals.calls:
        return None
    return asker.figures(totals, zone), asker.worst()
