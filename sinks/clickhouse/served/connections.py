"""The engine's connections: one query each at a time, many in parallel, kept for requests like the last."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from sinks.clickhouse.client import quoted
from sinks.clickhouse.served.bounds import IDLE_CONNECTIONS
from sinks.clickhouse.served.failures import engine_error
from sinks.clickhouse.served.settings import Settings, statement

_KILL: Final = "KILL QUERY WHERE startsWith(query, '{mark}') ASYNC"


class Connections:
    """A pool. A connection for reading cannot be changed once it is made, so another request may have it."""

    def __init__(self, open_one: Callable[[], Any], database: str, *, writable: bool) -> None:
        """`open_one` opens a connection of the engine's binding."""
        self._open = open_one
        self._database = database
        self._writable = writable
        self._idle: list[tuple[tuple[str, Settings], Any]] = []
        self._lock = threading.Lock()
        self._control: Any = None

    @contextmanager
    def one(self, database: str, settings: Settings) -> Iterator[Any]:
        """A connection in `database` with these settings, for one request."""
        key = (database, settings)
        connection = self.take(database, settings)
        healthy = False
        try:
            yield connection
            healthy = True
        finally:
            self.give(key, connection, healthy=healthy)

    def take(self, database: str, settings: Settings) -> Any:
        """Take an idle one, or open one; RequestError where the engine refuses a setting."""
        key = (database, settings)
        with self._lock:
            for index in range(len(self._idle) - 1, -1, -1):
                if self._idle[index][0] == key:
                    return self._idle.pop(index)[1]
        connection = self._open()
        try:
            connection.query(f"USE {quoted(database)}", "Null", params={})
            connection.query(statement(settings, writable=self._writable), "Null", params={})
        except RuntimeError as error:
            connection.close()
            raise engine_error(error) from None
        return connection

    def give(self, key: tuple[str, Settings], connection: Any, *, healthy: bool) -> None:
        """Give it back; what failed in the middle of something is closed."""
        if not healthy:
            connection.close()
            return
        with self._lock:
            self._idle.append((key, connection))
            oldest = self._idle.pop(0)[1] if len(self._idle) > IDLE_CONNECTIONS else None
        if oldest is not None:
            oldest.close()

    def kill(self, mark: str) -> None:
        """End the query whose text begins with `mark`, if it still runs."""
        with self._lock:
            if self._control is None:
                self._control = self._open()
            try:
                self._control.query(_KILL.format(mark=mark), "Null", params={})
            except RuntimeError:
                return  # it ended by itself

    def close(self) -> None:
        """Close the idle ones."""
        with self._lock:
            idle, self._idle = self._idle, []
            control, self._control = self._control, None
        for _, connection in idle:
            connection.close()
        if control is not None:
            control.close()
