"""Rule 3 over Kafka, the wide form: run by hand as `python -m tests.system.kafka_matrix [--kill SEED]`.

Generated truth and real captures, with 1, 2 and 8 partitions and 1 and 3 workers, each against the records
of memory, byte for byte. With --kill workers die by `kill -9` at moments that the seed chooses while the
capture is published at four times its pace. A broker is started unless --bootstrap names one.
"""

import argparse
import random
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from offhook.dev.kafka import Broker
from tests.kafka_broker import Kafka
from tests.paths import CAPTURES, TOOLS
from tests.system.kafka_runs import Run, running
from tests.system.same_records import Outcome, Way, take

PARTITIONS = (1, 2, 8)
WORKERS = (1, 3)
REAL = ("irontec_sngrep__tests_aaa.pcap", "Magum23_mtaa-sip__video_call.pcapng")
GENERATED = {
    "gen_calls.py": "--calls 12 --seconds 14 --loss 2 --jitter-ms 15 --stagger 8",
    "gen_golden.py": "--calls 8 --seconds 12 --rate 2 --loss 3 --burst 3 --jitter-ms 30 --no-answer-pct 20",
}
SESSION = ("--set", "streams.session_s=3")


def main() -> int:
    """Run all, print a line for each; 1 where any differs."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", 1)[0])
    parser.add_argument("--bootstrap", help="a broker that runs; else one is started")
    parser.add_argument("--kill", type=int, metavar="SEED", help="kill workers at random")
    parser.add_argument("--partitions", type=int, nargs="+", default=PARTITIONS)
    parser.add_argument("--workers", type=int, nargs="+", default=WORKERS)
    options = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as name, _broker(options.bootstrap, Path(name)) as bootstrap:
        captures = [*_generated(Path(name)), *(CAPTURES / each for each in REAL)]
        for capture in captures:
            expected = take(capture, Way())
            for partitions in options.partitions:
                for workers in options.workers:
                    folder = Path(tempfile.mkdtemp(dir=name))
                    began = time.monotonic()
                    kafka = Kafka(bootstrap, "", "", "", "")
                    with running(kafka, f"m{uuid.uuid4().hex[:8]}.", partitions, folder) as run:
                        found = _outcome(run, capture, workers, expected, options.kill)
                    same = (found.calls, found.streams, found.registrations) == (
                        expected.calls, expected.streams, expected.registrations,
                    )  # fmt: skip
                    wrong += not same
                    if not same:
                        _explain(found, expected)
                    print(
                        f"{'same ' if same else 'WRONG'} {capture.name}: {len(found.calls)} of"
                        f" {len(expected.calls)} calls, {partitions} partitions, {workers} workers,"
                        f" {time.monotonic() - began:.0f} s",
                        flush=True,
                    )
    return 1 if wrong else 0


def _explain(found: Outcome, expected: Outcome) -> None:
    for name in ("calls", "streams", "registrations"):
        ours, theirs = getattr(found, name), getattr(expected, name)
        for key in sorted(ours.keys() | theirs.keys()):
            if ours.get(key) != theirs.get(key):
                print(f"{name} {key}:\n  found    {ours.get(key)}\n  expected {theirs.get(key)}")


def _outcome(run: Run, capture: Path, workers: int, expected: Outcome, seed: int | None) -> Outcome:
    names = [f"w{number}" for number in range(workers)]
    for name in names:
        run.start(name, *SESSION)
    if seed is None:
        run.capture(capture)
    else:
        run.ready(*names)
        rng = random.Random(seed)
        process = run.capture(capture, wait=False, speed="4")
        while process.poll() is None:
            time.sleep(rng.uniform(0.5, 3))
            victim = rng.choice(names)
            run.kill(victim)
            run.start(victim, *SESSION)
    return run.until(expected)


def _generated(folder: Path) -> Iterator[Path]:
    for name, traffic in GENERATED.items():
        capture = folder / f"{name}.pcap"
        command = [sys.executable, TOOLS / name, *traffic.split(), "--out", capture]
        subprocess.run(command, check=True, capture_output=True)
        yield capture


@contextmanager
def _broker(bootstrap: str | None, folder: Path) -> Iterator[str]:
    if bootstrap:
        yield bootstrap
        return
    broker = Broker(folder / "kafka").start()
    try:
        yield broker.bootstrap
    finally:
        broker.stop()


if __name__ == "__main__":
    sys.exit(main())
