"""Pages of a list: every call once, in the order asked for, in its newest version alone."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from offhook.errors import UsageError
from offhook.output.json_lines import encode_line
from offhook.queries import page as page_module
from offhook.queries.page import Place, all_calls, calls_page, streams_page, windows_page
from offhook.queries.selection import CallSelection, RowSelection
from offhook.queries.sorting import parse_sort
from offhook.queries.store import asked
from offhook.rows import WindowRow
from offhook.times import Clock
from schemas.cdr import CallRecord, StreamRecord
from tests.offhook.queries.filling import fill, key, made_up

UTC = Clock("UTC")
NO_FILTER = CallSelection([], UTC)


def listed(
    client: Any, sort: str, limit: int, expressions: list[str] | None = None
) -> list[list[CallRecord]]:
    """All pages."""
    selection, order = CallSelection(expressions or [], UTC), parse_sort(sort, CallRecord)
    pages: list[list[CallRecord]] = []
    while True:
        page = calls_page(client, selection, order, Place(limit, len(pages) + 1), children=False)
        pages.append(list(page.rows))
        assert page.first == (page.number - 1) * limit + 1
        if not page.more:
            return pages


def in_order(calls: list[CallRecord], field: str, *, descending: bool = False) -> list[str]:
    """Ids as Python sorts them: unknown last, then by time and id."""
    known = [call for call in calls if getattr(call, field) is not None]
    unknown = [call for call in calls if getattr(call, field) is None]

    def by_time(call: CallRecord) -> tuple[int, str]:
        return call.start, call.cdr_id

    known.sort(key=lambda call: (getattr(call, field), *by_time(call)), reverse=descending)
    unknown.sort(key=by_time, reverse=descending)
    return [call.cdr_id for call in known + unknown]


@pytest.mark.parametrize("field", ["start", "mos", "pdd", "caller"])
@pytest.mark.parametrize("way", ["", ":desc"])
def test_pages_are_the_sorted_list_in_pieces(
    made_up_store: Path, made_up_calls: list[CallRecord], field: str, way: str
) -> None:
    with asked(str(made_up_store)) as client:
        pages = listed(client, field + way, 150)
    assert [len(page) for page in pages] == [150, 150, 100]
    found = [call.cdr_id for page in pages for call in page]
    wanted = in_order(made_up_calls, field, descending=way == ":desc")
    if field != "caller":  # text is sorted by its bytes there, and by its characters here
        assert found == wanted
    assert sorted(found) == sorted(wanted)


@pytest.mark.parametrize("way", ["", ":desc"])
@pytest.mark.parametrize("days", [1, 3])
def test_a_large_day_is_asked_by_hours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, days: int
) -> None:
    monkeypatch.setattr(page_module, "_LARGE_DAY", 10)
    day_us, first_us = 86_400_000_000, 1_790_035_200_000_000  # midnight
    calls = [
        replace(call, start=first_us + number * days * day_us // 60)  # midnights and whole hours among them
        for number, call in enumerate(made_up(60, seed=4))
    ]
    fill(tmp_path / "store", calls)
    with asked(str(tmp_path / "store")) as client:
        pages = listed(client, "time" + way, 25)
    assert [call.cdr_id for page in pages for call in page] == in_order(calls, "start", descending=bool(way))


def test_a_page_that_ends_with_the_list_is_the_last(made_up_store: Path) -> None:
    with asked(str(made_up_store)) as client:
        assert [len(page) for page in listed(client, "time", 200)] == [200, 200]
        beyond = calls_page(client, NO_FILTER, parse_sort("time", CallRecord), Place(200, 9), children=False)
        assert (list(beyond.rows), beyond.more) == ([], False)


def test_a_stored_call_is_written_as_it_was(real_store: Path, real_rows: list[Any]) -> None:
    calls = {row.cdr_id: row for row in real_rows if type(row) is CallRecord}
    with asked(str(real_store)) as client:
        page = calls_page(client, NO_FILTER, parse_sort("time", CallRecord), Place(500), children=True)
        stored = list(page.rows)
    assert len(stored) == len(calls)
    for call in stored:
        assert call.stored_at is not None
        assert encode_line(replace(call, stored_at=None)) == encode_line(calls[call.cdr_id])


def test_all_calls_are_those_of_the_pages(made_up_store: Path) -> None:
    with asked(str(made_up_store)) as client:
        for sort in ("time:desc", "mos"):
            rows = all_calls(client, NO_FILTER, parse_sort(sort, CallRecord), children=False)
            pages = listed(client, sort, 400)
            assert [call.cdr_id for call in rows] == [call.cdr_id for call in pages[0]]


@pytest.fixture
def versions(tmp_path: Path) -> tuple[Path, list[CallRecord]]:
    """A store in which each call was written five times, the newest version as good as it gets."""
    calls = [replace(call, mos=4.4, mos_a=4.4, version=5) for call in made_up(120, seed=3)]
    older = [
        replace(call, version=version, mos=1.0 + version / 10, mos_a=1.0, caller="old")
        for version in range(1, 5)
        for call in calls
    ]
    fill(tmp_path / "store", older + calls[:60])
    fill(tmp_path / "store", calls)
    return tmp_path / "store", calls


def test_an_older_version_is_never_shown(versions: tuple[Path, list[CallRecord]]) -> None:
    path, calls = versions
    with asked(str(path)) as client:
        for sort in ("time:desc", "time", "mos", "mos:desc", "caller"):
            found = [call for page in listed(client, sort, 50) for call in page]
            assert {call.version for call in found} == {5}, sort
            assert sorted(call.cdr_id for call in found) == sorted(call.cdr_id for call in calls), sort


def test_what_only_older_versions_had_is_not_found(versions: tuple[Path, list[CallRecord]]) -> None:
    path, calls = versions
    with asked(str(path)) as client:
        assert listed(client, "time", 5, ["caller=old"]) == [[]]
        assert listed(client, "mos", 5, ["mos<1.5"]) == listed(client, "mos", 5, ["mos<1.5,caller!=old"])
        found = [call.cdr_id for page in listed(client, "mos", 7, ["caller!=old"]) for call in page]
        assert found == in_order(calls, "mos")


def test_streams_and_windows_are_sorted_and_paged(real_store: Path) -> None:
    with asked(str(real_store)) as client:
        for kind, page, field in ((StreamRecord, streams_page, "mos"), (WindowRow, windows_page, "loss")):
            selection, sort = RowSelection(kind, [], UTC), parse_sort(f"{field}:desc", kind)
            whole = list(page(client, selection, sort, None).rows)
            first, second = (page(client, selection, sort, Place(20, number)) for number in (1, 2))
            assert first.more
            assert [*map(key, first.rows), *map(key, second.rows)] == [*map(key, whole[:40])]
            known = [value for row in whole if (value := getattr(row, field)) is not None]
            assert known == sorted(known, reverse=True)


@pytest.mark.parametrize("text", ["nothing", "mos:down", "streams", "", "mos; DROP TABLE cdr", "headers"])
def test_what_cannot_be_sorted_by_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--sort"):
        parse_sort(text, CallRecord)


@pytest.mark.parametrize(("limit", "page"), [(-1, 1), (10_001, 1), (50, 0), (50, 1_000_000)])
def test_pages_are_bounded(limit: int, page: int) -> None:
    with pytest.raises(UsageError):
        Place(limit, page)
