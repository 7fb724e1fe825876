"""What every owner over Kafka has: a fenced producer, what it has applied, one step at a time."""

import asyncio
from collections.abc import Mapping

from eventlog.kafka.bounds import COMMIT_S
from eventlog.kafka.errors import KafkaLogError
from eventlog.kafka.settings import KafkaSettings
from eventlog.kafka.state import Place
from eventlog.kafka.transactor import Transactor


class Owner:
    """An owner by its name, which is its transactional id; where its state lies is the subclass's."""

    def __init__(self, settings: KafkaSettings, owner: str, commit_s: float = COMMIT_S) -> None:
        self.owner = owner
        self.applied: dict[Place, int] = {}
        """By topic and partition the last offset that is applied and committed."""
        self._settings = settings
        self._transactor = Transactor(settings, owner, commit_s)
        self._lock = asyncio.Lock()

    @property
    def is_open(self) -> bool:
        """Whether it can commit: opened, and nothing failed since."""
        return self._transactor.is_open

    async def open(self) -> dict[bytes, bytes]:
        """Fence the former owner, settle its last step, and read the state; UnavailableError, StateError."""
        async with self._lock:
            await self._transactor.open()
            try:
                return await self._restored()
            except BaseException:
                await self._transactor.close()
                raise

    async def close(self) -> None:
        """Let it go, after a step that is under way."""
        async with self._lock:
            await self._transactor.close()

    async def _restored(self) -> dict[bytes, bytes]:
        """Set `applied`, and give the state."""
        raise NotImplementedError

    def _moved(self, applied: Mapping[Place, int]) -> dict[Place, int]:
        """Those of the offsets that are news; KafkaLogError where one goes back."""
        moved = {place: offset for place, offset in applied.items() if offset != self.applied.get(place, -1)}
        for (topic, partition), offset in moved.items():
            if offset < self.applied.get((topic, partition), -1):
                raise KafkaLogError(f"{self.owner}: {topic}/{partition} cannot go back to {offset}")
        return moved
