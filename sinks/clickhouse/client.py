"""Opens a store: the same clickhouse-connect client over a folder (chDB, in this process) or a server."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Final

from sinks.bounds import ERROR_CHARACTERS
from sinks.clickhouse.engine import too_old
from sinks.clickhouse.errors import NotInstalledError, OutOfReachError, StoreError
from sinks.clickhouse.lock import FolderLock
from sinks.clickhouse.target import Folder, Server, Target, parse_target

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

SETTINGS: Final[Mapping[str, str]] = {
    "session_timezone": "UTC",
    "do_not_merge_across_partitions_select_final": "1",  # a call's versions share its day
    "use_skip_indexes_if_final": "1",
    "use_skip_indexes_on_data_read": "0",  # all at once first: a call by id is found in a fifth of the time
    "use_top_k_dynamic_filtering": "0",  # it takes the place of the filters' own order
    "max_read_buffer_size_local_fs": "16384",  # a column of a granule has 1 to 40 kB; 128 are read by default
    "max_partitions_per_insert_block": "0",  # a capture may span any number of days
    "optimize_on_insert": "0",  # 90 µs a row; merges and FINAL collapse versions
}
"""Of every connection, where the server knows them and lets us set them."""

TRY_AGAIN: Final = frozenset({159, 164, 202, 209, 210, 241, 242, 243, 252, 319, 425, 999})
"""ClickHouse's codes of what passes: time-outs, network, memory, disk, too many parts, replicas, Keeper."""


class Store:
    """An open store. `client` is its first connection; close it, or use it in a `with`."""

    def __init__(self, target: Target, *, create: bool) -> None:
        """Connect; StoreError in one line where that fails. `create`: make folder and database."""
        self.target = target
        self._lock = FolderLock(target.path, create=create) if isinstance(target, Folder) else None
        self._connections: list[Client] = []
        try:
            with self.errors():
                self.client = self._connect(create=create)
        except BaseException:
            self.close()
            raise

    def connect(self) -> Client:
        """One more connection: those of a folder run in parallel, each one query at a time."""
        with self.errors():
            return self._connect(create=False)

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn what the client raises into a StoreError that names the store and no secret."""
        from clickhouse_connect.driver.exceptions import Error, OperationalError

        try:
            yield
        except Error as error:
            again = isinstance(error, OperationalError) or error.code in TRY_AGAIN
            kind = OutOfReachError if again else StoreError
            raise kind(f"{self.target}: {self.said(error)}") from None

    def said(self, error: Exception) -> str:
        """What the database said, in one line without a secret."""
        text = " ".join(str(error).split())
        if refused := re.search(r"\[Errno -?\d+\] ([^\"'\])]+)|\[SSL: \w+\] ([^\"'\](]+)", text):
            return f"no answer: {(refused[1] or refused[2]).strip()}"
        if isinstance(self.target, Server) and self.target.password:
            text = text.replace(self.target.password, "***")
        text = re.sub(
            r"^(Received ClickHouse exception, code: \d+, server response: )?Code: \d+\. ", "", text
        )
        text = text.removeprefix("DB::Exception: ")
        return text if len(text) <= ERROR_CHARACTERS else text[:ERROR_CHARACTERS] + " ..."

    def close(self) -> None:
        """Close every connection, then let other processes in."""
        for connection in self._connections:
            connection.close()
        self._connections.clear()
        if self._lock is not None:
            self._lock.release()

    def __enter__(self) -> Store:
        """The store itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def _connect(self, *, create: bool) -> Client:
        client = _client_of(self.target)
        self._connections.append(client)
        if wrong := too_old(client.server_version):
            raise StoreError(f"{self.target}: {wrong}")
        for name, value in SETTINGS.items():
            known = client.server_settings.get(name)
            if known is not None and not known.readonly:
                client.set_client_setting(name, value)
        database = self.target.database
        if create:
            client.command(f"CREATE DATABASE IF NOT EXISTS {quoted(database)}")
        elif not client.query(
            "SELECT 1 FROM system.databases WHERE name = {name:String}", parameters={"name": database}
        ).result_rows:
            raise StoreError(
                f"{self.target}: no database {database} there; offhook migrate --db {self.target} makes it"
            )
        client.database = database
        return client


def open_store(
    db: str | Target, *, create: bool = False, environment: Mapping[str, str] = os.environ
) -> Store:
    """Open the store that `--db` names, or StoreError.

    Only one process at a time may have a folder open. `create` makes what is missing; tables come by
    `sinks.clickhouse.migrate`.
    """
    return Store(parse_target(db, environment) if isinstance(db, str) else db, create=create)


def quoted(name: str) -> str:
    """A name as ClickHouse's identifier."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def _client_of(target: Target) -> Client:
    try:
        import clickhouse_connect
        from clickhouse_connect import common
    except ImportError:
        raise NotInstalledError("a store needs clickhouse-connect: pip install 'offhook[store]'") from None
    common.set_setting("autogenerate_session_id", False)
    # It logs with a traceback what it raises anyway; whoever sets logging up still gets it.
    logging.getLogger("clickhouse_connect").addHandler(logging.NullHandler())
    if isinstance(target, Server):
        return clickhouse_connect.get_client(
            host=target.host,
            port=target.port,
            username=target.user,
            password=target.password,
            secure=target.secure,
            verify=target.verify,
            ca_cert=target.ca,
        )
    try:
        import chdb  # noqa: F401
    except ImportError:
        raise NotInstalledError(
            "a store in a folder needs ClickHouse's engine: pip install 'offhook[store]'"
        ) from None
    return clickhouse_connect.get_client(interface="chdb", path=str(target.path))
