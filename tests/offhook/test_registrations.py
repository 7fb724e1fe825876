"""`--rows registrations`: the table, JSON, CSV and filters, over a real capture."""

import csv
import io
import json
import subprocess
import sys

import pytest

from offhook import filters
from offhook.errors import UsageError
from offhook.output.csv_rows import CsvRows
from offhook.output.json_lines import encode_line
from offhook.output.paint import Paint
from offhook.output.registrations import REGISTRATIONS
from offhook.output.table import Table
from offhook.pingers import merged
from offhook.pipeline import Analysis
from offhook.report import Shown, Summary
from offhook.settings import Settings
from offhook.times import Clock
from schemas.registrations import Registration
from tests.paths import CAPTURES
from tests.streams.registrations.phone import Phone, run

CAPTURE = CAPTURES / "irontec_sngrep__tests_aaa.pcap"
UTC = Clock("UTC")
ROWS = [
    row
    for row in Analysis([str(CAPTURE)], Settings(), want=frozenset({"registrations"}))
    if isinstance(row, Registration)
]


def test_the_table() -> None:
    out = io.BytesIO()
    table = Table(out, REGISTRATIONS, UTC, Paint(), live=False)
    for row in ROWS:
        table.write(row)
    table.finish(Summary(), Shown())
    lines = out.getvalue().decode().splitlines()
    assert lines[0].split()[:6] == ["first", "method", "user", "from", "to", "state"]
    assert lines[1].split()[2:7] == ["REGISTER", "voi18063@sip.cybercity.dk", "192.168.1.2:5060",
                                     "212.242.33.35:5060", "failed"]  # fmt: skip
    assert "403x1 credentials-refused" in lines[1]
    assert lines[4].split()[6] == "registered"


def test_json_has_every_field_and_times_to_read() -> None:
    record = json.loads(encode_line(ROWS[3]))
    assert list(record) == list(Registration.__struct_fields__)
    assert record["registered_since"] == "2005-07-04T09:53:34.349707Z"
    assert record["codes"] == {"200": 2, "401": 4}


def test_csv_is_one_line_a_row() -> None:
    out = io.BytesIO()
    writer = CsvRows(out, Registration, flush=False)
    for row in ROWS:
        writer.write(row)
    found = list(csv.DictReader(io.StringIO(out.getvalue().decode(), newline="")))
    assert [row["state"] for row in found] == ["failed", "failed", "failed", "registered"]
    assert found[0]["codes"] == '{"401":3,"403":1}'


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("state=registered", 1),
        ("state=failed|unanswered", 3),
        ("code=403", 1),
        ("code=2xx", 2),
        ("user=voi*", 2),
        ("user=35104723,state=failed", 1),
        ("ip=212.242.0.0/16", 4),
        ("dst=192.168.0.0/16", 0),
        ("agent=nero*", 4),
        ("method=options", 0),
        ("failures>1", 2),
        ("requests>=6", 2),
        ("unanswered>0", 0),
        ("expires=1200", 2),
        ("response_time>190", 1),
        ("contact=*18062@*", 1),
        ("domain=sip.cybercity.dk", 4),
        ("flags=credentials-refused", 4),
        ("time=2005-07-04T09:40..", 2),
        ("call_id=29858147*", 1),
    ],
)
def test_filters(expression: str, expected: int) -> None:
    wanted = filters.compile_filter(filters.parse([expression]), Registration, UTC)
    assert sum(map(wanted, ROWS)) == expected


def test_filters_of_calls_are_refused() -> None:
    with pytest.raises(UsageError, match="there are: agent, call_id"):
        filters.compile_filter(filters.parse(["mos<3"]), Registration, UTC)


def test_the_command() -> None:
    line = [sys.executable, "-m", "offhook.main", "analyze", str(CAPTURE), "--rows", "registrations"]
    line += ["--filter", "state=registered", "--format", "json"]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    assert [json.loads(text)["user"] for text in done.stdout.splitlines()] == ["35104723"]


def test_a_pinger_with_a_call_id_a_request_is_one_row() -> None:
    pings = []
    for number in range(20):
        ping = Phone(method="OPTIONS", call_id=f"ping{number}").asks(30.0 * number, 1)
        if number != 7:
            ping.hears(30.0 * number + 0.02, 1, 200)
        pings += ping.said
    rows = list({row.registration_id: row for row in run(pings)}.values())
    assert len(rows) == 20
    (row,) = [row for row in merged([*rows, *ROWS]) if row not in ROWS]
    assert isinstance(row, Registration)
    assert (row.requests, row.successes, row.unanswered, row.codes) == (20, 19, 1, {"200": 19})
    assert (row.first_time, row.last_time) == (rows[0].first_time, rows[-1].last_time)
    assert (row.response_time_avg_ms, row.state, row.flags) == (20.0, "answered", [])
    assert row.last_failure_time == rows[7].first_time
    assert row.registration_id == rows[0].registration_id
