"""--filter asks a store for the calls that `analyze --filter` shows."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from offhook import filters
from offhook.errors import UsageError
from offhook.queries import fields
from offhook.queries.page import (
    Place,
    registrations_page,
    streams_page,
    windows_page,
)
from offhook.queries.selection import CallSelection, RowSelection
from offhook.queries.sorting import parse_sort
from offhook.queries.store import asked
from offhook.rows import MessageRow, WindowRow
from offhook.times import Clock
from schemas.cdr import CallRecord, StreamRecord
from schemas.registrations import Registration
from tests.offhook.queries.filling import key

UTC = Clock("UTC")

WRITTEN = [
    "caller=1202*",
    "caller=12025550123",
    "caller=+12025550123",
    "caller=+1202*",
    "caller=*0123",
    "caller=*",
    "caller!=*",
    "caller!=1202*",
    "caller=o'neil|a\\b",
    "caller=*%_*",
    "callee=*ï\\**",
    "number=911|420*",
    "number!=911|420*",
    "domain=example.org",
    "domain=SIP-proxy*",
    "ip=10.0.1.0/24",
    "ip!=10.0.1.0/24",
    "ip=192.0.2.7",
    "ip=::/0",
    "ip=0.0.0.0/0",
    "ip=2001:db8::/32",
    "src=10.0.2.3",
    "dst=172.16.0.0/12|2001:db8::1",
    "outcome=answered|Cancelled",
    "outcome!=rejected",
    "code=4xx",
    "code=486|5xx",
    "code!=200",
    "code>=400",
    "codec=pcm*",
    "codec=amr_wb",
    "codec!=opus",
    "mos<3.5",
    "mos>=4",
    "mos!=4",
    "loss>1",
    "loss=0",
    "jitter<=10.5",
    "duration>60",
    "connect_duration<10",
    "pdd>=5",
    "pdd<inf",
    "time>=2026-09-22",
    "time=2026-09-22..2026-09-23T12:00",
    "time=..2026-09-22",
    "time=2026-09-23..",
    "time!=2026-09-22..",
    "time>=9999-01-01",
    "time>=0001-01-01",
    "flags=no-rtp",
    "flags!=no-rtp",
    "flags=one-way",
    "flags=one_way_b",
    "flags=dead-air|capture-drops",
    "flags=t38|encrypted",
    "flags=incomplete",
    "flags=*-*",
    "call_id=*_%@10.0.0*",
    "agent=phone-1*",
    "hung_up_by=callee",
    "outcome=answered,mos<3.5,caller=1202*,pdd<4",
]


def shown(rows: list[Any], expressions: list[str]) -> list[str]:
    """What `analyze` would show of the calls."""
    test = filters.compile_filter(filters.parse(expressions), CallRecord, UTC)
    return sorted(row.cdr_id for row in rows if test(row))


def stored(client: Any, expressions: list[str]) -> list[str]:
    """What the store has of them."""
    selection = CallSelection(expressions, UTC)
    found = client.query(
        f"SELECT cdr_id FROM cdr FINAL WHERE {selection.condition}", parameters=selection.parameters.values
    )
    return sorted(str(cdr_id) for (cdr_id,) in found.result_rows)


def test_every_filter_of_stored_rows_is_translated() -> None:
    assert {kind: set(names) for kind, names in filters.FIELDS.items() if kind is not MessageRow} == {
        kind: set(names) for kind, names in fields.FIELDS.items()
    }


def test_written_filters_choose_the_same_calls(made_up_store: Path, made_up_calls: list[CallRecord]) -> None:
    found = set()
    with asked(str(made_up_store)) as client:
        for expression in WRITTEN:
            wanted = shown(made_up_calls, [expression])
            assert stored(client, [expression]) == wanted, expression
            found.add(len(wanted))
    assert len(found) > 30  # the calls differ enough to tell filters apart


texts = st.sampled_from(
    ["1202", "+1202", "420", "0123", "o'", "'", "\\", "%", "_", "?", "{p0:String}", "Ü", "10.0", " ", "--"]
)
numbers = st.sampled_from(["0", "1", "3.5", "4.25", "60", "200", "1e3", "-1", "inf"])
patterns = st.builds("{}{}{}".format, st.sampled_from(["", "*"]), texts, st.sampled_from(["", "*"])).filter(
    lambda text: text.strip()
)
terms = st.one_of(
    st.builds(
        "{}{}{}".format,
        st.sampled_from(["caller", "callee", "number", "domain", "call_id", "agent", "codec"]),
        st.sampled_from(["=", "!="]),
        st.lists(patterns, min_size=1, max_size=3).map("|".join),
    ),
    st.builds(
        "flags{}{}".format,
        st.sampled_from(["=", "!="]),
        st.lists(
            st.sampled_from(["no-rtp", "one_way", "T38", "*rtp*", "dead-air", "encrypted"]),
            min_size=1,
            max_size=3,
        ).map("|".join),
    ),
    st.builds(
        "{}{}{}".format,
        st.sampled_from(["mos", "loss", "jitter", "duration", "connect_duration", "pdd"]),
        st.sampled_from(["=", "!=", "<", "<=", ">", ">="]),
        numbers,
    ),
    st.builds(
        "{}{}{}".format,
        st.sampled_from(["ip", "src", "dst"]),
        st.sampled_from(["=", "!="]),
        st.builds("10.0.{}.{}/{}".format, st.integers(0, 3), st.integers(0, 20), st.integers(0, 32)),
    ),
    st.builds(
        "code{}{}".format,
        st.sampled_from(["=", "!="]),
        st.sampled_from(["200", "4xx", "486|5xx", "6XX", "180"]),
    ),
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batch=st.lists(st.lists(terms, min_size=1, max_size=4), min_size=5, max_size=5))
def test_any_filter_chooses_the_same_calls(
    made_up_store: Path, made_up_calls: list[CallRecord], batch: list[list[str]]
) -> None:
    with asked(str(made_up_store)) as client:
        for expressions in batch:
            assert stored(client, expressions) == shown(made_up_calls, expressions), expressions


def test_filters_choose_the_same_of_real_calls(real_store: Path, real_rows: list[Any]) -> None:
    calls = [row for row in real_rows if type(row) is CallRecord]
    assert len(calls) > 60
    values = {call.caller for call in calls} | {call.callee for call in calls}
    numbers = [f"number={value}" for value in values if value and "*" not in value and "," not in value]
    with asked(str(real_store)) as client:
        for expression in (*WRITTEN[::2], *numbers[:20]):
            assert stored(client, [expression]) == shown(calls, [expression]), expression


@pytest.mark.parametrize(
    ("kind", "page", "expressions"),
    [
        (
            StreamRecord,
            streams_page,
            ["side=a", "mos<4", "ssrc=0x*", "duration>1", "packets>=99"],
        ),
        (StreamRecord, streams_page, ["codec=pcm*|g722", "call_id!=*", "call_id=*", "src!=10.0.0.0/8"]),
        (
            WindowRow,
            windows_page,
            ["side=b", "mos<4.2", "loss>0", "jitter>=1", "time>=2010-01-01"],
        ),
        (Registration, registrations_page, ["method=register", "code=4xx", "code!=200", "state=failed"]),
        (
            Registration,
            registrations_page,
            ["user=*1*", "number!=1*", "failures>0", "expires>=60"],
        ),
        (Registration, registrations_page, ["response_time>1", "flags!=nat", "contact=*@*", "unanswered>=1"]),
    ],
)
def test_other_rows_are_chosen_alike(
    real_store: Path, real_rows: list[Any], kind: Any, page: Any, expressions: list[str]
) -> None:
    rows = [row for row in real_rows if type(row) is kind]
    if kind is StreamRecord:
        rows += [stream for row in real_rows if type(row) is CallRecord for stream in row.streams]
    with asked(str(real_store)) as client:
        for expression in expressions:
            test = filters.compile_filter(filters.parse([expression]), kind, UTC)
            selection = RowSelection(kind, [expression], UTC)
            found = page(client, selection, parse_sort("time", kind), Place(5000)).rows
            assert sorted(map(key, found)) == sorted(key(row) for row in rows if test(row)), expression


def test_streams_are_chosen_by_their_call(real_store: Path, real_rows: list[Any]) -> None:
    test = filters.compile_filter(filters.parse(["outcome=answered"]), CallRecord, UTC)
    calls = [row for row in real_rows if type(row) is CallRecord and test(row)]
    wanted = sorted(key(stream) for call in calls for stream in call.streams if stream.side == "a")
    selection = RowSelection(StreamRecord, ["outcome=answered,side=a"], UTC)
    with asked(str(real_store)) as client:
        page = streams_page(client, selection, parse_sort("mos", StreamRecord), None)
        assert sorted(map(key, page.rows)) == wanted


@pytest.mark.parametrize("expression", ["caller<1", "nothing=1", "mos<x", "ip=nowhere", "caller=1*2"])
def test_what_is_no_filter_is_refused_in_the_same_words(expression: str) -> None:
    with pytest.raises(UsageError) as python:
        filters.compile_filter(filters.parse([expression]), CallRecord, UTC)
    with pytest.raises(UsageError) as store:
        CallSelection([expression], UTC)
    assert str(store.value) == str(python.value)
