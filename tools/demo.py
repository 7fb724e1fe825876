"""`make demo`: a capture with known truth and a real one, analysed, compared, and what to try next."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from offhook import demo

ROOT: Final = Path(__file__).parents[1]
REAL: Final = "tests/captures/magicjack-short-call.pcap"
OFFHOOK: Final = ".venv/bin/offhook"

NEXT: Final = f"""
What to try next
  {OFFHOOK} analyze --filter 'mos<3.6' demo/calls.pcap              the calls that sounded bad
  {OFFHOOK} analyze --rows windows --filter 'side=a,loss>5' demo/calls.pcap   quality, ten seconds a row
  {OFFHOOK} analyze --rows streams {REAL}
  {OFFHOOK} analyze --format json demo/calls.pcap | head -n 1 | python3 -m json.tool
  {OFFHOOK} analyze --filter 'outcome=rejected|cancelled' --format csv -o failed.csv demo/calls.pcap
  {OFFHOOK} analyze YOUR.pcap                                         your own capture
docs/guide.md explains every filter, setting and field. `make setup` adds sound, the store and Kafka.
"""


def analyze(*arguments: str) -> int:
    """Run offhook as a person would."""
    print(f"\n$ offhook analyze {' '.join(arguments)}", flush=True)
    command = [sys.executable, "-m", "offhook.main", "analyze", *arguments]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def compare(capture: Path, truth: Path) -> list[str]:
    """One line for each figure that is not as the capture was made."""
    command = [sys.executable, "-m", "offhook.main", "analyze", "--format", "json", str(capture)]
    lines = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout.splitlines()
    records: dict[str, Any] = {record["call_id"]: record for record in map(json.loads, lines)}
    wanted = json.loads(truth.read_text())
    wrong = [f"{len(records)} calls found, {len(wanted)} were made"] if len(records) != len(wanted) else []
    for call in wanted:
        record = records.get(call["call_id"], {})
        for name in call.keys() - {"kind"}:
            if record.get(name) != call[name]:
                wrong.append(f"{call['call_id']}: {name} is {record.get(name)}, was made {call[name]}")
    return wrong


def main() -> int:
    """Make, analyse, compare, and say what to try next."""
    folder = ROOT / "demo"
    print("Making demo/calls.pcap: fifty calls, some bad, and demo/truth.json, what was made.")
    demo.main([str(folder)])
    codes = [analyze("demo/calls.pcap"), analyze(REAL)]
    wrong = compare(folder / "calls.pcap", folder / "truth.json")
    for line in wrong:
        print(line)
    if not wrong:
        print("\nEvery call of demo/calls.pcap came out as it was made: parties, outcome, packets, loss.")
    print(NEXT)
    return 1 if wrong or any(codes) else 0


if __name__ == "__main__":
    sys.exit(main())
