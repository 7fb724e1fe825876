"""`analyze --db` and `offhook migrate`: whole commands over a store in a folder."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from offhook.main import main
from schemas.cdr import CallRecord
from sinks.clickhouse.client import Store, open_store
from sinks.clickhouse.migrate import LATEST
from sinks.clickhouse.reader import read_calls
from tests.paths import OWN_CAPTURES, ROOT
from tests.sinks.records import count, of_captures, without_stored_at

CAPTURE = OWN_CAPTURES / "isa-real-call.pcap"
OTHER = OWN_CAPTURES / "magicjack-short-call.pcap"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def _without_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("OFFHOOK_") and name != "OFFHOOK_CACHE"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))


@pytest.fixture
def run(capfdbinary: pytest.CaptureFixture[bytes]) -> Run:
    """Call the command in this process: (exit code, output, error output)."""

    def call(*arguments: object) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        out, err = capfdbinary.readouterr()
        return code, out.decode(), err.decode()

    return call


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "calls.db"


def stored(db: Path) -> list[CallRecord]:
    with open_store(str(db)) as store:
        return list(read_calls(store))


@pytest.fixture
def opened(db: Path) -> Iterator[Callable[[], Store]]:
    """Open the store after the command has let it go."""
    stores: list[Store] = []

    def call() -> Store:
        stores.append(open_store(str(db)))
        return stores[-1]

    yield call
    for store in stores:
        store.close()


def test_what_analyze_finds_is_stored_and_stored_once(
    run: Run, db: Path, opened: Callable[[], Store]
) -> None:
    calls = of_captures(CAPTURE, OTHER)
    windows = of_captures(CAPTURE, OTHER, want="windows")
    for _ in range(2):
        code, out, err = run("analyze", CAPTURE, OTHER, "--db", db)
        assert code == 0
        assert f"{len(calls)} calls" in out
        assert err.startswith(f"offhook: stored {len(calls)} calls, ")
        assert err.endswith(f" in {db}\n")
        assert f"{len(windows)} windows" in err
    store = opened()
    assert without_stored_at(list(read_calls(store))) == without_stored_at(calls)
    assert count(store, "cdr FINAL") == len(calls)
    assert count(store, "rtp_windows FINAL") == len(windows)


def test_everything_is_stored_whatever_is_shown(run: Run, db: Path, tmp_path: Path) -> None:
    shown = tmp_path / "shown.csv"
    options = ("--rows", "windows", "--filter", "mos<1", "--format", "csv", "-o", shown)
    code, out, _ = run("analyze", CAPTURE, "--db", db, *options)
    assert (code, out) == (0, "")
    assert len(shown.read_text().splitlines()) == 1  # the head alone
    assert without_stored_at(stored(db)) == without_stored_at(of_captures(CAPTURE))


def test_a_reader_who_goes_does_not_end_the_storing(db: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    command = ["analyze", str(CAPTURE), str(OTHER), "--rows", "messages", "--format", "json", "--db", str(db)]
    result = subprocess.run(
        [sys.executable, "-m", "offhook.main", *command],
        cwd=ROOT,
        stdout=write,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(write)
    assert result.returncode == 0, result.stderr
    assert without_stored_at(stored(db)) == without_stored_at(of_captures(CAPTURE, OTHER))


@pytest.mark.parametrize("option", [("--call", "abc"), ("--explain",)])
def test_one_call_is_not_kept_alone(run: Run, db: Path, option: tuple[str, ...]) -> None:
    code, _, err = run("analyze", CAPTURE, "--db", db, *option)
    assert (code, err.count("\n")) == (2, 1)
    assert not db.exists()


def test_streams_that_no_call_announced_are_stored(run: Run, db: Path, opened: Callable[[], Store]) -> None:
    capture = OWN_CAPTURES / "rtpproxy-dtmf.pcap"
    streams = [each for each in of_captures(capture, want="streams") if each.cdr_id is None]
    assert streams
    run("analyze", capture, "--db", db)
    assert count(opened(), "rtp_unmatched FINAL") == len(streams)


def test_a_store_keeps_for_ever_unless_told(run: Run, db: Path, opened: Callable[[], Store]) -> None:
    run("analyze", CAPTURE, "--db", db)
    run("analyze", OTHER, "--db", db, "--set", "store.retention_days=25")
    store = opened()
    for_ever, days_25 = (
        count(store, "calls WHERE toYear(expire_at) = 2106"),
        count(store, "calls WHERE dateDiff('day', stored_at, expire_at) = 25"),
    )
    assert (for_ever, days_25) == (len(of_captures(CAPTURE)), len(of_captures(OTHER)))


def test_a_negative_retention_is_refused(run: Run, db: Path) -> None:
    code, _, err = run("analyze", CAPTURE, "--db", db, "--set", "store.retention_days=-1")
    assert code == 2
    assert "store.retention_days" in err
    assert not db.exists()


def test_a_capture_that_cannot_be_read_makes_no_store(run: Run, db: Path, tmp_path: Path) -> None:
    code, _, _ = run("analyze", tmp_path / "none.pcap", "--db", db)
    assert code == 1
    assert not db.exists()


def test_a_store_in_use_is_refused_in_one_line(run: Run, db: Path) -> None:
    with open_store(str(db), create=True):
        code, _, err = run("analyze", CAPTURE, "--db", db)
    assert code == 1
    assert err.startswith(f"offhook: {db} is in use by process {os.getpid()} (")
    assert err.count("\n") == 1


def test_missing_packages_are_named(run: Run, db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "clickhouse_connect", None)
    code, _, err = run("analyze", CAPTURE, "--db", db)
    assert code == 1
    assert err == "offhook: a store needs clickhouse-connect: pip install 'offhook[store]'\n"


def test_migrate_goes_forward_back_and_shows_what_it_would_do(run: Run, db: Path) -> None:
    assert run("migrate", "--db", db)[1].endswith(f"{db} is at version {LATEST}\n")
    assert run("migrate", "--db", db)[1] == f"{db} is at version {LATEST}: nothing to do\n"
    code, out, _ = run("migrate", "--db", db, "--to", 0, "--dry-run")
    assert code == 0
    assert "DROP TABLE IF EXISTS cdr;" in out.splitlines()
    assert run("migrate", "--db", db, "--to", 1)[0] == 2  # would drop registrations
    assert run("migrate", "--db", db, "--to", 0, "--yes")[0] == 0
    assert run("migrate", "--db", db, "--to", LATEST + 1)[0] == 1


def test_migrate_shows_nothing_of_a_store_that_is_not_there(run: Run, db: Path) -> None:
    code, _, err = run("migrate", "--db", db, "--dry-run")
    assert code == 2
    assert err.count("\n") == 1
    assert not db.exists()
