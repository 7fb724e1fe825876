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
  the calls that sounded bad           {OFFHOOK} analyze --filter 'mos<3.6' demo/calls.pcap
  the worst of them, drawn             {OFFHOOK} analyze --call {{worst}} demo/calls.pcap
  why something of it is missing       {OFFHOOK} analyze --call {{worst}} --explain demo/calls.pcap
  that call as a capture for Wireshark {OFFHOOK} analyze --call {{worst}} -o one.pcap demo/calls.pcap
  failed calls for a spreadsheet       {OFFHOOK} analyze --filter 'outcome=rejected|cancelled' --format csv demo/calls.pcap
  streams, as Wireshark counts them    {OFFHOOK} analyze --rows streams {REAL}
  everything known of a call           {OFFHOOK} analyze --format json {REAL} | python3 -m json.tool
  your own capture                     {OFFHOOK} analyze YOUR.pcap
docs/guide.md explains every filter, setting and field. `make setup` adds sound, the store and Kafka.
"""  # noqa: E501 - one command a line, to be copied


def analyze(*arguments: str) -> int:
    """Run offhook as a person would."""
    print(f"\n$ offhook analyze {' '.join(arguments)}", flush=True)
    command = [sys.executable, "-m", "offhook.main", "analyze", *arguments]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def records_of(capture: Path) -> dict[str, Any]:
    """The records of a capture by Call-ID."""
    command = [sys.executable, "-m", "offhook.main", "analyze", "--format", "json", str(capture)]
    lines = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout.splitlines()
    return {record["call_id"]: record for record in map(json.loads, lines)}


def compare(records: dict[str, Any], truth: Path) -> list[str]:
    """One line for each figure that is not as the capture was made."""
    wanted = json.loads(truth.read_text())
    wrong = [f"{len(records)} calls found, {len(wanted)} were made"] if len(records) != len(wanted) else []
    for call in wanted:
        record = records.get(call["call_id"], {})
        for name in call.keys() - {"kind"}:
            if record.get(name) != call[name]:
                wrong.append(f"{call['call_id']}: {name} is {record.get(name)}, was made {call[name]}")
    return wrong


def worst_of(records: dict[str, Any]) -> str:
    """The id, as tables show it, of the call that sounded worst."""
    heard = [record for record in records.values() if record["mos"] is not None]
    return str(min(heard, key=lambda record: record["mos"])["cdr_id"])[:8]


def main() -> int:
    """Make, analyse, compare, and say what to try next."""
    folder = ROOT / "demo"
    print("Making demo/calls.pcap: fifty calls, some bad, and demo/truth.json, what was made.")
    demo.main([str(folder)])
    codes = [analyze("demo/calls.pcap"), analyze(REAL)]
    records = records_of(folder / "calls.pcap")
    wrong = compare(records, folder / "truth.json")
    for line in wrong:
        print(line)
    if not wrong:
        print("\nEvery call of demo/calls.pcap came out as it was made: parties, outcome, packets, loss.")
    print(NEXT.format(worst=worst_of(records)))
    return 1 if wrong or any(codes) else 0


if __name__ == "__main__":
    sys.exit(main())
