"""ClickHouse's HTTP protocol over a store in a folder, so that other programs can ask it.

`open_guarded` opens the store with an engine that can reach nothing but its own tables; `Server` answers.
"""

from sinks.clickhouse.served.engine import GuardedStore, open_guarded
from sinks.clickhouse.served.server import Server

__all__ = ["GuardedStore", "Server", "open_guarded"]
