"""Calls of a number are found through the indexes of its digits: the same calls as by looking at each."""

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from offhook import filters
from offhook.queries.page import Place, _ids_by_days, calls_page
from offhook.queries.selection import CallSelection
from offhook.queries.sorting import parse_sort
from offhook.queries.store import asked
from offhook.times import Clock
from schemas.cdr import CallRecord
from sinks.clickhouse.digits import END, STARTS, known_end, known_start
from tests.offhook.fakes import T0
from tests.offhook.queries.filling import fill, made_up

UTC = Clock("UTC")
DAYS = 12
DAY_US = 86_400_000_000


def _number(chance: random.Random) -> str | None:
    digits = "".join(chance.choices("0123456789", k=chance.randrange(1, 14)))
    odd = (None, "", "+", "++420", "anonymous", "o'neil", "Ünïcode", "x" * 300)
    return chance.choice(odd) if chance.random() < 0.1 else chance.choice(("", "+", "+1202555")) + digits


@pytest.fixture(scope="module")
def calls() -> list[CallRecord]:
    """Days of calls, so as many parts at least, each with an index of its own."""
    chance = random.Random(7)
    return [
        replace(
            call,
            start=T0 + number % DAYS * DAY_US + number,
            caller=_number(chance),
            callee=_number(chance),
            version=2,
        )
        for number, call in enumerate(made_up(300, seed=9))
    ]


@pytest.fixture(scope="module")
def store(calls: list[CallRecord], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of these calls, and of older versions with other numbers."""
    chance = random.Random(8)
    older = [replace(call, version=1, caller=_number(chance)) for call in calls[::3]]
    path = tmp_path_factory.mktemp("numbers") / "store"
    fill(path, older)
    fill(path, calls)
    return path


def _pattern(number: str, kept: int, form: str) -> str:
    if form == "starts":
        return f"{number[:kept]}*"
    if form == "ends":
        return f"*{number[-kept:]}"
    return number if form == "whole" else f"*{number[1 : kept + 1]}*"


@st.composite
def expressions(draw: st.DrawFn, known: list[str]) -> str:
    """A filter by one of the numbers, or by what is like one."""
    patterns = []
    for _ in range(draw(st.integers(1, 2))):
        number = draw(st.sampled_from(known))
        if draw(st.booleans()):
            number = number.lstrip("+") or "0"
        form = draw(st.sampled_from(["starts", "ends", "whole", "within"]))
        patterns.append(_pattern(number, draw(st.integers(1, 14)), form))
    term = f"{draw(st.sampled_from(['number', 'caller', 'callee']))}={'|'.join(patterns)}"
    more = draw(st.sampled_from(["", ",outcome=answered", ",callee!=*", ",number=*1*", ",caller=1*|+*"]))
    return term + more


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_pattern_finds_the_calls_it_matches(
    store: Path, calls: list[CallRecord], data: st.DataObject
) -> None:
    known = sorted({number for call in calls for number in (call.caller, call.callee) if number})
    with asked(str(store)) as client:
        for _ in range(2):
            expression = data.draw(expressions(known))
            test = filters.compile_filter(filters.parse([expression]), CallRecord, UTC)
            wanted = sorted((call.start, call.cdr_id) for call in calls if test(call))
            selection = CallSelection([expression], UTC)
            for sort, first in (("time:desc", wanted[::-1]), ("time", wanted)):
                order = parse_sort(sort, CallRecord)
                page = calls_page(client, selection, order, Place(500), children=False)
                assert [(call.start, call.cdr_id) for call in page.rows] == first, expression
                assert not page.more
            by_mos = parse_sort(data.draw(st.sampled_from(["mos", "duration:desc", "loss"])), CallRecord)
            sorted_otherwise = calls_page(client, selection, by_mos, Place(500), children=False)
            found = list(sorted_otherwise.rows)
            assert sorted((call.start, call.cdr_id) for call in found) == wanted, expression
            known_by_days = _ids_by_days(client, selection, by_mos, 501)
            assert [(call.start, call.cdr_id) for call in found] == known_by_days, expression
            if len(wanted) > 2:
                second = calls_page(client, selection, by_mos, Place(2, 2), children=False)
                assert [call.cdr_id for call in second.rows] == [call.cdr_id for call in found[2:4]]
                assert second.more == (len(wanted) > 4)


def test_an_index_spares_what_has_no_such_number(store: Path) -> None:
    expressions = [
        "number=998123456*",
        "caller=*998877",
        "callee=+998123456789",
        "number=99812345*|99812346*",
    ]
    with asked(str(store)) as client:
        for expression in expressions:
            selection = CallSelection([expression], UTC)
            statement = selection.rows("start", "1", by_index=True)
            explained = client.query(
                f"EXPLAIN ESTIMATE {statement}", parameters=selection.parameters.values
            ).result_rows
            parts = sum(row[2] for row in explained)
            assert parts < DAYS // 2, expression  # of two a day


@pytest.mark.parametrize("sort", ["mos", "duration:desc", "loss"])
def test_an_index_is_asked_in_every_order(store: Path, monkeypatch: pytest.MonkeyPatch, sort: str) -> None:
    asked_for: list[bool] = []
    plain = CallSelection.rows

    def noted(self: CallSelection, columns: str, days: str, *, by_index: bool = False) -> str:
        asked_for.append(by_index)
        return plain(self, columns, days, by_index=by_index)

    monkeypatch.setattr(CallSelection, "rows", noted)
    with asked(str(store)) as client:
        for expression, wanted in {"number=998123456*": True, "number=1*": False, "code=486": False}.items():
            selection = CallSelection([expression], UTC)
            calls_page(client, selection, parse_sort(sort, CallRecord), Place(50), children=False)
            assert asked_for == [wanted], expression
            asked_for.clear()


def test_what_is_looked_up_is_part_of_what_is_asked() -> None:
    assert known_start("+12025550123") == "1202555012"[: max(STARTS)]
    assert [known_start("1202555"[:size]) for size in (1, 4, 7)] == ["1", "1202", "1202555"]
    assert [known_start(text) for text in ("", "+", "Ün")] == [None, None, None]
    assert known_end("12025550123") == "50123"
    assert [known_end("1" * (END - 1)), known_end("ï" * END)] == [None, None]
