"""How soon a call is a row after its BYE, and how many rows a second a sink writes.

Run: python -m benchmarks.sink [CALLS] [ROWS]

CALLS calls of 8 s that begin within 20 s run through `offhook up` at the pace of their time stamps; counted
is the time from each BYE to its row, wall clock, at p50 and p95 against the limit of 2 s, how much of that is
packet time, and what the process used meanwhile. Then ROWS call records go from the log in a file through
the sink into the store of the same process as fast as they do; printed are rows a second of wall time, and
the CPU of a row (the engine's own included).
"""

import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from typing import Final

from benchmarks._process import OFFHOOK, generate
from capture.settings import CaptureSettings
from eventlog.sqlite.log import SqliteLog
from offhook.up.source import FileSource, begun
from offhook.up.stages import RAW
from sinks.clickhouse.client import open_store
from sinks.clickhouse.migrate import migrate
from sinks.clickhouse.sink import ClickHouseSink
from sinks.deliver_log import LogDelivery
from sinks.settings import SinkSettings
from streams.memory import MemoryRunner
from tests.paths import ROOT
from tests.sinks.records import call

CALLS: Final = 100
ROWS: Final = 20_000
LIMIT_S: Final = 2.0
SORT_BUFFER_MS: Final = 200
"""As for a live sensor whose clock is one (docs/guide.md, "Settings")."""
LIVE: Final = ("--set", f"capture.sort_buffer_ms={SORT_BUFFER_MS}")
LOOK_S: Final = 0.25
SHOWN: Final = {
    "process_cpu_seconds_total": "CPU of the process since its start, s",
    "offhook_up_checkpoint_seconds_total": "of its time in saving state, s",
    "offhook_sink_insert_seconds_total": "of its time in inserts, s",
    "offhook_sink_batches_total": "inserts",
}


def main() -> None:
    """Measure and print."""
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else CALLS
    rows = int(sys.argv[2]) if len(sys.argv) > 2 else ROWS
    with tempfile.TemporaryDirectory() as folder:
        capture = generate(Path(folder) / "calls.pcap", f"--calls {calls} --seconds 8 --stagger 20")
        show("BYE to record, by packet time alone", in_packet_time(capture))
        show("BYE to row", latencies(Path(folder), capture, calls))
        wall_s, cpu_s = written(Path(folder), rows)
        print(f"sink: {rows} calls, {rows / wall_s:,.0f} rows/s, {cpu_s / rows * 1e6:.0f} µs of CPU a row")


def show(what: str, took: list[float]) -> None:
    """One line: percentiles against the limit."""
    p50, p95 = statistics.median(took), statistics.quantiles(took, n=20)[-1]
    print(f"{what}: {len(took)} calls, p50 {p50:.2f} s, p95 {p95:.2f} s, limit {LIMIT_S:.0f} s")


def in_packet_time(capture: Path) -> list[float]:
    """Seconds from each BYE to the packet with which its record is made: what no machine makes shorter."""
    settings = CaptureSettings(sort_buffer_ms=SORT_BUFFER_MS)
    run = begun([str(capture)], 1.0, settings)
    source, runner = FileSource(run, None, settings), MemoryRunner(reads=("cdr",))
    took = []
    for batches in source.after(0):
        for batch in batches:
            runner.log.append(RAW[type(batch)], 0, b"", batch)
        runner.run()
        for entry in runner.facts("cdr"):
            if entry.value.version == 1 and entry.value.bye_time is not None:
                assert source.sensor.last_us is not None
                took.append((source.sensor.last_us - entry.value.bye_time) / 1e6)
    return took


def latencies(folder: Path, capture: Path, calls: int) -> list[float]:
    """Seconds from each call's BYE to its row."""
    command = [*OFFHOOK, "up", "--file", str(capture), "--port", "0", "--http", "127.0.0.1:0", *LIVE]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with subprocess.Popen(
        command, cwd=folder, env={**environment, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr
        http = json.loads(process.stderr.readline())["http"]
        behind = []
        while True:
            metrics = _metrics(http)
            if clock := metrics.get("offhook_capture_clock_seconds"):
                behind.append(time.time() - clock)
            if metrics.get('offhook_sink_rows_total{table="cdr"}', 0) >= calls:
                break
            time.sleep(LOOK_S)
        for name, text in SHOWN.items():
            print(f"{text}: {metrics[name]:,.1f}")
        insert_s = metrics["offhook_sink_insert_seconds_total"] / metrics["offhook_sink_batches_total"]
        process.send_signal(signal.SIGTERM)
        process.wait()
    with open_store(str(folder / "offhook.state" / "store")) as store:
        found = store.client.query(
            "SELECT toUnixTimestamp64Micro(min(stored_at)), toUnixTimestamp64Micro(any(bye_time))"
            " FROM cdr GROUP BY cdr_id HAVING any(bye_time) IS NOT NULL"
        ).result_rows
    return [(stored - bye) / 1e6 - min(behind) + insert_s for stored, bye in found]


def written(folder: Path, rows: int) -> tuple[float, float]:
    """Wall and CPU seconds to store so many calls."""
    topics = [("cdr", 0, b"", call(number)) for number in range(rows)]
    with (
        SqliteLog(folder / "log.sqlite") as log,
        open_store(str(folder / "store"), create=True) as store,
    ):
        migrate(store)
        log.append_all(topics)
        settings = SinkSettings()
        sink = ClickHouseSink(store, retention_days=25, settings=settings)
        delivery = LogDelivery(log, sink, settings, owner="sink", mask=bytes)
        stop = threading.Event()
        stop.set()
        began, cpu = time.perf_counter(), time.process_time()
        delivery.run(stop)
        took = time.perf_counter() - began, time.process_time() - cpu
        assert sink.figures.rows["cdr"] == rows
        return took


def _metrics(http: str) -> dict[str, float]:
    with urllib.request.urlopen(f"http://{http}/metrics") as answer:
        text = answer.read().decode()
    return {name: float(value) for name, value in re.findall(r"^(\w\S*) (\S+)$", text, re.MULTILINE)}


if __name__ == "__main__":
    main()
