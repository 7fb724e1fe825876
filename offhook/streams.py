"""`offhook streams`: a stream worker, its health and its metrics."""

import argparse
import asyncio
import gc
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager

import msgspec

from eventlog.kafka import topics
from eventlog.kafka.connection import quiet
from eventlog.kafka.errors import KafkaLogError
from eventlog.kafka.settings import KafkaSettings
from eventlog.topics import TOPICS
from offhook import settings
from offhook.errors import DONE, CommandError, UsageError
from offhook.monitoring import logs
from offhook.monitoring.metrics import Sample
from offhook.monitoring.server import Health, MonitoringServer, address, monitoring
from offhook.process import stop_on_signals
from streams.channels.channels import Channels
from streams.faust.stages import INPUTS, NAMES, plans
from streams.faust.worker import Worker

_log = logging.getLogger(__name__)


def run(options: argparse.Namespace) -> int:
    """Run the worker until SIGTERM or ^C."""
    chosen = settings.with_channels(settings.load(options))
    if options.member:
        chosen = msgspec.structs.replace(
            chosen, streams=msgspec.structs.replace(chosen.streams, member=options.member)
        )
    names = _stages(options.stages)
    http = address(options.http) if options.http else None
    quiet()
    partitions = asyncio.run(_partitions(chosen.kafka))
    _check(names, partitions)
    logs.configure()
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)  # calls hold no cycles: do not walk them again and again
    return asyncio.run(_work(chosen, names, partitions, http))


async def _work(
    chosen: settings.Settings,
    names: tuple[str, ...],
    partitions: dict[str, int],
    http: tuple[str, int] | None,
) -> int:
    made = plans(names, partitions, chosen.calls, chosen.records, chosen.media)
    worker = Worker(chosen.kafka, chosen.streams, made, partitions)
    stop = stop_on_signals()
    with _monitoring(worker, chosen, http) as server:
        _log.info(
            "worker starts",
            extra={
                "fields": {
                    "stages": names,
                    "partitions": partitions["sip.messages"],
                    "http": f"{server.host}:{server.port}" if server else None,
                }
            },
        )
        await worker.run(stop)
    _log.info("worker ended")
    return DONE


def _stages(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        if name not in NAMES:
            raise UsageError(f"--stages {text}: no stage '{name}'; there are {', '.join(NAMES)}")
    if not names:
        raise UsageError(f"--stages: name some of {', '.join(NAMES)}")
    return names


async def _partitions(kafka: KafkaSettings) -> dict[str, int]:
    """How many partitions each topic has; CommandError where one is missing."""
    try:
        reports = await topics.describe(kafka, TOPICS)
    except KafkaLogError as error:
        raise CommandError(str(error)) from error
    missing = [report.name for report in reports if report.partitions is None]
    if missing:
        raise CommandError(f"Kafka has no topic {', '.join(missing)}: `offhook topics create` makes them")
    return {report.name: report.partitions or 0 for report in reports}


def _check(names: tuple[str, ...], partitions: dict[str, int]) -> None:
    for name in names:
        counts = {topic: partitions[topic] for topic in (*INPUTS[name], f"{name}.state")}
        if len(set(counts.values())) > 1:
            shown = ", ".join(f"{topic} {count}" for topic, count in counts.items())
            raise CommandError(f"stage {name}: its topics have different numbers of partitions: {shown}")


def _monitoring(
    worker: Worker, chosen: settings.Settings, http: tuple[str, int] | None
) -> AbstractContextManager[MonitoringServer | None]:
    def healthy() -> Health:
        age = worker.watchdog.beat_age_s
        return Health(age < chosen.streams.stalled_s, f"the event loop has not run for {age:.0f} s")

    def ready() -> Health:
        trouble = worker.trouble
        return Health(trouble is None, trouble or "")

    return monitoring(
        http, healthy=healthy, ready=ready, samples=lambda: samples(worker, chosen.records.channels_max)
    )


def samples(worker: Worker, channels_max: int) -> Iterator[Sample]:
    """The worker's metrics."""
    yield Sample("offhook_streams_ready", (), worker.trouble is None)
    yield Sample("offhook_streams_beat_age_seconds", (), worker.watchdog.beat_age_s)
    yield Sample("offhook_channels_max", (), channels_max)
    for (stage, topic, number), lag in worker.lag().items():
        yield Sample("offhook_streams_lag", (stage, topic, str(number)), lag)
    in_use: Counter[str] = Counter()
    for shell in worker.shells:
        yield Sample("offhook_streams_partitions", (shell.name,), len(shell.parts))
        discards: Counter[str] = Counter()
        for number, figures in sorted(shell.figures.items()):
            where = (shell.name, str(number))
            part = shell.parts.get(number)
            counters = part.counters() if part else figures.counters
            discards.update(counters)
            yield Sample("offhook_streams_waiting", where, part.waiting if part else 0)
            yield Sample("offhook_streams_steps", where, figures.steps)
            yield Sample("offhook_streams_events", where, figures.events)
            yield Sample("offhook_streams_facts", where, figures.facts)
            yield Sample("offhook_streams_step_seconds", where, figures.step_s)
            yield Sample("offhook_streams_commit_seconds", where, figures.commit_s)
            yield Sample("offhook_streams_checkpoints", where, figures.checkpoints)
            yield Sample("offhook_streams_checkpoint_bytes", where, figures.checkpoint_bytes)
            yield Sample("offhook_streams_opened", where, figures.opened)
            yield Sample("offhook_streams_replayed", where, figures.replayed)
            yield Sample("offhook_streams_replay_differs", where, figures.replay_differs)
            yield Sample("offhook_streams_dead_letters", where, figures.dead_letters)
            yield Sample("offhook_streams_expired", where, figures.expired)
            if part and isinstance(part.stage, Channels):
                in_use.update(part.stage.in_use)
        for reason, count in discards.items():
            yield Sample("offhook_streams_discards", (shell.name, reason), count)
    for account, count in in_use.items():
        yield Sample("offhook_channels_in_use", (account,), count)
