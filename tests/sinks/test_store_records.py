"""Records written are the records read, once each, in their newest version."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from schemas.cdr import DtmfEvent, HoldInterval, RelatedCall, RtcpFigures, SipEvent
from sinks.bounds import BATCH_ROWS
from sinks.clickhouse import tables
from sinks.clickhouse.client import Store
from sinks.clickhouse.errors import StoreError
from sinks.clickhouse.reader import read_call, read_calls
from sinks.clickhouse.writer import Writer
from tests.offhook.fakes import CALL, STREAM
from tests.paths import CAPTURES, OWN_CAPTURES
from tests.sinks.records import call, count, of_captures, window, without_stored_at

DAY_US = 86_400_000_000
NOW_US = 1_800_000_000_000_000


def at(time_us: int) -> Callable[[], int]:
    return lambda: time_us


def test_the_calls_of_captures_are_read_back_field_by_field(store: Store) -> None:
    captures = sorted(OWN_CAPTURES.glob("*.pcap*")) + sorted(CAPTURES.glob("*call*.pcap*"))
    calls = of_captures(*captures)
    assert len(calls) > 20
    assert any(stream.rtcp for each in calls for stream in each.streams)
    assert Writer(store).insert(tables.CDR, calls) == []
    assert without_stored_at(list(read_calls(store))) == without_stored_at(calls)


def test_every_child_is_read_back(store: Store) -> None:
    rtcp = RtcpFigures(3, 0.01, None, 2.5, None, 40.0, 4.1, None)
    record = call(
        1,
        headers={"X-Customer": "42"},
        related=[RelatedCall("other@host", "x-call-id")],
        dtmf=[DtmfEvent(CALL.start, None, "5", None, "sip-info")],
        hold=[HoldInterval("a", CALL.start, None), HoldInterval("b", CALL.start, CALL.end_time)],
    )
    mine = {"cdr_id": record.cdr_id, "call_id": record.call_id}
    streams = [replace(STREAM, rtcp=rtcp, **mine), replace(STREAM, ssrc=1, rtcp=None, **mine)]
    record = replace(record, streams=streams)
    Writer(store, now_us=at(NOW_US)).insert(tables.CDR, [record])
    assert read_call(store, record.cdr_id) == replace(record, stored_at=NOW_US)


def test_a_call_that_is_not_there_is_none(store: Store) -> None:
    assert read_call(store, "11111111-2222-3333-4444-555555555555") is None
    assert read_call(store, "no id") is None


def test_a_new_version_leaves_one_row_and_no_stale_child(store: Store) -> None:
    writer = Writer(store)
    writer.insert(tables.CDR, [call(1)])
    writer.insert(tables.CDR, [call(1, version=3, streams=[], sip_events=CALL.sip_events[:1])])
    writer.insert(tables.CDR, [call(1, version=2)])
    assert count(store, "cdr FINAL") == count(store, "calls") == 1
    assert count(store, "rtp_streams") == 0
    assert count(store, "sip_events") == 1
    newest = read_call(store, call(1).cdr_id)
    assert newest is not None
    assert (newest.version, newest.streams) == (3, [])
    store.client.command("OPTIMIZE TABLE cdr FINAL")
    assert count(store, "cdr") == 1


def test_rows_written_again_add_none(store: Store) -> None:
    unmatched = replace(STREAM, cdr_id=None, call_id=None)
    for _ in range(2):
        writer = Writer(store)
        writer.insert(tables.CDR, [call(1), call(2)])
        writer.insert(tables.RTP_WINDOWS, [window(0), window(1)])
        writer.insert(tables.RTP_UNMATCHED, [unmatched])
    assert count(store, "cdr FINAL") == 2
    assert count(store, "rtp_windows FINAL") == 2
    assert count(store, "rtp_unmatched FINAL") == 1


def test_the_views_show_a_row_a_child(store: Store) -> None:
    Writer(store).insert(tables.CDR, [call(1), call(2)])
    assert count(store, "rtp_streams") == 2 * len(CALL.streams)
    rows = store.client.query(
        "SELECT cdr_id, method, status FROM sip_events ORDER BY cdr_id, time"
    ).result_rows
    assert [(str(cdr_id), *rest) for cdr_id, *rest in rows[: len(CALL.sip_events)]] == [
        (call(1).cdr_id, event.method, event.status) for event in CALL.sip_events
    ]


def test_a_minute_counts_each_call_once(store: Store) -> None:
    writer = Writer(store)
    writer.insert(tables.CDR, [call(1, outcome="answered", mos=4.0), call(2, outcome="rejected", mos=None)])
    writer.insert(tables.CDR, [call(1, outcome="answered", mos=3.0, version=2)])
    found = store.client.query(
        "SELECT sum(calls), sum(answered), sum(rejected), sum(mos_sum), sum(mos_count) FROM calls_by_minute"
    ).result_rows
    assert found == [(2, 1, 1, 3.0, 1)]


def test_a_bad_row_is_named_and_the_others_are_stored(store: Store) -> None:
    rows = [call(number) for number in range(9)]
    rows[3] = replace(rows[3], src_port=70_000)
    rows[7] = replace(rows[7], end_time=1 << 63)
    refused = Writer(store).insert(tables.CDR, rows)
    assert [(each.index, each.row) for each in refused] == [(3, rows[3]), (7, rows[7])]
    assert "src_port" in refused[0].reason
    assert "end_time" in refused[1].reason
    assert count(store, "cdr") == 7


def test_broken_text_of_the_wire_is_stored_readable(store: Store) -> None:
    record = call(1, caller="bob\udc80", headers={"X": "\ud800"})
    assert Writer(store).insert(tables.CDR, [call(0), record]) == []
    read = read_call(store, record.cdr_id)
    assert read is not None
    assert (read.caller, read.headers) == ("bob\ufffd", {"X": "\ufffd"})


def test_a_store_that_takes_nothing_blames_no_row(store: Store) -> None:
    store.client.command("DROP TABLE cdr")
    with pytest.raises(StoreError, match="cdr"):
        Writer(store).insert(tables.CDR, [call(1)])


def test_batches_are_written_when_they_are_full(store: Store) -> None:
    writer = Writer(store)
    for number in range(BATCH_ROWS):
        writer.add(tables.RTP_WINDOWS, window(number))
    writer.add(tables.CDR, call(1))
    assert (count(store, "rtp_windows"), count(store, "cdr")) == (BATCH_ROWS, 0)
    writer.flush()
    writer.flush()
    assert writer.rows == {"rtp_windows": BATCH_ROWS, "cdr": 1}
    assert count(store, "cdr") == 1


def test_a_capture_of_many_days_is_stored(store: Store) -> None:
    calls = [call(number, version=1) for number in range(150)]
    days = [replace(each, start=each.start + number * DAY_US) for number, each in enumerate(calls)]
    assert Writer(store).insert(tables.CDR, days) == []
    assert count(store, "cdr") == 150


@pytest.mark.parametrize(
    ("retention_days", "stored_us", "kept"),
    [
        (25, None, 1),  # an old capture stored today
        (25, -24 * DAY_US, 1),
        (25, -26 * DAY_US, 0),
        (0, -9000 * DAY_US, 1),  # for ever
    ],
)
def test_retention_counts_from_the_later_of_end_and_storing(
    store: Store, retention_days: int, stored_us: int | None, kept: int
) -> None:
    now_us = int(store.client.query("SELECT toUnixTimestamp64Micro(now64(6))").result_rows[0][0])
    old = call(1, end_time=1_150_000_000_000_000)  # 2006
    old = replace(old, start=old.end_time - 60_000_000)
    writer = Writer(store, retention_days=retention_days, now_us=at(now_us + (stored_us or 0)))
    writer.insert(tables.CDR, [old])
    writer.insert(tables.RTP_WINDOWS, [replace(window(), start=old.start)])
    for table in ("cdr", "rtp_windows"):
        store.client.command(f"OPTIMIZE TABLE {table} FINAL")
        assert count(store, table) == kept


def test_a_call_that_ended_after_it_was_stored_stays_longer(store: Store) -> None:
    now_us = int(store.client.query("SELECT toUnixTimestamp64Micro(now64(6))").result_rows[0][0])
    late = call(1, end_time=now_us)
    Writer(store, retention_days=25, now_us=at(now_us - 30 * DAY_US)).insert(tables.CDR, [late])
    store.client.command("OPTIMIZE TABLE cdr FINAL")
    assert count(store, "cdr") == 1


def test_sql_tells_the_same_history_and_times(store: Store) -> None:
    captures = sorted(OWN_CAPTURES.glob("*.pcap*"))
    event = replace(CALL.sip_events[0], branch="=", time=CALL.start - 5, src_ip="192.0.2.1", reason='a "b"\n')
    odd = call(
        1,
        sip_events=[event, event, replace(event, branch="==x"), replace(event, branch=None)],
        ringing_time=None,
        invite_time=None,
        bye_time=CALL.start + 1,
        pdd=None,
        duration=1e-6,
    )
    calls = [odd, *of_captures(*captures)]
    assert Writer(store).insert(tables.CDR, calls) == []
    rows = store.client.query(
        "SELECT cdr_id, duration, connect_duration, pdd, invite_time, bye_time, sip_events FROM calls",
        query_formats={"DateTime64*": "int", "UUID": "string", "Tuple*": "tuple"},
    ).result_rows
    assert {row[0]: (*row[1:6], [SipEvent(*each) for each in row[6]]) for row in rows} == {
        each.cdr_id: (
            *(each.duration, each.connect_duration, each.pdd, each.invite_time, each.bye_time),
            each.sip_events,
        )
        for each in calls
    }
    assert without_stored_at(list(read_calls(store))) == without_stored_at(calls)
