"""An owner without state: what it applied is its consumer group's offsets, committed with its facts."""

import asyncio
from collections.abc import Iterable, Mapping

from aiokafka.admin import AIOKafkaAdminClient

from eventlog.kafka.clients import TopicPartition
from eventlog.kafka.connection import REQUEST_TIMEOUT_MS, arguments, patient, readable
from eventlog.kafka.errors import KafkaLogError
from eventlog.kafka.settings import KafkaSettings
from eventlog.kafka.state import Place
from eventlog.kafka.transactor import Record, Transactor


class ReadingOwner:
    """Steps of one reader of the log, fenced by its name as a stage's partition is."""

    def __init__(self, settings: KafkaSettings, owner: str) -> None:
        self.owner = owner
        self.applied: dict[Place, int] = {}
        """By topic and partition the last offset that is applied and committed."""
        self._settings = settings
        self._transactor = Transactor(settings, owner)
        self._lock = asyncio.Lock()

    @property
    def is_open(self) -> bool:
        """Whether it can commit: opened, and nothing failed since."""
        return self._transactor.is_open

    async def open(self) -> dict[bytes, bytes]:
        """Fence the former owner and read the offsets; there is no state."""
        async with self._lock:
            await self._transactor.open()
            try:
                self.applied = await self._offsets()
            except BaseException:
                await self._transactor.close()
                raise
            return {}

    async def commit(
        self, changes: Mapping[bytes, bytes | None], facts: Iterable[Record], applied: Mapping[Place, int]
    ) -> None:
        """Facts and offsets together or not at all; errors as StagePartition.commit has them."""
        if changes:
            raise KafkaLogError(f"{self.owner} is a reader: there is no topic for its state")
        for (topic, partition), offset in applied.items():
            if offset < self.applied.get((topic, partition), -1):
                raise KafkaLogError(f"{self.owner}: {topic}/{partition} cannot go back to {offset}")
        offsets = {
            TopicPartition(self._settings.topic(topic), partition): offset + 1
            for (topic, partition), offset in applied.items()
        }
        facts = list(facts)
        async with self._lock:
            if facts or offsets:
                await self._transactor.commit(facts, self.owner, offsets)
            self.applied |= applied

    async def close(self) -> None:
        """Let it go, after a step that is under way."""
        async with self._lock:
            await self._transactor.close()

    async def _offsets(self) -> dict[Place, int]:
        admin = AIOKafkaAdminClient(**arguments(self._settings), request_timeout_ms=REQUEST_TIMEOUT_MS)
        prefix = self._settings.topic_prefix
        try:
            with readable(self._settings, f"read the offsets of {self.owner}"):
                await admin.start()
                found = await patient(admin.list_consumer_group_offsets, self._settings.topic(self.owner))
        finally:
            await admin.close()
        return {
            (place.topic.removeprefix(prefix), place.partition): at.offset - 1
            for place, at in found.items()
            if at.offset > 0
        }
