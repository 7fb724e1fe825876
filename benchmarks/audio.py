"""The sound of one call out of a capture of 900 MB: `analyze --call ID --audio WAV`, whole processes.

Run: python -m benchmarks.audio [CAPTURE TRUTH] [--runs N]

2000 calls of 20 s, unless a capture of gen_calls.py and its truth are given. The first, a middle and the
last call; wall time counts, the least of some runs.
"""

import argparse
import json
import tempfile
import time
import wave
from pathlib import Path
from typing import Final

from benchmarks._process import OFFHOOK, cost, generate

TRAFFIC: Final = "--calls 2000 --seconds 20 --loss 1 --jitter-ms 5"
LIMIT_S: Final = 3.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", 1)[0])
    parser.add_argument("capture", nargs="?", type=Path)
    parser.add_argument("truth", nargs="?", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.capture is None:
            options.truth = Path(folder, "truth.json")
            options.capture = generate(Path(folder, "calls.pcap"), TRAFFIC, options.truth)
        elif options.truth is None:
            parser.error("a capture comes with its truth, as gen_calls.py wrote it")
        measure(options.capture.resolve(), options.truth, Path(folder, "call.wav"), options.runs)


def measure(capture: Path, truth: Path, wav: Path, runs: int) -> None:
    """Print what each call takes, and how long its sound is."""
    calls = json.loads(truth.read_text())["calls"]
    print(f"{capture.stat().st_size / 1e6:.0f} MB, {len(calls)} calls")
    for number in (0, len(calls) // 2, len(calls) - 1):
        call = calls[number]
        command = [*OFFHOOK, "analyze", str(capture), "--call", call["call_id"], "--audio", str(wav)]
        walls, cpus, peaks = [], [], []
        for _ in range(runs):
            began = time.monotonic()
            spent = cost(command)
            walls.append(time.monotonic() - began)
            cpus.append(spent.cpu_s)
            peaks.append(spent.peak_mb)
        with wave.open(str(wav)) as sound:
            seconds = sound.getnframes() / sound.getframerate()
        met = "met" if min(walls) <= LIMIT_S else "MISSED"
        print(
            f"call {number:5} {min(walls):6.2f} s wall {min(cpus):6.2f} s CPU {max(peaks):5.0f} MB"
            f" {seconds:7.2f} s of sound (asked: {LIMIT_S} s wall: {met})"
        )


if __name__ == "__main__":
    main()
