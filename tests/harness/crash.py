"""The crash harness: `python -m tests.harness.crash --rounds 20 --seed 1`.

The product runs as processes under load, which are killed at random moments; what is stored is held to the
truth. Each round takes a seed of its own, printed with its result, and `--seed S --rounds 1` plays it again
(the same traffic, parts and moments of packet time; what the machine does between them is its own). Every
fourth round is one of `offhook up`, the others run over Kafka.
"""

import argparse
import sys
import time
from functools import partial
from pathlib import Path
from typing import Final

from tests.harness.rounds import Load, Round, play

EMBEDDED_EVERY: Final = 4


def main() -> int:
    """Play the rounds; 1 where one of them was not good."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 1_000_000, help="of the first round")
    parser.add_argument("--mode", choices=("both", "kafka", "up"), default="both")
    parser.add_argument("--calls", type=int, default=Load().in_progress, help="in progress at any time")
    parser.add_argument("--arrivals", type=int, default=Load().arrivals_s, help="seconds of new calls")
    parser.add_argument("--talk", type=int, default=Load().call_s, help="seconds of each call")
    parser.add_argument("--kinds", help="what is killed, such as broker,w0,pause; default: at random")
    parser.add_argument("--keep", type=Path, help="folder for logs and captures")
    options = parser.parse_args()
    bad = 0
    worst: dict[str, float] = {}
    for seed in range(options.seed, options.seed + options.rounds):
        mode = options.mode
        if mode == "both":
            mode = "up" if seed % EMBEDDED_EVERY == 0 else "kafka"
        found = play(
            seed,
            mode,
            Load(options.calls, options.arrivals, options.talk),
            kinds=options.kinds.split(",") if options.kinds else None,
            keep=options.keep / str(seed) if options.keep else None,
            say=partial(print, f"  {seed}:", flush=True),
        )
        bad += not found.good
        for part, seconds in found.recovery_s.items():
            worst[part] = max(worst.get(part, 0.0), seconds)
        print(line(found), flush=True)
    print(f"{options.rounds} rounds, {bad} bad; longest recovery: {_seconds(worst)}")
    return 1 if bad else 0


def line(found: Round) -> str:
    """A round in one line, and one for each fault."""
    verdict = found.verdict
    text = (
        f"seed {found.seed} {found.mode}: {'good' if found.good else 'BAD'}, {verdict.calls} calls,"
        f" {verdict.lost} lost, {verdict.twice} twice, {verdict.wrong} wrong;"
        f" {len(found.deeds)} deaths; recovery {_seconds(found.recovery_s)}"
    )
    return "\n    ".join([text, *verdict.examples, *found.faults])


def _seconds(recovery: dict[str, float]) -> str:
    return ", ".join(f"{part} {seconds:.1f} s" for part, seconds in sorted(recovery.items()))


if __name__ == "__main__":
    sys.exit(main())
