"""`offhook calls` as it is called: table, JSON, CSV, pages, and the same rows as `analyze` has."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from offhook.main import main
from tests.offhook.queries.filling import captures, fill

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capfdbinary: pytest.CaptureFixture[bytes]) -> Run:
    """Run a command; (exit code, output, error output)."""

    def command(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        out, err = capfdbinary.readouterr()
        return code, out.decode(), err.decode()

    return command


def without_stored_at(line: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(line)
    return record | {"stored_at": None}


def test_json_is_that_of_analyze(run: Run, real_store: Path) -> None:
    file = next(path for path in captures() if "real_call" in path.name)
    for expression in ("mos>1", "outcome=answered", "caller!=nobody"):
        _, analysed, _ = run("analyze", str(file), "--format", "json", "--filter", expression)
        wanted = {call["cdr_id"]: call for call in map(without_stored_at, analysed.splitlines())}
        assert wanted
        terms = f"{expression},call_id={'|'.join(call['call_id'] for call in wanted.values())}"
        _, listed, _ = run("calls", "--db", str(real_store), "--format", "json", "--filter", terms)
        assert {call["cdr_id"]: call for call in map(without_stored_at, listed.splitlines())} == wanted


def test_a_table_is_newest_first_and_says_its_page(run: Run, made_up_store: Path) -> None:
    code, out, err = run("calls", "--db", str(made_up_store), "--limit", "3", "--page", "2")
    assert (code, err) == (0, "")
    times = [line[:19] for line in out.splitlines() if line.startswith("2026-")]
    assert len(times) == 3
    assert times == sorted(times, reverse=True)
    assert out.splitlines()[-1] == "page 2: calls 4 to 6; --page 3 has more"


def test_times_are_shown_and_read_in_the_zone(run: Run, made_up_store: Path) -> None:
    arguments = ("calls", "--db", str(made_up_store), "--sort", "time", "--limit", "1", "--format", "table")
    terms = ("--filter", "time>=2026-09-22T12:00")
    _, utc, _ = run(*arguments, *terms)
    _, prague, _ = run(*arguments, *terms, "--timezone", "Europe/Prague")
    assert utc.splitlines()[1][:13] == "2026-09-22 12"
    assert prague.splitlines()[1][:13] == "2026-09-22 12"
    assert utc.splitlines()[1] != prague.splitlines()[1]


def test_csv_has_a_header_and_all_rows(run: Run, made_up_store: Path) -> None:
    code, out, err = run("calls", "--db", str(made_up_store), "--format", "csv", "--limit", "0")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert (code, err, len(rows)) == (0, "", 400)
    assert {row["outcome"] for row in rows} > {"answered", "rejected"}
    assert {row["caller"] for row in rows} >= {"'+12025550123", "o'neil", "a\\b"}


def test_a_page_of_a_program_says_on_the_side_that_there_is_more(run: Run, made_up_store: Path) -> None:
    _, out, err = run("calls", "--db", str(made_up_store), "--format", "json", "--limit", "5")
    assert len(out.splitlines()) == 5
    assert err == "offhook: page 1; --page 2 has more\n"


@pytest.mark.parametrize("rows", ["streams", "windows", "registrations"])
def test_other_rows_are_listed_too(run: Run, real_store: Path, rows: str) -> None:
    code, out, _ = run("calls", "--db", str(real_store), "--rows", rows, "--limit", "2")
    assert code == 0
    assert out.splitlines()[-1] == f"page 1: {rows} 1 to 2; --page 2 has more"


def test_it_writes_to_a_file(run: Run, made_up_store: Path, tmp_path: Path) -> None:
    file = tmp_path / "calls.json"
    arguments = ("calls", "--db", str(made_up_store), "--format", "json", "-o", str(file))
    assert run(*arguments, "--filter", "outcome=rejected", "--limit", "0") == (0, "", "")
    assert {json.loads(line)["outcome"] for line in file.read_text().splitlines()} == {"rejected"}


def test_no_calls_are_said_in_one_line(run: Run, made_up_store: Path, tmp_path: Path) -> None:
    assert run("calls", "--db", str(made_up_store), "--filter", "caller=x") == (
        0,
        "no calls match the filter\n",
        "",
    )
    fill(tmp_path / "store", [])
    assert run("calls", "--db", str(tmp_path / "store")) == (0, "no calls in the store\n", "")
    assert run("report", "--db", str(tmp_path / "store")) == (0, "no calls in the store\n", "")


@pytest.mark.parametrize(
    "wrong",
    [
        ("--filter", "nothing=1"),
        ("--sort", "nothing"),
        ("--limit", "-1"),
        ("--page", "0"),
        ("--limit", "0", "--page", "2"),
        ("--rows", "windows", "--filter", "caller=1"),
        ("--timezone", "Nowhere/Land"),
    ],
)
def test_wrong_arguments_are_said_in_one_line(run: Run, made_up_store: Path, wrong: tuple[str, ...]) -> None:
    code, out, err = run("calls", "--db", str(made_up_store), *wrong)
    assert (code, out, err.count("\n")) == (2, "", 1)


def test_the_store_is_named_by_the_environment(
    run: Run, real_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("calls")[0] == 2
    monkeypatch.setenv("OFFHOOK_DB", str(real_store))
    asked = [["calls", "--limit", "3"], ["sql", "SELECT count() FROM calls"], ["report"]]
    for command in asked:
        code, out, err = run(*command)
        assert (code, err) == (0, "")
        assert (code, out, err) == run(*command, "--db", str(real_store))
    assert "no store there" in run("calls", "--db", "elsewhere")[2]
