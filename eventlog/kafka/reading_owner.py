"""An owner without state: what it applied is its consumer group's offsets, committed with its facts."""

from collections.abc import Iterable, Mapping

from aiokafka.admin import AIOKafkaAdminClient

from eventlog.kafka.clients import TopicPartition
from eventlog.kafka.connection import REQUEST_TIMEOUT_MS, arguments, patient, readable
from eventlog.kafka.errors import KafkaLogError
from eventlog.kafka.owner import Owner
from eventlog.kafka.state import Place
from eventlog.kafka.transactor import Record


class ReadingOwner(Owner):
    """Steps of one reader of the log, fenced by its name as a stage's partition is."""

    async def commit(
        self, changes: Mapping[bytes, bytes | None], facts: Iterable[Record], applied: Mapping[Place, int]
    ) -> None:
        """Facts and offsets together or not at all; errors as StagePartition.commit has them."""
        if changes:
            raise KafkaLogError(f"{self.owner} is a reader: there is no topic for its state")
        moved = self._moved(applied)
        offsets = {
            TopicPartition(self._settings.topic(topic), partition): offset + 1
            for (topic, partition), offset in moved.items()
        }
        facts = list(facts)
        async with self._lock:
            if facts or offsets:
                await self._transactor.commit(facts, self.owner, offsets)
            self.applied |= moved

    async def _restored(self) -> dict[bytes, bytes]:
        admin = AIOKafkaAdminClient(**arguments(self._settings), request_timeout_ms=REQUEST_TIMEOUT_MS)
        prefix = self._settings.topic_prefix
        try:
            with readable(self._settings, f"read the offsets of {self.owner}"):
                await admin.start()
                found = await patient(admin.list_consumer_group_offsets, self._settings.topic(self.owner))
        finally:
            await admin.close()
        self.applied = {
            (place.topic.removeprefix(prefix), place.partition): at.offset - 1
            for place, at in found.items()
            if at.offset > 0
        }
        return {}  # it has no state
