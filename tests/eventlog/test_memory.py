"""The log in memory: one step is there at once or not at all."""

import subprocess
import sys

import pytest

from eventlog.log import Entry, LogError
from eventlog.memory import MemoryLog
from schemas.channels import ChannelDecision

DECISION = ChannelDecision(account="acme", site="hq", cdr_id="1", call_id="a@b", admitted=True, taken=3)


def test_a_step_puts_facts_state_and_offsets_there_together() -> None:
    log = MemoryLog()
    log.append("sip.messages", 0, b"", "batch")
    with log.transaction("calls-0") as step:
        step.append("cdr", 0, b"1", "record")
        step.save({b"call": b"open", b"gone": b"x"})
        step.save({b"gone": None})
        step.applied("sip.messages", 0, 0)
        assert log.read("cdr", 0, 0) == []
        assert log.state("calls-0") == {}
        assert log.applied_offsets("calls-0") == {}
    assert log.read("cdr", 0, 0) == [Entry(0, b"1", "record")]
    assert log.state("calls-0") == {b"call": b"open"}
    assert log.applied_offsets("calls-0") == {("sip.messages", 0): 0}


@pytest.mark.parametrize("encode", [False, True])
def test_a_step_that_fails_leaves_nothing(encode: bool) -> None:
    log = MemoryLog(encode=encode)
    log.append("channel.decisions", 0, b"", DECISION)
    with log.transaction("calls-0") as step:
        step.save({b"call": b"open"})
    with pytest.raises(ZeroDivisionError), log.transaction("calls-0") as step:
        step.append("channel.decisions", 0, b"1", DECISION)
        step.save({b"call": None, b"other": b"y"})
        step.applied("channel.decisions", 0, 0)
        raise ZeroDivisionError
    assert len(log.read("channel.decisions", 0, 0)) == 1
    assert log.state("calls-0") == {b"call": b"open"}
    assert log.applied_offsets("calls-0") == {}
    with log.transaction("calls-0") as step:
        step.applied("channel.decisions", 0, 0)
    assert log.applied_offsets("calls-0") == {("channel.decisions", 0): 0}


def test_owners_have_state_of_their_own_and_may_step_at_the_same_time() -> None:
    log = MemoryLog()
    with log.transaction("calls-0") as one, log.transaction("calls-1") as two:
        one.save({b"k": b"0"})
        two.save({b"k": b"1"})
        one.append("cdr", 0, b"", "from 0")
        two.append("cdr", 0, b"", "from 1")
    assert log.state("calls-0") == {b"k": b"0"}
    assert log.state("calls-1") == {b"k": b"1"}
    assert [entry.value for entry in log.read("cdr", 0, 0)] == ["from 1", "from 0"]


def test_applied_offsets_never_go_back_nor_ahead_of_the_records() -> None:
    log = MemoryLog()
    for number in range(3):
        log.append("cdr", 0, b"", number)
    with log.transaction("sink") as step:
        step.applied("cdr", 0, 1)
    with pytest.raises(LogError, match="cdr/0"), log.transaction("sink") as step:
        step.applied("cdr", 0, 0)
    with pytest.raises(LogError, match="cdr/0"), log.transaction("sink") as step:
        step.applied("cdr", 0, 3)
    assert log.applied_offsets("sink") == {("cdr", 0): 1}


def test_trim_forgets_what_every_subscriber_has_applied() -> None:
    log = MemoryLog()
    log.subscribe("sink", "cdr", 0)
    log.subscribe("forwarder", "cdr", 0)
    for number in range(4):
        log.append("cdr", 0, b"", number)
        log.append("cdr.rejected", 0, b"", number)
    with log.transaction("sink") as step:
        step.applied("cdr", 0, 3)
    assert log.trim() == 0
    with log.transaction("forwarder") as step:
        step.applied("cdr", 0, 1)
    assert log.trim() == 2
    assert [entry.offset for entry in log.read("cdr", 0, 2)] == [2, 3]
    with pytest.raises(LogError, match="forgotten"):
        log.read("cdr", 0, 1)
    assert len(log.read("cdr.rejected", 0, 0)) == 4
    log.append("cdr", 0, b"", 4)
    assert log.read("cdr", 0, 4) == [Entry(4, b"", 4)]


def test_partitions_are_one_number_or_by_topic() -> None:
    assert MemoryLog().partitions("cdr") == 1
    assert MemoryLog(8).partitions("cdr") == 8
    log = MemoryLog({"cdr": 2})
    assert (log.partitions("cdr"), log.partitions("channels")) == (2, 4)
    with pytest.raises(LogError, match="2 partitions"):
        log.append("cdr", 2, b"", 0)
    with pytest.raises(LogError, match="nonsense"):
        log.read("nonsense", 0, 0)


def test_with_encode_a_reader_gets_an_equal_record_that_is_another_object() -> None:
    log = MemoryLog(encode=True)
    log.append("channel.decisions", 0, b"1", DECISION)
    (entry,) = log.read("channel.decisions", 0, 0)
    assert entry.value == DECISION
    assert entry.value is not DECISION


def test_a_stages_own_state_topic_is_never_encoded() -> None:
    log = MemoryLog(encode=True)
    log.append("media.state", 0, b"flow", b"bytes of the stage")
    assert log.read("media.state", 0, 0) == [Entry(0, b"flow", b"bytes of the stage")]


def test_the_log_loads_no_codec_unless_asked() -> None:
    program = (
        "import sys; from eventlog.memory import MemoryLog; MemoryLog();"
        "print([name for name in ('fastavro', 'avro', 'lz4', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
