"""One request as ClickHouse's HTTP interface means it: statement, parameters, settings, credentials."""

import base64
import binascii
import uuid
from collections.abc import Mapping
from typing import Final

import msgspec
from aiohttp import web

from sinks.clickhouse.served.bounds import PARAMETERS
from sinks.clickhouse.served.compression import accepted
from sinks.clickhouse.served.failures import BAD_ARGUMENTS, UNKNOWN_DATABASE, RequestError

_META: Final = frozenset({"information_schema", "INFORMATION_SCHEMA", "system"})
_OWN: Final = frozenset(
    {
        "query",
        "database",
        "default_format",
        "query_id",
        "user",
        "password",
        "compress",
        "decompress",
        "session_id",
        "session_timeout",
        "session_check",
    }
)


class Question(msgspec.Struct, frozen=True):
    """What is asked. `settings` are as the client wrote them, none judged yet."""

    query: str
    database: str
    format: str | None
    query_id: str
    parameters: dict[str, str]
    settings: list[tuple[str, str]]
    reading: bool
    encoding: str | None
    blocks: bool
    body_blocks: bool
    revision: int

    @property
    def mark(self) -> str:
        """A comment that no other statement begins with, to find the query by."""
        return f"/* offhook:{uuid.uuid4().hex} */"


def read(request: web.Request, own: str) -> Question:
    """The question of a request; RequestError where it is malformed. `own` is the store's database."""
    values = request.query
    if len(values) > PARAMETERS:
        raise RequestError(BAD_ARGUMENTS, f"a URL has at most {PARAMETERS} parameters")
    headers = request.headers
    compressed = values.get("enable_http_compression", "1") not in {"0", "false"}
    return Question(
        query=values.get("query", ""),
        database=_database(values.get("database") or headers.get("X-ClickHouse-Database") or "default", own),
        format=values.get("default_format") or headers.get("X-ClickHouse-Format"),
        query_id="".join(c for c in values.get("query_id", "")[:200] if c.isprintable()) or str(uuid.uuid4()),
        parameters={name[6:]: value for name, value in values.items() if name.startswith("param_")},
        settings=[
            (name, value)
            for name, value in values.items()
            if name not in _OWN and not name.startswith("param_")
        ],
        reading=request.method in {"GET", "HEAD"},
        encoding=accepted(headers.get("Accept-Encoding", "")) if compressed else None,
        blocks=_true(values.get("compress")),
        body_blocks=_true(values.get("decompress")),
        revision=_number(values.get("client_protocol_version", "0")),
    )


def credentials(headers: Mapping[str, str], values: Mapping[str, str]) -> str:
    """The password given by any of the ways ClickHouse knows, or nothing."""
    if "X-ClickHouse-Key" in headers:
        return headers["X-ClickHouse-Key"]
    kind, _, rest = headers.get("Authorization", "").partition(" ")
    if kind.lower() == "basic":
        try:
            return base64.b64decode(rest, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    if kind.lower() == "bearer":
        return rest
    return values.get("password", "")


def _database(name: str, own: str) -> str:
    if name in {"default", own}:
        return own
    if name in _META:
        return name
    raise RequestError(UNKNOWN_DATABASE, f"Database {name[:100]} does not exist; the store's is {own}")


def _number(text: str) -> int:
    return int(text) if len(text) < 10 and text.isascii() and text.isdigit() else 0


def _true(value: str | None) -> bool:
    return (value or "0").lower() in {"1", "true"}
