"""A capture through a pipe that is still open: calls are printed when they are final, not at the end."""

import json
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread, Timer

import pytest

from tests.paths import ROOT, TOOLS

GIVE_UP_S = 120
"""A pipe that gives nothing is closed after so long, and the test fails."""


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Thirty calls of five seconds, one every four seconds."""
    path = tmp_path_factory.mktemp("live") / "calls.pcap"
    options = f"--calls 30 --seconds 5 --rate 0.25 --out {path}".split()
    subprocess.run(
        [sys.executable, str(TOOLS / "gen_golden.py"), *options], check=True, stdout=subprocess.DEVNULL
    )
    return path.read_bytes()


@pytest.fixture
def listening() -> Iterator["subprocess.Popen[bytes]"]:
    """`offhook analyze -`, waiting for packets."""
    command = [sys.executable, "-m", "offhook.main", "analyze", "--format", "json", "-"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        timer = Timer(GIVE_UP_S, process.kill)
        timer.start()
        yield process
        timer.cancel()


def records(capture: bytes, since: int, until_s: float) -> int:
    """Where the records of the first so many seconds end."""
    at, first = since, None
    while at < len(capture):
        second, micro, length, _ = struct.unpack_from("<IIII", capture, at)
        time = second + micro / 1e6
        first = time if first is None else first
        if time - first > until_s:
            return at
        at += 16 + length
    return at


def test_calls_are_printed_while_the_pipe_is_open(
    capture: bytes, listening: "subprocess.Popen[bytes]"
) -> None:
    assert listening.stdin is not None
    assert listening.stdout is not None
    pipe = listening.stdin
    half = records(capture, 24, 90.0)

    def write() -> None:
        for at in range(0, half, 1009):  # never at the border of a record
            pipe.write(capture[at : min(at + 1009, half)])
            pipe.flush()

    writer = Thread(target=write)
    writer.start()
    first = [json.loads(listening.stdout.readline()) for _ in range(3)]
    writer.join()
    assert listening.poll() is None
    pipe.write(capture[half:])
    pipe.close()
    rest = [json.loads(line) for line in listening.stdout]
    assert listening.wait() == 0
    calls = [record["call_id"].split("-")[1] for record in first + rest]
    assert calls == [f"{number:06d}" for number in range(30)]  # in the order in which they ended
    assert {record["outcome"] for record in first + rest} == {"answered"}
    assert {record["packets_a"] for record in first + rest} == {250}


def test_a_capture_that_breaks_off_in_the_pipe_gives_what_was_heard(
    capture: bytes, listening: "subprocess.Popen[bytes]", tmp_path: Path
) -> None:
    cut = records(capture, 24, 10.5) + 7
    out, _ = listening.communicate(capture[:cut])
    ended, cut_off, rung = map(json.loads, out.splitlines())
    assert (ended["outcome"], ended["bye_code"], ended["packets_a"]) == ("answered", 3, 250)
    assert (cut_off["outcome"], cut_off["bye_code"]) == ("answered", 3)
    assert (rung["outcome"], rung["bye_code"], rung["hung_up_by"]) == ("answered", 1, None)
    assert rung["flags"] == ["end-not-seen"]
    saved = tmp_path / "cut.pcap"
    saved.write_bytes(capture[:cut])
    command = [sys.executable, "-m", "offhook.main", "analyze", "--format", "json", str(saved)]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout == out
