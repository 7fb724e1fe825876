"""What the formats write, field by field."""

import csv
import io
import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from offhook.counters import MEANINGS
from offhook.output import views
from offhook.output.csv_rows import CsvRows
from offhook.output.json_lines import JsonLines, encode_line
from offhook.output.paint import Paint
from offhook.output.table import Table, narrowed
from offhook.output.views import Column, View, duration
from offhook.report import Shown, Summary
from offhook.text import cut, fit, width
from offhook.times import Clock, rfc3339
from schemas.cdr import CallRecord, DtmfEvent, HoldInterval, StreamRecord
from tests.offhook.fakes import BUSY, CALL, MESSAGE, STREAM, T0, WINDOW
from tests.paths import ROOT

UTC = Clock("UTC")


def table(
    rows: list[Any], view: View = views.CALLS, paint: Paint | None = None, *, live: bool = False
) -> str:
    out = io.BytesIO()
    writer = Table(out, view, UTC, paint or Paint(), live=live)
    shown = Shown()
    for row in rows:
        writer.write(row)
        shown.rows += 1
        if isinstance(row, CallRecord):
            shown.count(row.outcome, row.flags)
    writer.finish(Summary(calls=len(rows), packets=7), shown)
    return out.getvalue().decode()


def csv_rows(rows: list[Any]) -> list[dict[str, str]]:
    out = io.BytesIO()
    writer = CsvRows(out, type(rows[0]), flush=False)
    for row in rows:
        writer.write(row)
    writer.finish(Summary(), Shown())
    return list(csv.DictReader(io.StringIO(out.getvalue().decode(), newline="")))


def test_json_has_every_field_of_the_record_in_order() -> None:
    record = json.loads(encode_line(CALL))
    assert list(record) == list(CallRecord.__struct_fields__)
    assert list(record["streams"][0]) == list(StreamRecord.__struct_fields__)
    assert record["caller"] == "12025550123"
    assert record["mos_b"] == 4.4
    assert record["stored_at"] is None


def test_json_times_are_rfc_3339_in_utc_with_microseconds() -> None:
    hold = HoldInterval("a", T0 + 1, None)
    digit = DtmfEvent(T0 + 2, "a", "X", 100, "rfc4733")
    record = json.loads(encode_line(replace(CALL, start=T0 + 123, hold=[hold], dtmf=[digit])))
    assert record["start"] == "2026-09-21T14:13:20.000123Z"
    assert record["answer_time"] == "2026-09-21T14:13:22.000000Z"
    assert record["sip_events"][0]["time"] == "2026-09-21T14:13:20.000000Z"
    assert record["hold"] == [{"side": "a", "since": "2026-09-21T14:13:20.000001Z", "until": None}]
    assert record["dtmf"][0]["time"] == "2026-09-21T14:13:20.000002Z"
    assert record["streams"][0]["last_time"] == "2026-09-21T14:13:42.000000Z"


@pytest.mark.parametrize(
    ("time_us", "text"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (7, "1970-01-01T00:00:00.000007Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
        (1_000_001, "1970-01-01T00:00:01.000001Z"),
        (951_782_400_000_000, "2000-02-29T00:00:00.000000Z"),
    ],
)
def test_times_before_and_around_the_epoch(time_us: int, text: str) -> None:
    assert rfc3339(time_us) == text


def test_a_time_that_no_calendar_has_is_still_written() -> None:
    assert rfc3339(2**63 - 1).startswith("9999-12-31T23:59:59")


def test_broken_utf8_of_the_wire_does_not_break_json() -> None:
    record = json.loads(encode_line(replace(CALL, caller_name="Jos\udce9", headers={"X\udcff": "\udc80"})))
    assert record["caller_name"] == "Jos\ufffd"
    assert record["headers"] == {"X\ufffd": "\ufffd"}


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters()))
def test_any_text_survives_json_in_one_line(text: str) -> None:
    line = encode_line(replace(CALL, caller_name=text, headers={text: text}))
    assert line.count(b"\n") == 1
    assert json.loads(line)["caller_name"] == "".join(
        "\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text
    )


def test_json_lines_go_out_one_by_one_to_a_reader_who_follows() -> None:
    class Counting(io.BytesIO):
        flushes = 0

        def flush(self) -> None:
            self.flushes += 1

    out = Counting()
    writer = JsonLines(out, flush=True)
    writer.write(CALL)
    writer.write(BUSY)
    assert out.flushes == 2


