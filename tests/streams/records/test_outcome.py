"""Outcome, end, durations and bye code: the table of what can become of a call."""

from collections.abc import Callable

import pytest

from streams.dialogs.call import (
    CANCEL,
    CAPTURE_END,
    EVICTED,
    FAILURE,
    TIMEOUT_ABSOLUTE,
    TIMEOUT_NO_ANSWER,
    TIMEOUT_ONE_WAY,
    TOO_MANY_MESSAGES,
    Call,
)
from tests.streams.records.calls import Stream, answered, at, call, ended, hang_up, record


def _unconfirmed() -> Call:
    made = answered()
    made.bye_ok_us = None
    return made


def _late_bye() -> Call:
    made = call(invite_us=None, flags=["start-not-seen"])
    hang_up(made, 3)
    return made


def _failed(status: int) -> Call:
    return ended(call(failure_us=at(2), status=status), 2, FAILURE)


TABLE: list[tuple[str, Callable[[], Call], str, int]] = [
    ("hung up", answered, "answered", 3),
    ("BYE not confirmed", _unconfirmed, "answered", 2),
    ("no BYE", lambda: ended(answered(bye=None), 9, CAPTURE_END), "answered", 1),
    ("busy", lambda: _failed(486), "rejected", 0),
    ("never authorised", lambda: _failed(407), "rejected", 0),
    ("moved", lambda: _failed(302), "redirected", 0),
    (
        "given up",
        lambda: ended(call(cancel_us=at(2), failure_us=at(2), status=487), 2, CANCEL),
        "cancelled",
        0,
    ),
    ("given up, no answer", lambda: ended(call(cancel_us=at(2), status=180), 2, CANCEL), "cancelled", 0),
    (
        "rang for ever",
        lambda: ended(call(ringing_us=at(1), status=180), 1, TIMEOUT_ABSOLUTE),
        "unanswered",
        102,
    ),
    ("nobody there", lambda: ended(call(), 0, TIMEOUT_NO_ANSWER), "unanswered", 107),
    ("one direction", lambda: ended(call(responses_seen=False), 0, TIMEOUT_ONE_WAY), "unanswered", 101),
    ("capture ended", lambda: ended(call(ringing_us=at(1), status=180), 1, CAPTURE_END), "unfinished", 0),
    ("only a BYE", _late_bye, "unfinished", 106),
    ("too many messages", lambda: ended(answered(bye=None), 9, TOO_MANY_MESSAGES), "answered", 109),
    ("over calls_max", lambda: ended(answered(bye=None), 9, EVICTED), "answered", 110),
    (
        "capture drops",
        lambda: ended(answered(bye=None, flags=["capture-drops"]), 9, CAPTURE_END),
        "answered",
        100,
    ),
]


@pytest.mark.parametrize(
    ("make", "outcome", "code"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_outcome(make: Callable[[], Call], outcome: str, code: int) -> None:
    found = record(make())
    assert (found.outcome, found.bye_code) == (outcome, code)


def test_durations() -> None:
    made = answered(answer=5.0, bye=40.0)
    made.trying_us, made.first_response_us, made.ringing_us = at(0.1), at(1.5), at(1.5)
    found = record(made)
    assert found.end_time == found.bye_time == at(40)
    assert found.duration == 40.02  # to the 2xx of the BYE
    assert found.connect_duration == 35.0
    assert (found.pdd, found.response_time_100_ms, found.response_time_ms) == (1.5, 100.0, 1500.0)
    assert found.post_bye_delay == 0.02
    assert found.hung_up_by == "caller"


def test_without_18x_the_2xx_ends_the_dial_delay() -> None:
    assert record(answered(answer=2.0)).pdd == 2.0


def test_what_was_heard_in_the_wrong_order_tells_no_duration() -> None:
    made = answered()
    made.trying_us = made.ringing_us = made.first_response_us = at(-1.2)  # a file put together out of order
    found = record(made)
    assert (found.pdd, found.response_time_100_ms, found.response_time_ms) == (None, None, None)
    assert found.ringing_time == at(-1.2)


def test_without_bye_the_last_packet_ends_the_call() -> None:
    cut = ended(answered(bye=None), 0, CAPTURE_END)
    found = record(cut, Stream("a", 0, 17), Stream("b", 0, 16, number=2))
    assert (found.end_time, found.connect_duration) == (at(17), 17.0)
    assert found.post_bye_delay is None
    assert "end-not-seen" in found.flags


def test_a_failed_call_was_never_connected() -> None:
    found = record(_failed(404))
    assert (found.end_time, found.duration, found.connect_duration) == (at(2), 2.0, None)
    assert (found.response_code, found.complete) == (404, True)
