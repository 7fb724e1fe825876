"""What the tests of the log over Kafka share: settings for a test's own topics, and plain clients."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from eventlog.kafka import topics
from eventlog.kafka.settings import KafkaSettings
from eventlog.topics import BY_NAME
from tests.kafka_broker import Kafka

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run one test's coroutine; a test that hangs ends."""
    return asyncio.run(asyncio.wait_for(work, 60))


def settings(kafka: Kafka, prefix: str, partitions: int = 1, **changes: Any) -> KafkaSettings:
    """Settings of a test: its own topics."""
    return KafkaSettings(
        bootstrap_servers=(kafka.bootstrap,), topic_prefix=prefix, partitions=partitions, **changes
    )


async def created(chosen: KafkaSettings, *names: str) -> KafkaSettings:
    """The settings, after the topics were made."""
    await topics.create(chosen, [BY_NAME[name] for name in names])
    return chosen


async def seen(
    chosen: KafkaSettings, topic: str, partition: int = 0, *, uncommitted: bool = False
) -> list[Any]:
    """All records of a partition, as any Kafka client sees them."""
    place = TopicPartition(chosen.topic(topic), partition)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=list(chosen.bootstrap_servers),
        isolation_level="read_uncommitted" if uncommitted else "read_committed",
        auto_offset_reset="earliest",
        fetch_max_wait_ms=20,
    )
    async with consumer:
        consumer.assign([place])
        end = (await consumer.end_offsets([place]))[place]
        records: list[Any] = []
        while await consumer.position(place) < end:
            records += (await consumer.getmany(place, timeout_ms=100)).get(place, [])
        return records


async def write(chosen: KafkaSettings, topic: str, *values: bytes, partition: int = 0) -> None:
    """Append records without any transaction, as any Kafka client does."""
    async with AIOKafkaProducer(bootstrap_servers=list(chosen.bootstrap_servers)) as producer:
        for value in values:
            await producer.send_and_wait(chosen.topic(topic), value, partition=partition)
