"""What a statement may do: judged on ClickHouse's own reading of it, never on the text as sent.

The engine itself denies what leaves the store (`engine.py`). Some things it does not guard: the function
`file`, INTO OUTFILE, Python objects of our process. So each statement is classified by the engine's parser,
and written out by it (formatQuery: comments gone, escapes and heredocs resolved, names as they are), and the
names called in that text are compared with lists taken from the engine.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from sinks.clickhouse.served.bounds import STATEMENT_BYTES
from sinks.clickhouse.served.failures import (
    ACCESS_DENIED,
    QUERY_IS_TOO_LARGE,
    READONLY,
    SYNTAX_ERROR,
    RequestError,
    engine_error,
)
from sinks.clickhouse.served.settings import allowed

TABLE_FUNCTIONS: Final = frozenset(
    {
        "format",
        "generaterandom",
        "generateseries",
        "generate_series",
        "null",
        "numbers",
        "numbers_mt",
        "values",
        "view",
        "zeros",
        "zeros_mt",
    }
)
"""The table functions that make their rows up; every other one that the engine knows is denied."""

ENGINES: Final = frozenset(
    {
        "memory",
        "null",
        "view",
        "materializedview",
        "log",
        "tinylog",
        "stripelog",
        "mergetree",
        "replacingmergetree",
        "summingmergetree",
        "aggregatingmergetree",
        "collapsingmergetree",
        "versionedcollapsingmergetree",
    }
)
"""The table engines that keep their rows in the store."""

FUNCTIONS: Final = frozenset(
    {
        "file",
        "catboostevaluate",
        "evalmlmethod",
        "executable",
        "logtrace",
        "addresstoline",
        "addresstolinewithinlines",
        "addresstosymbol",
        "demangle",
        "showcertificate",
        "reversednsquery",
        "hascolumnintable",
    }
)
"""Ordinary functions that read files, reach out, or show our process."""

_ASK_OUTSIDE: Final = """
SELECT lower(name) FROM system.functions WHERE categories = 'AI' OR startsWith(lower(alias_to), 'ai')
"""
_SELECT: Final = frozenset({"SELECT", "WITH", "("})
_READ: Final = _SELECT | {"SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS"}
_WRITE: Final = frozenset(
    {"INSERT", "WITH", "CREATE", "ALTER", "DROP", "TRUNCATE", "OPTIMIZE", "RENAME", "EXCHANGE", "DELETE"}
    | {"UPDATE"}
)
_NEVER: Final = frozenset({"OUTFILE", "INFILE", "DICTIONARY"})
"""Words that stand in no statement of ours."""

_OPEN: Final = frozenset("([{")
_CLOSE: Final = frozenset(")]}")
_TOKEN: Final = re.compile(
    r"""'(?:[^'\\]|\\.|'')*' | `(?:[^`\\]|\\.|``)*` | "(?:[^"\\]|\\.|"")*" | \w+ | \S""", re.X | re.S
)
_ESCAPE: Final = re.compile(r"\\(.)|``", re.S)


class Verdict(msgspec.Struct, frozen=True):
    """A statement that may run: the format it names, and whether the engine can give its rows by chunks."""

    format: str | None
    writes: bool
    streams: bool


