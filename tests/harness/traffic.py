"""Generated calls that begin and end all the time, and what is to be known of them afterwards."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import msgspec

from schemas.cdr import CallRecord
from tests.paths import TOOLS
from tests.system import analysed

SETUP_S: Final = 1.0
"""The most a call rings, and what its signalling takes."""


class Traffic:
    """A capture with `in_progress` calls at any time between `full_s` and `ebb_s` after its first packet."""

    def __init__(self, folder: Path, in_progress: int, arrivals_s: int, call_s: int, seed: int) -> None:
        """Generate it: calls begin for `arrivals_s` seconds and talk for `call_s`."""
        self.path = folder / "calls.pcap"
        self.full_s, self.ebb_s = call_s + SETUP_S, float(arrivals_s)
        # a tenth more than the mean, as arrivals are random
        calls = round(1.1 * in_progress * arrivals_s / call_s)
        options = (
            f"--calls {calls} --seconds {call_s} --stagger {arrivals_s} --loss 1 --jitter-ms 5 --seed {seed}"
        )
        truth = folder / "truth.json"
        command = [sys.executable, str(TOOLS / "gen_calls.py"), *options.split(), "--out", str(self.path)]
        subprocess.run([*command, "--truth", str(truth)], check=True, stdout=subprocess.DEVNULL)
        self.truth: dict[str, dict[str, Any]] = {
            call["call_id"]: call for call in json.loads(truth.read_bytes())["calls"]
        }
        self.first_s: float = min(call["start"] for call in self.truth.values())
        self._ends: list[float] = sorted(call["end"] for call in self.truth.values())
        self._expected: dict[str, bytes] | None = None

    @property
    def in_progress(self) -> int:
        """The fewest calls at once between `full_s` and `ebb_s`."""
        return min(
            sum(bool(call["start"] <= self.first_s + at <= call["end"]) for call in self.truth.values())
            for at in range(int(self.full_s) + 1, int(self.ebb_s))
        )

    def ended(self, clock_s: float) -> int:
        """How many calls had ended by this packet time, s since the epoch."""
        return sum(end <= clock_s for end in self._ends)

    @property
    def expected(self) -> dict[str, bytes]:
        """The records of `analyze`, by Call-ID."""
        if self._expected is None:
            self._expected = {call.call_id: plain(call) for call in analysed.calls(self.path).calls}
        return self._expected


def plain(record: CallRecord) -> bytes:
    """A record without what may differ between two ways."""
    return msgspec.json.encode(msgspec.structs.replace(record, version=0, stored_at=None))
