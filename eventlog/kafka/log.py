"""The log over Kafka, for rooms that do not wait: the twin of the logs in memory and in SQLite.

Capture appends by it. Stages in Faust use eventlog.kafka.partition, which is what lies behind `transaction`
here, and sinks eventlog.kafka.reader.
"""

from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from eventlog.kafka.claim import Claim
from eventlog.kafka.clients import committed_consumer, end_client, partitions_of
from eventlog.kafka.connection import readable
from eventlog.kafka.errors import KafkaLogError
from eventlog.kafka.loop import LoopThread
from eventlog.kafka.partition import StagePartition
from eventlog.kafka.publisher import Publisher
from eventlog.kafka.reader import Reader
from eventlog.kafka.reading_owner import ReadingOwner
from eventlog.kafka.settings import KafkaSettings
from eventlog.kafka.state import Place
from eventlog.kafka.transactor import Record
from eventlog.kafka.wire import Wire
from eventlog.log import Entry, LogError
from eventlog.topics import BY_NAME

T = TypeVar("T")

Owner = StagePartition | ReadingOwner


class KafkaTransaction:
    """Collects a step; KafkaLog.transaction commits it."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.facts: list[Record] = []
        self.changes: dict[bytes, bytes | None] = {}
        self.offsets: dict[Place, int] = {}

    def append(self, topic: str, partition: int, key: bytes, value: Any) -> None:
        """Append a record."""
        self.facts.append(Record(topic, partition, key, self._wire.encode(topic, value)))

    def save(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Store state by key; None deletes."""
        self.changes.update(changes)

    def applied(self, topic: str, partition: int, offset: int) -> None:
        """The owner has applied the partition up to and with this offset."""
        if offset < self.offsets.get((topic, partition), -1):
            raise LogError(f"{topic}/{partition}: offset {offset} cannot be applied after a later one")
        self.offsets[topic, partition] = offset


class KafkaLog:
    """Partitioned topics in a cluster, with state and offsets of their owners. One thread may use it.

    An owner STAGE-NUMBER of a stage with a state topic keeps state there; any other owner is a reader: it
    has offsets alone, as a consumer group of its name.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        """Connect; UnavailableError where that fails."""
        self._settings = settings
        self.wire = Wire.of(settings)
        self._thread = LoopThread("kafka")
        self._owners: dict[str, Owner] = {}
        self._open: set[str] = set()
        self._readers: dict[Place, Reader] = {}
        self._counts: dict[str, int] = {}
        self._claims: list[Claim] = []
        self._closed = False
        try:
            self._publisher = Publisher(settings, self._thread)
        except BaseException:
            self._thread.close()
            raise

    def __enter__(self) -> "KafkaLog":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def publisher(self) -> Publisher:
        """What `append` hands records to: its counters, and flush()."""
        return self._publisher

    def partitions(self, topic: str) -> int:
        """How many partitions the topic has; KafkaLogError where the cluster has none of that name."""
        if topic not in self._counts:
            self._counts[topic] = self._call(self._count(topic))
        return self._counts[topic]

    def append(self, topic: str, partition: int, key: bytes, value: Any) -> None:
        """Append a record outside any transaction; flush() tells when the brokers have it."""
        self._check(topic, partition)
        self._publisher.append(topic, partition, key, self.wire.encode(topic, value))

    def claim(self, name: str) -> Claim:
        """Be the only process of this name; KafkaLogError."""
        made = Claim(self._settings, self._thread, name)
        self._claims.append(made)
        return made

    def flush(self, timeout_s: float | None = None) -> None:
        """Wait until the brokers have all that was appended."""
        self._publisher.flush(timeout_s)

    def read(self, topic: str, partition: int, offset: int, limit: int | None = None) -> list[Entry]:
        """Committed records from `offset` on, at most `limit`; LogError where they were forgotten."""
        self._check(topic, partition)
        return self._call(self._read(topic, partition, offset, limit))

    @contextmanager
    def transaction(self, owner: str) -> Iterator[KafkaTransaction]:
        """One step of `owner`: committed when the block ends, abandoned when it raises."""
        if owner in self._open:
            raise LogError(f"{owner} has a transaction open")
        self._open.add(owner)
        try:
            step = KafkaTransaction(self.wire)
            yield step
            with self._publisher.waiting():
                self._call(self._commit(owner, step))
        finally:
            self._open.discard(owner)

    def state(self, owner: str) -> dict[bytes, bytes]:
        """All the owner has saved."""
        return self._call(self._of(owner).open())

    def applied_offsets(self, owner: str) -> dict[tuple[str, int], int]:
        """By topic and partition the last offset the owner has applied."""
        with self._publisher.waiting():
            return self._call(self._applied(owner))

    def close(self) -> None:
        """Disconnect; what was appended and not flushed may be lost."""
        if self._closed:
            return
        self._closed = True
        self._publisher.close()
        for claim in self._claims:
            self._call(claim.close())
        for part in self._owners.values():
            self._call(part.close())
        for reader in self._readers.values():
            self._call(reader.stop())
        self._thread.close()

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return self._thread.call(work)

    def _check(self, topic: str, partition: int) -> None:
        if topic not in BY_NAME:
            raise LogError(f"no topic {topic!r} in the catalogue")
        if not 0 <= partition < self.partitions(topic):
            raise LogError(f"{topic} has {self.partitions(topic)} partitions, asked for number {partition}")

    def _of(self, owner: str) -> Owner:
        if owner not in self._owners:
            stage, _, number = owner.rpartition("-")
            if f"{stage}.state" in BY_NAME and number.isdecimal():
                self._owners[owner] = StagePartition(self._settings, stage, int(number))
            else:
                self._owners[owner] = ReadingOwner(self._settings, owner)
        return self._owners[owner]

    async def _opened(self, owner: str) -> Owner:
        part = self._of(owner)
        if not part.is_open:
            await part.open()
        return part

    async def _applied(self, owner: str) -> dict[Place, int]:
        return dict((await self._opened(owner)).applied)

    async def _commit(self, owner: str, step: KafkaTransaction) -> None:
        await (await self._opened(owner)).commit(step.changes, step.facts, step.offsets)

    async def _count(self, topic: str) -> int:
        consumer = committed_consumer(self._settings, f"{self._settings.client_id}-partitions")
        try:
            with readable(self._settings, f"ask for the partitions of {topic}"):
                await consumer.start()
                return await partitions_of(consumer, self._settings.topic(topic))
        finally:
            await end_client(consumer)

    async def _read(self, topic: str, partition: int, offset: int, limit: int | None) -> list[Entry]:
        place = (topic, partition)
        if place not in self._readers:
            reader = Reader(self._settings, [topic], partitions=[partition], wire=self.wire)
            await reader.start()
            self._readers[place] = reader
        reader = self._readers[place]
        first, end = await reader.bounds(topic, partition)
        if offset < first:
            raise KafkaLogError(
                f"{topic}/{partition}: offset {offset} is forgotten, the oldest kept is {first}"
            )
        if (await reader.positions())[place] != offset:
            await reader.seek(topic, partition, offset)
        found: list[Entry] = []
        while (limit is None or len(found) < limit) and (await reader.positions())[place] < end:
            received = await reader.read(None if limit is None else limit - len(found))
            found += [Entry(one.offset, one.key or b"", reader.decode(one)) for one in received]
        return found
