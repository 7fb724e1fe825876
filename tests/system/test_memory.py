"""Memory goes by what is in progress, not by the length of a capture."""

import json
import subprocess
import sys
from pathlib import Path

from tests.paths import ROOT, TOOLS

ALLOWED_KB = 100 * 1024

MEASURED = """
import json, resource, sys
from offhook.pipeline import Analysis
from offhook.settings import Settings
analysis = Analysis(sys.argv[1:], Settings(), want=frozenset({"calls"}))
calls = sum(1 for _ in analysis)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"calls": calls, "kilobytes": peak}))
"""


def measured(capture: Path) -> dict[str, int]:
    """Calls and peak memory of a process that analyses the capture."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(capture)], cwd=ROOT, capture_output=True, check=True
    )
    found: dict[str, int] = json.loads(done.stdout)
    return found


def test_ten_times_the_length_takes_no_more_memory(tmp_path: Path) -> None:
    peaks = {}
    for seconds in (20, 200):
        # 10 calls a second of 20 s each: 200 in progress
        calls = 10 * seconds
        capture = tmp_path / f"{seconds}.pcap"
        options = f"--calls {calls} --seconds 20 --stagger {seconds} --out {capture}".split()
        generator = [sys.executable, str(TOOLS / "gen_calls.py"), *options]
        subprocess.run(generator, check=True, capture_output=True)
        found = measured(capture)
        assert found["calls"] == calls
        peaks[seconds] = found["kilobytes"]
        capture.unlink()
    assert peaks[200] - peaks[20] < ALLOWED_KB, peaks