def test_csv_has_a_header_and_the_fields_without_children() -> None:
    (row,) = csv_rows([CALL])
    assert list(row) == [
        name for name in CallRecord.__struct_fields__ if name not in {"sip_events", "dtmf", "hold", "streams"}
    ]
    assert row["start"] == "2026-09-21T14:13:20.000000Z"
    assert row["complete"] == "true"
    assert row["stored_at"] == ""
    assert row["proxies"] == "192.0.2.7"


@pytest.mark.parametrize("text", ["=1+1", "+12025550123", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_text_from_the_wire_is_no_formula(text: str) -> None:
    (row,) = csv_rows([replace(CALL, caller=text, user_agent_caller=text)])
    assert row["caller"][0] not in "=+-@\t\r"
    assert row["user_agent_caller"][0] not in "=+-@\t\r"


def test_negative_numbers_stay_numbers_in_csv() -> None:
    (row,) = csv_rows([replace(WINDOW, lost=-2, loss=-0.5)])
    assert (row["lost"], row["loss"]) == ("-2", "-0.5")


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(), min_size=1))
def test_any_text_is_one_safe_csv_cell(text: str) -> None:
    (row,) = csv_rows([replace(CALL, callee=text)])
    assert row["callee"] == "" or row["callee"][0] not in "=+-@\t\r"
    assert all(c.isprintable() for c in row["callee"])


def test_windows_messages_and_streams_have_csv() -> None:
    assert csv_rows([WINDOW])[0]["mos_adaptive"] == "4.5"
    assert csv_rows([MESSAGE])[0]["method"] == "INVITE"
    assert csv_rows([STREAM])[0]["loss_runs"] == "10 0 0 0 0 0 0 0 0 0"


def test_the_table_shows_calls_in_order_of_time_with_their_figures() -> None:
    lines = table([BUSY, CALL]).splitlines()
    assert "  ".join(re.split(r"\s{2,}", lines[0])) == (
        "time  from  to  outcome  code  duration  pdd  codecs  loss a  loss b  jitter a  jitter b  MOS a"
        "  MOS b  id  flags"
    )
    assert " ".join(lines[1].split()) == (
        "2026-09-21 14:13:20 12025550123 420234567 answered 200 0:20 0.50 PCMU/PCMA"
        f" 1.00 0.00 2.5 1.5 4.10 4.40 {CALL.cdr_id[:8]}"
    )
    busy = "2026-09-21 14:13:21 +12025559999 420234567 rejected 486 3.0"
    assert " ".join(lines[2].split()) == f"{busy} {BUSY.cdr_id[:8]}"


def test_columns_are_aligned() -> None:
    lines = table([BUSY, CALL]).splitlines()
    assert lines[0].index("outcome") == lines[1].index("answered") == lines[2].index("rejected")
    assert lines[0].index("MOS a") + 5 == lines[1].index("4.10") + 4


def test_nothing_from_the_wire_reaches_a_terminal_as_a_command() -> None:
    nasty = "\x1b[2J\x07evil\u202e\n\r\udc80"
    call = replace(CALL, caller=nasty, callee=nasty, codec_a=nasty, flags=[nasty])
    text = table([call])
    assert all(character.isprintable() or character == "\n" for character in text)
    assert table([replace(MESSAGE, reason=nasty, status=200, call_id=nasty)], views.MESSAGES).count("\n") < 12


def test_what_stands_out_is_said_in_words() -> None:
    flags = ["one-way", "no-rtp", "start-not-seen"]
    text = table([replace(CALL, one_way="b", dead_air_a=4.2, capture_drops=3, flags=flags)])
    assert "one-way: b silent, dead air a 4 s, capture dropped 3, no RTP, start not seen" in text
    assert "the capture began after the call did" in text


@pytest.mark.parametrize("columns", [60, 80, 100, 120])
def test_a_terminal_loses_columns_before_addresses(columns: int) -> None:
    crowded = {"src_ip": "192.168.100.1", "dst_ip": "203.0.113.250", "call_id": "c" * 40}
    message = replace(MESSAGE, **crowded, status=486, reason="Busy Here", caller="1" * 20, callee="2" * 20)
    for text in (
        table([message], views.MESSAGES, paint=Paint(columns)),
        table([replace(STREAM, **crowded)], views.STREAMS, paint=Paint(columns)),
    ):
        assert "192.168.100.1" in text and "203.0.113.250" in text
        assert max(map(width, text.splitlines()[:2])) <= columns
    assert "486 Busy" in table([message], views.MESSAGES, paint=Paint(columns))


def test_a_pipe_gets_whole_values_and_a_terminal_what_fits() -> None:
    long = replace(CALL, caller="9" * 200)
    assert "9" * 200 in table([long])
    lines = table([long], paint=Paint(100)).splitlines()
    assert max(map(width, lines)) <= 100
    assert "…" in lines[1]


