"""Which rows of a store are asked for: the terms of --filter, as conditions with their values."""

from collections.abc import Sequence

from offhook import filters
from offhook.queries import fields
from offhook.queries.conditions import look_up, where
from offhook.queries.parameters import Parameters
from offhook.times import Clock
from schemas.cdr import CallRecord, StreamRecord


class CallSelection:
    """Calls that match all terms, and start in a range of time: µs, the end does not belong to it."""

    def __init__(
        self,
        expressions: Sequence[str],
        clock: Clock,
        *,
        since_us: int | None = None,
        until_us: int | None = None,
    ) -> None:
        """Raises UsageError where a term does not fit calls."""
        self.parameters = Parameters()
        self.since_us, self.until_us = since_us, until_us
        terms = filters.parse(expressions)
        self._terms = where(terms, fields.CALL, CallRecord, clock, self.parameters)
        looked_up = [look_up(term, fields.CALL[term.name], clock, self.parameters) for term in terms]
        at = next((number for number, each in enumerate(looked_up) if each is not None), None)
        self._look_up = None if at is None else looked_up[at]
        self._beside = [term for number, term in enumerate(self._terms) if number != at]
        self._range = []
        if since_us is not None:
            self._range.append(f"start >= {self.parameters.time(since_us)}")
        if until_us is not None:
            self._range.append(f"start < {self.parameters.time(until_us)}")

    @property
    def condition(self) -> str:
        """Of rows of `cdr`."""
        return " AND ".join(self._terms + self._range) or "1"

    @property
    def indexed(self) -> bool:
        """Whether an index can tell where the rows are, if they are few."""
        return self._look_up is not None

    @property
    def sharp(self) -> bool:
        """Whether few rows are likely to match: a number of many digits is asked for."""
        return self._look_up is not None and self._look_up.sharp

    def rows(self, columns: str, days: str, *, by_index: bool = False) -> str:
        """A statement that selects rows of `cdr` of some days; `by_index` where they are few.

        What the index knows takes longer to work out for a row than all else. So it stands last in WHERE,
        behind a PREWHERE that leaves next to none: by the number alone if it is sharp, else by what is asked
        beside it, too. Each number is searched by itself, so that only one is read where only one can match.
        A row that matches twice comes twice.
        """
        if not by_index or self._look_up is None:
            return f"SELECT {columns} FROM cdr WHERE ({self.condition}) AND ({days})"
        beside = " AND ".join([f"({days})", *self._range, *self._beside])
        clause = "PREWHERE {test} WHERE {beside} AND {hint}"
        if not self._look_up.sharp:
            clause = "PREWHERE {beside} AND {test} WHERE {hint}"
        found = " UNION ALL ".join(
            f"SELECT {columns} FROM cdr {clause.format(test=test, beside=beside, hint=hint)}"
            for test, hint in self._look_up.columns
        )
        return f"SELECT * FROM ({found})"

    @property
    def without_range(self) -> str:
        """The terms alone."""
        return " AND ".join(self._terms) or "1"


class RowSelection:
    """Streams, windows or registrations that match.

    Streams may be chosen by what only their call knows (caller=1202*): `of_calls` says that some are.
    """

    def __init__(self, kind: type, expressions: Sequence[str], clock: Clock) -> None:
        """Raises UsageError where a term does not fit rows of that kind."""
        self.parameters = Parameters()
        own, of_call = filters.parse(expressions), []
        if kind is StreamRecord:
            of_call = [term for term in own if not filters.knows(kind, term)]
            own = [term for term in own if filters.knows(kind, term)]
        conditions = where(own, fields.FIELDS[kind], kind, clock, self.parameters)
        calls = where(of_call, fields.CALL, CallRecord, clock, self.parameters)
        self.of_calls = bool(calls)
        if calls:
            conditions.append(f"cdr_id IN (SELECT cdr_id FROM cdr FINAL WHERE {' AND '.join(calls)})")
        self.condition = " AND ".join(conditions) or "1"
