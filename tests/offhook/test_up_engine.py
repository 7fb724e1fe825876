"""The stages of `offhook up` over the log in a file: what is in the log is exact, wherever it dies."""

import random
import subprocess
import sys
import threading
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from capture.errors import CaptureError
from eventlog.sqlite.log import SqliteLog, SqliteTransaction
from offhook import settings
from offhook.errors import CommandError, UsageError
from offhook.pipeline import Analysis
from offhook.settings import Settings
from offhook.up.engine import Engine
from offhook.up.stages import FACTS
from schemas.cdr import CallRecord
from schemas.media_windows import WindowBatch
from schemas.window_rows import WindowRow, described, window_row
from tests.paths import TOOLS

SPEED = 1e6


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Calls with losses."""
    path = tmp_path_factory.mktemp("generated") / "calls.pcap"
    options = f"--calls 12 --seconds 14 --loss 2 --jitter-ms 15 --stagger 8 --out {path}"
    command = [sys.executable, str(TOOLS / "gen_calls.py"), *options.split()]
    subprocess.run(command, check=True, capture_output=True)
    return path


class DeathError(Exception):
    """Stands for kill -9: nothing is done after it."""


class MortalLog(SqliteLog):
    """Dies before or after so many transactions."""

    left = -1
    after = False

    @contextmanager
    def transaction(self, owner: str) -> Iterator[SqliteTransaction]:
        self.left -= 1
        if self.left == 0 and not self.after:
            raise DeathError
        with super().transaction(owner) as step:
            yield step
        if self.left == 0:
            raise DeathError


class Ended(threading.Event):
    """Lets an engine end when its capture does, instead of waiting to be told."""

    def wait(self, timeout: float | None = None) -> bool:  # noqa: ARG002
        return True


def run(log: SqliteLog, capture: Path, speed: float | None = SPEED, **changes: Any) -> Engine:
    """To the end of the capture."""
    engine = Engine(log, settings.load(Namespace(**changes), {}), [str(capture)], speed)
    engine.run(Ended())
    assert engine.finished
    return engine


def facts(log: SqliteLog) -> dict[str, bytes]:
    """The newest of each thing that is in the log, without its version."""
    found: dict[str, tuple[int, bytes]] = {}
    described_: dict[int, Any] = {}
    for topic in FACTS:
        for entry in log.read(topic, 0, 0):
            if isinstance(entry.value, WindowBatch):
                for info in entry.value.streams:
                    described_.setdefault(info.stream, described(info))
                for stream, row in zip(
                    entry.value.row_stream.tolist(), entry.value.rows.tolist(), strict=True
                ):
                    shown = window_row(described_[stream], row)
                    name = f"{topic} {shown.stream_id} {shown.window} {shown.part}"
                    plain = msgspec.json.encode(shown)
                    assert found.setdefault(name, (0, plain)) == (0, plain)
                continue
            version = getattr(entry.value, "version", 0)
            name = f"{topic} {entry.key.decode()}"
            if name not in found or found[name][0] < version:
                plain = entry.value if not version else msgspec.structs.replace(entry.value, version=0)
                found[name] = version, msgspec.json.encode(plain)
    return {name: plain for name, (_, plain) in found.items()}


def analysed(capture: Path) -> dict[str, bytes]:
    found = {}
    for row in Analysis([str(capture)], Settings(), want=frozenset({"calls", "windows"})):
        if isinstance(row, CallRecord):
            found[f"cdr {row.cdr_id}"] = msgspec.json.encode(msgspec.structs.replace(row, version=0))
        elif isinstance(row, WindowRow):
            name = f"media.windows {row.stream_id} {row.window} {row.part}"
            found[name] = msgspec.json.encode(row)
    return found


@pytest.mark.parametrize("speed", [None, SPEED], ids=["max", "paced"])
def test_facts_are_those_of_analyze(capture: Path, tmp_path: Path, speed: float | None) -> None:
    with SqliteLog(tmp_path / "log") as log:
        run(log, capture, speed)
        assert facts(log) == analysed(capture)


@pytest.mark.parametrize("seed", range(3))
def test_facts_are_the_same_after_deaths(capture: Path, tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    deaths = 0
    while True:
        with (log := MortalLog(tmp_path / "log")):
            log.left, log.after = rng.randint(1, 60), rng.random() < 0.5
            try:
                run(log, capture)
            except DeathError:
                deaths += 1
                continue
            assert facts(log) == analysed(capture)
            break
    assert deaths > 1


def test_a_run_that_is_over_is_not_done_again(capture: Path, tmp_path: Path) -> None:
    with SqliteLog(tmp_path / "log") as log:
        run(log, capture)
        end = log.end("cdr", 0)
        assert run(log, capture).source is None
        assert log.end("cdr", 0) == end


def test_another_capture_follows_one_that_has_ended_and_no_other(capture: Path, tmp_path: Path) -> None:
    copied = tmp_path / "again.pcap"
    copied.write_bytes(capture.read_bytes())
    with (log_ := MortalLog(tmp_path / "log")):
        log_.left = 20
        with pytest.raises(DeathError):
            run(log_, capture)
    with SqliteLog(tmp_path / "log") as log:
        with pytest.raises(CommandError, match=r"calls\.pcap: published up to batch"):
            run(log, copied)
        with pytest.raises(CommandError, match="is not finished: start with --file"):
            Engine(log, Settings(), [], None)
        run(log, capture)
        first = facts(log)
        run(log, copied)
        assert facts(log) == first  # the same packets of the same sensor are the same calls


def test_calls_over_the_limit_are_rejected(capture: Path, tmp_path: Path) -> None:
    with SqliteLog(tmp_path / "log") as log:
        run(log, capture, set=["records.channels_max=5"])
        names = [name.partition(" ")[0] for name in facts(log)]
        assert names.count("cdr.rejected") > 0
        assert names.count("cdr") >= 5
        assert names.count("cdr.rejected") + names.count("cdr") == 12


def test_what_cannot_be_read_again_is_refused(tmp_path: Path) -> None:
    with SqliteLog(tmp_path / "log") as log:
        with pytest.raises(UsageError, match="standard input cannot be read again"):
            Engine(log, Settings(), ["-"], None)
        with pytest.raises(CaptureError, match="No such file"):
            Engine(log, Settings(), [str(tmp_path / "none.pcap")], None)