@pytest.mark.parametrize("columns", [1, 20, 40, 60, 80, 100, 132, 200, 400])
def test_every_view_fits_every_terminal(columns: int) -> None:
    for rows, view in (
        ([CALL, BUSY], views.CALLS),
        ([STREAM], views.STREAMS),
        ([WINDOW], views.WINDOWS),
        ([MESSAGE], views.MESSAGES),
    ):
        widths = [max(len(c.title), 15) for c in view.columns]
        shown = narrowed(view.columns, widths, columns)
        total = sum(size for _, size in shown) + 2 * (len(shown) - 1)
        assert total <= columns or len(shown) == 1
        assert table(rows, view, Paint(columns))


def test_a_narrow_terminal_keeps_who_called_whom() -> None:
    header = table([CALL], paint=Paint(60)).splitlines()[0]
    assert "from" in header
    assert "to" in header
    assert "jitter" not in header


def test_colour_only_where_it_is_wanted() -> None:
    bad = replace(CALL, mos_a=2.0)
    assert "\x1b[" not in table([bad])
    coloured = table([bad], paint=Paint(200, colour=True))
    assert "\x1b[31m2.00" in coloured.replace(" ", "")
    assert "\x1b[32m4.40" in coloured.replace(" ", "")


def test_a_reader_who_follows_gets_the_header_and_each_row_at_once() -> None:
    out = io.BytesIO()
    writer = Table(out, views.CALLS, UTC, Paint(), live=True)
    writer.write(CALL)
    assert out.getvalue().decode().count("\n") == 2


def test_more_rows_than_are_kept_are_all_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("offhook.output.table.TABLE_ROWS_HELD", 10)
    lines = table([CALL] * 25).splitlines()
    assert sum(line.startswith("2026-") for line in lines) == 25
    assert sum(line.startswith("time") for line in lines) == 1


def test_the_report_says_what_was_discarded_and_why() -> None:
    out = io.BytesIO()
    writer = Table(out, views.CALLS, UTC, Paint(), live=False)
    summary = Summary(
        calls=2,
        streams=1,
        packets=2009,
        counters={
            "rtp": 1990,
            "sip": 14,
            "rtcp": 0,
            "bad_time": 2,
            "other": 0,
            "odd": 1,
            "stun": 3,
            "requests.OPTIONS": 4,
            "failures.OPTIONS": 1,
        },
        meanings={"odd": "what is odd"},
        warnings=["x.pcap: byte 123: damaged\x1b"],
        first_us=T0,
        last_us=T0 + 60_000_000,
    )
    writer.finish(summary, Shown(rows=2, outcomes={"answered": 1, "rejected": 1}))
    text = out.getvalue().decode()
    assert "2 calls, 1 stream, from 2026-09-21 14:13:20 to 2026-09-21 14:14:20 (UTC)" in text
    assert "2,009 packets\n  1,990 rtp, 14 sip, 3 stun\n" in text
    assert "SIP outside of calls\n  OPTIONS: 4 requests (1 failure)\n" in text
    assert "2  bad_time  packets whose time is far from those around them" in text
    assert "1  odd       what is odd" in text
    assert "other" not in text
    assert "byte 123: damaged?" in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (0.0, "0.0"),
        (9.94, "9.9"),
        (20.1, "0:20"),
        (59.6, "1:00"),
        (3600.0, "1:00:00"),
        (-1.5, "-1.5"),
    ],
)
def test_durations_read_like_durations(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


@given(st.text(), st.integers(1, 40))
def test_fitting_text_takes_exactly_its_columns(text: str, columns: int) -> None:
    from offhook.text import clean

    assert width(fit(clean(text), columns)) == columns
    assert width(cut(clean(text), columns)) <= columns


def test_a_wide_character_takes_two_columns() -> None:
    assert width("日本") == 4
    assert fit("日本", 3) == "日…"


def test_a_column_of_free_text_is_cut_before_another_goes() -> None:
    columns = (Column("who", 10, free=True), Column("number", 1))
    assert narrowed(columns, [40, 6], 30) == [(0, 22), (1, 6)]
    assert narrowed(columns, [40, 6], 12) == [(0, 12)]


def test_every_counter_has_words() -> None:
    """Every name that the rooms count under, found in their code."""
    names = {
        name
        for path in [*(ROOT / "streams").rglob("*.py"), *(ROOT / "capture").rglob("*.py")]
        for name in re.findall(
            r"""(?:counters\[|_count\(|problem = |left_out\[)"([a-z_-]+)\"""", path.read_text()
        )
    }
    assert len(names) > 10
    assert names - {"calls"} - set(MEANINGS) == set()
