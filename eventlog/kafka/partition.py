"""One partition of a stage over Kafka: its state, its facts and what it has applied, in one transaction.

This is what a runner drives, whatever hands it the events. The order in which things happen is what makes it
exact (measured under every kind of crash; see docs/architecture.md):

1. `open` fences the former owner of the partition, which aborts what it had open, and only then reads the
   state topic, from its beginning to its end.
2. The runner starts to read each input behind `applied`, and asks `guard()` for every event: events come
   again after a rebalance, also within one batch.
3. `commit` writes state, facts and applied offsets in one transaction. If it raises, the stage's memory is
   ahead of Kafka: the stage must be made anew from what `open` returns. After FencedError end the process.
"""

import asyncio
from collections.abc import Iterable, Mapping

from eventlog.kafka.bounds import COMMIT_S
from eventlog.kafka.errors import KafkaLogError
from eventlog.kafka.restore import read_state
from eventlog.kafka.settings import KafkaSettings
from eventlog.kafka.state import Place, StatePieces, applied_offsets, applied_record
from eventlog.kafka.transactor import Record, Transactor
from eventlog.topics import BY_NAME


class Guard:
    """Lets each event pass once; `applied` runs along."""

    def __init__(self, applied: Mapping[Place, int]) -> None:
        self.applied = dict(applied)

    def admits(self, topic: str, partition: int, offset: int) -> bool:
        """Whether the event was not applied before; it counts as applied from now on."""
        if offset <= self.applied.get((topic, partition), -1):
            return False
        self.applied[topic, partition] = offset
        return True


class StagePartition:
    """Partition `number` of a stage; its state is partition `number` of STAGE.state.

    A commit that takes more than `commit_s` fails, its outcome unknown.
    """

    def __init__(self, settings: KafkaSettings, stage: str, number: int, commit_s: float = COMMIT_S) -> None:
        self.owner = f"{stage}-{number}"
        self._topic = f"{stage}.state"
        if self._topic not in BY_NAME:
            raise KafkaLogError(f"no topic {self._topic} in the catalogue")
        self._settings = settings
        self._number = number
        self._transactor = Transactor(settings, self.owner, commit_s)
        self._pieces = StatePieces()
        self._lock = asyncio.Lock()
        self.applied: dict[Place, int] = {}
        """By topic and partition the last offset that is applied and committed."""

    @property
    def is_open(self) -> bool:
        """Whether it can commit: opened, and nothing failed since."""
        return self._transactor.is_open

    async def open(self) -> dict[bytes, bytes]:
        """Fence the former owner, settle its last step, and read the state; UnavailableError, StateError."""
        async with self._lock:
            await self._transactor.open()
            try:
                records = await read_state(self._settings, self._topic, self._number)
                self.applied = applied_offsets(records)
                return self._pieces.read(records)
            except BaseException:
                await self._transactor.close()
                raise

    def guard(self) -> Guard:
        """For the events of the next step."""
        return Guard(self.applied)

    def next_offset(self, topic: str, partition: int) -> int:
        """Where to read an input on."""
        return self.applied.get((topic, partition), -1) + 1

    async def commit(
        self,
        changes: Mapping[bytes, bytes | None],
        facts: Iterable[Record],
        applied: Mapping[Place, int],
    ) -> None:
        """State, facts and applied offsets together or not at all.

        Raises FencedError (end the process), UnsettledError (open again, make the stage anew), RefusedError
        (a record that no broker will take: a defect of the stage). Nothing of the step is seen then, unless
        the outcome is unknown, which the next `open` settles.
        """
        moved = {place: offset for place, offset in applied.items() if offset != self.applied.get(place, -1)}
        for (topic, partition), offset in moved.items():
            if offset < self.applied.get((topic, partition), -1):
                raise KafkaLogError(f"{self.owner}: {topic}/{partition} cannot go back to {offset}")
        records = [
            Record(self._topic, self._number, key, value) for key, value in self._pieces.records(changes)
        ]
        records += facts
        records += [
            Record(self._topic, self._number, *applied_record(topic, partition, offset))
            for (topic, partition), offset in moved.items()
        ]
        async with self._lock:
            if records:
                await self._transactor.commit(records)
            self._pieces.keep(changes)
            self.applied |= moved

    async def close(self) -> None:
        """Let it go, after a step that is under way."""
        async with self._lock:
            await self._transactor.close()
