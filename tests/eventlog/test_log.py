"""What every twin of the log does: one suite for memory, SQLite and Kafka."""

from typing import Any

import pytest

from eventlog.log import Entry, LogError
from schemas.channels import ChannelDecision
from schemas.framing import EncodeError
from tests.eventlog.conftest import MakeLog

TOPIC = "channel.decisions"
PLACE = (TOPIC, 0)


def decision(number: int) -> ChannelDecision:
    return ChannelDecision(
        account="acme", site="hq", cdr_id=str(number), call_id="a@b", admitted=True, taken=number
    )


def append(log: Any, *numbers: int) -> None:
    """Append, and wait until it is there."""
    for number in numbers:
        log.append(TOPIC, 0, b"key", decision(number))
    if hasattr(log, "flush"):
        log.flush(30)


def numbers(log: Any, offset: int = 0, limit: int | None = None) -> list[int]:
    return [entry.value.taken for entry in log.read(TOPIC, 0, offset, limit)]


def test_records_are_read_in_order_from_any_offset(log: Any) -> None:
    append(log, *range(5))
    assert log.read(TOPIC, 0, 3) == [Entry(3, b"key", decision(3)), Entry(4, b"key", decision(4))]
    assert numbers(log, 1, limit=2) == [1, 2]
    assert numbers(log) == [0, 1, 2, 3, 4]
    assert log.read(TOPIC, 0, 5) == []
    append(log, 5)
    assert numbers(log, 5) == [5]


def test_a_step_puts_facts_state_and_offsets_there_together(log: Any) -> None:
    append(log, 0)
    with log.transaction("calls-0") as step:
        step.append("sip.messages", 0, b"", _sip())
        step.save({b"call": b"open", b"gone": b"x"})
        step.save({b"gone": None})
        step.applied(TOPIC, 0, 0)
        assert log.read("sip.messages", 0, 0) == []
        assert log.state("calls-0") == {}
        assert log.applied_offsets("calls-0") == {}
    assert [entry.value for entry in log.read("sip.messages", 0, 0)] == [_sip()]
    assert log.state("calls-0") == {b"call": b"open"}
    assert log.applied_offsets("calls-0") == {PLACE: 0}


def test_a_step_that_fails_leaves_nothing(log: Any) -> None:
    append(log, 0)
    with log.transaction("calls-0") as step:
        step.save({b"call": b"open"})
    with pytest.raises(ZeroDivisionError), log.transaction("calls-0") as step:
        step.append(TOPIC, 0, b"1", decision(1))
        step.save({b"call": None, b"other": b"y"})
        step.applied(TOPIC, 0, 0)
        raise ZeroDivisionError
    assert numbers(log) == [0]
    assert log.state("calls-0") == {b"call": b"open"}
    assert log.applied_offsets("calls-0") == {}
    with log.transaction("calls-0") as step:
        step.applied(TOPIC, 0, 0)
    assert log.applied_offsets("calls-0") == {PLACE: 0}


def test_a_value_that_cannot_be_encoded_fails_the_step(log: Any) -> None:
    with pytest.raises(EncodeError, match=r"channel\.decisions: str"), log.transaction("calls-0") as step:
        step.append(TOPIC, 0, b"1", decision(1))
        step.append(TOPIC, 0, b"2", "no decision")
    assert log.read(TOPIC, 0, 0) == []


def test_state_handed_out_is_not_the_logs_own(log: Any) -> None:
    with log.transaction("media-0") as step:
        step.save({b"flow": b"1"})
    log.state("media-0").clear()
    log.applied_offsets("media-0")[PLACE] = 7
    assert log.state("media-0") == {b"flow": b"1"}
    assert log.applied_offsets("media-0") == {}


def test_owners_have_state_of_their_own_and_may_step_at_the_same_time(log: Any) -> None:
    with log.transaction("calls-0") as one, log.transaction("media-0") as two:
        one.save({b"k": b"calls"})
        two.save({b"k": b"media"})
        one.append(TOPIC, 0, b"", decision(0))
        two.append(TOPIC, 0, b"", decision(1))
    assert log.state("calls-0") == {b"k": b"calls"}
    assert log.state("media-0") == {b"k": b"media"}
    assert numbers(log) == [1, 0]


def test_an_owner_has_one_step_at_a_time(log: Any) -> None:
    with pytest.raises(LogError, match="calls-0"), log.transaction("calls-0"), log.transaction("calls-0"):
        pass
    with log.transaction("calls-0"):
        pass


def test_applied_offsets_never_go_back(log: Any) -> None:
    append(log, 0, 1, 2)
    with log.transaction("calls-0") as step:
        step.applied(TOPIC, 0, 1)
    with pytest.raises(LogError, match=TOPIC), log.transaction("calls-0") as step:
        step.applied(TOPIC, 0, 0)
    with pytest.raises(LogError, match=TOPIC), log.transaction("calls-0") as step:
        step.applied(TOPIC, 0, 2)
        step.applied(TOPIC, 0, 1)
    assert log.applied_offsets("calls-0") == {PLACE: 1}


def test_a_reader_that_keeps_no_state_goes_on_behind_what_it_applied(open_log: MakeLog, twin: str) -> None:
    log = open_log()
    append(log, *range(4))
    with log.transaction("a sink") as step:
        step.applied(TOPIC, 0, 1)
    if twin != "memory":
        log.close()
    again = open_log()
    start = again.applied_offsets("a sink")[PLACE] + 1
    assert numbers(again, start) == [2, 3]


def test_a_restart_finds_facts_state_and_offsets(open_log: MakeLog, twin: str) -> None:
    log = open_log()
    append(log, 0, 1)
    for number in range(3):
        with log.transaction("calls-0") as step:
            step.append("sip.messages", 0, b"", _sip())
            step.save({b"n": b"%d" % number, b"old %d" % number: b"", b"old %d" % (number - 1): None})
            step.applied(TOPIC, 0, min(number, 1))
    if twin != "memory":
        log.close()
    again = open_log()
    assert again.state("calls-0") == {b"n": b"2", b"old 2": b""}
    assert again.applied_offsets("calls-0") == {PLACE: 1}
    assert len(again.read("sip.messages", 0, 0)) == 3
    append(again, 2)
    assert numbers(again) == [0, 1, 2]


def test_a_topic_or_partition_that_is_not_there_is_said(log: Any) -> None:
    assert log.partitions(TOPIC) == 1
    with pytest.raises(LogError, match="1 partitions"):
        log.append(TOPIC, 1, b"", decision(0))
    with pytest.raises(LogError, match="nonsense"):
        log.read("nonsense", 0, 0)


def _sip() -> Any:
    from schemas.sip_messages import SipBatch

    return SipBatch(account="acme", site="hq", sensor="s", clock_us=1, messages=[])
