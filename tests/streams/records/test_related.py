"""Calls that belong together."""

from streams.bounds import RELATED_MAX
from tests.streams.records.calls import Call, at, call, ended, run


def _leg(number: int, start: float, end: float = 100.0, **fields: object) -> Call:
    made = call(number, start_us=at(start), invite_us=at(start), failure_us=at(end), status=486, **fields)
    return ended(made, end, "failure")


def _related(*calls: Call) -> dict[str, list[tuple[str, str]]]:
    found = run(calls).records
    return {each.call_id: [(leg.call_id, leg.why) for leg in each.related] for each in found}


def test_legs_with_one_session_id_name_each_other() -> None:
    found = _related(_leg(1, 0, session_id="s"), _leg(2, 60, session_id="s"), _leg(3, 0, session_id="t"))
    assert found == {
        "call-1@a": [("call-2@a", "session-id")],
        "call-2@a": [("call-1@a", "session-id")],
        "call-3@a": [],
    }


def test_a_leg_that_is_named_names_the_other_back() -> None:
    naming = _leg(2, 1, related=[("call-1@a", "X-Call-ID")])
    found = _related(_leg(1, 0), naming)
    assert found["call-1@a"] == [("call-2@a", "X-Call-ID")]
    assert found["call-2@a"] == [("call-1@a", "X-Call-ID")]


def test_the_same_numbers_at_the_same_time_are_a_hint() -> None:
    numbers = {"caller": "+49 30 123456", "callee": "0049-40-654321"}
    near = _leg(2, 9.9, caller="0030123456", callee="654321")
    far = _leg(3, 20.5, **numbers)
    found = _related(_leg(1, 0, **numbers), near, far)
    assert found["call-1@a"] == [("call-2@a", "numbers")]
    assert found["call-2@a"] == [("call-1@a", "numbers")]
    assert found["call-3@a"] == []


def test_short_numbers_say_nothing() -> None:
    assert _related(_leg(1, 0, caller="101", callee="102"), _leg(2, 1, caller="101", callee="102")) == {
        "call-1@a": [],
        "call-2@a": [],
    }


def test_a_call_names_a_bounded_number_of_others() -> None:
    legs = [_leg(n, n / 100, session_id="s") for n in range(1, 40)]
    assert max(len(others) for others in _related(*legs).values()) == RELATED_MAX
