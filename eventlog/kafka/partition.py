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

from collections.abc import Iterable, Mapping

from eventlog.kafka.bounds import COMMIT_S
from eventlog.kafka.errors import KafkaLogError
from eventlog.kafka.owner import Owner
from eventlog.kafka.restore import read_state
from eventlog.kafka.settings import KafkaSettings
from eventlog.kafka.state import Place, StatePieces, applied_offsets, applied_record
from eventlog.kafka.transactor import Record
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


class StagePartition(Owner):
    """Partition `number` of a stage; its state is partition `number` of STAGE.state.

    A commit that takes more than `commit_s` fails, its outcome unknown.
    """

    def __init__(self, settings: KafkaSettings, stage: str, number: int, commit_s: float = COMMIT_S) -> None:
        super().__init__(settings, f"{stage}-{number}", commit_s)
        self._topic = f"{stage}.state"
        if self._topic not in BY_NAME:
            raise KafkaLogError(f"no topic {self._topic} in the catalogue")
        self._number = number
        self._pieces = StatePieces()

    async def _restored(self) -> dict[bytes, bytes]:
        records = await read_state(self._settings, self._topic, self._number)
        self.applied = applied_offsets(records)
        return self._pieces.read(records)

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
        moved = self._moved(applied)
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
