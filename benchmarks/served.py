"""What the HTTP server over a store adds to a query, against the same query in the engine's process.

Run: python -m benchmarks.served [ROWS] [RUNS]

Wall-clock ms, the median of some runs of each, by turns, in the same process and on the same store: asked of
the engine directly (a connection that is open already), of the server by a plain HTTP client, and of the
server by clickhouse-connect. The chart is calls a minute with their MOS over ROWS rows.
"""

import asyncio
import http.client
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from sinks.clickhouse.served import Server, open_guarded

ROWS: Final = 1_000_000
RUNS: Final = 60
CHART: Final = (
    "SELECT toStartOfMinute(start) AS minute, count(), avg(mos) FROM measured GROUP BY minute ORDER BY minute"
)


def main() -> None:
    """Measure and print."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else RUNS
    with (
        tempfile.TemporaryDirectory() as folder,
        open_guarded(str(Path(folder) / "db"), create=True) as store,
    ):
        store.client.command(
            "CREATE TABLE measured ENGINE = MergeTree ORDER BY start AS SELECT toDateTime(1700000000)"
            " + intDiv(number, 50) AS start, generateUUIDv4() AS id, 1 + rand() % 35 / 10 AS mos"
            f" FROM numbers({rows})"
        )
        loop = asyncio.new_event_loop()
        threading.Thread(target=loop.run_forever, daemon=True).start()
        server = asyncio.run_coroutine_threadsafe(_started(store), loop).result()
        try:
            for name, sql in (("SELECT 1", "SELECT 1"), ("chart", CHART)):
                _show(name, measure(store, server.address, sql, runs))
        finally:
            asyncio.run_coroutine_threadsafe(server.stop(), loop).result()


async def _started(store: Any) -> Server:
    server = Server(store)
    await server.start()
    return server


def measure(store: Any, address: str, sql: str, runs: int) -> dict[str, float]:
    """Median ms of each way to ask."""
    import clickhouse_connect

    host, _, port = address.removeprefix("http://").rpartition(":")
    engine = store.plain()
    engine.query("USE offhook", "Null", params={})
    plain = http.client.HTTPConnection(host, int(port))
    client = clickhouse_connect.get_client(host=host, port=int(port))
    ways: dict[str, Callable[[], object]] = {
        "engine": lambda: engine.query(sql, "Native", params={}).bytes(),
        "http": lambda: _post(plain, sql),
        "connect": lambda: client.query(sql).result_columns,
    }
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(runs + 1):
        for name, ask in ways.items():
            begun = time.perf_counter()
            ask()
            took[name].append((time.perf_counter() - begun) * 1000)
    client.close()
    engine.close()
    return {name: statistics.median(each[1:]) for name, each in took.items()}


def _post(connection: http.client.HTTPConnection, sql: str) -> bytes:
    connection.request("POST", "/?default_format=Native", sql)
    return connection.getresponse().read()


def _show(name: str, took: dict[str, float]) -> None:
    print(
        f"{name:10} engine {took['engine']:7.2f} ms, over HTTP {took['http']:7.2f} ms"
        f" (+{took['http'] - took['engine']:.2f}), clickhouse-connect {took['connect']:7.2f} ms"
    )


if __name__ == "__main__":
    main()
