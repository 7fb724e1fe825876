"""Every recipe of docs/sql.md runs on a store of real calls, and says what the records say."""

import re
from collections import Counter
from pathlib import Path
from statistics import mean
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from offhook.queries.store import for_statements
from schemas.cdr import CallRecord, HoldInterval, RelatedCall
from schemas.registrations import Registration
from tests.offhook.fakes import CALL, T0
from tests.offhook.queries.filling import fill
from tests.paths import ROOT

TEXT = (ROOT / "docs" / "sql.md").read_text()
RECIPES = dict(re.findall(r"^### ([^\n]+)\n.*?^```sql\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL))
MAY_BE_EMPTY = {"Where the capture itself lost packets", "Why the far side ended it"} | {
    "Held calls",
    "All legs of a call",
    "Calls in progress",
    "One caller, many numbers",
    "Minutes abroad, against the day before",
}


@pytest.fixture(scope="module")
def answers(real_store: Path) -> dict[str, list[dict[str, Any]]]:
    """The rows of every recipe, as `offhook sql` asks for them."""
    with for_statements(str(real_store), write=False) as client:
        return {
            title: list(client.query(statement, tz_mode="aware").named_results())
            for title, statement in RECIPES.items()
        }


@pytest.fixture(scope="module")
def calls(real_rows: list[Any]) -> list[CallRecord]:
    return [row for row in real_rows if type(row) is CallRecord]


def test_every_block_is_a_recipe_with_a_heading() -> None:
    assert len(RECIPES) == TEXT.count("```sql") >= 25


@pytest.mark.parametrize("title", RECIPES)
def test_a_recipe_gives_rows(answers: dict[str, list[dict[str, Any]]], title: str) -> None:
    assert answers[title] or title in MAY_BE_EMPTY


def test_trunks(answers: dict[str, list[dict[str, Any]]], calls: list[CallRecord]) -> None:
    wanted = {}
    for pair in {(call.src_ip, call.dst_ip) for call in calls}:
        of_pair = [call for call in calls if (call.src_ip, call.dst_ip) == pair]
        lengths = [call.connect_duration for call in of_pair if call.outcome == "answered"]
        acd = round(mean(length or 0.0 for length in lengths), 1) if lengths else None
        wanted[pair] = len(of_pair), round(100 * len(lengths) / len(of_pair), 1), acd
    found = {
        (row["src_ip"], row["dst_ip"]): (row["calls"], row["asr"], row["acd_seconds"])
        for row in answers["ASR and ACD per trunk"]
    }
    assert found.keys() == wanted.keys()
    for pair, (count, asr, acd) in wanted.items():
        assert found[pair][:2] == (count, pytest.approx(asr, abs=0.11))
        assert (
            (found[pair][2] is None or found[pair][2] != found[pair][2])
            if acd is None
            else (found[pair][2] == pytest.approx(acd, abs=0.11))
        )


def test_response_codes(answers: dict[str, list[dict[str, Any]]], calls: list[CallRecord]) -> None:
    found = {row["response_code"]: row["calls"] for row in answers["Response codes"]}
    assert found == Counter(call.response_code for call in calls)


def test_worst_calls(answers: dict[str, list[dict[str, Any]]], calls: list[CallRecord]) -> None:
    lowest = sorted(call.mos for call in calls if call.mos is not None)[:20]
    assert [row["mos"] for row in answers["Worst calls"]] == [pytest.approx(mos, abs=0.006) for mos in lowest]


def test_codecs(answers: dict[str, list[dict[str, Any]]], calls: list[CallRecord]) -> None:
    heard = Counter(stream.codec for call in calls for stream in call.streams if stream.codec)
    assert {row["codec"]: row["streams"] for row in answers["Codecs"]} == heard


def test_who_hung_up(answers: dict[str, list[dict[str, Any]]], calls: list[CallRecord]) -> None:
    wanted = Counter(call.hung_up_by or "nobody seen" for call in calls if call.outcome == "answered")
    assert {row["who"]: row["calls"] for row in answers["Who hung up first"]} == wanted


def test_concurrent_calls(answers: dict[str, list[dict[str, Any]]], calls: list[CallRecord]) -> None:
    changes = sorted(
        [(call.start, 1) for call in calls if call.end_time > call.start]
        + [(call.end_time, -1) for call in calls if call.end_time > call.start]
    )
    most: dict[int, int] = {}
    sums = Counter[int]()
    for time, change in changes:
        sums[time] += change
    now = 0
    for time in sorted(sums):
        now += sums[time]
        minute = time // 60_000_000
        most[minute] = max(most.get(minute, -1), now)
    found = {
        int(row["minute"].timestamp()) // 60: row["concurrent_calls"]
        for row in answers["Concurrent calls over time"]
    }
    assert found == most


def test_loss_by_subnet(answers: dict[str, list[dict[str, Any]]], calls: list[CallRecord]) -> None:
    lost, expected = Counter[str](), Counter[str]()
    for stream in (stream for call in calls for stream in call.streams if ":" not in stream.src_ip):
        subnet = stream.src_ip.rpartition(".")[0] + ".0/24"
        lost[subnet] += stream.lost
        expected[subnet] += stream.expected
    found = {row["subnet"]: row["loss_percent"] for row in answers["Loss, jitter and MOS by subnet"]}
    assert found.keys() == expected.keys()
    for subnet, share in found.items():
        assert share == pytest.approx(100 * lost[subnet] / expected[subnet], abs=0.001)


def test_failing_registrations(answers: dict[str, list[dict[str, Any]]], real_rows: list[Any]) -> None:
    failing = [
        row
        for row in real_rows
        if type(row) is Registration and row.method == "REGISTER" and (row.failures or row.unanswered)
    ]
    assert len(answers["Registrations that fail"]) == min(len(failing), 50)


def test_one_call(answers: dict[str, list[dict[str, Any]]], calls: list[CallRecord]) -> None:
    newest = max(calls, key=lambda call: call.start)
    found = [row["message"] for row in answers["Its SIP, message by message"]]
    events = sorted(newest.sip_events, key=lambda event: event.time)
    assert found == [event.method if event.status is None else str(event.status) for event in events]


HOUR_US, MINUTE_US = 3_600_000_000, 60_000_000


def told(number: int, at_us: int, **changes: Any) -> CallRecord:
    """A call of its own, an hour on a Monday and later."""
    return replace(
        CALL,
        cdr_id=str(UUID(int=number)),
        call_id=f"{number}@told",
        start=T0 + at_us,
        end_time=T0 + at_us + 3 * MINUTE_US,
        sip_events=[],
        streams=[],
        **changes,
    )


@pytest.fixture(scope="module")
def told_answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """The answers of a store in which everything happened that recipes look for."""
    robot = [told(n, n * 1_000_000, caller="+15550000", callee=f"+1202{n:03}") for n in range(1, 8)]
    abroad = [
        told(20, 0, caller="spy", callee="+441", connect_duration=60.0),
        told(21, 24 * HOUR_US, caller="spy", callee="0044", connect_duration=600.0),
        told(22, 24 * HOUR_US, caller="spy", callee="+1202", connect_duration=6000.0),
    ]
    again = [
        told(30, 0, caller="a", callee="b", outcome="rejected"),
        told(31, MINUTE_US, caller="a", callee="b", outcome="rejected"),
        told(32, 2 * MINUTE_US, caller="a", callee="b", outcome="answered"),
        told(33, 3 * MINUTE_US, caller="a", callee="b", outcome="answered"),
        told(34, HOUR_US, caller="a", callee="b", outcome="answered"),
    ]
    hold = [
        HoldInterval("a", T0 + MINUTE_US, T0 + 2 * MINUTE_US),
        HoldInterval("b", T0 + 2 * MINUTE_US, None),
    ]
    others = [
        told(40, 0, hold=hold),
        told(41, 0, related=[RelatedCall("42@told", "numbers")]),
        told(42, 0),
        told(43, 0, complete=False),
    ]
    path = tmp_path_factory.mktemp("told") / "store"
    fill(path, [*robot, *abroad, *again, *others])
    with for_statements(str(path), write=False) as client:
        return {title: list(client.query(text).named_results()) for title, text in RECIPES.items()}


def test_a_robot_is_found(told_answers: dict[str, list[dict[str, Any]]]) -> None:
    (row,) = told_answers["One caller, many numbers"]
    assert (row["caller"], row["calls"], row["callees"]) == ("+15550000", 7, 7)


def test_minutes_abroad_by_day(told_answers: dict[str, list[dict[str, Any]]]) -> None:
    rows = told_answers["Minutes abroad, against the day before"]
    assert [(row["who"], row["calls"], row["minutes"], row["more"]) for row in rows[:2]] == [
        ("spy", 1, 10.0, 9.0),
        ("spy", 1, 1.0, 1.0),
    ]


def test_what_is_tried_again(told_answers: dict[str, list[dict[str, Any]]]) -> None:
    (row,) = (row for row in told_answers["Tried again"] if row["caller"] == "a")
    assert (row["callee"], row["again"]) == ("b", 2)


def test_held_calls(told_answers: dict[str, list[dict[str, Any]]]) -> None:
    (row,) = told_answers["Held calls"]
    assert (row["times"], row["seconds"]) == (2, 120.0)


def test_legs(told_answers: dict[str, list[dict[str, Any]]]) -> None:
    assert {row["call_id"] for row in told_answers["All legs of a call"]} == {"41@told", "42@told"}


def test_calls_in_progress(told_answers: dict[str, list[dict[str, Any]]]) -> None:
    assert [row["call_id"] for row in told_answers["Calls in progress"]] == ["43@told"]


def test_erlangs(told_answers: dict[str, list[dict[str, Any]]]) -> None:
    (row,) = (row for row in told_answers["Busy hour, in erlangs"] if row["calls"] == 1)
    assert row["erlangs"] == round((CALL.duration or 0) / 3600, 2)


def test_concurrent_calls_of_a_trunk(told_answers: dict[str, list[dict[str, Any]]]) -> None:
    (row,) = told_answers["Concurrent calls per trunk"]
    assert row["trunk"] == CALL.dst_ip
    assert row["at_most"] == 7 + 1 + 3 + 4  # of each group the most at once, in the third minute
