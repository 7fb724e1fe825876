"""The dead letters in Kafka."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from eventlog.kafka.clients import AIOKafkaProducer, end_client, idempotent_producer
from eventlog.kafka.connection import quiet, readable
from eventlog.kafka.reader import Reader, read_to_end
from eventlog.kafka.settings import KafkaSettings
from eventlog.kafka.wire import Wire
from eventlog.letters import TOPIC
from offhook.letters import Stored
from schemas.dead_letters import DeadLetter
from schemas.framing import FramingError

REPLAYED: Final = "offhook-replayed"
"""Header of a replayed record: the letter's place."""


class KafkaLetters:
    """Letters by reader and producer (offhook.letters.Letters)."""

    def __init__(self, chosen: KafkaSettings) -> None:
        self._chosen = chosen
        self._wire = Wire.of(chosen)
        self._producer: AIOKafkaProducer | None = None

    async def all(self) -> list[Stored]:
        """Every letter."""
        async with Reader(self._chosen, [TOPIC]) as reader:
            return [
                Stored(record.partition, record.offset, record.key or b"", record.value or b"")
                for record in await read_to_end(reader)
            ]

    async def at(self, topic: str, partition: int, offset: int) -> Stored | None:
        """The record at a place, None where it is not kept any more."""
        async with Reader(self._chosen, [topic], partitions=[partition]) as reader:
            first, end = await reader.bounds(topic, partition)
            if not first <= offset < end:
                return None
            await reader.seek(topic, partition, offset)
            while (await reader.positions())[topic, partition] <= offset:
                for record in await reader.read(1):
                    found = record.offset == offset and record.value is not None
                    return (
                        Stored(partition, offset, record.key or b"", record.value or b"") if found else None
                    )
        return None

    def letter(self, value: bytes) -> DeadLetter:
        """Read a letter; FramingError."""
        letter = self._wire.decode(TOPIC, value)
        if not isinstance(letter, DeadLetter):
            raise FramingError(f"{type(letter).__name__} is no letter")
        return letter

    async def append(self, topic: str, partition: int, key: bytes, value: bytes, letter: str) -> int:
        """Append the record of a letter, and say so in its header; its offset. KafkaLogError."""
        with readable(self._chosen, "replay"):
            if self._producer is None:
                self._producer = idempotent_producer(
                    self._chosen, f"{self._chosen.client_id}-replay", linger_ms=0
                )
                await self._producer.start()
            sent = await self._producer.send_and_wait(
                self._chosen.topic(topic), value, key=key or None, partition=partition,
                headers=[(REPLAYED, letter.encode())],
            )  # fmt: skip
        return int(sent.offset)

    async def stop(self) -> None:
        """Disconnect."""
        if self._producer is not None:
            await end_client(self._producer)


@asynccontextmanager
async def kafka_letters(chosen: KafkaSettings) -> AsyncIterator[KafkaLetters]:
    """Open the letters; KafkaLogError where they are first asked for."""
    quiet()
    letters = KafkaLetters(chosen)
    try:
        yield letters
    finally:
        await letters.stop()
