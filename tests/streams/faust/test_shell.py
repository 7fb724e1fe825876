"""A worker that has only some inputs of a partition ends; what was written of steps can be read."""

import asyncio

import pytest
from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from eventlog.kafka.errors import StateError
from eventlog.kafka.settings import KafkaSettings
from eventlog.kafka.wire import Wire
from streams.calls import Calls
from streams.faust import journal as journals
from streams.faust import shell as shells
from streams.faust.exits import Exit
from streams.faust.journal import Journal, Step
from streams.faust.partition import Shared
from streams.faust.settings import StreamsSettings
from streams.faust.stages import Plan

SHARED = Shared(KafkaSettings(topic_prefix="x."), StreamsSettings(), Wire(), {})


class _EndedError(Exception):
    pass


def test_inputs_that_are_apart_end_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = []

    def end(code: Exit, why: str) -> None:
        ended.append((code, why))
        raise _EndedError

    monkeypatch.setattr(shells, "end_process", end)
    shell = shells.Shell(Plan("calls", Calls.inputs, Calls), SHARED)
    assigned = [TP("x.sip.messages", 1), TP("x.media.windows", 1), TP("x.rtp.packets", 1)]
    with pytest.raises(_EndedError):
        asyncio.run(shell.open(assigned))
    ((code, why),) = ended
    assert code is Exit.APART
    assert "calls-1" in why and "x.media.windows, x.sip.messages" in why


offsets = st.lists(st.integers(-1, 2**62), min_size=3, max_size=3)


@given(offsets, st.lists(st.builds(Step, offsets, st.integers(0, 2**31)), max_size=20))
def test_a_journal_is_read_as_it_was_written(saved: list[int], steps: list[Step]) -> None:
    journal = Journal(saved, steps)
    assert journals.decode(journal.encode()) == journal


def test_a_journal_that_is_none_is_an_error_of_the_state() -> None:
    with pytest.raises(StateError, match="journal"):
        journals.decode(b"\xc1")


@pytest.mark.parametrize(
    "bad", [{"session_s": 0.5}, {"commit_ms": -1}, {"checkpoint_s": 301}, {"stalled_s": 0}]
)
def test_settings_that_cannot_work_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        StreamsSettings(**bad)  # type: ignore[arg-type]
