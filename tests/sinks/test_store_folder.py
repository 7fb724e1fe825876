"""A store's folder belongs to one process at a time, and outlives it however it ends."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sinks.clickhouse.client import open_store
from sinks.clickhouse.errors import InUseError, StoreError
from sinks.clickhouse.migrate import check
from sinks.clickhouse.reader import read_calls
from tests.paths import ROOT
from tests.sinks.records import call
from tests.sinks.store_child import BATCH


@contextmanager
def child(command: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has the store open."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.sinks.store_child", command, str(folder)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert said(process) == "open"
            yield process
        finally:
            process.kill()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_store_in_use_is_refused_with_path_and_process(tmp_path: Path) -> None:
    folder = tmp_path / "calls.db"
    with child("hold", folder) as holder:
        with pytest.raises(InUseError) as refusal:
            open_store(str(folder))
        assert str(refusal.value).startswith(
            f"{folder} is in use by process {holder.pid} (store_child.py hold"
        )
        assert "\n" not in str(refusal.value)
        holder.kill()
        holder.wait()
        with open_store(str(folder)) as store:  # what the killed one left does not block
            check(store)


def test_a_store_is_refused_to_its_own_process_too(tmp_path: Path) -> None:
    with (
        open_store(str(tmp_path / "calls.db"), create=True),
        pytest.raises(InUseError, match="in use by process"),
    ):
        open_store(str(tmp_path / "calls.db"))
    open_store(str(tmp_path / "calls.db")).close()


def test_killed_while_writing_it_opens_with_every_acknowledged_batch(tmp_path: Path) -> None:
    folder = tmp_path / "calls.db"
    with child("write", folder) as writer:
        for number in range(6):
            assert said(writer) == str(number)
        writer.send_signal(signal.SIGKILL)
        assert writer.stdout is not None
        acknowledged = 6 + len(writer.stdout.read().splitlines())
    with open_store(str(folder)) as store:
        stored = {record.cdr_id for record in read_calls(store)}
    assert {call(number).cdr_id for number in range(acknowledged * BATCH)} <= stored
    assert len(stored) % BATCH == 0, "a batch is stored whole or not at all"


def test_a_missing_store_is_not_made_by_asking(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no store there; offhook analyze FILE --db"):
        open_store(str(tmp_path / "calls.db"))
    assert not (tmp_path / "calls.db").exists()


def test_a_folder_of_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(StoreError, match="a folder with other things in it, and no store"):
        open_store(str(tmp_path), create=True)
    with pytest.raises(StoreError, match="a file, and a store is a folder"):
        open_store(str(tmp_path / "letter.txt"), create=True)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_several_connections_share_an_open_store(tmp_path: Path) -> None:
    with open_store(str(tmp_path / "calls.db"), create=True) as store:
        store.client.command("CREATE TABLE x (y UInt8) ENGINE = MergeTree ORDER BY y")
        assert store.connect().query("SELECT count() FROM x").result_rows == [(0,)]
