"""`offhook sql` as it is called: formats, standard input, errors in one line, nothing written unasked."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from clickhouse_connect.driver.exceptions import Error

from offhook.main import main
from offhook.output.sql_table import print_table
from offhook.queries import statement
from offhook.queries.store import for_statements
from tests.offhook.queries.filling import fill

Sql = Callable[..., tuple[int, str, str]]


@pytest.fixture
def sql(made_up_store: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> Sql:
    """Ask the store; (exit code, output, error output)."""

    def ask(text: str, *arguments: str, db: Path = made_up_store) -> tuple[int, str, str]:
        code = main(["sql", text, "--db", str(db), *arguments])
        out, err = capfdbinary.readouterr()
        return code, out.decode(), err.decode()

    return ask


def test_a_pipe_gets_names_and_tabs(sql: Sql) -> None:
    assert sql("SELECT count() AS calls, 'a\tb' AS t FROM cdr;\n") == (0, "calls\tt\n400\ta\\tb\n", "")


def test_the_default_database_is_offhooks(sql: Sql) -> None:
    code, out, _ = sql("SHOW TABLES")
    assert code == 0
    assert {"cdr", "calls", "rtp_streams"} <= set(out.splitlines())


@pytest.mark.parametrize(
    ("wanted", "answer"),
    [
        ("JSONEachRow", '{"n":0}\n{"n":1}\n'),
        ("CSVWithNames", '"n"\n0\n1\n'),
        ("TabSeparated", "0\n1\n"),
        ("table", "n\n─\n0\n1\n2 rows\n"),
    ],
)
def test_any_format(sql: Sql, wanted: str, answer: str) -> None:
    code, out, _ = sql("SELECT toUInt8(number) AS n FROM numbers(2)", "--format", wanted)
    assert (code, "\n".join(line.strip() for line in out.splitlines()) + "\n") == (0, answer)


def test_a_statement_may_name_its_format(sql: Sql) -> None:
    code, out, _ = sql("SELECT 'FORMAT x' AS a -- FORMAT CSV\nFORMAT JSONEachRow")
    assert (code, json.loads(out)) == (0, {"a": "FORMAT x"})


def test_a_statement_comes_from_standard_input(sql: Sql, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"SELECT 7 AS seven\n;\n")))
    assert sql("-") == (0, "seven\n7\n", "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SELCT 1", "Syntax error"),
        ("SELECT nothing FROM cdr", "nothing"),
        ("SELECT 1 FROM nowhere", "nowhere"),
        ("SELECT throwIf(1, 'oh\nno')", "oh"),
    ],
)
def test_bad_sql_is_one_line_with_clickhouses_words_and_code(sql: Sql, text: str, said: str) -> None:
    code, out, err = sql(text)
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert err.startswith("offhook: ClickHouse: ")
    assert said in err
    assert "(code " in err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SELECT caller FROM calls WHREE 1", "position 32 (1)"),
        ("SELECT caller, f( FROM calls", "position 24 (calls)"),
        ("SELECT count() FRM calls GROUP BY", "position 20 (calls)"),
    ],
)
def test_a_syntax_error_speaks_of_the_statement_as_it_was_written(sql: Sql, text: str, said: str) -> None:
    for more in ([], ["--format", "JSON"], ["--format", "table"]):
        code, out, err = sql(text, *more)
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert said in err, more


def test_two_statements_are_refused_in_plain_words(sql: Sql) -> None:
    assert sql("SELECT 1; SELECT 2") == (
        2,
        "",
        "offhook: one statement at a time: there is a ; between two\n",
    )
    assert sql("SELECT ';' AS a -- ; \n;")[:2] == (0, "a\n;\n")


@pytest.mark.parametrize(
    "text",
    [
        "SELECT number FROM numbers(2) SETTINGS max_block_size = 1",
        "SELECT number FROM numbers(2) settings max_threads=1, join_use_nulls=1",
        "SELECT number FROM numbers(2) FORMAT TSVWithNames SETTINGS max_threads = 1",
        "SELECT number FROM numbers(2) SETTINGS max_threads = 1 FORMAT TSVWithNames",
    ],
)
def test_a_question_may_bring_settings(sql: Sql, text: str) -> None:
    assert sql(text) == (0, "number\n0\n1\n", "")


def test_settings_do_not_open_the_store(sql: Sql) -> None:
    for text in (
        "SELECT 1 SETTINGS readonly = 0",
        "SELECT 1 SETTINGS max_threads = 1, readonly = 2",
        "SELECT 1 SETTINGS allow_ddl = 0",
        "DROP TABLE cdr SETTINGS max_threads = 1",
        "SELECT * FROM file('/etc/hostname', 'LineAsString') SETTINGS max_threads = 1",
    ):
        code, out, err = sql(text)
        assert (code, out, err.count("\n")) == (1, "", 1), text
    assert sql("SELECT count() AS calls FROM cdr")[1] == "calls\n400\n"


WRITES = [
    "DROP TABLE cdr",
    "TRUNCATE TABLE cdr",
    "ALTER TABLE cdr DELETE WHERE 1",
    "INSERT INTO cdr (call_id) VALUES ('x')",
    "SET readonly = 0",
    "SELECT 1 SETTINGS readonly = 0",
    "SELECT 1; DROP TABLE cdr",
    "INSERT INTO FUNCTION file('{file}') SELECT 1",
    "WITH 1 AS x INSERT INTO FUNCTION file('{file}') SELECT x",
    "SELECT * FROM file('/etc/hostname', 'LineAsString')",
    "CREATE TABLE x (a Int8) ENGINE = Memory",
    "OPTIMIZE TABLE cdr FINAL",
]


def test_nothing_is_written_unasked(sql: Sql, made_up_store: Path, tmp_path: Path) -> None:
    file = tmp_path / "written"
    with for_statements(str(made_up_store), write=False) as client:
        for text in WRITES:
            with pytest.raises(Error):
                client.raw_query(text.replace("{file}", str(file)))
    assert sql("SELECT count() AS calls FROM cdr")[1] == "calls\n400\n"
    assert not file.exists()
    code, out, err = sql("DROP TABLE cdr")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "--write" in err


@pytest.mark.parametrize(
    "text", ["INTO OUTFILE 'x'", "into/**/outfile 'x'", "INTO -- a comment\nOUTFILE 'x'", "INTO\tOUTFILE `x`"]
)
def test_a_file_is_not_written_unasked(sql: Sql, tmp_path: Path, text: str) -> None:
    code, out, err = sql(f"SELECT 1 {text}", db=tmp_path)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "INTO OUTFILE" in err
    assert not statement.writes_file("SELECT 'INTO OUTFILE' AS \"INTO OUTFILE\" -- INTO OUTFILE")


def test_with_write_the_store_changes(sql: Sql, tmp_path: Path) -> None:
    db = tmp_path / "store"
    fill(db, [])
    assert sql("CREATE TABLE notes (text String) ENGINE = MergeTree ORDER BY text", "--write", db=db) == (
        0,
        "",
        "",
    )
    assert sql("INSERT INTO notes VALUES ('FORMAT'), ('b')", "--write", db=db)[0] == 0
    assert sql("SELECT text FROM notes ORDER BY text", "--write", db=db)[1] == "text\nFORMAT\nb\n"


def test_what_is_missing_is_said_in_one_line(sql: Sql, tmp_path: Path) -> None:
    for text, db in (("SELECT 1", tmp_path / "none"), ("  ;", tmp_path)):
        code, out, err = sql(text, db=db)
        assert code in (1, 2)
        assert (out, err.count("\n")) == ("", 1)


def test_a_table_keeps_a_terminals_width_and_its_codes_out() -> None:
    out = io.StringIO()
    print_table(
        out, ["name", "n"], ["String", "Nullable(UInt8)"], [["\x1b[31mred\n", "5"], ["ᴺᵁᴸᴸ", "1"]], 40
    )
    assert "\x1b" not in out.getvalue()
    assert "?[31mred?" in out.getvalue()
    assert "null" in out.getvalue()


def test_rows_too_wide_for_a_terminal_are_written_line_by_line() -> None:
    out = io.StringIO()
    names = [f"column_{number}" for number in range(30)]
    print_table(out, names, ["String"] * 30, [["value"] * 30], 80)
    assert out.getvalue().count("\n") == 31
    assert max(map(len, out.getvalue().splitlines())) <= 80


@pytest.mark.parametrize(
    ("text", "rows", "own_format"),
    [
        ("SELECT 1", True, False),
        ("  -- words\n/* more */ with 1 as x select x FORMAT JSON", True, True),
        ("(SELECT 1)", True, False),
        ("SELECT 'a FORMAT JSON'", True, False),
        ("SELECT 1 AS format", True, False),
        ("INSERT INTO t SELECT 1", False, False),
        ("explain select 1", True, False),
        ("SELECT 1 FORMAT JSON SETTINGS max_threads = 1", True, True),
        ("", False, False),
    ],
)
def test_what_kind_of_statement_it_is(text: str, rows: bool, own_format: bool) -> None:
    assert (statement.has_rows(text), statement.has_format(text)) == (rows, own_format)