class Rules:
    """The rules of one engine."""

    def __init__(self, connection: Any, database: str, *, writable: bool) -> None:
        """Ask the engine for the names it knows."""
        self._database = database
        self._writable = writable
        known = _column(connection, "SELECT lower(name) FROM system.table_functions")
        asking = _column(connection, _ASK_OUTSIDE)
        self._denied = frozenset(known) - TABLE_FUNCTIONS | FUNCTIONS | frozenset(asking)

    def judge(self, connection: Any, statement: str) -> Verdict:
        """The verdict on one statement; RequestError where it is denied or cannot be read."""
        if len(statement) > STATEMENT_BYTES:
            raise RequestError(QUERY_IS_TOO_LARGE, f"a statement has at most {STATEMENT_BYTES} bytes")
        kind = connection.classify_query(statement, self._database)
        if kind["statement_count"] > 1:
            raise RequestError(SYNTAX_ERROR, "Syntax error: one statement a request, please")
        tokens = list(_TOKEN.findall(_canonical(connection, statement)))
        first = next(iter(tokens), "").upper()
        name = kind["query_class"].name
        if name == "READ_ONLY" and first in _READ:
            self._check(tokens)
            _check_settings(tokens)
        else:
            self._check_write(kind, name, first, tokens)
        return Verdict(
            format=_format(tokens),
            writes=name != "READ_ONLY",
            streams=name == "READ_ONLY" and first in _SELECT and "TOTALS" not in tokens,
        )

    def _check_write(self, kind: dict[str, Any], name: str, first: str, tokens: list[str]) -> None:
        if not self._writable:
            raise RequestError(READONLY, f"{first or 'this'}: the store is served for reading only")
        if name != "MUTATING" or first not in _WRITE or not kind["writes_only_target_database"]:
            raise RequestError(ACCESS_DENIED, f"{first}: served stores are written in {self._database} alone")
        if kind["changes_database_lifecycle"] and not self._makes_database(tokens):
            raise RequestError(ACCESS_DENIED, f"{first} DATABASE: the store's database stays as it is")
        self._check(tokens)

    def _makes_database(self, tokens: list[str]) -> bool:
        *words, name = tokens
        return words == ["CREATE", "DATABASE", "IF", "NOT", "EXISTS"] and _plain(name) == self._database

    def _check(self, tokens: list[str]) -> None:
        for called in _called(tokens):
            if called.lower() in self._denied:
                raise RequestError(ACCESS_DENIED, f"{called}: not allowed on a served store")
        for engine in _engines(tokens):
            if engine.lower() not in ENGINES:
                raise RequestError(ACCESS_DENIED, f"engine {engine}: not allowed on a served store")
        for word in _NEVER.intersection(tokens):
            raise RequestError(ACCESS_DENIED, f"{word}: not allowed on a served store")


def _canonical(connection: Any, statement: str) -> str:
    """The statement as the engine's parser understands it; its own words where it does not."""
    escaped = statement.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
    try:
        result = connection.query(
            "SELECT formatQuerySingleLine({statement:String})",
            "RawBLOB",
            params={"statement": escaped.replace("\0", "\\0")},
        )
    except RuntimeError as error:
        failed = engine_error(error)
        text = str(failed).partition(": In scope SELECT formatQuerySingleLine(")[0]
        raise RequestError(failed.code, text) from None
    return bytes(result.bytes()).decode("utf-8", "replace")


def _called(tokens: list[str]) -> Iterator[str]:
    """Each name before a parenthesis, and each after APPLY."""
    for before, token in zip(["", *tokens], tokens, strict=False):
        if token == "(" and before[:1] != "'":
            yield _plain(before)
        elif before == "APPLY":
            yield _plain(token)


def _engines(tokens: list[str]) -> Iterator[str]:
    for index, token in enumerate(tokens):
        if token == "ENGINE" and tokens[index + 1 : index + 2] == ["="]:
            yield _plain("".join(tokens[index + 2 : index + 3]))


def _check_settings(tokens: list[str]) -> None:
    """RequestError where a SETTINGS clause names what a request's URL may not give either."""
    for index, token in enumerate(tokens):
        if token == "SETTINGS" and tokens[index + 2 : index + 3] == ["="]:
            for name, value in _settings(tokens, index + 1):
                if not allowed(name, writable=False) or value == "DEFAULT":
                    raise RequestError(READONLY, f"setting {name} cannot be given here")


def _settings(tokens: list[str], at: int) -> Iterator[tuple[str, str]]:
    """Each name of a SETTINGS clause, and the first token of its value."""
    depth = 0
    naming = True
    for index in range(at, len(tokens)):
        token = tokens[index]
        if naming:
            yield _plain(token), "".join(tokens[index + 2 : index + 3])
        depth += (token in _OPEN) - (token in _CLOSE)
        if depth < 0:
            return
        naming = token == "," and not depth


def _format(tokens: list[str]) -> str | None:
    """The FORMAT clause: at the end, or before SETTINGS, outside of every parenthesis."""
    depth, found = 0, None
    for index, token in enumerate(tokens):
        depth += (token == "(") - (token == ")")
        if token == "FORMAT" and not depth and tokens[index + 2 : index + 3] in ([], ["SETTINGS"], [";"]):
            found = _plain("".join(tokens[index + 1 : index + 2])) or None
    return found


def _plain(token: str) -> str:
    """A name without its quotes."""
    if token[:1] in {"`", '"'}:
        return _ESCAPE.sub(lambda match: match[1] or "`", token[1:-1])
    return token


def _column(connection: Any, query: str) -> list[str]:
    return bytes(connection.query(query, "TSV", params={}).bytes()).decode().split()
