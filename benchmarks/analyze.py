"""`offhook analyze` against tshark: whole processes, CPU and memory, and whether the result is right.

Run: python -m benchmarks.analyze [CAPTURE TRUTH] [--runs N]

2000 calls of 20 s with 1 % loss and 5 ms of jitter, 4.0 million packets, unless a capture of gen_calls.py
and its truth are given. Plain (events are handed over as they are) and with encoded events (every event
passes its codec), each beside `tshark -n -q -z rtp,streams` on the same file. The least of some runs counts;
tshark, which takes longer than all of them, runs once in their middle.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks._process import OFFHOOK, Cost, cost, generate

TRAFFIC: Final = "--calls 2000 --seconds 20 --loss 1 --jitter-ms 5"
TIMES_PLAIN: Final = 20
TIMES_ENCODED: Final = 15
PEAK_MB: Final = 500


def main() -> None:
    """Measure, or (with --encoded) be what is measured."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", 1)[0])
    parser.add_argument("capture", nargs="?", type=Path)
    parser.add_argument("truth", nargs="?", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--encoded", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.encoded:
        analyze_encoded(str(options.capture))
    elif options.capture is None:
        with tempfile.TemporaryDirectory() as folder:
            truth = Path(folder, "truth.json")
            measure(generate(Path(folder, "calls.pcap"), TRAFFIC, truth), truth, options.runs)
    elif options.truth is None:
        parser.error("a capture comes with its truth, as gen_calls.py wrote it")
    else:
        measure(options.capture, options.truth, options.runs)


def measure(capture: Path, truth: Path, runs: int) -> None:
    """Print what each way costs, against tshark, and whether the records are right."""
    file = str(capture.resolve())
    ways = {
        "analyze --format json": ([*OFFHOOK, "analyze", file, "--format", "json"], TIMES_PLAIN),
        "analyze (table)": ([*OFFHOOK, "analyze", file], TIMES_PLAIN),
        "encoded events": ([sys.executable, "-m", "benchmarks.analyze", file, "--encoded"], TIMES_ENCODED),
    }
    found: dict[str, list[Cost]] = {name: [] for name in ways}
    tshark = Cost(0.0, 0.0)
    for number in range(runs):
        if number == runs // 2:
            tshark = cost(["tshark", "-n", "-q", "-z", "rtp,streams", "-r", file])
        for name, (command, _) in ways.items():
            found[name].append(cost(command))
    print(f"{'tshark -z rtp,streams':24}{tshark.cpu_s:8.2f} s CPU{tshark.peak_mb:8.0f} MB")
    for name, (_, times) in ways.items():
        best = min(each.cpu_s for each in found[name])
        peak = max(each.peak_mb for each in found[name])
        ratio = tshark.cpu_s / best
        met = "met" if ratio >= times and peak <= PEAK_MB else "MISSED"
        print(
            f"{name:24}{best:8.2f} s CPU{peak:8.0f} MB{ratio:8.1f} times less CPU"
            f" (asked: {times} times, {PEAK_MB} MB: {met})"
        )
    for name in ("analyze --format json", "encoded events"):
        with tempfile.TemporaryDirectory() as folder:
            records = Path(folder, "calls.jsonl")
            cost(ways[name][0], records)
            print(f"{name}: {compare(records, truth)}")


def analyze_encoded(file: str) -> None:
    """As the command does, but every event passes its codec."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as offhook/main.py
    from offhook.analyze import collect_seldom
    from offhook.output.json_lines import JsonLines
    from offhook.pipeline import Analysis
    from offhook.settings import Settings

    collect_seldom()
    lines = JsonLines(sys.stdout.buffer, flush=False)
    for row in Analysis([file], Settings(), want=frozenset({"calls"}), encode=True):
        lines.write(row)


def compare(records: Path, truth: Path) -> str:
    """Calls by Call-ID, and each stream's packets and loss, against what the generator says."""
    calls = {call["call_id"]: call for call in map(json.loads, records.read_bytes().splitlines())}
    expected = json.loads(truth.read_bytes())["calls"]
    wrong = [call["call_id"] for call in expected if not _is_right(call, calls.get(call["call_id"]))]
    if wrong or len(calls) != len(expected):
        return f"WRONG: {len(calls)} calls of {len(expected)}, {len(wrong)} differ, such as {wrong[:3]}"
    return f"{len(calls)} calls and the loss of {sum(map(_streams, expected))} streams equal to the truth"


def _is_right(call: dict[str, Any], record: dict[str, Any] | None) -> bool:
    if record is None or record["outcome"] != "answered":
        return False
    return _figures(call["streams"], "sent") == _figures(record["streams"], "expected")


def _figures(streams: Sequence[dict[str, Any]], expected: str) -> dict[int, tuple[int, int]]:
    """SSRC: packets sent, packets lost."""
    return {stream["ssrc"]: (stream[expected], stream["lost"]) for stream in streams}


def _streams(call: dict[str, Any]) -> int:
    return len(call["streams"])


if __name__ == "__main__":
    main()
