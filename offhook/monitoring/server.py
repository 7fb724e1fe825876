"""An HTTP server beside a long-running process: /healthz, /readyz, /metrics.

It runs in a thread of its own, so that it answers while the process computes.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Final, NamedTuple

from aiohttp import web

from offhook.errors import CommandError, UsageError
from offhook.monitoring.metrics import Exposition, Samples

START_S: Final = 10


class Health(NamedTuple):
    """Whether all is well, and in a line what is not."""

    ok: bool
    why: str = ""


Check = Callable[[], Health]


def address(text: str) -> tuple[str, int]:
    """HOST:PORT; UsageError where it is none."""
    host, colon, port = text.rpartition(":")
    if not (host and colon and port.isdecimal() and int(port) < 65_536):
        raise UsageError(f"--http {text}: write HOST:PORT, such as 127.0.0.1:9100")
    return host.strip("[]"), int(port)


def monitoring(
    http: tuple[str, int] | None, *, healthy: Check, ready: Check, samples: Samples
) -> "AbstractContextManager[MonitoringServer | None]":
    """A server at this host and port, where one is given; CommandError where it cannot listen."""
    if http is None:
        return nullcontext()
    return MonitoringServer(*http, healthy=healthy, ready=ready, samples=samples)


class MonitoringServer:
    """Serves until close(). `host`, `port` are where it listens; port 0 takes a free one."""

    def __init__(self, host: str, port: int, *, healthy: Check, ready: Check, samples: Samples) -> None:
        """Begin to serve; CommandError where it cannot listen."""
        self.host, self.port = host, port
        self._exposition = Exposition(samples)
        self._checks = {"/healthz": healthy, "/readyz": ready}
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._failure: OSError | None = None
        self._thread = threading.Thread(target=self._serve, name="monitoring", daemon=True)
        self._thread.start()
        self._started.wait(START_S)
        if self._failure is not None:
            reason = self._failure.strerror or str(self._failure)
            raise CommandError(f"--http {host}:{port}: cannot listen: {reason}")

    def __enter__(self) -> "MonitoringServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Serve no more."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(2)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=1)
        try:
            self._loop.run_until_complete(self._listen(runner))
        except OSError as error:
            self._failure = error
            return
        finally:
            self._started.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    async def _listen(self, runner: web.AppRunner) -> None:
        await runner.setup()
        site = web.TCPSite(runner, self.host, self.port)
        await site.start()
        self.port = runner.addresses[0][1]

    def _application(self) -> web.Application:
        application = web.Application()
        for path in self._checks:
            application.router.add_get(path, self._health)
        application.router.add_get("/metrics", self._metrics)
        return application

    async def _health(self, request: web.Request) -> web.Response:
        health = self._checks[request.path]()
        text = "ok\n" if health.ok else f"{health.why}\n"
        return web.Response(text=text, status=200 if health.ok else 503)

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=self._exposition.text(), headers={"Content-Type": Exposition.content_type})
