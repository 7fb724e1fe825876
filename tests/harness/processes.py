"""What is killed: processes that a supervisor starts again, as systemd would."""

import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from offhook.dev.kafka import Broker
from tests.paths import ROOT

RESTART_S: Final = 0.5
"""From a death to the next start."""


class Part(Protocol):
    """One part of an installation."""

    name: str
    codes: Counter[int]

    def tend(self) -> None:
        """Start it again where it died."""

    def send(self, number: int) -> bool:
        """Send it a signal; False where it does not live."""

    def log(self) -> str:
        """What it has said."""

    def close(self) -> None:
        """End it for good."""


class Process:
    """An offhook command. It is started again whenever it ends, unless it is `done` by ending well."""

    def __init__(
        self, name: str, folder: Path, arguments: Sequence[str], environment: Mapping[str, str], *, ends: bool
    ) -> None:
        self.name = name
        self.codes: Counter[int] = Counter()
        """How often it ended with which code."""
        self._command = [sys.executable, "-m", "offhook.main", *arguments]
        self._folder, self._log = folder, folder / f"{name}.log"
        self._environment = {**os.environ, **environment, "PYTHONPATH": str(ROOT)}
        self._environment.pop("PYTHONDONTWRITEBYTECODE", None)
        self._ends, self._start_at = ends, 0.0
        self.done = False
        self.process: subprocess.Popen[bytes] | None = None

    def tend(self) -> None:
        """Start it where it does not live."""
        if self.process is not None and self.process.poll() is not None:
            code = self.process.returncode
            self.codes[code] += 1
            self.process, self._start_at = None, time.monotonic() + RESTART_S
            self.done = self._ends and code == 0
        if self.process is None and not self.done and time.monotonic() >= self._start_at:
            with self._log.open("ab") as log:
                self.process = subprocess.Popen(
                    self._command,
                    cwd=self._folder,
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )

    def send(self, number: int) -> bool:
        """Send it a signal."""
        if self.process is None or self.process.poll() is not None:
            return False
        self.process.send_signal(number)
        return True

    def end(self, timeout_s: float) -> int | None:
        """Ask it to end; its exit code, None where it did not run."""
        if not self.send(signal.SIGTERM) or self.process is None:
            return None
        return self.process.wait(timeout_s)

    def log(self) -> str:
        """What it has said, all its lives long."""
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""

    def close(self) -> None:
        """Kill it."""
        self.done = True
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


class BrokerPart:
    """The Kafka broker; starting it again waits for its answer in a thread."""

    name = "broker"

    def __init__(self, folder: Path) -> None:
        self.codes: Counter[int] = Counter()
        self.broker = Broker(folder).start()
        self._starting: threading.Thread | None = None
        self._start_at = 0.0

    def tend(self) -> None:
        """Start it where it does not live."""
        if self._starting is not None and not self._starting.is_alive():
            self._starting = None
        if self.broker.process is None and self._starting is None and time.monotonic() >= self._start_at:
            self._starting = threading.Thread(target=self.broker.start, daemon=True)
            self._starting.start()

    def send(self, number: int) -> bool:
        """Kill it; other signals are not for it."""
        if number != signal.SIGKILL or self.broker.process is None or self._starting is not None:
            return False
        self.broker.kill()
        self.codes[-signal.SIGKILL] += 1
        self._start_at = time.monotonic() + RESTART_S
        return True

    def log(self) -> str:
        """What it has said."""
        return (self.broker.folder / "kafka.log").read_text(encoding="utf-8", errors="replace")

    def close(self) -> None:
        """End it."""
        if self._starting is not None:
            self._starting.join()
        self.broker.kill()


def metrics(http: str) -> dict[str, float] | None:
    """What a process measures, summed over labels; None where it does not answer."""
    try:
        with urllib.request.urlopen(f"http://{http}/metrics", timeout=2) as answer:
            text = answer.read().decode()
    except (OSError, urllib.error.URLError):
        return None
    found: dict[str, float] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            name = name.partition("{")[0]
            found[name] = found.get(name, 0.0) + float(value)
    return found
