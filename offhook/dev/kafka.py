"""One real Kafka broker (KRaft) in a folder, without Docker: for tests and laptops.

It listens on the loopback alone, keeps its ports and records over a restart, and takes 180 MB of memory.
"""

import base64
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from offhook.dev import jars
from offhook.errors import CommandError

START_S: Final = 120
STOP_S: Final = 30
_POLL_S: Final = 0.05
_LOG_TAIL: Final = 400

_JAVA: Final = (
    "-Xmx512m",
    "-Xms128m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Xshare:auto",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
)

_PROPERTIES: Final[Mapping[str, str]] = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    # one node: one replica, and one partition of the internal topics starts and loads faster
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "1",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    # else a restart after a kill waits 12 s for the old registration to expire
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "500",
    "auto.create.topics.enable": "false",
    "log.cleaner.dedupe.buffer.size": "2097152",
}


class Broker:
    """A broker whose data, settings and log lie in `folder`.

    `port` 0 takes a free one, once: the folder keeps it. `listeners` names further listeners and their
    security protocol (`{"SASL": "SASL_PLAINTEXT"}`), each on a free port; `properties` are added to the
    broker's; `scram` are users (name: password) for SCRAM-SHA-256.
    """

    def __init__(
        self,
        folder: Path,
        port: int = 0,
        *,
        listeners: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
        scram: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self._listeners = {"PLAINTEXT": "PLAINTEXT", **(listeners or {})}
        self._properties = dict(properties or {})
        self._scram = dict(scram or {})
        self._java = jars.java()
        self._jars = jars.fetched()
        self.ports = self._remembered_ports()
        if port:
            self.ports["PLAINTEXT"] = port
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """Where clients without security connect: 127.0.0.1:PORT."""
        return self.address("PLAINTEXT")

    def address(self, listener: str) -> str:
        """Where clients of a listener connect."""
        return f"127.0.0.1:{self.ports[listener]}"

    def start(self) -> "Broker":
        """Format the folder where it is new, run the broker, and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._write_settings()
        if not (self.folder / "data" / "meta.properties").exists():
            self._format()
        with self._log.open("ab") as log:
            # its own process group: ^C of a terminal reaches us alone, and we stop it in order
            self.process = subprocess.Popen(
                self._command("kafka.Kafka", "server.properties"),
                cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.kill()
            raise
        return self

    def stop(self) -> None:
        """End it in order; kill it where it does not end in time."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self.process = None

    def kill(self) -> None:
        """End it at once, as a crash would (SIGKILL)."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def pause(self) -> None:
        """Let it hang: it keeps its connections and answers nothing (SIGSTOP)."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on (SIGCONT)."""
        self._signal(signal.SIGCONT)

    def remove(self) -> None:
        """Delete its folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def _log(self) -> Path:
        return self.folder / "kafka.log"

    def _remembered_ports(self) -> dict[str, int]:
        names = [*self._listeners, "CONTROLLER"]
        path = self.folder / "ports.json"
        known: dict[str, int] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return known if set(known) == set(names) else dict(zip(names, free_ports(len(names)), strict=True))

    def _signal(self, number: int) -> None:
        assert self.process is not None
        os.kill(self.process.pid, number)

    def _command(self, *arguments: str) -> list[str]:
        return [self._java, *_JAVA, "-cp", f"{self._jars}/*", *arguments]

    def _write_settings(self) -> None:
        listeners = [f"{name}://127.0.0.1:{port}" for name, port in self.ports.items()]
        protocols = {**self._listeners, "CONTROLLER": "PLAINTEXT"}
        properties = {
            **_PROPERTIES,
            "listeners": ",".join(listeners),
            "listener.security.protocol.map": ",".join(f"{name}:{kind}" for name, kind in protocols.items()),
            "controller.quorum.bootstrap.servers": self.address("CONTROLLER"),
            "inter.broker.listener.name": "PLAINTEXT",
            "log.dirs": str((self.folder / "data").absolute()),
            **self._properties,
        }
        (self.folder / "ports.json").write_text(json.dumps(self.ports), encoding="utf-8")
        path = self.folder / "server.properties"
        path.touch(mode=0o600)
        path.write_text("".join(f"{name}={value}\n" for name, value in properties.items()), encoding="utf-8")

    def _format(self) -> None:
        users = [
            part
            for name, password in self._scram.items()
            for part in ("--add-scram", f"SCRAM-SHA-256=[name={name},password={password}]")
        ]
        command = self._command(
            "kafka.tools.StorageTool", "format", "--standalone",
            "-t", _cluster_id(), "-c", "server.properties", *users,
        )  # fmt: skip
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CommandError(
                f"{self.folder}: Kafka could not format it: {_one_line(done.stdout + done.stderr)}"
            )

    def _wait_until_it_answers(self) -> None:
        assert self.process is not None
        until = time.monotonic() + START_S
        while not all(_accepts(port) for port in self.ports.values()):
            if self.process.poll() is not None:
                log = self._log.read_text(encoding="utf-8", errors="replace")
                raise CommandError(f"Kafka ended with status {self.process.returncode}: {_one_line(log)}")
            if time.monotonic() > until:
                raise CommandError(f"Kafka did not answer within {START_S} s; its log: {self._log}")
            time.sleep(_POLL_S)


def free_ports(count: int) -> list[int]:
    """Ports of the loopback that are free now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _accepts(port: int) -> bool:
    with socket.socket() as one:
        one.settimeout(1)
        return one.connect_ex(("127.0.0.1", port)) == 0


def _cluster_id() -> str:
    """A random UUID as Kafka writes it; not one that begins like an option, which its tool would misread."""
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        if not text.startswith("-"):
            return text


def _one_line(text: str, wanted: Sequence[str] = ("Exception", "ERROR", "Error")) -> str:
    """The last line that says what went wrong."""
    if "UnsupportedClassVersionError" in text:
        return f"this Java is too old; {jars.JAVA_ADVICE}"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if any(word in line for word in wanted)] or lines or ["no reason given"]
    return telling[-1][:_LOG_TAIL]
