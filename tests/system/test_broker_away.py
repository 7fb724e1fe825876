"""A broker that is away for a while: every part says so, once, and goes on by itself when it is back."""

import asyncio
import logging
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from eventlog.kafka import clients
from eventlog.kafka.log import KafkaLog
from eventlog.kafka.settings import KafkaSettings
from eventlog.kafka.topics import create
from eventlog.topics import BY_NAME, TOPICS
from offhook.dev.kafka import Broker
from schemas.channels import ChannelDecision
from sinks.contract import Place, Refusal
from sinks.deliver_kafka import KafkaDelivery
from sinks.settings import SinkSettings
from streams.faust.settings import StreamsSettings
from streams.faust.stages import NAMES, plans
from streams.faust.worker import Worker
from streams.media.settings import MediaSettings
from streams.settings import CallSettings, RecordSettings
from tests.eventlog.kafka.cluster import run, settings
from tests.eventlog.test_log import decision
from tests.kafka_broker import Kafka

TOPIC = "channel.decisions"
GIVE_UP_S = 45.0


class Kept:
    """A sink that keeps what it is given (the Sink protocol)."""

    topics = (TOPIC,)
    bulk: frozenset[str] = frozenset()
    full = False

    def __init__(self) -> None:
        self.taken: set[int] = set()
        self._held: set[int] = set()

    def add(self, place: Place, value: Any) -> None:  # noqa: ARG002
        assert isinstance(value, ChannelDecision)
        self._held.add(value.taken)

    def flush(self, topics: Collection[str]) -> list[Refusal]:  # noqa: ARG002
        self.taken |= self._held
        self.drop()
        return []

    def drop(self) -> None:
        self._held = set()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(GIVE_UP_S):
        while not holds():
            await asyncio.sleep(0.1)


def worker_of(chosen: KafkaSettings) -> Worker:
    partitions = {topic.name: 1 for topic in TOPICS}
    made = plans(NAMES, partitions, CallSettings(), RecordSettings(), MediaSettings())
    return Worker(chosen, StreamsSettings(session_s=6, stalled_s=8), made, partitions)


def test_all_say_once_that_it_is_away_and_that_it_is_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broker = Broker(tmp_path).start()
    try:
        with caplog.at_level(logging.INFO, "eventlog.kafka.touch"):
            asyncio.run(_story(broker))
    finally:
        broker.kill()
    said = [record.message for record in caplog.records if record.name == "eventlog.kafka.touch"]
    assert sorted(said) == ["kafka is away"] * 3 + ["kafka is back"] * 3


async def _story(broker: Broker) -> None:
    chosen = settings(Kafka(broker.bootstrap, "", "", "", ""), "")
    await create(chosen, TOPICS)
    sink, stop = Kept(), asyncio.Event()
    delivery = KafkaDelivery(chosen, sink, SinkSettings(), mask=bytes)
    worker = worker_of(chosen)
    running = [asyncio.create_task(delivery.run(stop)), asyncio.create_task(worker.run(stop))]
    log = await asyncio.to_thread(KafkaLog, chosen)
    touch = log.publisher.touch

    async def publish(numbers: range) -> None:
        for number in numbers:
            await asyncio.to_thread(log.append, TOPIC, 0, b"", decision(number))

    def well() -> bool:
        return not (delivery.trouble or worker.trouble or touch.trouble)

    await publish(range(10))
    await until(lambda: len(sink.taken) == 10 and well())
    broker.kill()
    await publish(range(10, 20))
    await until(lambda: bool(delivery.trouble and worker.trouble and touch.trouble))
    for trouble in (delivery.trouble, worker.trouble, touch.trouble):
        assert trouble is not None and broker.bootstrap in trouble
    beat = delivery.beat
    await until(lambda: delivery.beat > beat + 10)  # it waits for nothing without limit
    await asyncio.to_thread(broker.start)
    await until(lambda: len(sink.taken) == 20 and well())
    stop.set()
    await asyncio.gather(*running)
    await asyncio.to_thread(log.close)


def test_a_topic_that_is_deleted_is_named_and_read_again_when_it_is_back(
    kafka: Kafka, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "METADATA_AGE_MS", 500)

    async def story() -> None:
        chosen = settings(kafka, prefix)
        await create(chosen, [BY_NAME[TOPIC]])
        sink, stop = Kept(), asyncio.Event()
        delivery = KafkaDelivery(chosen, sink, SinkSettings(), mask=bytes)
        running = asyncio.create_task(delivery.run(stop))
        await publish(chosen, 1)
        await until(lambda: sink.taken == {1})
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
        await admin.start()
        await admin.delete_topics([chosen.topic(TOPIC)])
        await admin.close()
        await until(lambda: "Kafka has no topic" in (delivery.trouble or ""))
        await create(chosen, [BY_NAME[TOPIC]])
        await publish(chosen, 2)
        await until(lambda: sink.taken == {1, 2} and not delivery.trouble)
        stop.set()
        await running

    run(story())


async def publish(chosen: KafkaSettings, number: int) -> None:
    def append() -> None:
        with KafkaLog(chosen) as log:
            log.append(TOPIC, 0, b"", decision(number))
            log.flush(20)

    await asyncio.to_thread(append)
