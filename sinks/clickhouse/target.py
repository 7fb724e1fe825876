"""Where a store is: a folder of this machine, or a ClickHouse server by URL."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from sinks.bounds import PASSWORD_BYTES
from sinks.clickhouse.errors import StoreError

DATABASE: Final = "offhook"
"""Of its own: chDB's `default` is of another engine, and a server's belongs to everybody."""

SCHEME: Final = "clickhouse://"
PASSWORD: Final = "OFFHOOK_DB_PASSWORD"
PASSWORD_FILE: Final = "OFFHOOK_DB_PASSWORD_FILE"
_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})
_OPTIONS: Final = frozenset({"secure", "verify", "ca", "password_file"})


class Folder(msgspec.Struct, frozen=True):
    """A folder that chDB keeps a database in."""

    path: Path
    database: str = DATABASE

    def __str__(self) -> str:
        """As the user wrote it."""
        return str(self.path)


class Server(msgspec.Struct, frozen=True):
    """A ClickHouse server's HTTP port. The password is never part of its text."""

    host: str
    port: int
    user: str
    password: str
    database: str
    secure: bool
    verify: bool
    ca: str | None

    def __str__(self) -> str:
        """As a URL without the password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{SCHEME}{self.user}@{host}:{self.port}/{self.database}" + (
            "?secure=1" if self.secure else ""
        )

    __repr__ = __str__


Target = Folder | Server


def parse_target(text: str, environment: Mapping[str, str] = os.environ) -> Target:
    """The target of `--db`: a path, or `clickhouse://user@host:port/database?secure=1&ca=FILE`.

    The password comes from `password_file=` of the URL, else $OFFHOOK_DB_PASSWORD_FILE, else
    $OFFHOOK_DB_PASSWORD, else the URL. Raises StoreError, which never repeats it.
    """
    if text.startswith(SCHEME):
        return _server(text, environment)
    if "://" in text:
        scheme = text.partition("://")[0]
        raise StoreError(f"{scheme}:// is no store: give a folder, or clickhouse://user@host:8123/offhook")
    if text.startswith(SCHEME.rstrip("/")):
        raise StoreError("a server's URL has two slashes: clickhouse://user@host:8123/offhook")
    if not text or "?" in text:
        raise StoreError(f"{text or 'an empty name'}: no name for a store's folder")
    return Folder(Path(text))


def _server(text: str, environment: Mapping[str, str]) -> Server:
    try:
        url = urlsplit(text)
        host, port = url.hostname, url.port
    except ValueError:
        raise StoreError("the store's URL is no URL: write clickhouse://user@host:8123/offhook") from None
    if not host:
        raise StoreError("the store's URL names no host: write clickhouse://user@host:8123/offhook")
    options = dict(parse_qsl(url.query, keep_blank_values=True))
    for name in options:
        if name not in _OPTIONS:
            raise StoreError(f"the store's URL has an option {name}; known are {', '.join(sorted(_OPTIONS))}")
    secure = _switch(options, "secure", default=False)
    return Server(
        host=host,
        port=port or (8443 if secure else 8123),
        user=unquote(url.username or "default"),
        password=_password(options, unquote(url.password or ""), environment),
        database=unquote(url.path.strip("/")) or DATABASE,
        secure=secure,
        verify=_switch(options, "verify", default=True),
        ca=options.get("ca"),
    )


def _switch(options: Mapping[str, str], name: str, *, default: bool) -> bool:
    value = options.get(name, str(default)).lower()
    if value not in _TRUE | _FALSE:
        raise StoreError(f"the store's URL: {name} is 1 or 0")
    return value in _TRUE


def _password(options: Mapping[str, str], given: str, environment: Mapping[str, str]) -> str:
    name = options.get("password_file") or environment.get(PASSWORD_FILE)
    if not name:
        return environment.get(PASSWORD) or given
    try:
        with Path(name).open("rb") as file:
            return file.read(PASSWORD_BYTES).decode().strip("\r\n")
    except OSError as error:
        raise StoreError(f"{name}: {error.strerror} (the store's password file)") from None
    except UnicodeDecodeError:
        raise StoreError(f"{name}: no UTF-8 (the store's password file)") from None
