"""The twins of the log, for one suite of tests."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from eventlog.kafka.log import KafkaLog
from eventlog.memory import MemoryLog
from eventlog.sqlite.log import SqliteLog
from tests.eventlog.kafka.cluster import created, run, settings

MakeLog = Callable[[], Any]

TOPICS = ("channel.decisions", "sip.messages", "cdr", "calls.state", "media.state", "channels.state")


@pytest.fixture(params=["memory", "sqlite", "kafka"])
def twin(request: pytest.FixtureRequest) -> str:
    """Which log it is."""
    return str(request.param)


@pytest.fixture
def open_log(twin: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeLog]:
    """Opens the test's log; a second call, after close(), opens the same one again (memory: what is left)."""
    if twin == "memory":
        kept = MemoryLog(encode=True)
        yield lambda: kept
        return
    with ExitStack() as opened:
        if twin == "sqlite":
            yield lambda: opened.enter_context(SqliteLog(tmp_path / "log.sqlite"))
        else:
            kafka, prefix = request.getfixturevalue("kafka"), request.getfixturevalue("prefix")
            chosen = run(created(settings(kafka, prefix), *TOPICS))
            yield lambda: opened.enter_context(KafkaLog(chosen))


@pytest.fixture
def log(open_log: MakeLog) -> Any:
    """The test's log, with one partition a topic."""
    return open_log()
