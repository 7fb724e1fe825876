"""`offhook up`: what is stored is what analyze finds, also when it is killed again and again."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from offhook.pipeline import Analysis
from offhook.settings import Settings
from schemas.cdr import CallRecord
from schemas.window_rows import WindowRow
from sinks.clickhouse.client import open_store
from sinks.clickhouse.reader import read_calls
from tests.paths import ROOT, TOOLS

GIVE_UP_S = 60.0
KILLS = 3


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty calls within half a minute."""
    path = tmp_path_factory.mktemp("generated") / "calls.pcap"
    options = f"--calls 30 --seconds 12 --loss 2 --jitter-ms 15 --stagger 20 --out {path}"
    command = [sys.executable, str(TOOLS / "gen_calls.py"), *options.split()]
    subprocess.run(command, check=True, capture_output=True)
    return path


class Up:
    """A running `offhook up`."""

    def __init__(self, folder: Path, *options: str) -> None:
        command = [
            sys.executable,
            "-m",
            "offhook.main",
            "up",
            "--port",
            "0",
            "--http",
            "127.0.0.1:0",
            *options,
        ]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stderr
        said = json.loads(self.process.stderr.readline())
        self.serves, self._http = said["serves"], said["http"]

    def __enter__(self) -> "Up":
        return self

    def __exit__(self, *_: Any) -> None:
        self.process.kill()
        self.process.communicate()

    def ask(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://{self._http}{path}") as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def metric(self, name: str) -> float:
        found = re.search(rf"^{re.escape(name)} (\S+)$", self.ask("/metrics")[1], re.MULTILINE)
        return float(found[1]) if found else 0.0

    def sql(self, statement: str) -> str:
        with urllib.request.urlopen(f"{self.serves}/?query={urllib.parse.quote(statement)}") as answer:
            text: str = answer.read().decode().strip()
            return text

    def wait_for(self, metric: str, value: float) -> None:
        until = time.monotonic() + GIVE_UP_S
        while self.metric(metric) < value:
            assert time.monotonic() < until, f"{metric} does not reach {value}"
            assert self.process.poll() is None


def ended(folder: Path, *options: str) -> tuple[int, str]:
    """Exit code of a run to its end, and what it said."""
    command = [sys.executable, "-m", "offhook.main", "up", "--port", "0", *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True)
    return done.returncode, done.stderr


def analysed(capture: Path) -> Iterator[Any]:
    return iter(Analysis([str(capture)], Settings(), want=frozenset({"calls", "windows"})))


def plain(record: CallRecord) -> bytes:
    return msgspec.json.encode(msgspec.structs.replace(record, version=0, stored_at=None))


def assert_same(folder: Path, capture: Path) -> None:
    """The store has what analyze finds, and nothing twice."""
    rows = list(analysed(capture))
    calls = {row.cdr_id: plain(row) for row in rows if isinstance(row, CallRecord)}
    windows = {(row.stream_id, row.window, row.part): row.mos for row in rows if isinstance(row, WindowRow)}
    with open_store(str(folder / "offhook.state" / "store")) as store:
        found = list(read_calls(store))
        stored = store.client.query("SELECT stream_id, window, part, mos FROM rtp_windows FINAL").result_rows
    assert len(found) == len(calls) > 0
    assert {record.cdr_id: plain(record) for record in found} == calls
    assert len(stored) == len(windows) > 0
    assert {row[:3]: row[3] for row in stored} == windows


def test_what_is_stored_is_what_analyze_finds_whenever_it_is_killed(capture: Path, tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(1 << 16)
    print("seed", seed)
    rng = random.Random(seed)
    packets = capture.stat().st_size / 231  # about
    options = ("--file", str(capture), "--speed", "8")
    reached = 0.0
    for number in range(KILLS):
        with Up(tmp_path, *options) as up:
            reached += rng.uniform(0.02, 0.3) * packets
            up.wait_for("offhook_capture_packets_total", reached)
            if number == 1:
                up.process.send_signal(signal.SIGTERM)
                assert up.process.wait() == 0
            up.process.kill()
    code, said = ended(tmp_path, "--file", str(capture), "--speed", "max", "--once")
    assert code == 0, said
    assert_same(tmp_path, capture)


def test_it_serves_what_it_stores_and_ends_when_told(capture: Path, tmp_path: Path) -> None:
    with Up(tmp_path, "--file", str(capture), "--speed", "max") as up:
        up.wait_for('offhook_sink_rows_total{table="cdr"}', 30)
        assert up.ask("/healthz") == (200, "ok\n")
        assert up.ask("/readyz") == (200, "ok\n")
        assert up.metric("offhook_channels_max") == 2000
        assert up.sql("SELECT count() FROM calls") == "30"
        up.wait_for('offhook_sink_rows_total{table="capture_health"}', 1)
        heard = int(up.metric("offhook_capture_packets_total"))
        assert (
            up.sql("SELECT sum(packets), sum(rtcp_packets), any(source) FROM capture_health")
            == f"{heard}\t0\tfile"
        )
        code, said = ended(tmp_path)
        assert (code, said.count("\n")) == (1, 1)
        assert "another process has this log open" in said
        up.process.send_signal(signal.SIGTERM)
        assert up.process.wait() == 0
    assert_same(tmp_path, capture)
