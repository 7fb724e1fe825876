"""What --filter selects, and that its terms behave as conditions do."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from offhook import filters
from offhook.errors import UsageError
from offhook.times import Clock
from schemas.cdr import CallRecord, StreamRecord
from schemas.registrations import Registration
from streams.records import flags
from tests.offhook.fakes import BUSY, CALL, MESSAGE, STREAM, WINDOW

UTC = Clock("UTC")


def matches(expression: str, row: object = CALL) -> bool:
    return filters.compile_filter(filters.parse([expression]), type(row), UTC)(row)


@pytest.mark.parametrize(
    "expression",
    [
        "caller=1202*",
        "caller=12025550123",
        "caller=*0123",
        "caller=*555*",
        "callee=420*",
        "number=420*",
        "number=1202*",
        "number=999*|420*",
        "ip=10.0.0.1",
        "ip=10.0.0.0/8",
        "ip=192.0.2.7",
        "ip=172.16.1.10",  # of its media
        "src=10.0.0.0/24",
        "dst=172.16.0.0/12",
        "outcome=answered",
        "outcome=cancelled|answered",
        "outcome!=rejected",
        "code=200",
        "code=2xx",
        "code<300",
        "codec=pcma",
        "mos<4.2",
        "mos>=4.4",
        "duration>10",
        "duration<=22.12",
        "pdd=0.5",
        "loss>0.5",
        "jitter<2",
        "time>=2026-09-21T14:13:20",
        "time=2026-09-21..2026-09-22",
        "time=..2026-09-21T14:13:20.5",
        "call-id=abc@*",
        "call_id=abc@10.0.0.1",
        "agent=phone*",
        "hung-up-by=caller",
        " caller = 1202* , mos < 4.2 ",
        "flags!=one-way",
    ],
)
def test_the_call_matches(expression: str) -> None:
    assert matches(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "caller=202*",
        "caller=*012",
        "callee=1202*",
        "number=555*",
        "ip=10.0.0.2",
        "ip=2001:db8::/32",
        "outcome=rejected",
        "code=4xx",
        "code=486",
        "codec=opus",
        "mos<3.5",
        "duration>30",
        "time<2026-09-21T14:13:20",
        "time=2026-09-22..",
        "time=..2026-09-21T14:13:20",  # the end does not belong to it
        "call-id=ABC*",
        "flags=one-way",
        "caller=1202*,mos<3.5",
    ],
)
def test_the_call_does_not_match(expression: str) -> None:
    assert not matches(expression)


def test_an_unknown_value_matches_no_comparison() -> None:
    for expression in ("mos<5", "mos>0", "mos=0", "mos>=0", "pdd<100", "codec=*"):
        assert not matches(expression, BUSY), expression
    assert matches("mos!=4.1", BUSY)


def test_a_leading_plus_counts_only_where_it_is_written() -> None:
    assert matches("caller=1202*", BUSY)
    assert matches("caller=+1202*", BUSY)
    assert not matches("caller=+1202*", CALL)


def test_what_stands_out_can_be_asked_for_by_name() -> None:
    call = replace(CALL, one_way="b", dead_air_a=3.0, capture_drops=2, t38=True, flags=["no-rtp"])
    for flag in ("one-way", "one_way_b", "dead-air", "capture-drops", "T38", "no-rtp"):
        assert matches(f"flags={flag}", call), flag
    assert not matches("flags=encrypted", call)


def test_streams_windows_and_messages_have_filters_of_their_own() -> None:
    assert matches("side=a,codec=pcmu,packets>900,ssrc=deadbeef,duration>=20", STREAM)
    assert matches("side=a,mos<4.2,time>=2026-09-21", WINDOW)
    assert matches("method=INVITE,number=1202*,ip=10.0.0.0/8", MESSAGE)
    assert matches("code=2xx", replace(MESSAGE, status=200))
    assert not matches("code=2xx", MESSAGE)


def test_a_time_is_read_in_the_zone_of_the_clock() -> None:
    terms = filters.parse(["time>=2026-09-21T16:13:20", "time<2026-09-21T16:13:21"])
    assert filters.compile_filter(terms, CallRecord, Clock("Europe/Prague"))(CALL)
    assert not filters.compile_filter(terms, CallRecord, UTC)(CALL)


@pytest.mark.parametrize(
    "expression",
    [
        "caller",
        "caller=",
        "=5",
        "nothing=5",
        "mos<good",
        "mos<nan",
        "code=4x",
        "code=x",
        "ip=10.0.0.0/64",
        "ip=somewhere",
        "time>=tomorrow",
        "time=2026-09-21",
        "caller<5",
        "caller=12*34*5",
        "caller=|",
    ],
)
def test_what_is_no_filter_is_refused_in_one_line(expression: str) -> None:
    with pytest.raises(UsageError) as refused:
        matches(expression)
    assert "\n" not in str(refused.value)


def test_terms_and_alternatives_are_bounded() -> None:
    with pytest.raises(UsageError, match="terms"):
        filters.parse(["mos<1," * 100])
    with pytest.raises(UsageError, match="values"):
        matches("caller=" + "|".join(str(n) for n in range(1000)))


numbers = st.text("+0123456789", min_size=1, max_size=15)
calls = st.builds(
    lambda caller, callee, mos, code: replace(
        CALL, caller=caller, callee=callee, mos_a=mos, mos_b=None, response_code=code
    ),
    numbers | st.none(),
    numbers | st.none(),
    st.floats(1, 4.5) | st.none(),
    st.integers(100, 699) | st.none(),
)
terms = st.one_of(
    st.builds("{}={}*".format, st.sampled_from(["caller", "callee", "number"]), numbers),
    st.builds("{}=*{}".format, st.sampled_from(["caller", "callee", "number"]), numbers),
    st.builds("mos{}{:.3f}".format, st.sampled_from(["<", "<=", ">", ">="]), st.floats(1, 4.5)),
    st.builds("code{}{}".format, st.sampled_from(["<", "=", ">"]), st.integers(100, 699)),
)


@settings(max_examples=150, deadline=None)
@given(calls, st.lists(terms, min_size=1, max_size=4))
def test_terms_are_conditions_that_all_must_hold(call: CallRecord, expressions: list[str]) -> None:
    together = matches(",".join(expressions), call)
    assert together == all(matches(expression, call) for expression in expressions)
    assert together == filters.compile_filter(filters.parse(expressions), CallRecord, UTC)(call)


@settings(max_examples=100, deadline=None)
@given(calls, numbers, numbers)
def test_alternatives_are_one_or_the_other(call: CallRecord, one: str, two: str) -> None:
    either = matches(f"number={one}*|{two}*", call)
    assert either == (matches(f"number={one}*", call) or matches(f"number={two}*", call))
    assert matches(f"number!={one}*|{two}*", call) != either


@settings(max_examples=100, deadline=None)
@given(calls, st.floats(1, 4.5))
def test_below_and_not_below_part_the_known(call: CallRecord, limit: float) -> None:
    below, above = matches(f"mos<{limit}", call), matches(f"mos>={limit}", call)
    assert below + above == (call.mos_a is not None)


def test_streams_know_their_own_names_only() -> None:
    caller, codec = filters.parse(["caller=1", "codec=pcmu"])
    assert not filters.knows(StreamRecord, caller)
    assert filters.knows(StreamRecord, codec)


@pytest.mark.parametrize(
    ("expression", "row", "said"),
    [
        ("outcome=anwsered", CALL, "cancelled"),
        ("outcome!=busy", CALL, "rejected"),
        ("outcome=answered|failed", CALL, "'failed'"),
        ("flags=oneway", CALL, "one-way"),
        ("hung_up_by=a", CALL, "caller"),
        ("side=c", STREAM, "a, b"),
        ("side=caller", WINDOW, "a, b"),
    ],
)
def test_a_word_that_never_occurs_is_refused_with_those_that_do(
    expression: str, row: object, said: str
) -> None:
    with pytest.raises(UsageError) as refusal:
        matches(expression, row)
    assert said in str(refusal.value)


def test_every_flag_and_outcome_may_be_asked_for() -> None:
    for flag in flags.MEANINGS:
        assert matches(f"flags={flag}", replace(CALL, flags=[flag]))
        assert matches(f"flags={flag.upper().replace('-', '_')}|*x*", replace(CALL, flags=[flag]))
    for state in ("registered", "unregistered", "expired", "challenged", "failed", "unanswered", "answered"):
        filters.compile_filter(filters.parse([f"state={state}"]), Registration, UTC)
