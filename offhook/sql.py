"""`offhook sql`: one statement to the store, its rows to the reader."""

import argparse
import contextlib
import io
import shutil
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

import msgspec

from offhook.bounds import SQL_TABLE_ROWS, STATEMENT_BYTES
from offhook.errors import DONE, UsageError
from offhook.output.sql_table import print_table
from offhook.queries import statement as sql
from offhook.queries.store import for_statements
from offhook.text import clean

_PIPE_FORMAT: Final = "TabSeparatedWithNames"
_TABLE_FORMAT: Final = "JSONCompactStringsEachRowWithNamesAndTypes"
_STREAMED: Final = {
    "tabseparatedwithnames": "TabSeparated",
    "tsvwithnames": "TabSeparated",
    "csvwithnames": "CSV",
}
"""Formats whose header is asked for apart, so that the embedded engine can give the rows as they come."""

_SYNTAX: Final = 62
"""ClickHouse's code of a syntax error."""

_COPY_BYTES: Final = 1 << 20


def run(options: argparse.Namespace) -> int:
    """Run the command; returns the exit code. Raises CommandError, or an error of a room."""
    statement = _statement(options.statement)
    if not options.write and sql.writes_file(statement):
        raise UsageError("INTO OUTFILE writes a file: use --write, or redirect the output")
    if not options.write and sql.is_several(statement):
        raise UsageError("one statement at a time: there is a ; between two")
    given = sql.settings(statement)
    with for_statements(options.db, write=options.write, settings=given) as client:
        if options.write and not sql.has_rows(statement):
            _execute(client, statement)
        else:
            with _as_written(client, statement):
                if _wants_table(options.format, statement):
                    _show(client, statement)
                else:
                    _copy(client, statement, options.format or _PIPE_FORMAT)
    return DONE


def _statement(given: str) -> str:
    """The statement, from standard input for `-`."""
    if given == "-":
        read = sys.stdin.buffer.read(STATEMENT_BYTES + 1)
        if len(read) > STATEMENT_BYTES:
            raise UsageError(f"the statement is longer than {STATEMENT_BYTES:,} bytes")
        given = read.decode("utf-8", "replace")
    statement = sql.without_end(given)
    if not statement:
        raise UsageError("the statement is empty; write offhook sql 'SELECT count() FROM cdr' --db PATH")
    return statement


def _wants_table(wanted: str | None, statement: str) -> bool:
    if wanted is not None:
        return wanted.lower() == "table"
    return sys.stdout.isatty() and not sql.has_format(statement)


@contextlib.contextmanager
def _as_written(client: Any, statement: str) -> Iterator[None]:
    """A syntax error speaks of the user's statement, not of what we put around it."""
    from clickhouse_connect.driver.exceptions import Error

    try:
        yield
    except Error as error:
        if error.code == _SYNTAX and not sql.has_format(statement):
            client.raw_query(statement)
        raise


def _execute(client: Any, statement: str) -> None:
    """Run a statement that changes something."""
    answer = client.command(statement)
    if isinstance(answer, str | int) and str(answer):
        print(clean(str(answer)))


def _show(client: Any, statement: str) -> None:
    """Write a table, at most SQL_TABLE_ROWS rows of it."""
    limited = statement
    if sql.is_select(statement):
        limited = f"SELECT * FROM (\n{statement}\n) LIMIT {SQL_TABLE_ROWS + 1}"
    answer = client.raw_query(limited, fmt=_TABLE_FORMAT)
    lines = [msgspec.json.decode(line, type=list[str]) for line in answer.splitlines()]
    if not lines:
        return
    names, types, *rows = lines
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    print_table(sys.stdout, names, types, rows[:SQL_TABLE_ROWS], columns)
    if len(rows) > SQL_TABLE_ROWS:
        print(f"offhook: the first {SQL_TABLE_ROWS:,} rows; --format TSVWithNames has all", file=sys.stderr)


def _copy(client: Any, statement: str, wanted: str) -> None:
    """Write the answer in ClickHouse's format."""
    out = _TerminalSafe(sys.stdout.buffer) if sys.stdout.isatty() else sys.stdout.buffer
    rows_format, head = wanted, b""
    if sql.has_format(statement):
        rows_format = ""
    elif wanted.lower() in _STREAMED and sql.is_select(statement):
        head = client.raw_query(f"SELECT * FROM (\n{statement}\n) LIMIT 0", fmt=wanted)
        rows_format = _STREAMED[wanted.lower()]
    with _stream(client, statement, rows_format) as answer:
        chunk = answer.read(_COPY_BYTES)
        out.write(head)  # now that the statement is known to begin well
        while chunk:
            out.write(chunk)
            chunk = answer.read(_COPY_BYTES)
    out.flush()


@contextlib.contextmanager
def _stream(client: Any, statement: str, wanted: str) -> Iterator[io.IOBase | Any]:
    answer = client.raw_stream(statement, fmt=wanted or None)
    try:
        yield answer
    finally:
        answer.close()


class _TerminalSafe:
    """A terminal that gets no control characters but tab and line feed."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out

    def write(self, data: bytes) -> None:
        text = data.decode("utf-8", "replace")
        self._out.write("".join(c if c in "\t\n" else clean(c) for c in text).encode())

    def flush(self) -> None:
        self._out.flush()
