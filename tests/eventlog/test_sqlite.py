"""The log in a file: what only it does."""

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from eventlog.log import LogError
from eventlog.sqlite.log import SqliteLog, Trimmed
from eventlog.sqlite.settings import SqliteSettings
from tests.eventlog.test_log import TOPIC, append, decision, numbers

HOUR_MS = 3_600_000

STEPS = """
import sys
from pathlib import Path
from eventlog.sqlite.log import SqliteLog
from tests.eventlog.test_log import TOPIC, decision
log = SqliteLog(Path(sys.argv[1]))
number = 0
while True:
    log.append("sip.messages", 0, b"", __import__("tests.eventlog.test_log", fromlist=["x"])._sip())
    with log.transaction("calls-0") as step:
        for _ in range(3):
            step.append(TOPIC, 0, b"", decision(number))
        step.save({b"steps": b"%d" % (number + 1)})
        step.applied("sip.messages", 0, number)
    number += 1
    print(number, flush=True)
"""


def test_a_killed_process_leaves_whole_steps_and_all_that_it_reported(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    reported = 0
    command = [sys.executable, "-c", STEPS, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            reported = int(line)
            if reported == 200:
                process.send_signal(signal.SIGKILL)
    with SqliteLog(path) as log:
        steps = int(log.state("calls-0")[b"steps"])
        assert steps in (reported, reported + 1)
        assert log.applied_offsets("calls-0") == {("sip.messages", 0): steps - 1}
        assert numbers(log) == [number for number in range(steps) for _ in range(3)]


def test_another_process_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    with SqliteLog(path) as log:
        append(log, 1)
        program = "import sys, pathlib, eventlog.sqlite.log as it; it.SqliteLog(pathlib.Path(sys.argv[1]))"
        done = subprocess.run(
            [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=False
        )
        assert f"{path}: another process has this log open" in done.stderr


@pytest.mark.parametrize("content", [b"no database at all, but some text that is long enough" * 40, None])
def test_a_file_that_is_no_log_is_left_alone(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "other.sqlite"
    if content is None:
        with sqlite3.connect(path) as other:
            other.execute("CREATE TABLE mine (x)")
        other.close()
    else:
        path.write_bytes(content)
    before = path.read_bytes()
    with pytest.raises(LogError, match=r"other\.sqlite: is no log"):
        SqliteLog(path)
    assert path.read_bytes()[100:] == before[100:]


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LogError, match="file/log"):
        SqliteLog(tmp_path / "file" / "log.sqlite")


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    with SqliteLog(tmp_path / "log.sqlite"):
        assert (tmp_path / "log.sqlite").stat().st_mode & 0o077 == 0


def test_the_number_of_partitions_is_fixed_for_a_logs_life(tmp_path: Path) -> None:
    with SqliteLog(tmp_path / "log.sqlite", {TOPIC: 3}) as log:
        assert (log.partitions(TOPIC), log.partitions("cdr")) == (3, 4)
        log.append(TOPIC, 2, b"", decision(0))
    with pytest.raises(LogError, match=r"channel\.decisions has more than 2 partitions"):
        SqliteLog(tmp_path / "log.sqlite", {TOPIC: 2})


def test_trim_forgets_what_every_subscriber_has_applied(tmp_path: Path) -> None:
    with SqliteLog(tmp_path / "log.sqlite") as log:
        for owner in ("sink", "forwarder"):
            log.subscribe(owner, TOPIC, 0)
        append(log, *range(4))
        with log.transaction("sink") as step:
            step.applied(TOPIC, 0, 3)
        assert log.trim() == Trimmed(0, 0, 0)
        with log.transaction("forwarder") as step:
            step.applied(TOPIC, 0, 1)
        assert log.trim() == Trimmed(2, 0, 0)
        assert numbers(log, 2) == [2, 3]
        with pytest.raises(LogError, match="forgotten, the oldest kept is 2"):
            log.read(TOPIC, 0, 1)
    with SqliteLog(tmp_path / "log.sqlite") as log:
        assert (log.start(TOPIC, 0), log.end(TOPIC, 0)) == (2, 4)
        append(log, 4)
        assert numbers(log, 3) == [3, 4]


def test_what_is_older_than_its_topics_retention_goes_and_unread_records_are_counted(tmp_path: Path) -> None:
    now = [1_000_000 * HOUR_MS]
    with SqliteLog(tmp_path / "log.sqlite", clock_ms=lambda: now[0]) as log:
        log.subscribe("sink", TOPIC, 0)
        append(log, 0, 1)
        log.append("calls.state", 0, b"", b"kept for ever")
        now[0] += 20 * HOUR_MS
        append(log, 2)
        assert log.trim() == Trimmed(0, 0, 0)
        now[0] += 5 * HOUR_MS  # 25 h after the first ones: the topic keeps 24 h
        assert log.trim() == Trimmed(0, 2, 2)
        assert numbers(log, 2) == [2]
        now[0] += 1000 * HOUR_MS
        log.trim()
        assert log.start("calls.state", 0) == 0


def test_applied_offsets_are_never_ahead_of_the_records(tmp_path: Path) -> None:
    with SqliteLog(tmp_path / "log.sqlite") as log:
        append(log, 0)
        with pytest.raises(LogError, match="of 1 records"), log.transaction("sink") as step:
            step.applied(TOPIC, 0, 1)


def test_full_synchronisation_is_a_setting(tmp_path: Path) -> None:
    with SqliteLog(tmp_path / "log.sqlite", settings=SqliteSettings(synchronous="full")) as log:
        append(log, 1)
        assert numbers(log) == [1]
