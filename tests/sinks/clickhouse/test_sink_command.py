"""`offhook sink clickhouse` where it cannot work: one line, and an exit code."""

import os
import subprocess
import sys
from pathlib import Path

from sinks.clickhouse.client import open_store
from sinks.clickhouse.migrate import LATEST, migrate
from sinks.clickhouse.migrations import MIGRATIONS, Migration
from tests.paths import ROOT


def refused(folder: Path, *options: str) -> tuple[int, str]:
    """Exit code and last line of a sink that ends by itself; nobody listens at its Kafka."""
    command = [
        sys.executable,
        "-m",
        "offhook.main",
        "sink",
        "clickhouse",
        "--bootstrap",
        "127.0.0.1:9",
        *options,
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OFFHOOK_DB_PASSWORD": "s3cret"}
    done = subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True)
    assert "s3cret" not in done.stderr
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr.splitlines()[-1]


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    later = Migration(LATEST + 1, "later", ("CREATE TABLE later (x UInt8) ENGINE = Memory",), (), "")
    with open_store(str(tmp_path / "store"), create=True) as store:
        migrate(store, LATEST + 1, (*MIGRATIONS, later))
    code, said = refused(tmp_path, "--db", str(tmp_path / "store"))
    assert code == 1
    assert f"is newer than this offhook: its tables are of version {LATEST + 1}" in said


def test_what_is_no_store_and_no_address_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path, "--db", "mysql://x")[1].startswith("offhook: mysql:// is no store")
    code, said = refused(tmp_path, "--db", "store", "--http", "here")
    assert (code, said) == (2, "offhook: --http here: write HOST:PORT, such as 127.0.0.1:9100")
