"""How long the command takes to start: its help, and a small capture.

Run: python -m benchmarks.start [RUNS]

CPU time of whole processes, the least of some runs. Then the modules that took longest
to import for the small capture, by themselves, and those that a plain capture must not import.
"""

import os
import re
import subprocess
import sys
from typing import Final

from benchmarks._process import OFFHOOK, cost
from tests.paths import OWN_CAPTURES, ROOT

RUNS: Final = 15
SMALL: Final = OWN_CAPTURES / "isa-sip.pcapng"
LIMITS: Final = {"offhook --help": 0.3, "offhook analyze SMALL": 1.5}
SELDOM: Final = ("asyncio", "dpkt", "fastavro", "llvmlite", "numba", "numpy.ma", "rich", "structlog")
"""Heavy, and needed only for terminals, packed or broken captures, encoded events, or compiling."""

SHOWN: Final = 12
_LINE: Final = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)")


def main() -> None:
    """Measure and print."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    commands = {
        "offhook --help": [*OFFHOOK, "--help"],
        "offhook analyze SMALL": [*OFFHOOK, "analyze", str(SMALL)],
    }
    for name, command in commands.items():
        costs = [cost(command) for _ in range(runs + 1)][1:]  # the first may compile kernels
        best, limit = min(each.cpu_s for each in costs), LIMITS[name]
        met = "met" if best <= limit else "MISSED"
        print(f"{name:24}{best:6.3f} s CPU (asked: {limit} s: {met})")
    took = imports(commands["offhook analyze SMALL"])
    print(f"{len(took)} modules imported; the longest by themselves:")
    for module, us in sorted(took.items(), key=lambda item: -item[1])[:SHOWN]:
        print(f"{us / 1000:10.1f} ms  {module}")
    needless = [name for name in SELDOM if name in took]
    print("imported though seldom needed: " + (", ".join(needless) or "none"))


def imports(command: list[str]) -> dict[str, int]:
    """µs that each module took to import, without what it imported in turn."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    timed = [command[0], "-X", "importtime", *command[1:]]
    told = subprocess.run(timed, cwd=ROOT, env=environment, capture_output=True, check=True).stderr
    lines = map(_LINE.match, told.decode().splitlines())
    return {line[2]: int(line[1]) for line in lines if line}


if __name__ == "__main__":
    main()
