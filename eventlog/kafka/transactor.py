"""One owner's transactions: a fenced producer that is thrown away as soon as anything went wrong with it.

Whoever opens the same transactional id next fences this one and aborts what it left open. After a failed
transaction the outcome may be unknown (commit sent, answer lost); opening again settles it.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from aiokafka.errors import (
    InvalidProducerEpoch,
    MessageSizeTooLargeError,
    ProducerFenced,
    RecordListTooLargeError,
    UnknownTopicOrPartitionError,
)

from eventlog.kafka.bounds import COMMIT_S, OPEN_S
from eventlog.kafka.clients import AIOKafkaProducer, TopicPartition, end_client, transactional_producer
from eventlog.kafka.connection import OUTSIDE, readable
from eventlog.kafka.errors import FencedError, KafkaLogError, RefusedError, UnsettledError
from eventlog.kafka.settings import KafkaSettings

_FENCED = (ProducerFenced, InvalidProducerEpoch)
_REFUSED = (MessageSizeTooLargeError, RecordListTooLargeError)


class Record(NamedTuple):
    """One record to append; `topic` as the catalogue calls it. `value` None deletes in a compacted topic."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None


class Transactor:
    """The producer of one transactional id. One task at a time may use it.

    A failed transaction is not aborted here, where the brokers may be away: whoever opens next aborts it.
    """

    def __init__(self, settings: KafkaSettings, transactional_id: str, commit_s: float = COMMIT_S) -> None:
        self.id = transactional_id
        self._commit_s = commit_s
        self._settings = settings
        self._producer: AIOKafkaProducer | None = None

    @property
    def is_open(self) -> bool:
        """Whether it can commit."""
        return self._producer is not None

    async def open(self) -> None:
        """Fence the former owner; what it left open is aborted when this returns."""
        await self.close()
        producer = transactional_producer(self._settings, self.id)
        try:
            with readable(self._settings, f"open {self.id}"):
                await asyncio.wait_for(producer.start(), OPEN_S)
        except BaseException:
            await end_client(producer)
            raise
        self._producer = producer

    async def close(self) -> None:
        """Let the producer go; a transaction it has open is aborted by whoever opens next."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await end_client(producer)

    async def commit(
        self,
        records: Sequence[Record],
        group: str | None = None,
        offsets: Mapping[TopicPartition, int] | None = None,
    ) -> None:
        """All the records, and a group's offsets, in one transaction.

        Raises FencedError, RefusedError or UnsettledError; the producer is closed then.
        """
        producer = self._producer
        if producer is None:
            raise KafkaLogError(f"{self.id} is not open")
        sent: list[asyncio.Future[object]] = []
        try:
            async with asyncio.timeout(self._commit_s):
                await producer.begin_transaction()
                # aiokafka commits although a record was refused: the futures alone tell.
                for record in records:
                    sent.append(await self._send(producer, record))
                await asyncio.gather(*sent)
                if group and offsets:
                    await producer.send_offsets_to_transaction(dict(offsets), self._settings.topic(group))
                await producer.commit_transaction()
        except BaseException as error:
            cause = _cause(producer) or _missing(producer, error, self._settings, records)
            for future in sent:
                future.add_done_callback(_heard)  # else asyncio complains of each that nobody asked
            await self.close()
            if isinstance(error, Exception):
                raise self._named(cause or error) from error
            raise

    async def _send(self, producer: AIOKafkaProducer, record: Record) -> "asyncio.Future[object]":
        topic = self._settings.topic(record.topic)
        partitions = await producer.partitions_for(topic)
        if record.partition not in partitions:
            raise RefusedError(
                f"{topic} has {len(partitions)} partitions, a record is for {record.partition}"
            )
        sent: asyncio.Future[object] = await producer.send(
            topic, record.value, key=record.key, partition=record.partition
        )
        return sent

    def _named(self, error: BaseException) -> BaseException:
        """What to do about it."""
        reason = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, _FENCED):
            return FencedError(f"{self.id}: another process owns it now, or this one stood still too long")
        if isinstance(error, _REFUSED):
            return RefusedError(f"{self.id}: the step was abandoned: {reason}")
        if isinstance(error, OUTSIDE) and not isinstance(error, KafkaLogError):
            return UnsettledError(f"{self.id}: the step's outcome is unknown: {reason}")
        return error


def _heard(future: "asyncio.Future[object]") -> None:
    if not future.cancelled():
        future.exception()


def _missing(
    producer: AIOKafkaProducer, error: BaseException, settings: KafkaSettings, records: Iterable[Record]
) -> BaseException | None:
    """What a transaction that took too long has waited for, where a topic is gone: aiokafka waits for it."""
    if not isinstance(error, TimeoutError | UnknownTopicOrPartitionError):
        return None
    cluster = producer.client.cluster
    for topic in (settings.topic(record.topic) for record in records):  # sent one after the other
        if cluster.partitions_for_topic(topic) is None:
            return UnsettledError(f"Kafka has no topic {topic}: offhook topics create makes it")
    return None


def _cause(producer: AIOKafkaProducer) -> BaseException | None:
    """Why the transaction failed, where aiokafka knows it: a send then only says that there is none.

    It knows first of all that we were fenced, which must not be taken for anything that opening again mends.
    """
    ended = producer._txn_manager.wait_for_transaction_end()
    if ended is None or not ended.done() or ended.cancelled():
        return None
    found: BaseException | None = ended.exception()
    return found
