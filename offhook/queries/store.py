"""A store to ask: opened for reading alone, and what it says in one line."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from offhook.queries.errors import READ_ONLY, QueryError, in_one_line
from sinks.clickhouse.client import Store, open_store
from sinks.clickhouse.migrate import check

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client


@contextlib.contextmanager
def asked(db: str) -> Iterator[Client]:
    """A connection for our own questions to a store whose tables we know; StoreError where it is no such."""
    with open_store(db) as store:
        check(store)
        with said_in_one_line():
            yield store.client


@contextlib.contextmanager
def for_statements(
    db: str, *, write: bool, settings: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Client]:
    """A connection for a user's statement; without `write` the engine refuses whatever changes something.

    `settings` are those that the statement gives itself: a harmless one is in force before the engine lets
    none be changed any more, and may then be said again.
    """
    with open_store(db) as store:
        if not write:
            _read_only(store, settings)
        with said_in_one_line(hint="" if write else "; --write allows what changes the store"):
            yield store.client


def _read_only(store: Store, settings: Mapping[str, str]) -> None:
    """A server may have made its user read-only already, and then refuses to be told."""
    client = store.client
    known = client.server_settings.get("readonly")
    if known is None or not int(known.value):
        if settings:
            from sinks.clickhouse.served.settings import allowed

            for name in filter(lambda name: allowed(name, writable=False), settings):
                client.set_client_setting(name, settings[name])
        client.set_client_setting("readonly", "1")


@contextlib.contextmanager
def said_in_one_line(hint: str = "") -> Iterator[None]:
    """Turn what ClickHouse says into a QueryError; `hint` is for a statement that only reading forbade."""
    from clickhouse_connect.driver.exceptions import Error

    try:
        yield
    except Error as error:
        said = in_one_line(str(error))
        raise QueryError(said + hint if error.code == READ_ONLY else said) from None
