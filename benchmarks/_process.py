"""What a whole process costs, by the operating system's own account of it."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from tests.paths import ROOT, TOOLS

OFFHOOK: Final = (sys.executable, "-m", "offhook.main")


class Cost(NamedTuple):
    """CPU is user and system time of all threads; memory is the highest resident size."""

    cpu_s: float
    peak_mb: float


def cost(command: Sequence[str], output: Path | None = None) -> Cost:
    """Run a command to its end, its output thrown away or kept; CalledProcessError where it fails."""
    # Caches are warm in what we measure, Python's compiled modules among them.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with (output or Path(os.devnull)).open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def generate(capture: Path, options: str, truth: Path | None = None) -> Path:
    """Make a capture of calls with known truth; returns its path."""
    more = ["--truth", str(truth)] if truth else []
    generator = [sys.executable, str(TOOLS / "gen_calls.py"), *options.split(), "--out", str(capture), *more]
    subprocess.run(generator, check=True, capture_output=True)
    return capture
