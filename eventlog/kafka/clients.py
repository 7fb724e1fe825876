"""aiokafka's clients as we need them, and how to be rid of one."""

import asyncio
import contextlib
import logging
import math
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from eventlog.kafka.bounds import (
    FETCH_BYTES,
    PUBLISHED_BATCH_BYTES,
    RECORD_BYTES,
    STATE_BATCH_BYTES,
    STOP_S,
    TRANSACTION_TIMEOUT_MS,
)
from eventlog.kafka.connection import FETCH_WAIT_MS, METADATA_AGE_MS, OUTSIDE, REQUEST_TIMEOUT_MS, arguments
from eventlog.kafka.errors import KafkaLogError
from eventlog.kafka.settings import KafkaSettings

COMPRESSION: Final = "snappy"
"""aiokafka's lz4 is LZ4-HC at level 9: 36 to 115 MB/s; snappy does 700 and more, for a tenth more bytes."""

_log = logging.getLogger(__name__)


def transactional_producer(settings: KafkaSettings, transactional_id: str) -> AIOKafkaProducer:
    """The producer of one owner; its start() fences the former one and aborts what that left open."""
    return AIOKafkaProducer(
        **arguments(settings, f"{settings.client_id}-{transactional_id}"),
        transactional_id=settings.topic(transactional_id),
        acks="all",
        linger_ms=0,
        max_batch_size=STATE_BATCH_BYTES,
        max_request_size=RECORD_BYTES,
        compression_type=COMPRESSION,
        transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
        request_timeout_ms=TRANSACTION_TIMEOUT_MS,
    )


def idempotent_producer(settings: KafkaSettings, client_id: str, linger_ms: int) -> AIOKafkaProducer:
    """A producer that keeps each partition's order, and never gives a record up while the broker is away.

    aiokafka repeats a request of an idempotent producer for ever, but gives up a batch that found no leader
    for `request_timeout_ms`; what follows would then be written without it.
    """
    producer = AIOKafkaProducer(
        **arguments(settings, client_id),
        enable_idempotence=True,
        acks="all",
        linger_ms=linger_ms,
        max_batch_size=PUBLISHED_BATCH_BYTES,
        max_request_size=RECORD_BYTES,
        compression_type=COMPRESSION,
        request_timeout_ms=REQUEST_TIMEOUT_MS,
    )
    producer._message_accumulator._batch_ttl = math.inf
    return producer


def committed_consumer(settings: KafkaSettings, client_id: str, **options: Any) -> AIOKafkaConsumer:
    """A consumer that sees only what transactions have committed, at once, and commits nothing by itself."""
    return AIOKafkaConsumer(
        **arguments(settings, client_id),
        **{
            "isolation_level": "read_committed",
            "enable_auto_commit": False,
            "auto_offset_reset": "earliest",
            "fetch_max_wait_ms": FETCH_WAIT_MS,
            "max_partition_fetch_bytes": FETCH_BYTES,
            "request_timeout_ms": REQUEST_TIMEOUT_MS,
            "metadata_max_age_ms": METADATA_AGE_MS,
            **options,
        },
    )


async def partitions_of(consumer: AIOKafkaConsumer, topic: str) -> int:
    """How many partitions a topic of the cluster has; KafkaLogError where there is no such topic.

    All topics are asked for: to ask for one that is missing may create it, or wait for ever.
    """
    partitions = (await consumer._client.fetch_all_metadata()).partitions_for_topic(topic)
    if not partitions:
        raise KafkaLogError(f"Kafka has no topic {topic}: offhook topics create makes it")
    return len(partitions)


async def end_client(client: Any) -> None:
    """Stop a producer or consumer; cut its connections where it does not stop in time."""
    try:
        await asyncio.wait_for(client.stop(), STOP_S)
    except OUTSIDE as error:
        _log.debug("client did not stop: %r", error)
        with contextlib.suppress(asyncio.CancelledError, *OUTSIDE):
            inner = getattr(client, "client", None) or client._client
            await inner.close()  # first: the sender waits for its requests, which fail by this
            sender = getattr(client, "_sender", None)
            if sender is not None:
                await asyncio.wait_for(sender.close(), STOP_S)


__all__ = [
    "AIOKafkaConsumer",
    "AIOKafkaProducer",
    "TopicPartition",
    "committed_consumer",
    "end_client",
    "idempotent_producer",
    "partitions_of",
    "transactional_producer",
]
