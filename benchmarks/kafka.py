"""Capture, Kafka and stream workers: what they cost at full speed, and at the pace of the wire.

Run: python -m benchmarks.kafka [--calls 2000] [--seconds 20] [--workers 1,2] [--live]

Full speed: a generated capture is published by `offhook capture --speed max`; then workers take what waits
in Kafka. Printed are packets/s and calls/s of CPU time a worker, by wall time, and the ratio to the CPU of
`offhook analyze` on the same file. With --live the workers run before `offhook capture --speed 1` begins:
CPU of all processes as a share of one core while packets come, bytes of state saved a second, and the time
from a BYE to its record in the topic. The broker's CPU is apart. Records are compared with the truth.
"""

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from benchmarks._process import OFFHOOK, cost, generate
from eventlog.kafka import topics
from eventlog.kafka.reader import Reader, read_to_end
from eventlog.kafka.settings import KafkaSettings
from offhook.dev.kafka import Broker
from schemas.cdr import CallRecord
from tests.paths import ROOT

WAIT_S: Final = 600
TICKS: Final = os.sysconf("SC_CLK_TCK")
SENSOR: Final = ("--sensor", "bench", "--account", "acme", "--site", "hq")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", 1)[0])
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--workers", default="1,2")
    parser.add_argument("--live", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        traffic = f"--calls {options.calls} --seconds {options.seconds} --loss 1 --jitter-ms 5"
        if options.live:  # calls begin one after another, as they do
            traffic += f" --stagger {options.seconds}"
        capture = generate(folder / "calls.pcap", traffic, folder / "truth.json")
        truth = json.loads((folder / "truth.json").read_bytes())["calls"]
        broker = Broker(folder / "kafka").start()
        try:
            if options.live:
                Bench(broker, folder, "live.").live(capture, truth)
                return
            analyze = cost([*OFFHOOK, "analyze", str(capture), "--format", "json"]).cpu_s
            print(f"offhook analyze: {analyze:.2f} s CPU")
            for count in map(int, options.workers.split(",")):
                Bench(broker, folder, f"w{count}.").full_speed(capture, truth, count, analyze)
        finally:
            broker.stop()


class Bench:
    """One run in topics of its own."""

    def __init__(self, broker: Broker, folder: Path, prefix: str) -> None:
        assert broker.process is not None
        self.broker_pid = broker.process.pid
        self.folder = folder
        self.settings = KafkaSettings(bootstrap_servers=(broker.bootstrap,), topic_prefix=prefix)
        self.workers: list[subprocess.Popen[bytes]] = []
        asyncio.run(topics.create(self.settings))

    def full_speed(self, capture: Path, truth: Sequence[object], count: int, analyze_s: float) -> None:
        """Publish, then let workers take it."""
        published = self._process("capture", "--file", str(capture), "--speed", "max", *SENSOR)
        used = self._ended(published)
        packets = self._packets(published)
        print(f"\n{count} workers; {packets} packets, {len(truth)} calls")
        print(f"capture: {used:.2f} s CPU, {used / packets * 1e9:.0f} ns a packet")
        broker = _cpu_s(self.broker_pid)
        began = time.monotonic()
        self._start(count)
        calls = self._calls(len(truth))
        wall = time.monotonic() - began
        broker = _cpu_s(self.broker_pid) - broker
        cpu = self._stop()
        print(
            f"workers: {cpu:.2f} s CPU, start included: {packets / cpu:.0f} packets/s and"
            f" {len(calls) / cpu:.0f} calls/s of CPU; {packets / wall:.0f} packets/s of wall time;"
            f" broker {broker:.2f} s CPU"
        )
        print(f"capture and workers: {(used + cpu) / analyze_s:.1f} times the CPU of analyze")
        self._check(calls, truth)

    def live(self, capture: Path, truth: Sequence[object]) -> None:
        """At the pace of the wire."""
        self._start(1)
        self._until_ready()
        before = [_cpu_s(self.broker_pid), *(_cpu_s(worker.pid) for worker in self.workers)]
        sensor = self._process("capture", "--file", str(capture), "--speed", "1", *SENSOR)
        began = time.monotonic()
        captured = self._ended(sensor)
        took = time.monotonic() - began
        after = [_cpu_s(self.broker_pid), *(_cpu_s(worker.pid) for worker in self.workers)]
        broker, worker = (late - early for early, late in zip(before, after, strict=True))
        packets = self._packets(sensor)
        metrics = self._metrics()
        calls = self._calls(len(truth))
        self._stop()
        print(f"{packets} packets in {took:.0f} s, {packets / took:.0f} packets/s, {len(truth)} calls")
        print(
            f"of one core: capture {captured / took:.0%}, worker {worker / took:.0%},"
            f" broker {broker / took:.0%}"
        )
        saved = _total(metrics, "offhook_streams_checkpoint_bytes_total")
        steps = _total(metrics, "offhook_streams_steps_total")
        print(f"state saved {saved / took / 1e3:.0f} kB/s, {steps / took:.0f} transactions/s")
        begun = re.findall(r'"capture starts".*"time": "([^"]+)"', self._log(sensor))[0]
        first_us = min(call.start for call in calls.values())
        start_ms = datetime.fromisoformat(begun).timestamp() * 1000
        late = sorted(
            self.seen[cdr_id] - start_ms - (call.end_time - first_us) / 1000
            for cdr_id, call in calls.items()
            if call.outcome == "answered"
        )
        print(f"BYE to record: p50 {late[len(late) // 2]:.0f} ms, p95 {late[len(late) * 95 // 100]:.0f} ms")
        self._check(calls, truth)

    def _start(self, count: int) -> None:
        self.workers = [
            self._process("streams", "--member", f"w{n}", "--http", "127.0.0.1:0") for n in range(count)
        ]

    def _process(self, *command: str) -> "subprocess.Popen[bytes]":
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment["OFFHOOK_KAFKA_BOOTSTRAP_SERVERS"] = ",".join(self.settings.bootstrap_servers)
        environment["OFFHOOK_KAFKA_TOPIC_PREFIX"] = self.settings.topic_prefix
        path = self.folder / f"{self.settings.topic_prefix}{time.monotonic_ns()}.log"
        with path.open("wb") as log:
            process = subprocess.Popen([*OFFHOOK, *command], cwd=ROOT, env=environment, stderr=log)
        self._logs = {**getattr(self, "_logs", {}), process.pid: path}
        return process

    def _log(self, process: "subprocess.Popen[bytes]") -> str:
        path: Path = self._logs[process.pid]
        return path.read_text(encoding="utf-8")

    def _ended(self, process: "subprocess.Popen[bytes]") -> float:
        """CPU of a process that ends by itself, s."""
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(self._log(process))
        return used.ru_utime + used.ru_stime

    def _stop(self) -> float:
        for worker in self.workers:
            worker.terminate()
        return sum(self._ended(worker) for worker in self.workers)

    def _packets(self, capture: "subprocess.Popen[bytes]") -> int:
        return int(re.findall(r'"packets": (\d+)', self._log(capture))[-1])

    def _metrics(self) -> str:
        where = re.findall(r'"http": "([^"]+)"', self._log(self.workers[0]))[-1]
        with urllib.request.urlopen(f"http://{where}/metrics", timeout=10) as answer:
            text: str = answer.read().decode()
            return text

    def _until_ready(self) -> None:
        until = time.monotonic() + WAIT_S
        while '"partition": "channels-3"' not in self._log(self.workers[0]):
            if time.monotonic() > until:
                sys.exit(self._log(self.workers[0]))
            time.sleep(0.2)

    def _calls(self, count: int) -> dict[str, CallRecord]:
        """The newest records, as soon as there are so many; `seen` is when the first version came, ms."""
        until = time.monotonic() + WAIT_S
        calls: dict[str, CallRecord] = {}
        self.seen: dict[str, int] = {}

        async def read() -> None:
            async with Reader(self.settings, ["cdr"]) as reader:
                while len(calls) < count and time.monotonic() < until:
                    for record in await reader.read(wait_ms=200):
                        take(reader.decode(record), record.time_ms)
                for record in await read_to_end(reader):
                    take(reader.decode(record), record.time_ms)

        def take(call: CallRecord, time_ms: int) -> None:
            self.seen.setdefault(call.cdr_id, time_ms)
            if call.cdr_id not in calls or calls[call.cdr_id].version < call.version:
                calls[call.cdr_id] = call

        asyncio.run(read())
        return calls

    def _check(self, calls: dict[str, CallRecord], truth: Sequence[object]) -> None:
        found = {
            call.call_id: sorted((stream.ssrc, stream.expected, stream.lost) for stream in call.streams)
            for call in calls.values()
        }
        expected = {
            call["call_id"]: sorted((each["ssrc"], each["sent"], each["lost"]) for each in call["streams"])  # type: ignore[index]
            for call in truth
        }
        wrong = [call_id for call_id, streams in expected.items() if found.get(call_id) != streams]
        print(f"records: {len(calls)} of {len(truth)} calls, {len(wrong)} differ from the truth")


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _total(metrics: str, name: str) -> float:
    return sum(
        float(line.rpartition(" ")[2]) for line in metrics.splitlines() if line.startswith(f"{name}{{")
    )


if __name__ == "__main__":
    main()
