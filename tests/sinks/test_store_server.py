"""The same store over ClickHouse's HTTP protocol: `--db clickhouse://...`."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sinks.clickhouse import tables
from sinks.clickhouse.client import open_store
from sinks.clickhouse.errors import StoreError
from sinks.clickhouse.migrate import check, migrate
from sinks.clickhouse.reader import read_call, read_calls
from sinks.clickhouse.writer import Writer
from tests.paths import ROOT
from tests.sinks.records import call, without_stored_at

TOKEN = "t0ken-of-the-test"


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """host:port of a server that may be written to."""
    command = ["serve-db", "--db", str(tmp_path / "calls.db"), "--port", "0", "--write"]
    process = subprocess.Popen(
        [sys.executable, "-m", "offhook.main", *command],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OFFHOOK_DB_TOKEN": TOKEN},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split()[0].removeprefix("http://")
        finally:
            process.terminate()


def test_a_server_is_migrated_written_and_read(address: str) -> None:
    with open_store(
        f"clickhouse://ann@{address}", create=True, environment={"OFFHOOK_DB_PASSWORD": TOKEN}
    ) as store:
        migrate(store)
        check(store)
        rows = [call(1), call(2, src_port=70_000), call(3)]
        refused = Writer(store).insert(tables.CDR, rows)
        assert [each.index for each in refused] == [1]
        Writer(store).insert(tables.CDR, [call(3)])
        assert without_stored_at(list(read_calls(store))) == without_stored_at([rows[0], rows[2]])
        assert read_call(store, call(2).cdr_id) is None
        found = read_call(store, call(3).cdr_id)
        assert found is not None and without_stored_at([found]) == without_stored_at([rows[2]])


def test_a_wrong_password_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(StoreError, match="Authentication failed") as refusal:
        open_store(f"clickhouse://ann:not-the-t0ken@{address}", environment={})
    assert "not-the-t0ken" not in str(refusal.value)


def test_a_missing_database_is_named(address: str) -> None:
    with pytest.raises(StoreError) as refusal:
        open_store(f"clickhouse://ann:{TOKEN}@{address}/elsewhere", environment={})
    assert "elsewhere" in str(refusal.value)
    assert TOKEN not in str(refusal.value)
