"""`offhook sink clickhouse`: from Kafka into a store, its health and its metrics."""

import argparse
import asyncio
import logging
import time
from collections.abc import Iterator
from typing import Final

import msgspec

from offhook import settings
from offhook.analyze import collect_seldom
from offhook.errors import DONE
from offhook.monitoring import logs
from offhook.monitoring.metrics import Sample
from offhook.monitoring.server import Health, address, monitoring
from offhook.process import stop_on_signals
from protocols.secrets import mask_secrets
from sinks.clickhouse.client import Store
from sinks.clickhouse.errors import OutOfReachError
from sinks.clickhouse.sink import ClickHouseSink
from sinks.clickhouse.target import parse_target

RETENTION_DAYS: Final = 25
"""Of services, where nothing else is set."""

STALLED_S: Final = 120.0
"""A loop that has not gone round for so long is not healthy."""

RETRY_S: Final = 2.0
"""Until a store that did not answer at the start is asked again."""

_log = logging.getLogger(__name__)


def run(options: argparse.Namespace) -> int:
    """Run the sink until SIGTERM or ^C."""
    chosen = settings.load(options)
    if options.member:
        chosen = msgspec.structs.replace(
            chosen, sink=msgspec.structs.replace(chosen.sink, member=options.member)
        )
    parse_target(options.db)  # what cannot be understood is said before anything is waited for
    http = address(options.http) if options.http else None
    logs.configure()
    collect_seldom()
    return asyncio.run(_work(chosen, options, http))


async def _work(chosen: settings.Settings, options: argparse.Namespace, http: tuple[str, int] | None) -> int:
    stop = stop_on_signals()
    running = Running()
    with monitoring(http, healthy=running.healthy, ready=running.ready, samples=running.samples) as server:
        where = f"{server.host}:{server.port}" if server else None
        _log.info("sink starts", extra={"fields": {"store": str(parse_target(options.db)), "http": where}})
        store = await _opened(options.db, running, stop)
        if store is not None:
            with store:
                await _deliver(store, chosen, running, stop)
    _log.info("sink ended")
    return DONE


async def _deliver(
    store: Store,
    chosen: settings.Settings,
    running: "Running",
    stop: asyncio.Event,
) -> None:
    from sinks.deliver_kafka import KafkaDelivery

    sink = ClickHouseSink(store, retention_days=retention_days(chosen), settings=chosen.sink)
    delivery = KafkaDelivery(chosen.kafka, sink, chosen.sink, mask=mask_secrets)
    running.sink, running.delivery = sink, delivery
    await delivery.run(stop)


async def _opened(db: str, running: "Running", stop: asyncio.Event) -> Store | None:
    """The store, its tables up to date; waits while it does not answer. None where told to stop.

    StoreError where it will not do: newer than this offhook, a wrong password.
    """
    from offhook.store import open_for_writing

    said = False
    while not stop.is_set():
        running.beat = time.monotonic()
        try:
            store = await asyncio.to_thread(open_for_writing, db)
        except OutOfReachError as error:
            running.trouble = str(error)
            if not said:
                _log.warning("store is away", extra={"fields": {"why": str(error)}})
            said = True
            try:
                await asyncio.wait_for(stop.wait(), RETRY_S)
            except TimeoutError:
                continue
        else:
            if said:
                _log.info("store is back")
            return store
    return None


def retention_days(chosen: settings.Settings) -> int:
    """How long a service keeps rows."""
    days = chosen.store.retention_days
    return RETENTION_DAYS if days is None else days


class Running:
    """What the sink is doing, for whoever watches it."""

    def __init__(self) -> None:
        from sinks.deliver_kafka import KafkaDelivery

        self.sink: ClickHouseSink | None = None
        self.delivery: KafkaDelivery | None = None
        self.trouble = "the store is not open yet"
        self.beat = time.monotonic()

    def healthy(self) -> Health:
        """Whether the loop goes round."""
        beat = self.delivery.beat if self.delivery else self.beat
        age = time.monotonic() - beat
        return Health(age < STALLED_S, f"the loop has not gone round for {age:.0f} s")

    def ready(self) -> Health:
        """Whether rows are being delivered."""
        trouble = self.delivery.trouble if self.delivery else self.trouble
        return Health(trouble is None, trouble or "")

    def samples(self) -> Iterator[Sample]:
        """The sink's metrics."""
        yield Sample("offhook_sink_ready", (), self.ready().ok)
        if self.sink is not None:
            yield from sink_samples(self.sink)
        if self.delivery is not None:
            yield Sample("offhook_sink_retries", (), self.delivery.retries)
            yield Sample("offhook_sink_dead_letters", (), self.delivery.dead_letters)
            yield Sample("offhook_sink_expired", (), self.delivery.expired)
            for (topic, number), lag in self.delivery.lag().items():
                yield Sample("offhook_sink_lag", (topic, str(number)), lag)


def sink_samples(sink: ClickHouseSink) -> Iterator[Sample]:
    """What a sink has written."""
    figures = sink.figures
    yield Sample("offhook_sink_batches", (), figures.batches)
    yield Sample("offhook_sink_failures", (), figures.failures)
    yield Sample("offhook_sink_insert_seconds", (), figures.insert_s)
    yield Sample("offhook_sink_undescribed", (), sink.descriptions.unknown)
    if figures.stored_at is not None:
        yield Sample("offhook_sink_insert_age_seconds", (), max(0.0, time.time() - figures.stored_at))
    for table, rows in list(figures.rows.items()):
        yield Sample("offhook_sink_rows", (table,), rows)
    for table, rows in list(figures.refused.items()):
        yield Sample("offhook_sink_refused", (table,), rows)
