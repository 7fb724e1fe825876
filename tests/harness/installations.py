"""Two installations of the product: its parts over Kafka, and the embedded process."""

import asyncio
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Final

from eventlog.kafka import topics
from eventlog.kafka.settings import KafkaSettings
from offhook.dev.kafka import free_ports
from offhook.pipeline import ACCOUNT, SENSOR, SITE
from tests.harness.processes import BrokerPart, Part, Process, metrics

SESSION_S: Final = 4.0
"""A worker that is silent for so long loses its partitions."""

WORKERS: Final = ("w0", "w1")


class Installation:
    """Parts by name, a store served on `port`, and the metrics of what captures."""

    def __init__(self, parts: dict[str, Part], port: int, capture_http: str) -> None:
        self.parts = parts
        self.port = port
        self._capture_http = capture_http

    @property
    def capture(self) -> Process:
        """The process that reads the capture."""
        part = self.parts.get("capture") or self.parts["up"]
        assert isinstance(part, Process)
        return part

    @property
    def db(self) -> str:
        """The store as `--db` takes it."""
        return f"clickhouse://127.0.0.1:{self.port}"

    def tend(self) -> None:
        """Start again what died."""
        for part in self.parts.values():
            part.tend()

    def clock_s(self) -> float | None:
        """The packet time captured up to; None where nobody says."""
        found = metrics(self._capture_http)
        return found.get("offhook_capture_clock_seconds") if found else None

    def stored(self) -> int | None:
        """How many calls are stored; None where the store does not answer."""
        query = "SELECT uniqExact(cdr_id) FROM cdr WHERE complete"
        where = urllib.parse.urlencode({"query": query, "database": "offhook"})
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/?{where}", timeout=5) as answer:
                return int(answer.read())
        except (OSError, urllib.error.URLError):
            return None

    def close(self) -> None:
        """End everything."""
        for part in self.parts.values():
            part.close()


class OverKafka(Installation):
    """A broker, two workers, a sink, a served store, and a capture."""

    def __init__(self, folder: Path, capture: Path) -> None:
        broker = BrokerPart(folder / "kafka")
        try:
            self.settings = KafkaSettings(bootstrap_servers=(broker.broker.bootstrap,), partitions=2)
            asyncio.run(topics.create(self.settings))
        except BaseException:
            broker.close()
            raise
        store, capture_http, sink_http, *self.worker_http = free_ports(3 + len(WORKERS))
        kafka = {"OFFHOOK_KAFKA_BOOTSTRAP_SERVERS": broker.broker.bootstrap}
        db = f"clickhouse://127.0.0.1:{store}"
        commands = {
            "clickhouse": ["serve-db", "--db", "store", "--write", "--port", str(store)],
            "sink": ["sink", "clickhouse", "--db", db, "--member", "s0", "--http", _http(sink_http)],
            "capture": [
                *("capture", "--file", str(capture), "--speed", "1", "--http", _http(capture_http)),
                *("--account", ACCOUNT, "--site", SITE, "--sensor", SENSOR),
            ],
        }
        for name, port in zip(WORKERS, self.worker_http, strict=True):
            session = f"streams.session_s={SESSION_S}"
            commands[name] = ["streams", "--member", name, "--http", _http(port), "--set", session]
        parts: dict[str, Part] = {"broker": broker}
        for name, arguments in commands.items():
            parts[name] = Process(name, folder, arguments, kafka, ends=name == "capture")
        super().__init__(parts, store, _http(capture_http))

    def ready(self) -> bool:
        """Whether the workers have all partitions."""
        found = [metrics(_http(port)) or {} for port in self.worker_http]
        owned = sum(each.get("offhook_streams_partitions", 0) for each in found)
        return owned == 6 and all(each.get("offhook_streams_ready") for each in found)

    def replay_differs(self) -> float:
        """Steps that gave other facts when they were taken again."""
        found = [metrics(_http(port)) or {} for port in self.worker_http]
        return sum(each.get("offhook_streams_replay_differs_total", 0) for each in found)


class Embedded(Installation):
    """`offhook up`."""

    def __init__(self, folder: Path, capture: Path) -> None:
        port, http = free_ports(2)
        arguments = ["up", "--file", str(capture), "--speed", "1", "--port", str(port), "--http", _http(http)]
        process = Process("up", folder, arguments, {}, ends=False)
        super().__init__({"up": process}, port, _http(http))


def _http(port: int) -> str:
    return f"127.0.0.1:{port}"
