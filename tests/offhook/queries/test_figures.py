"""The figures of a report, against the same figures computed from the records in Python."""

import statistics
from collections import Counter
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from offhook import filters
from offhook.main import main
from offhook.queries.intervals import WANTED, edges, step_of
from offhook.queries.report import MOS_EDGES, figures_of
from offhook.queries.selection import CallSelection
from offhook.queries.store import asked
from offhook.report_page import axes, words
from offhook.times import Clock
from schemas.cdr import CallRecord
from tests.offhook.fakes import CALL, T0
from tests.offhook.queries.filling import fill

UTC = Clock("UTC")
HOUR = 3_600_000_000


def test_labels_of_years_name_the_year() -> None:
    year = 365 * 24 * HOUR
    assert words.labels([T0, T0 + year, T0 + 2 * year], UTC, year) == ["Sep 2026", "Sep 2027", "Sep 2028"]
    week = 7 * 24 * HOUR
    assert words.labels([T0, T0 + week], UTC, week) == ["21 Sep", "28 Sep"]


@pytest.mark.parametrize(
    ("expressions", "since", "until"),
    [
        ([], None, None),
        (["pdd<4,mos<4.5"], None, None),
        (["outcome=answered,codec=pcmu", "duration>20"], "2026-09-22", "2026-09-23T12:00"),
    ],
)
def test_totals_and_distributions(
    made_up_store: Path,
    made_up_calls: list[CallRecord],
    expressions: list[str],
    since: str | None,
    until: str | None,
) -> None:
    since_us, until_us = (UTC.read(text) if text else None for text in (since, until))
    selection = CallSelection(expressions, UTC, since_us=since_us, until_us=until_us)
    with asked(str(made_up_store)) as client:
        found = figures_of(client, selection, UTC.zone)
    assert found is not None
    figures, worst = found
    test = filters.compile_filter(filters.parse(expressions), CallRecord, UTC)
    calls = [
        call
        for call in made_up_calls
        if test(call) and (since_us or 0) <= call.start < (until_us or call.start + 1)
    ]
    answered = [call for call in calls if call.outcome == "answered"]
    totals = figures.totals
    assert (totals.calls, totals.answered) == (len(calls), len(answered))
    assert totals.asr == pytest.approx(100 * len(answered) / len(calls))
    assert totals.acd == pytest.approx(statistics.mean(call.connect_duration or 0 for call in answered))
    pdds = [call.pdd for call in calls if call.pdd is not None]
    assert totals.pdd_median == pytest.approx(statistics.median(pdds))
    assert totals.pdd_p95 == pytest.approx(statistics.quantiles(pdds, n=20, method="inclusive")[-1])
    mos = [call.mos for call in calls if call.mos is not None]
    assert totals.mos_median == pytest.approx(statistics.median(mos))
    assert totals.mos_poor == sum(value < 3.6 for value in mos)
    lost = sum((call.lost_a or 0) + (call.lost_b or 0) for call in calls)
    packets = sum((call.packets_a or 0) + (call.packets_b or 0) for call in calls)
    assert totals.loss == pytest.approx(100 * lost / (lost + packets))
    assert [bin_.count for bin_ in figures.mos] == [
        sum(low <= value < high for value in mos)
        for low, high in zip(MOS_EDGES, [*MOS_EDGES[1:], 9.0], strict=True)
    ]
    assert {row.code: row.calls for row in figures.codes} == Counter(call.response_code for call in calls)
    flags = Counter(flag for call in calls for flag in call.flags)
    assert {row.name: row.calls for row in figures.flags} == flags
    codecs = Counter(codec for call in calls for codec in (call.codec_a, call.codec_b) if codec)
    assert {row.codec: row.sides for row in figures.codecs} == codecs
    assert sum(moment.calls for moment in figures.series) == len(calls)
    assert [call.mos for call in worst] == sorted(mos)[:20]


@pytest.fixture
def three_calls(tmp_path: Path) -> Path:
    """Two hours long, begun at 0:00, 1:00 and 2:00 after T0's midnight."""
    midnight = T0 - T0 % (24 * HOUR)
    fill(
        tmp_path / "store",
        [
            replace(
                CALL,
                cdr_id=f"00000000-0000-0000-0000-00000000000{hour}",
                start=midnight + hour * HOUR,
                end_time=midnight + (hour + 2) * HOUR,
            )
            for hour in range(3)
        ],
    )
    return tmp_path / "store"


@pytest.mark.parametrize(
    ("since_h", "until_h", "most"),
    [
        (0.0, 5.0, [1, 2, 2, 1, 0]),  # what ends as another begins is not in progress with it
        (1.0, 2.0, [2]),
        (1.5, 2.5, [2]),
        (2.0, 2.5, [2]),
    ],
)
def test_calls_begun_before_the_range_are_in_progress_in_it(
    three_calls: Path, since_h: float, until_h: float, most: list[int]
) -> None:
    midnight = T0 - T0 % (24 * HOUR)
    since, until = (round(midnight + hour * HOUR) for hour in (since_h, until_h))
    with asked(str(three_calls)) as client:
        found = figures_of(client, CallSelection([], UTC, since_us=since, until_us=until), UTC.zone)
    assert found is not None
    each_hour = [
        max(
            (moment.concurrent for moment in found[0].series if begin <= moment.start < begin + HOUR),
            default=0,
        )
        for begin in range(since, until, HOUR)
    ]
    assert each_hour == most


@given(st.integers(0, 4_000_000_000), st.integers(0, 400_000_000))
def test_intervals_cover_the_span_and_are_not_too_many(first_s: int, span_s: int) -> None:
    first, last = first_s * 1_000_000, (first_s + span_s) * 1_000_000
    found = edges(first, last, step_of(first, last), ZoneInfo("Europe/Prague"))
    assert found == sorted(set(found))
    assert found[0] <= first
    assert found[-1] <= last < found[-1] + 2 * step_of(first, last)
    assert len(found) <= WANTED


def test_days_begin_at_midnight_also_where_a_clock_is_set() -> None:
    zone = ZoneInfo("Europe/Prague")
    first, last = (int(datetime(2026, 10, day, 12, tzinfo=zone).timestamp()) * 1_000_000 for day in (20, 30))
    begins = [datetime.fromtimestamp(edge / 1e6, zone) for edge in edges(first, last, 24 * HOUR, zone)]
    assert [(begin.day, begin.hour) for begin in begins] == [(day, 0) for day in range(20, 31)]


@given(st.integers(0, 10**12))
@example(10**10 + 1)
def test_marks_of_counts_are_whole_and_reach_the_highest(highest: int) -> None:
    marks = axes.whole_marks(highest)
    assert marks[0] == 0
    assert marks[-1] >= highest
    assert all(mark == int(mark) for mark in marks)
    assert 2 <= len(marks) <= 9


def test_the_report_on_a_terminal(
    made_up_store: Path, made_up_calls: list[CallRecord], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "--db", str(made_up_store)]) == 0
    out, err = capfd.readouterr()
    assert err == ""
    assert out.startswith("400 calls from 2026-09-2")
    answered = sum(call.outcome == "answered" for call in made_up_calls)
    assert f"ASR {100 * answered / 400:.1f} %" in out
    assert {"outcomes", "response codes", "codecs", "worst calls"} <= set(out.splitlines())


def test_a_range_that_ends_before_it_begins_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--from", "2026-09-22", "--to", "2026-09-21"]
    assert main(["report", "--db", str(tmp_path), *arguments]) == 2
    assert capfd.readouterr().err.count("\n") == 1
