"""Opens a store's engine with no way out of it, and its plain connections.

chDB is ClickHouse inside our process: left alone, its only user may read every file of ours, fetch URLs
and run programs. The engine takes a configuration when it starts, so we give that user rights on the store's
own database and on `system` alone, and fix the settings by which a table could be put elsewhere.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from xml.sax.saxutils import escape

from sinks.clickhouse.client import Store, quoted
from sinks.clickhouse.errors import StoreError
from sinks.clickhouse.served.bounds import MEMORY_BYTES, SECONDS_MOST, THREADS
from sinks.clickhouse.target import Folder, parse_target

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

_RIGHTS: Final = (
    "SELECT, INSERT, ALTER TABLE, ALTER VIEW, CREATE DATABASE, CREATE TABLE, CREATE VIEW,"
    " DROP TABLE, DROP VIEW, TRUNCATE, OPTIMIZE, SHOW ON {database}.*",
    "SELECT, SHOW ON system.*",
    "SELECT, SHOW ON information_schema.*",
    "SELECT, SHOW ON INFORMATION_SCHEMA.*",
)
"""No SOURCES (files, URLs, servers), no dictionaries, functions, SYSTEM, BACKUP, DROP DATABASE."""

_OFF: Final = (
    "input_format_values_interpret_expressions",
    "input_format_values_deduce_templates_of_expressions",
)
"""VALUES are data, which nobody judges: no function runs in them."""

_FIXED: Final = ("merge_tree_disk", "merge_tree_storage_policy", *_OFF)
"""A table's disk can be a bucket or a folder anywhere."""

_BETWEEN: Final[Mapping[str, int]] = {
    "max_execution_time": SECONDS_MOST,
    "max_memory_usage": MEMORY_BYTES,
    "max_threads": THREADS,
}
"""Whoever changes these in a statement stays within bounds; those that never do (ours) have none."""

_PROBE: Final = "SELECT count() FROM file('/dev/null', 'LineAsString')"


def configuration(database: str, path: Path) -> str:
    """The engine's configuration; `path` is the file that it is written to."""
    grants = "".join(
        f"<query>GRANT {escape(right.format(database=quoted(database)))}</query>" for right in _RIGHTS
    )
    constraints = "".join(f"<{name}><const/></{name}>" for name in _FIXED) + "".join(
        f"<{name}><min>1</min><max>{most}</max></{name}>" for name, most in _BETWEEN.items()
    )
    off = "".join(f"<{name}>0</{name}>" for name in _OFF)
    return (
        f"<clickhouse><users_config>{escape(str(path))}</users_config>"
        f"<profiles><default>{off}<constraints>{constraints}</constraints></default></profiles>"
        "<quotas><default/></quotas>"
        "<users><default><password/><networks><ip>::/0</ip></networks><profile>default</profile>"
        f"<quota>default</quota><grants>{grants}</grants></default></users></clickhouse>"
    )


class GuardedStore(Store):
    """A store in a folder whose engine reaches nothing outside of it."""

    _first: Any = None

    def __enter__(self) -> GuardedStore:
        """The store itself."""
        return self

    def plain(self) -> Any:
        """One more connection of the engine's own binding, in the store's database.

        clickhouse-connect speaks one format; who answers HTTP needs them all, and the bytes as they are.
        """
        return _connect(self._folder())

    def close(self) -> None:
        """Close every connection, then let other processes in."""
        if self._first is not None:
            self._first.close()
            self._first = None
        super().close()

    def _connect(self, *, create: bool) -> Client:
        if self._first is None:
            self._first = self._start()
        return super()._connect(create=create)

    def _start(self) -> Any:
        """Start the engine with our configuration, and see that it holds."""
        folder = self._folder()
        with tempfile.TemporaryDirectory(prefix="offhook-") as private:
            path = Path(private) / "engine.xml"
            path.write_text(configuration(self.target.database, path))
            connection = _connect(folder, f"?config-file={path}")
        try:
            connection.query(_PROBE, "TSV", params={})
        except RuntimeError as error:
            if "ACCESS_DENIED" in str(error):
                return connection
        connection.close()
        raise StoreError(f"{self.target}: its engine was started before, unguarded; serve it from the start")

    def _folder(self) -> Path:
        assert isinstance(self.target, Folder)
        return self.target.path


def open_guarded(
    db: str, *, create: bool = False, environment: Mapping[str, str] = os.environ
) -> GuardedStore:
    """Open the store in a folder to serve it; StoreError where it cannot be, or `db` is a server."""
    target = parse_target(db, environment)
    if not isinstance(target, Folder):
        raise StoreError(f"{target} is a server already: connect to it")
    return GuardedStore(target, create=create)


def _connect(folder: Path, more: str = "") -> Any:
    from chdb import _chdb  # its wrapper drops the head of an answer without rows

    binding: Any = _chdb
    try:
        return binding.connect(f"{folder.resolve()}{more}")
    except RuntimeError as error:
        raise StoreError(f"{folder}: the engine does not open it: {' '.join(str(error).split())}") from None
