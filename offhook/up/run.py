"""`offhook up`: its parts, put together."""

import argparse
import asyncio
import logging
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from eventlog.sqlite.log import SqliteLog
from offhook import settings
from offhook.analyze import collect_seldom, say_when_compiling
from offhook.commands.arguments import check_wire_filter, speed_of
from offhook.errors import DONE, UsageError
from offhook.health import sensor_samples
from offhook.monitoring import logs
from offhook.monitoring.metrics import Sample
from offhook.monitoring.server import Health, address, monitoring
from offhook.process import stop_on_signals
from offhook.serve_db import token
from offhook.sink import retention_days, sink_samples
from offhook.tls import server_tls
from offhook.up import LOG
from offhook.up.engine import Engine
from protocols.secrets import mask_secrets
from sinks.clickhouse.errors import NotInstalledError
from sinks.clickhouse.migrate import migrate
from sinks.clickhouse.sink import ClickHouseSink
from sinks.deliver_log import LogDelivery

STORE: Final = "store"
LOOK_S: Final = 0.1

_log = logging.getLogger(__name__)


def run(options: argparse.Namespace) -> int:
    """Run until SIGTERM or ^C, or with --once until the captures are stored."""
    chosen = settings.with_channels(settings.load(options))
    if not 0 <= options.port <= 65535:
        raise UsageError(f"--port {options.port}: a port is 0 to 65535")
    http = address(options.http) if options.http else None
    check_wire_filter(options)
    tls = server_tls(options)
    speed = speed_of(options.speed)
    say_when_compiling()
    logs.configure()
    collect_seldom()
    state = Path(options.state)
    with SqliteLog(state / LOG, 1, chosen.sqlite) as log:
        engine = Engine(log, chosen, options.file, speed, interfaces=options.interface, state=state)
        asyncio.run(_serve(options, chosen, log, engine, http, tls))
    return DONE


async def _serve(
    options: argparse.Namespace,
    chosen: settings.Settings,
    log: SqliteLog,
    engine: Engine,
    http: tuple[str, int] | None,
    tls: ssl.SSLContext | None,
) -> None:
    try:
        from sinks.clickhouse.served import Server, open_guarded
    except ImportError:
        raise NotInstalledError(
            "offhook up needs ClickHouse's engine: pip install 'offhook[store]'"
        ) from None
    stop = stop_on_signals()
    with open_guarded(options.db or str(Path(options.state) / STORE), create=True) as store:
        migrate(store)
        sink = ClickHouseSink(store, retention_days=retention_days(chosen), settings=chosen.sink)
        delivery = LogDelivery(log, sink, chosen.sink, owner=chosen.sink.group, mask=mask_secrets)
        server = Server(store, options.host, options.port, token=token(options.token_file), tls=tls)
        parts = Parts(engine, delivery, sink, Path(options.state) / LOG, chosen.records.channels_max)
        await server.start()
        try:
            with monitoring(http, healthy=parts.healthy, ready=parts.ready, samples=parts.samples) as beside:
                where = f"{beside.host}:{beside.port}" if beside else None
                _log.info(
                    "up",
                    extra={"fields": {"store": str(store.target), "serves": server.address, "http": where}},
                )
                await parts.run(stop, once=options.once)
        finally:
            await server.stop()
    _log.info("ended")


class Parts:
    """The two threads of the process: what makes facts, and what stores them."""

    def __init__(
        self, engine: Engine, delivery: LogDelivery, sink: ClickHouseSink, log: Path, channels_max: int
    ) -> None:
        self.engine, self.delivery, self.sink = engine, delivery, sink
        self._path, self._channels_max = log, channels_max
        self._failure: BaseException | None = None

    async def run(self, stop: asyncio.Event, *, once: bool) -> None:
        """Until told to stop, or all is stored where that is enough; raises what a thread raised."""
        ended, stored = threading.Event(), threading.Event()
        making = self._thread("stages", self.engine.run, ended)
        storing = self._thread("sink", self.delivery.run, stored)
        while not stop.is_set() and self._failure is None and not (once and self.done):
            try:
                await asyncio.wait_for(stop.wait(), LOOK_S)
            except TimeoutError:
                continue
        ended.set()
        self.engine.stop()
        await asyncio.to_thread(making.join)
        stored.set()  # it stores what the stages said last
        await asyncio.to_thread(storing.join)
        if self._failure is not None:
            raise self._failure

    @property
    def done(self) -> bool:
        """Whether the captures have ended and everything is stored."""
        return self.engine.finished and not any(self.delivery.lag().values())

    def healthy(self) -> Health:
        """Whether no part has failed."""
        return Health(self._failure is None, f"failed: {self._failure}")

    def ready(self) -> Health:
        """Whether what is heard is stored."""
        source = self.engine.source
        trouble = self.delivery.trouble or (source.trouble if source else None)
        return Health(trouble is None and self._failure is None, trouble or "failed")

    def samples(self) -> Iterator[Sample]:
        """The process's metrics."""
        engine, stages = self.engine, self.engine.stages
        yield Sample("offhook_sink_ready", (), self.ready().ok)
        yield from sink_samples(self.sink)
        yield Sample("offhook_sink_retries", (), self.delivery.retries)
        yield Sample("offhook_sink_dead_letters", (), self.delivery.dead_letters)
        for (topic, number), lag in self.delivery.lag().items():
            yield Sample("offhook_sink_lag", (topic, str(number)), lag)
        yield Sample("offhook_up_checkpoints", (), stages.savings)
        yield Sample("offhook_up_checkpoint_seconds", (), stages.saved_s)
        yield Sample("offhook_up_checkpoint_bytes", (), stages.saved_bytes)
        yield Sample("offhook_up_log_bytes", (), self._path.stat().st_size)
        yield Sample("offhook_up_expired", (), engine.expired)
        for reason, count in stages.counters.items():
            yield Sample("offhook_up_discards", (reason,), count)
        yield Sample("offhook_channels_max", (), self._channels_max)
        for account, count in stages.in_use.items():
            yield Sample("offhook_channels_in_use", (account,), count)
        if engine.source is not None:
            yield from sensor_samples(engine.source.sensor)
            yield from engine.source.samples()
            yield Sample("offhook_capture_behind_seconds", (), engine.source.behind_s)

    def _thread(
        self, name: str, work: Callable[[threading.Event], None], stop: threading.Event
    ) -> threading.Thread:
        def run_() -> None:
            try:
                work(stop)
            except BaseException as error:  # whatever it is: the process must end, and say it
                self._failure = self._failure or error

        thread = threading.Thread(target=run_, name=name, daemon=True)
        thread.start()
        return thread
