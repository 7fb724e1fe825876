"""Calls at the pace of the wire through Kafka into a store: what it costs, and how soon a call is a row.

Run: python -m benchmarks.live [--calls 2000] [--seconds 60] [--partitions 1] [--folder DIR]

A generated capture with so many calls at once (each 30 s long, they begin and end all the time) is published
by `offhook capture --speed 1`; one stream worker and one sink make rows of it in a served store. Printed,
while all calls are in progress: CPU of capture, worker and sink together as a share of one core (limit 1;
broker and store engine apart), octets a packet in rtp.packets (limit 4), the time from a BYE to its row in
the answer of a query that is asked after each batch of the sink (limit 2 s at p95), and the most memory of
each process in the second and in the last third (limit: 10 % and 10 MB more). Stored calls are held to the
truth; those over the limit of 2000 channels have to be in `cdr_rejected`. `--folder` keeps the capture for
another run (2.3 GB for 30 s).
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks._process import OFFHOOK, generate
from eventlog.kafka import topics
from eventlog.kafka.settings import KafkaSettings
from offhook.dev.kafka import Broker, free_ports
from tests.paths import ROOT

CALL_S: Final = 30
LOOK_S: Final = 0.05
COST_S: Final = 1.0
"""Between two looks at the cost, which is more than the answer of the sink alone."""
WAIT_S: Final = 180.0
TICKS: Final = os.sysconf("SC_CLK_TCK")
OURS: Final = ("capture", "worker", "sink")
CORE: Final = 1.0
BYTES: Final = 4.0
LATE_S: Final = 2.0
LIVE: Final = ("--set", "capture.sort_buffer_ms=50")
"""As for a live sensor whose clock is one (docs/guide.md, "Settings")."""

_SEEN: Final = "SELECT call_id FROM cdr WHERE complete AND stored_at >= now64(6) - INTERVAL 5 SECOND"
_REJECTED: Final = "SELECT DISTINCT call_id FROM cdr_rejected"
_HELD: Final = (
    "SELECT call_id, arraySort(arrayZip(streams.ssrc, streams.expected, streams.lost))"
    " FROM cdr FINAL FORMAT JSONCompactEachRow"
)


class Look(NamedTuple):
    """The processes at one moment: wall time, CPU seconds and resident bytes by name."""

    at: float
    cpu_s: Mapping[str, float]
    memory: Mapping[str, int]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", 1)[0])
    parser.add_argument("--calls", type=int, default=2000, help="at once")
    parser.add_argument("--seconds", type=int, default=60, help="with so many calls at once")
    parser.add_argument("--partitions", type=int, default=1, help="of each topic")
    parser.add_argument("--folder", type=Path, help="keep the capture there, and use it where it is there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        arrivals = options.seconds + CALL_S
        count = round(options.calls * arrivals / CALL_S)
        traffic = f"--calls {count} --seconds {CALL_S} --stagger {arrivals} --loss 1 --jitter-ms 5"
        kept = options.folder or folder
        kept.mkdir(parents=True, exist_ok=True)
        capture, truth = kept / f"calls-{count}.pcap", kept / f"truth-{count}.json"
        if not truth.exists():
            generate(capture, traffic, truth)
        with ExitStack() as stack:
            live = Live(stack, folder, options.partitions)
            live.measure(capture, json.loads(truth.read_bytes()), arrivals)


class Live:
    """The processes, and what is seen of them."""

    def __init__(self, stack: ExitStack, folder: Path, partitions: int) -> None:
        self._stack, self._folder = stack, folder
        self._broker = Broker(folder / "kafka").start()
        stack.callback(self._broker.stop)
        settings = KafkaSettings(bootstrap_servers=(self._broker.bootstrap,), partitions=partitions)
        asyncio.run(topics.create(settings))
        self._store, self._http, self._worker_http, self._sink_http = free_ports(4)
        self._batches: float | None = None
        self._next_cost = 0.0
        self.looks: list[Look] = []
        self._late_s: dict[str, float] = {}
        self._seen: dict[str, float] = {}
        self._offset_s = float("inf")
        assert self._broker.process is not None
        self._pids = {"broker": self._broker.process.pid}

    def measure(self, capture: Path, truth: dict[str, Any], arrivals: int) -> None:
        """Start the parts, let the capture run, and print."""
        db = f"clickhouse://127.0.0.1:{self._store}"
        self._start(
            "store", "serve-db", "--db", str(self._folder / "store"), "--write", "--port", str(self._store)
        )
        self._start("sink", "sink", "clickhouse", "--db", db, "--http", f"127.0.0.1:{self._sink_http}")
        self._start("worker", "streams", "--http", f"127.0.0.1:{self._worker_http}")
        _until(lambda: _metric(self._worker_http, "offhook_streams_ready") and self._asked(_SEEN) is not None)
        who = ("--sensor", "bench", "--account", "acme", "--site", "hq")
        sensor = self._start(
            "capture", "capture", "--file", str(capture), "--http", f"127.0.0.1:{self._http}", *who, *LIVE
        )
        _until(lambda: _metric(self._http, "offhook_capture_clock_seconds"))
        first_s = min(call["start"] for call in truth["calls"])
        while sensor.poll() is None:
            self._look(first_s + CALL_S, first_s + arrivals)
            time.sleep(LOOK_S)
        assert sensor.returncode == 0, self._log("capture")
        until = time.monotonic() + WAIT_S
        while len(self._seen) + len(self._rejected()) < len(truth["calls"]) and time.monotonic() < until:
            self._see()
            time.sleep(LOOK_S)
        if not self._seen:
            sys.exit("nothing is stored:\n" + "".join(self._log(name)[-1000:] for name in OURS))
        self._print(truth)

    def _look(self, full_s: float, ebb_s: float) -> None:
        """See what is stored; now and then note the cost, while all calls are in progress."""
        self._see()
        if time.monotonic() < self._next_cost:
            return
        self._next_cost = time.monotonic() + COST_S
        clock_s = _metric(self._http, "offhook_capture_clock_seconds")
        now = time.time()
        if clock_s is None:
            return
        # packets are published when their time has come: the wall clock less packet time, at its least
        self._offset_s = min(self._offset_s, now - clock_s)
        if full_s <= clock_s <= ebb_s:
            cpu_s = {name: _cpu_s(pid) for name, pid in self._pids.items()}
            memory = {name: _memory(pid) for name, pid in self._pids.items()}
            self.looks.append(Look(time.monotonic(), cpu_s, memory))

    def _see(self) -> None:
        """Ask what is stored, if something was since."""
        batches = _metric(self._sink_http, "offhook_sink_batches_total")
        if batches == self._batches:
            return
        self._batches = batches
        found = self._asked(_SEEN)
        now = time.time()
        for call_id in (found or "").splitlines():
            self._seen.setdefault(call_id, now)

    def _print(self, truth: dict[str, Any]) -> None:
        first, last = self.looks[0], self.looks[-1]
        took = last.at - first.at
        share = {name: (last.cpu_s[name] - first.cpu_s[name]) / took for name in first.cpu_s}
        ours = sum(share[name] for name in OURS)
        packets = truth["rtp_packets"]
        print(f"{len(truth['calls'])} calls, {packets} RTP packets; measured over {took:.0f} s")
        print(
            f"{', '.join(OURS)} together: {ours:.2f} of one core, limit {CORE:.0f} ("
            + ", ".join(f"{name} {each:.2f}" for name, each in share.items()) + ")"
        )  # fmt: skip
        stored = sum(path.stat().st_size for path in self._folder.glob("kafka/data/rtp.packets-*/*.log"))
        print(f"rtp.packets: {stored / packets:.2f} octets a packet, limit {BYTES:.0f}")
        late = sorted(
            self._seen[call["call_id"]] - self._offset_s - call["end"]
            for call in truth["calls"]
            if call["call_id"] in self._seen
        )
        print(
            f"BYE to row: p50 {late[len(late) // 2]:.2f} s, p95 {late[len(late) * 95 // 100]:.2f} s,"
            f" limit {LATE_S:.0f} s"
        )
        third = len(self.looks) // 3
        for name in first.memory:
            middle, end = (
                max(look.memory[name] for look in looks) / 1e6
                for looks in (self.looks[third : 2 * third], self.looks[2 * third :])
            )
            flat = "flat" if end <= 1.1 * middle + 10 else "growing"
            minutes = " ".join(f"{look.memory[name] / 1e6:.0f}" for look in self._each_minute())
            print(f"memory of {name}: {middle:.0f} MB, then {end:.0f} MB: {flat} (by the minute: {minutes})")
        rejected = self._rejected()
        print(f"over the limit of channels: {len(rejected)}")
        print(f"records: {self._wrong(truth, rejected)} of {len(truth['calls'])} differ from the truth")

    def _each_minute(self) -> Iterator[Look]:
        due = self.looks[0].at
        for look in self.looks:
            if look.at >= due:
                due += 60
                yield look

    def _rejected(self) -> set[str]:
        return set((self._asked(_REJECTED) or "").splitlines())

    def _wrong(self, truth: dict[str, Any], rejected: set[str]) -> int:
        found = dict(json.loads(line) for line in (self._asked(_HELD) or "").splitlines())
        expected = {
            call["call_id"]: sorted([each["ssrc"], each["sent"], each["lost"]] for each in call["streams"])
            for call in truth["calls"]
            if call["call_id"] not in rejected
        }
        return sum(
            [[int(value) for value in each] for each in found.get(call_id, [])] != streams
            for call_id, streams in expected.items()
        )

    def _asked(self, query: str) -> str | None:
        """A query's answer as text; None where there is none yet."""
        where = urllib.parse.urlencode({"query": query, "database": "offhook"})
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._store}/?{where}", timeout=30) as answer:
                text: str = answer.read().decode()
                return text
        except (urllib.error.URLError, OSError):
            return None

    def _start(self, name: str, *command: str) -> "subprocess.Popen[bytes]":
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        environment["OFFHOOK_KAFKA_BOOTSTRAP_SERVERS"] = self._broker.bootstrap
        log = self._stack.enter_context((self._folder / f"{name}.log").open("wb"))
        process = subprocess.Popen([*OFFHOOK, *command], cwd=ROOT, env=environment, stdout=log, stderr=log)
        self._stack.enter_context(_ended(process))
        self._pids[name] = process.pid
        return process

    def _log(self, name: str) -> str:
        return (self._folder / f"{name}.log").read_text(encoding="utf-8")


@contextmanager
def _ended(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _until(true: Any) -> None:
    until = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < until, "the parts are not ready"
        time.sleep(LOOK_S)


def _metric(port: int, name: str) -> float | None:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
    except (urllib.error.URLError, OSError):
        return None
    return next((float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"{name} ")), None)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _memory(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
