"""Records by Kafka and Faust, from processes that die, are those of memory, byte for byte (rule 3)."""

import json
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from streams.faust.exits import Exit
from tests.kafka_broker import Kafka
from tests.paths import CAPTURES, TOOLS
from tests.system.kafka_runs import ARRIVES_S, Run, running
from tests.system.same_records import Outcome, Way, take

REAL = CAPTURES / "irontec_sngrep__tests_aaa.pcap"
TRAFFIC = "--calls 12 --seconds 14 --loss 2 --jitter-ms 15 --stagger 8"


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Calls with loss, and jitter that reorders."""
    capture = tmp_path_factory.mktemp("generated") / "calls.pcap"
    command = [sys.executable, TOOLS / "gen_calls.py", *TRAFFIC.split(), "--out", capture]
    subprocess.run(command, check=True, capture_output=True)
    return capture


def assert_same(found: Outcome, expected: Outcome) -> None:
    assert expected.calls
    assert found.calls == expected.calls
    assert found.streams == expected.streams
    assert found.registrations == expected.registrations


def test_two_workers_make_the_records_of_memory(kafka: Kafka, prefix: str, tmp_path: Path) -> None:
    with running(kafka, prefix, 2, tmp_path) as run:
        run.start("w0")
        run.start("w1")
        run.ready("w0", "w1")
        run.capture(REAL)
        expected = take(REAL, Way())
        assert_same(run.until(expected), expected)
        figures = [run.metrics(name) for name in ("w0", "w1")]
        for name in ("offhook_streams_replay_differs_total", "offhook_streams_dead_letters_total"):
            counted = [each[name] for each in figures if name in each]  # by workers that have partitions
            assert counted and not any(counted)
        assert _get(run, "w0", "/healthz") == "ok\n"
        for line in run.log("w0").splitlines():
            assert {"time", "level", "event"} <= json.loads(line).keys()
        assert [run.end(name) for name in ("w0", "w1")] == [0, 0]
        assert_same(run.outcome(), expected)


@pytest.mark.parametrize("real", [False, True], ids=["generated", "real"])
@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("partitions", [1, 2, 8])
def test_partitions_and_workers_make_no_difference(
    kafka: Kafka, prefix: str, tmp_path: Path, generated: Path, partitions: int, workers: int, real: bool
) -> None:
    capture = REAL if real else generated
    expected = take(capture, Way())
    with running(kafka, prefix, partitions, tmp_path) as run:
        for number in range(workers):
            run.start(f"w{number}", "--set", "streams.session_s=3")
        run.capture(capture)
        assert_same(run.until(expected), expected)


def test_killed_and_paused_workers_lose_and_double_nothing(
    kafka: Kafka, prefix: str, tmp_path: Path, generated: Path
) -> None:
    # a state that is saved seldom: a restart takes steps again, and a paused owner has something to write
    options = ("--set", "streams.session_s=3", "--set", "streams.checkpoint_s=60")
    with running(kafka, prefix, 2, tmp_path) as run:
        run.start("w0", *options)
        run.start("w1", *options)
        run.ready("w0", "w1")
        capture = run.capture(generated, wait=False, speed="0.5")
        _wait_for_steps(run, "w0")
        run.kill("w0")
        run.start("w0", *options)
        run.ready("w0", "w1")
        _wait_for_steps(run, "w1")
        run.kill("w1", signal.SIGSTOP)
        run.ready("w0")  # it has taken over what the other one had
        run.kill("w1", signal.SIGCONT)
        assert run.workers["w1"].wait(20) == Exit.FENCED, run.log("w1")[-2000:]
        run.start("w1", *options)
        assert capture.wait(90) == 0
        expected = take(generated, Way())
        assert_same(run.until(expected), expected)
        figures = run.metrics("w0")
        assert figures["offhook_streams_replayed_total"] > 0
        assert figures["offhook_streams_replay_differs_total"] == 0


def _wait_for_steps(run: Run, name: str) -> None:
    """Wait until a worker has taken some steps more than now."""
    begun = run.metrics(name)["offhook_streams_steps_total"]
    deadline = time.monotonic() + ARRIVES_S
    while run.metrics(name)["offhook_streams_steps_total"] < begun + 4:
        assert run.workers[name].poll() is None and time.monotonic() < deadline, run.log(name)[-2000:]


def _get(run: Run, name: str, path: str) -> str:
    with urllib.request.urlopen(f"http://{run.address(name)}{path}", timeout=10) as answer:
        text: str = answer.read().decode()
        return text
