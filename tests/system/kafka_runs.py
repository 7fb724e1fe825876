"""Runs the product as processes over a real broker, and says which records came of it."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from eventlog.kafka import topics
from eventlog.kafka.reader import Reader, read_to_end
from eventlog.kafka.settings import KafkaSettings
from schemas.cdr import CallRecord
from schemas.registrations import Registration
from tests.kafka_broker import Kafka
from tests.paths import ROOT
from tests.system.same_records import Outcome

ARRIVES_S = 60
"""How long records may take on a busy machine."""


class Run:
    """One installation: its topics, its workers."""

    def __init__(self, kafka: Kafka, prefix: str, partitions: int, folder: Path) -> None:
        self.settings = KafkaSettings(
            bootstrap_servers=(kafka.bootstrap,), topic_prefix=prefix, partitions=partitions
        )
        self.folder = folder
        self.workers: dict[str, subprocess.Popen[bytes]] = {}
        self._lives: dict[str, int] = {}
        self._others: list[subprocess.Popen[bytes]] = []
        asyncio.run(topics.create(self.settings))

    def start(self, name: str, *options: str) -> None:
        """Start a worker, or start it again."""
        command = ["streams", "--member", name, "--http", "127.0.0.1:0", *options]
        self._lives[name] = self._lives.get(name, 0) + 1
        self.workers[name] = self._process(name, command)

    def capture(self, *files: Path, wait: bool = True, speed: str = "max") -> subprocess.Popen[bytes]:
        """Publish captures as the sensor of tests.system.same_records."""
        names = ["--sensor", "s", "--account", "acc", "--site", "site", "--speed", speed]
        process = self._process("capture", ["capture", "--file", *map(str, files), *names])
        self._others.append(process)
        if wait:
            assert process.wait(60) == 0, self.log("capture")
        return process

    def hear(self, interface: str) -> "subprocess.Popen[bytes]":
        """Start the same sensor on a wire, its state in the run's folder."""
        names = ["--sensor", "s", "--account", "acc", "--site", "site", "--state", str(self.folder / "state")]
        process = self._process("wire", ["capture", "--interface", interface, *names])
        self._others.append(process)
        return process

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """Send a worker a signal."""
        self.workers[name].send_signal(number)
        if number == signal.SIGKILL:
            self.workers[name].wait(10)

    def end(self, name: str) -> int:
        """Ask a worker to stop; its exit code."""
        self.workers[name].terminate()
        return self.workers[name].wait(15)

    def log(self, name: str) -> str:
        """What a process has said, all its lives long."""
        path = self.folder / f"{name}.log"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def ready(self, *names: str) -> None:
        """Wait until workers are in the group, with all partitions shared out."""
        deadline = time.monotonic() + ARRIVES_S
        count = self.settings.partitions or 1
        while True:
            seen = [self.metrics(name) if self._listens(name) else {} for name in names]
            owned = sum(each.get("offhook_streams_partitions", 0) for each in seen)
            if all(each.get("offhook_streams_ready") for each in seen) and owned == 3 * count:
                return
            assert time.monotonic() < deadline, "".join(map(self.log, names))[-3000:]
            time.sleep(0.2)

    def _listens(self, name: str) -> bool:
        """Whether the life of the worker that runs now has said where it listens."""
        return self.log(name).count('"worker starts"') == self._lives[name]

    def address(self, name: str) -> str:
        """Where a worker serves its health."""
        (where,) = re.findall(r'"http": "([^"]+)"', self.log(name))[-1:]
        return str(where)

    def metrics(self, name: str) -> dict[str, float]:
        """A worker's metrics, summed over their labels."""
        with urllib.request.urlopen(f"http://{self.address(name)}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        found: dict[str, float] = {}
        for line in text.splitlines():
            if line and not line.startswith("#"):
                metric, value = line.rsplit(" ", 1)
                metric = metric.partition("{")[0]
                found[metric] = found.get(metric, 0.0) + float(value)
        return found

    def until(self, expected: Outcome) -> Outcome:
        """The outcome, as soon as it is the expected one; at the latest after ARRIVES_S."""
        deadline = time.monotonic() + ARRIVES_S
        while True:
            found = self.outcome()
            same = found.calls == expected.calls and found.streams == expected.streams
            if (same and found.registrations == expected.registrations) or time.monotonic() > deadline:
                return found
            for name, worker in self.workers.items():
                assert worker.poll() in (None, -signal.SIGKILL), self.log(name)[-3000:]
            time.sleep(0.3)

    def outcome(self) -> Outcome:
        """The records there are, those with the highest version."""
        return asyncio.run(self._outcome())

    async def _outcome(self) -> Outcome:
        outcome = Outcome()
        newest: dict[bytes, CallRecord | Registration] = {}
        async with Reader(self.settings, ["cdr", "registrations", "rtp.unmatched"]) as reader:
            for record in await read_to_end(reader):
                value, key = reader.decode(record), record.key or b""
                if record.topic == "rtp.unmatched":
                    outcome.streams[value.stream.stream_id] = msgspec.json.encode(value)
                elif key not in newest or value.version > newest[key].version:
                    newest[key] = value
                else:
                    assert value.version < newest[key].version, f"{key!r} has a version twice"
        for value in newest.values():
            plain = msgspec.json.encode(msgspec.structs.replace(value, version=0))
            if isinstance(value, Registration):
                outcome.registrations[value.registration_id] = plain
            elif value.complete:
                outcome.calls[value.cdr_id] = plain
        return outcome

    def close(self) -> None:
        """End what still runs."""
        for process in [*self.workers.values(), *self._others]:
            if process.poll() is None:
                process.kill()
            process.wait(10)

    def _process(self, name: str, command: Sequence[str]) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "OFFHOOK_KAFKA_BOOTSTRAP_SERVERS": ",".join(self.settings.bootstrap_servers),
            "OFFHOOK_KAFKA_TOPIC_PREFIX": self.settings.topic_prefix,
        }
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "offhook.main", *command],
                cwd=ROOT,
                env=environment,
                stdout=log,
                stderr=log,
            )


@contextmanager
def running(kafka: Kafka, prefix: str, partitions: int, folder: Path) -> Iterator[Run]:
    """An installation, ended in any case."""
    run = Run(kafka, prefix, partitions, folder)
    try:
        yield run
    finally:
        run.close()
