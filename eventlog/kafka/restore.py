"""Reads a partition of a state topic whole: the newest record of each key."""

import asyncio
import time

from eventlog.kafka.bounds import OPEN_S, SILENCE_S
from eventlog.kafka.clients import (
    AIOKafkaConsumer,
    TopicPartition,
    committed_consumer,
    end_client,
    partitions_of,
)
from eventlog.kafka.connection import readable
from eventlog.kafka.errors import KafkaLogError, UnavailableError
from eventlog.kafka.settings import KafkaSettings

_POLL_MS = 200


async def read_state(settings: KafkaSettings, topic: str, number: int) -> dict[bytes, bytes]:
    """By key the newest committed value. Call it when the former owner is fenced, not earlier.

    KafkaLogError where the topic or partition is missing, UnavailableError where the brokers fall silent.
    """
    place = TopicPartition(settings.topic(topic), number)
    consumer = committed_consumer(settings, f"{settings.client_id}-restore-{topic}-{number}")
    try:
        with readable(settings, f"read {place.topic}/{number}"):
            async with asyncio.timeout(OPEN_S):
                await consumer.start()
                count = await partitions_of(consumer, place.topic)
                if number >= count:
                    raise KafkaLogError(
                        f"{place.topic} has {count} partitions, number {number} was asked for"
                    )
                return await _read(consumer, place)
    finally:
        await end_client(consumer)


async def _read(consumer: AIOKafkaConsumer, place: TopicPartition) -> dict[bytes, bytes]:
    consumer.assign([place])
    end = (await consumer.end_offsets([place]))[place]
    at = (await consumer.beginning_offsets([place]))[place]
    consumer.seek(place, at)
    records: dict[bytes, bytes] = {}
    heard = time.monotonic()
    while at < end:  # the position, not the last record's offset: commit markers take offsets too
        for record in (await consumer.getmany(place, timeout_ms=_POLL_MS)).get(place, ()):
            if record.value is None:
                records.pop(record.key, None)
            else:
                records[record.key] = record.value
        before, at = at, await consumer.position(place)
        if at > before:
            heard = time.monotonic()
        elif time.monotonic() - heard > SILENCE_S:
            raise UnavailableError(f"{place.topic}/{place.partition}: silent at offset {at} of {end}")
    return records
