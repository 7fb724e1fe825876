"""The compose stack as the stack test drives it: up, down, kill from the host, ask at the published ports."""

import json
import os
import signal
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any, Final

from offhook.dev.kafka import free_ports

ROOT: Final = Path(__file__).parents[2]
INFRA: Final = ROOT / "infra"
PUBLISHED: Final = INFRA / "compose.yaml"
OVERLAY: Final = INFRA / "compose.test.yaml"
WAIT_S: Final = 180
_PORTS: Final = ("KAFKA_PORT", "CLICKHOUSE_PORT", "PROMETHEUS_PORT", "GRAFANA_PORT")


class Stack:
    """One run of the stack: its own project name, passwords in `folder`, free ports of the loopback.

    With PUBLIC_IMAGES=1 it is the published file alone, else the overlay of stand-ins lies over it.
    """

    def __init__(self, folder: Path, captures: Path) -> None:
        """Make the passwords."""
        self.secrets = folder / "secrets"
        self.published = os.environ.get("PUBLIC_IMAGES") == "1"
        self._files = [PUBLISHED] if self.published else [PUBLISHED, OVERLAY]
        self.ports = dict(zip(_PORTS, free_ports(len(_PORTS)), strict=True))
        self.environment = {
            **os.environ,
            **{name: str(port) for name, port in self.ports.items()},
            "OFFHOOK_SECRETS": str(self.secrets),
            "CAPTURES": str(captures),
            "COMPOSE_PROJECT_NAME": f"offhook-stack-{os.getpid()}",
            "COMPOSE_BAKE": "false",
        }
        subprocess.run([INFRA / "init", self.secrets], check=True, capture_output=True)

    def compose(self, *arguments: str, files: list[Path] | None = None) -> str:
        """Run docker compose; its standard output. A failure shows what it said."""
        chosen = [part for path in files or self._files for part in ("-f", str(path))]
        done = subprocess.run(
            ["docker", "compose", *chosen, *arguments],
            cwd=INFRA, env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"docker compose {' '.join(arguments)}: {done.stderr[-3000:]}"
        return done.stdout

    def up(self) -> None:
        """Start everything and wait until it is healthy; the logs are shown where it is not."""
        try:
            self.compose("up", "--detach", "--wait", "--wait-timeout", str(WAIT_S))
        except AssertionError:
            print(self.compose("ps", "--all"), self.compose("logs", "--tail", "20"))
            raise

    def down(self) -> None:
        """Stop everything and forget what it kept."""
        self.compose("--profile", "sensor", "down", "--volumes", "--timeout", "15", "--remove-orphans")

    def containers(self, service: str) -> list[str]:
        """The ids of a service's containers."""
        return self.compose("ps", "--all", "--quiet", service).split()

    def inspect(self, service: str) -> dict[str, Any]:
        """What the engine knows of a service's first container."""
        done = subprocess.run(
            ["docker", "inspect", self.containers(service)[0]],
            env=self.environment, capture_output=True, check=True,
        )  # fmt: skip
        (found,) = json.loads(done.stdout)
        return dict(found)

    def kill(self, service: str) -> float:
        """Kill a service's process as a crash would, from the host; seconds until it was healthy again.

        `docker kill` would count as a wish to stop, and the restart policy would not apply.
        """
        before = self.inspect(service)
        os.kill(before["State"]["Pid"], signal.SIGKILL)
        begun = time.monotonic()

        def is_back() -> bool:
            now = self.inspect(service)
            return bool(
                now["RestartCount"] > before["RestartCount"] and now["State"]["Health"]["Status"] == "healthy"
            )

        until(is_back, f"{service} healthy again after kill -9")
        return time.monotonic() - begun

    def capture(self, file: str, *arguments: str) -> str:
        """Start a sensor on a capture, as the guide says; the container's id."""
        command = ["capture", "--file", f"/captures/{file}", "--account", "local", *arguments]
        return self.compose("run", "--detach", "sensor", *command).split()[-1]

    def ended(self, container: str) -> int | None:
        """The exit code of a container, None while it runs."""
        found = subprocess.run(
            ["docker", "inspect", "--format", "{{.State.Running}} {{.State.ExitCode}}", container],
            env=self.environment, capture_output=True, text=True, check=True,
        ).stdout.split()  # fmt: skip
        return None if found[0] == "true" else int(found[1])

    def logs(self, container: str) -> str:
        """What a container said."""
        done = subprocess.run(
            ["docker", "logs", container],
            env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True,
        )  # fmt: skip
        return done.stdout

    def sql(self, question: str, password: str | None = None) -> list[dict[str, Any]]:
        """Rows of the store, asked at the published port."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.ports['CLICKHOUSE_PORT']}/?database=offhook",
            data=f"{question} FORMAT JSONEachRow".encode(),
            headers={
                "X-ClickHouse-User": "offhook",
                "X-ClickHouse-Key": password or (self.secrets / "clickhouse_password").read_text(),
            },
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return [json.loads(line) for line in answer.read().splitlines()]

    def prometheus(self, path: str) -> Any:
        """An answer of Prometheus' API."""
        url = f"http://127.0.0.1:{self.ports['PROMETHEUS_PORT']}/api/v1/{path}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]


def until(holds: Any, what: str, seconds: float = WAIT_S) -> None:
    """Wait until it holds; AssertionError where it does not in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return
        time.sleep(0.5)
    raise AssertionError(f"not within {seconds:.0f} s: {what}")
