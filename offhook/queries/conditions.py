"""The terms of --filter as conditions of SQL: the same rows as `offhook.filters` chooses in Python.

A value that is not known (NULL) matches nothing but `!=`. WHERE takes a NULL condition for false, so tests
stay plain, as the bloom filters of the table need them; what is negated is made sure not to be NULL first.
"""

from collections.abc import Callable, Iterable
from ipaddress import ip_network
from typing import Final

import msgspec

from offhook import filters
from offhook.filters import Term
from offhook.queries.parameters import Parameters
from offhook.times import Clock
from sinks.clickhouse.digits import known_end, known_start

Match = Callable[[str, str, Clock, Parameters], str]
"""(column or expression, written value, clock, parameters) to a condition that may be NULL."""


class Field(msgspec.Struct, frozen=True):
    """What a filter's name stands for in SQL.

    `values` are expressions of which one must match; those in `arrays` are arrays, any item of which may.
    `order` reads a written value into a placeholder for < and >. `hint` gives of a column and a
    written value what follows from a match and an index of the table can look up, or None.
    """

    match: Match
    values: tuple[str, ...] = ()
    arrays: tuple[str, ...] = ()
    order: Callable[[str, Clock, Parameters], str] | None = None
    hint: Callable[[str, str, Parameters], str | None] | None = None


def where(
    terms: Iterable[Term], fields: dict[str, Field], kind: type, clock: Clock, values: Parameters
) -> list[str]:
    """One condition a term; raises UsageError as `filters.compile_filter` does."""
    terms = list(terms)
    filters.compile_filter(terms, kind, clock)  # says what is wrong with a name or a value
    return [_condition(term, fields[term.name], clock, values) for term in terms]


class LookUp(msgspec.Struct, frozen=True):
    """How an index finds rows that match a term: of each column the test itself, and what the index knows.

    The rows of all columns together match the term. `sharp`: few rows are likely to.
    """

    columns: tuple[tuple[str, str], ...]
    sharp: bool


_SHARP: Final = 6
"""Digits from which on a number is a person's or an office's, not a country's or a town's."""


def look_up(term: Term, field: Field, clock: Clock, values: Parameters) -> LookUp | None:
    """None where no index helps."""
    if field.hint is None or term.operator != "=":
        return None
    found = []
    for column in field.values:
        hints = [field.hint(column, part, values) for part in _written(term)]
        if None in hints:
            return None
        test = _one_of(field.match(column, part, clock, values) for part in _written(term))
        found.append((test, _one_of(filter(None, hints))))
    return LookUp(tuple(found), sharp=all(len(part.strip("*+")) >= _SHARP for part in _written(term)))


def _condition(term: Term, field: Field, clock: Clock, values: Parameters) -> str:
    if term.operator not in ("=", "!="):
        assert field.order is not None  # compile_filter has refused it
        limit = field.order(term.value, clock, values)
        return _any(field, lambda value: f"{value} {term.operator} {limit}")
    written = _written(term)
    matches = _any(field, lambda value: _one_of(field.match(value, part, clock, values) for part in written))
    return matches if term.operator == "=" else f"NOT ifNull({matches}, 0)"


def _written(term: Term) -> list[str]:
    return [part.strip() for part in term.value.split("|") if part.strip()]


def _any(field: Field, test: Callable[[str], str]) -> str:
    """One of the field's values passes."""
    single = [test(value) for value in field.values]
    many = [f"arrayExists(x -> {test('x')}, {array})" for array in field.arrays]
    return _one_of(single + many)


def _one_of(conditions: Iterable[str]) -> str:
    listed = list(conditions)
    return listed[0] if len(listed) == 1 else f"({' OR '.join(listed)})"


def pattern(value: str, written: str, _clock: Clock, values: Parameters) -> str:
    """`1202*` begins with, `*4567` ends with, `*20*` contains, else equal."""
    core = values.text(written.strip("*"))
    begins, ends = written.startswith("*"), written.endswith("*")
    if begins and ends:
        return f"position({value}, {core}) > 0"
    if begins:
        return f"endsWith({value}, {core})"
    if ends:
        return f"startsWith({value}, {core})"
    return f"{value} = {core}"


def number_pattern(value: str, written: str, clock: Clock, values: Parameters) -> str:
    """As a pattern; a number's leading + counts only where the pattern writes one."""
    plain = pattern(value, written, clock, values)
    if written.startswith(("+", "*")):
        return plain
    return f"({plain} OR {pattern(value, '+' + written, clock, values)})"


def digits_hint(value: str, written: str, values: Parameters) -> str | None:
    """What the columns of `sinks.clickhouse.digits` have of a caller or callee that matches."""
    core = written.strip("*")
    start = None if written.startswith("*") else known_start(core)
    end = None if written.endswith("*") else known_end(core)
    hints = []
    if start is not None:
        hints.append(f"has({value}_starts, {values.text(start)})")
    if end is not None:
        hints.append(f"{value}_end = {values.text(end)}")
    return f"({' AND '.join(hints)})" if hints else None


def word(value: str, written: str, clock: Clock, values: Parameters) -> str:
    """Equal without regard to case, - and _ alike; * as in a pattern."""
    plain = f"replaceAll(lowerUTF8({value}), '_', '-')"
    return pattern(plain, written.lower().replace("_", "-"), clock, values)


def code(value: str, written: str, _clock: Clock, values: Parameters) -> str:
    """486, or a class such as 4xx."""
    if written.lower().endswith("xx"):
        hundred = int(written[0])
        return f"({value} >= {hundred}00 AND {value} < {hundred + 1}00)"
    return f"{value} = {values.whole(int(written))}"


def number(value: str, written: str, _clock: Clock, values: Parameters) -> str:
    """The same number."""
    return f"{value} = {values.number(float(written))}"


def in_time(value: str, written: str, clock: Clock, values: Parameters) -> str:
    """`from..to`, either end may be missing; the end does not belong to it."""
    since, until = (part.strip() for part in written.split("..", 1))
    conditions = []
    if since:
        conditions.append(f"{value} >= {values.time(clock.read(since))}")
    if until:
        conditions.append(f"{value} < {values.time(clock.read(until))}")
    return f"({' AND '.join(conditions)})" if conditions else "1"


def network(value: str, written: str, _clock: Clock, values: Parameters) -> str:
    """An address of that network; one that is no address, or of the other family, is outside."""
    wanted = ip_network(written, strict=False)
    if wanted.prefixlen == wanted.max_prefixlen and wanted.version == 4:
        return f"{value} = {values.text(str(wanted.network_address))}"
    is_address = "isIPv4String" if wanted.version == 4 else "isIPv6String"
    inside = f"isIPAddressInRange(if({is_address}({value}), {value}, NULL), {values.text(str(wanted))})"
    return f"ifNull({inside}, 0)"


def order_number(written: str, _clock: Clock, values: Parameters) -> str:
    """A number to compare with."""
    return values.number(float(written))


def order_whole(written: str, _clock: Clock, values: Parameters) -> str:
    """A whole number to compare with."""
    return values.whole(int(written))


def order_time(written: str, clock: Clock, values: Parameters) -> str:
    """A time to compare with."""
    return values.time(clock.read(written))
