"""From the log in a file into a store: refusals lie in the log, a store that fails is tried again."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eventlog.sqlite.log import SqliteLog
from offhook.errors import DONE
from offhook.main import main
from schemas.dead_letters import KEPT_BYTES, DeadLetter
from sinks.clickhouse.client import Store
from sinks.clickhouse.sink import ClickHouseSink
from sinks.deliver_log import LogDelivery
from sinks.settings import SinkSettings
from tests.sinks.records import call, count

SETTINGS = SinkSettings(batch_age_s=0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.sqlite"


@pytest.fixture
def log(path: Path) -> Iterator[SqliteLog]:
    with SqliteLog(path) as opened:
        yield opened


class Told(threading.Event):
    """Is told to stop when it is asked to wait for the so manieth time."""

    def __init__(self, waits: int) -> None:
        super().__init__()
        self.waits: list[float | None] = []
        self._left = waits

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout)
        if len(self.waits) >= self._left:
            self.set()
        return self.is_set()


def delivery(log: SqliteLog, store: Store, **changes: Any) -> LogDelivery:
    sink = ClickHouseSink(store, retention_days=0, settings=SETTINGS)
    return LogDelivery(log, sink, SETTINGS, owner="sink", mask=bytes, **changes)


def append(log: SqliteLog, *numbers: int, **changes: Any) -> None:
    log.append_all([("cdr", 0, b"k", call(number, **changes)) for number in numbers])


def letters(log: SqliteLog) -> list[DeadLetter]:
    return [entry.value for entry in log.read("dead.letters", 0, 0)]


def test_what_is_not_due_yet_is_no_news(log: SqliteLog, store: Store) -> None:
    append(log, 0)
    later = SinkSettings(batch_age_s=60, bulk_age_s=60)
    sink = ClickHouseSink(store, retention_days=0, settings=later)
    delivering = LogDelivery(log, sink, later, owner="sink", mask=bytes)
    stop = threading.Event()
    assert delivering.step(stop)
    assert not delivering.step(stop)  # so that it waits, and does not ask again and again
    stop.set()
    delivering.run(stop)
    assert count(store, "cdr") == 1


def test_rows_and_offsets_and_what_is_refused_alone(log: SqliteLog, store: Store) -> None:
    append(log, 0, 1)
    append(log, 2, src_port=70_000)
    append(log, 3)
    delivering = delivery(log, store)
    assert sum(delivering.lag().values()) == 4
    delivering.run(Told(1))
    assert count(store, "cdr") == 3
    assert sum(delivering.lag().values()) == 0
    (letter,) = letters(log)
    assert (letter.source, letter.topic, letter.partition, letter.offset) == ("sink", "cdr", 0, 2)
    assert letter.reason.startswith("cdr: ")
    assert letter.key == b"k"
    delivery(log, store).run(Told(1))
    assert len(letters(log)) == 1


def test_a_long_record_that_was_refused_can_be_brought_back_when_the_log_has_forgotten_it(
    log: SqliteLog, path: Path, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    long = {"User-Agent": "x" * 10_000}
    append(log, 0, src_port=70_000, headers=long)
    delivery(log, store).run(Told(1))
    (letter,) = letters(log)
    assert len(letter.value) == letter.value_bytes > KEPT_BYTES
    log.trim()
    assert log.read("cdr", 0, log.start("cdr", 0)) == []
    log.close()
    assert main(["deadletters", "show", "0:0", "--state", str(path.parent)]) == DONE
    assert f"the first {KEPT_BYTES} of {letter.value_bytes} bytes" in capsys.readouterr().out
    assert main(["deadletters", "replay", "0:0", "--state", str(path.parent)]) == DONE
    with SqliteLog(path) as again:
        (entry,) = again.read("cdr", 0, again.start("cdr", 0))
        assert entry.value.headers == long


def test_a_store_that_takes_nothing_is_tried_again(log: SqliteLog, store: Store) -> None:
    append(log, 0, 1)
    delivering = delivery(log, store)
    store.client.command("RENAME TABLE cdr TO elsewhere")
    for waited in (0.5, 1.0):
        stop = Told(1)
        delivering.step(stop)
        assert stop.waits == [waited]
        assert delivering.trouble
    assert sum(delivering.lag().values()) == 2
    store.client.command("RENAME TABLE elsewhere TO cdr")
    delivering.step(Told(1))
    assert delivering.trouble is None
    assert (count(store, "cdr"), sum(delivering.lag().values())) == (2, 0)


def test_what_is_stored_may_be_trimmed_and_nothing_else(log: SqliteLog, store: Store) -> None:
    append(log, 0, 1)
    delivering = delivery(log, store)
    assert log.trim().applied == 0
    delivering.run(Told(1))
    append(log, 2)
    assert log.trim().applied == 2
    delivering.run(Told(1))
    assert count(store, "cdr") == 3


def test_a_record_that_cannot_be_read_is_set_aside_alone(path: Path, store: Store) -> None:
    with SqliteLog(path) as log:
        append(log, 0, 1, 2)
    damaged = sqlite3.connect(path)
    damaged.execute(
        "UPDATE records SET value = x'0102' WHERE id = (SELECT id + 1 FROM records ORDER BY id LIMIT 1)"
    )
    damaged.commit()
    damaged.close()
    with SqliteLog(path) as log:
        delivery(log, store).run(Told(1))
        assert count(store, "cdr") == 2
        (letter,) = letters(log)
        assert (letter.topic, letter.offset) == ("cdr", 1)
