"""How long one call out of a large capture takes: shown, written as a capture, and as sound.

Run: python -m benchmarks.cut [CAPTURE] [RUNS]

Without a capture it makes one of 2000 calls of 20 s: 4.0 million packets, 900 MB. Time of whole processes on
the clock, the least of some runs with the capture in the page cache, and their CPU time.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from benchmarks._process import OFFHOOK, cost, generate
from capture.cutting.directory import Directory
from capture.cutting.memory import stretches
from capture.cutting.scan import Scan
from capture.cutting.search import directory_of
from capture.files import open_capture

CALLS: Final = "--calls 2000 --seconds 20"
RUNS: Final = 5
LIMITS: Final = {"shown": 1.5, "written": 1.5, "anonymised": 1.5, "with audio": 3.0}


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        given = sys.argv[1:2]
        capture = Path(given[0]) if given else generate(Path(folder) / "calls.pcap", CALLS)
        runs = int(sys.argv[2]) if len(sys.argv) > 2 else RUNS
        call_id = middle_call(capture)
        print(f"{capture.stat().st_size / 1e6:.0f} MB, call {call_id}")
        base = [*OFFHOOK, "analyze", str(capture), "--call", call_id]
        out = ["-o", str(Path(folder) / "one.pcap")]
        commands = {
            "shown": base,
            "written": [*base, *out],
            "anonymised": [*base, *out, "--anonymise"],
            "with audio": [*base, "--audio", str(Path(folder) / "one.wav")],
        }
        for name, command in commands.items():
            report(name, command, runs)


def middle_call(capture: Path) -> str:
    """The Call-ID that was heard first in the middle of the capture's calls."""
    directory = directory_of(Scan(stretches(open_capture(capture)), (5060,)), Directory(()))
    call_ids = list(directory.calls)
    return call_ids[len(call_ids) // 2].decode()


def report(name: str, command: list[str], runs: int) -> None:
    """One line: the least time on the clock and of the processor, against the limit."""
    try:
        measured = [timed(command) for _ in range(runs + 1)][1:]  # the first may compile kernels
    except subprocess.CalledProcessError as error:
        print(f"{name:12} failed with {error.returncode}")
        return
    wall_s, cpu_s = min(wall for wall, _, _ in measured), min(cpu for _, cpu, _ in measured)
    peak_mb = max(peak for _, _, peak in measured)
    limit = LIMITS[name]
    met = "met" if wall_s <= limit else "MISSED"
    print(f"{name:12}{wall_s:6.2f} s, {cpu_s:5.2f} s CPU, {peak_mb:4.0f} MB (asked: {limit} s: {met})")


def timed(command: list[str]) -> tuple[float, float, float]:
    """Seconds on the clock, seconds of CPU, peak MB."""
    began = time.perf_counter()
    spent = cost(command)
    return time.perf_counter() - began, spent.cpu_s, spent.peak_mb


if __name__ == "__main__":
    main()
