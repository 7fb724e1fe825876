"""Reads committed records: as a member of a group that commits after its effect, or of given partitions.

A sink reads, does what it does, and commits; if its effect failed it seeks back and reads the same again.
What a member has read and not committed is read again after a restart or a rebalance: effects are idempotent.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, Literal, NamedTuple

from aiokafka.errors import CommitFailedError, IllegalStateError

from eventlog.kafka.bounds import ANSWER_S
from eventlog.kafka.clients import (
    AIOKafkaConsumer,
    TopicPartition,
    committed_consumer,
    end_client,
    partitions_of,
)
from eventlog.kafka.connection import readable
from eventlog.kafka.errors import KafkaLogError, UnsettledError
from eventlog.kafka.settings import KafkaSettings
from eventlog.kafka.state import Place
from eventlog.kafka.touch import in_touch
from eventlog.kafka.wire import Wire

GAP_LOOKED_AT: Final = 64
"""Commit markers leave holes in the offsets; a hole of more is held against what the broker still keeps."""

SESSION_MS: Final = 10_000
REBALANCE_MS: Final = 30_000

Start = Literal["beginning", "end"] | int
"""Where to begin: at the oldest record kept, behind the newest, or at a time in ms since the epoch."""


class Received(NamedTuple):
    """One record; `topic` as the catalogue calls it, `time_ms` when the broker took it."""

    topic: str
    partition: int
    offset: int
    time_ms: int
    key: bytes | None
    value: bytes | None


class Reader:
    """Committed records of topics.

    With `group` partitions are shared among its members, and reading goes on behind what was committed
    (`start` "beginning" or "end" where nothing was). `member` is a fixed name: a restart within SESSION_MS
    keeps its partitions. Without a group all partitions, or those of `partitions`, are read from `start`.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        topics: Iterable[str],
        *,
        group: str | None = None,
        member: str | None = None,
        partitions: Iterable[int] | None = None,
        start: Start = "beginning",
        wire: Wire | None = None,
    ) -> None:
        """Nothing is connected yet: `async with`, or start() and stop()."""
        self.topics = tuple(topics)
        self._wire = wire
        self.expired: dict[Place, int] = {}
        """Offsets that the broker forgot before we read them: raise retention, or read faster."""
        self._settings = settings
        self._group, self._member = group, member
        self._partitions = None if partitions is None else tuple(partitions)
        self._start = start
        self._consumer: AIOKafkaConsumer | None = None
        self._next: dict[TopicPartition, int] = {}
        self._names = {settings.topic(topic): topic for topic in self.topics}

    async def __aenter__(self) -> "Reader":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Connect, and join the group or find the place to begin; KafkaLogError."""
        options: dict[str, Any] = {"auto_offset_reset": "latest" if self._start == "end" else "earliest"}
        if self._group:
            options |= {
                "group_id": self._settings.topic(self._group),
                "group_instance_id": self._member,
                "session_timeout_ms": SESSION_MS,
                "heartbeat_interval_ms": SESSION_MS // 5,
                "rebalance_timeout_ms": REBALANCE_MS,
            }
        consumer = committed_consumer(self._settings, self._member or self._settings.client_id, **options)
        try:
            with readable(self._settings, f"read {', '.join(self._names)}"):
                await consumer.start()
                counts = {name: await partitions_of(consumer, name) for name in self._names}
                if self._group:
                    consumer.subscribe(topics=list(self._names))
                else:
                    await self._assign(consumer, counts)
        except BaseException:
            await end_client(consumer)
            raise
        self._consumer = consumer

    @property
    def missing(self) -> list[str]:
        """Topics that the cluster has no more, as aiokafka last heard."""
        cluster = self._connected()._client.cluster
        return [name for name in self._names if cluster.partitions_for_topic(name) is None]

    @property
    def in_touch(self) -> bool:
        """Whether the group's brokers are heard."""
        return self._group is None or in_touch(self._connected())

    async def stop(self) -> None:
        """Leave the group (unless a fixed member) and disconnect; nothing is committed."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await end_client(consumer)

    async def read(self, limit: int | None = None, wait_ms: int = 100) -> list[Received]:
        """What there is, in order by partition, at most `limit`; empty after `wait_ms` without any."""
        consumer = self._connected()
        with readable(self._settings, f"read {', '.join(self._names)}"):
            batches = await consumer.getmany(timeout_ms=wait_ms, max_records=limit)
            for place, records in batches.items():
                await self._look_for_loss(place, records[0].offset)
                self._next[place] = records[-1].offset + 1
        return [
            Received(
                self._names[record.topic],
                record.partition,
                record.offset,
                record.timestamp,
                record.key,
                record.value,
            )
            for records in batches.values()
            for record in records
        ]

    def decode(self, record: Received) -> Any:
        """The record's value; FramingError where it is none."""
        if self._wire is None:
            self._wire = Wire.of(self._settings)
        return self._wire.decode(record.topic, record.value or b"")

    async def commit(self, applied: Mapping[Place, int]) -> None:
        """The effect of these partitions' records, up to and with these offsets, is durable.

        Partitions that went to another member are left out. UnsettledError where the group changed
        meanwhile: whoever has the partition now reads it again.
        """
        consumer = self._connected()
        owned = consumer.assignment()
        offsets = {
            place: offset + 1
            for place, offset in ((self._place(topic, number), at) for (topic, number), at in applied.items())
            if place in owned
        }
        if not offsets:
            return
        try:
            async with self._asking(f"commit offsets of {self._group}"):
                try:
                    await consumer.commit(offsets)
                except (CommitFailedError, IllegalStateError) as error:
                    raise UnsettledError(f"{self._group}: the group changed: {error}") from error
        except AssertionError:  # aiokafka's, where a rebalance began between these lines
            raise UnsettledError(f"{self._group}: the group changed") from None

    async def seek_back(self) -> None:
        """Read again what was not committed."""
        consumer = self._connected()
        async with self._asking(f"seek back in {self._group}"):
            for place in consumer.assignment():
                at = await consumer.committed(place)
                if at is None:
                    await consumer.seek_to_beginning(place)
                else:
                    consumer.seek(place, at)
                self._next.pop(place, None)

    def pause(self) -> None:
        """Fetch nothing more until resume(); keep calling read(), which is how the group knows we live."""
        consumer = self._connected()
        consumer.pause(*consumer.assignment())

    def resume(self) -> None:
        """Fetch again."""
        consumer = self._connected()
        consumer.resume(*consumer.paused())

    def assigned(self) -> set[Place]:
        """The partitions that are ours now."""
        return {(self._names[place.topic], place.partition) for place in self._connected().assignment()}

    def lag(self) -> dict[Place, int]:
        """By partition how many offsets the newest committed record is ahead, where known."""
        consumer = self._connected()
        found: dict[Place, int] = {}
        for place in consumer.assignment():
            end, at = consumer.last_stable_offset(place), self._next.get(place)
            if end is not None and at is not None:
                found[self._names[place.topic], place.partition] = max(0, end - at)
        return found

    async def ends(self) -> dict[Place, int]:
        """By assigned partition the offset behind its newest committed record."""
        consumer = self._connected()
        async with self._asking("ask for the newest offsets"):
            ends = await consumer.end_offsets(list(consumer.assignment()))
        return {(self._names[place.topic], place.partition): end for place, end in ends.items()}

    async def positions(self) -> dict[Place, int]:
        """By assigned partition the offset that is read next; commit markers are behind it already."""
        consumer = self._connected()
        async with self._asking("ask for positions"):
            return {
                (self._names[place.topic], place.partition): await consumer.position(place)
                for place in consumer.assignment()
            }

    async def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """The oldest offset kept, and the one behind the newest committed record."""
        place = self._place(topic, partition)
        consumer = self._connected()
        async with self._asking("ask for offsets"):
            first = (await consumer.beginning_offsets([place]))[place]
            return first, (await consumer.end_offsets([place]))[place]

    async def seek(self, topic: str, partition: int, offset: int) -> None:
        """Read an assigned partition on from this offset."""
        place = self._place(topic, partition)
        self._connected().seek(place, offset)
        self._next.pop(place, None)

    @asynccontextmanager
    async def _asking(self, doing: str) -> AsyncIterator[None]:
        """A question to the brokers; UnavailableError where they do not answer in time."""
        with readable(self._settings, doing):
            async with asyncio.timeout(ANSWER_S):
                yield

    async def _assign(self, consumer: AIOKafkaConsumer, counts: Mapping[str, int]) -> None:
        places = []
        for name, count in counts.items():
            for number in self._partitions if self._partitions is not None else range(count):
                if number >= count:
                    raise KafkaLogError(
                        f"{name} has {count} partitions (0 to {count - 1}), not number {number}"
                    )
                places.append(TopicPartition(name, number))
        consumer.assign(places)
        if self._start == "beginning":
            await consumer.seek_to_beginning(*places)
            return
        ends = await consumer.end_offsets(places)
        at: dict[TopicPartition, Any] = {}
        if isinstance(self._start, int):
            at = await consumer.offsets_for_times({place: max(0, self._start) for place in places})
        for place in places:
            found = at.get(place)
            consumer.seek(place, ends[place] if found is None else found.offset)

    async def _look_for_loss(self, place: TopicPartition, first: int) -> None:
        """Count what retention took from us."""
        expected = self._next.get(place)
        if expected is None and self._group:
            expected = await self._connected().committed(place)
        if expected is None or first - expected <= GAP_LOOKED_AT:
            return
        kept = (await self._connected().beginning_offsets([place]))[place]
        if kept > expected:
            name = (self._names[place.topic], place.partition)
            self.expired[name] = self.expired.get(name, 0) + kept - expected

    def _place(self, topic: str, partition: int) -> TopicPartition:
        return TopicPartition(self._settings.topic(topic), partition)

    def _connected(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            raise KafkaLogError(f"the reader of {', '.join(self._names)} is not started")
        return self._consumer


async def read_to_end(reader: Reader, wait_s: float = 30.0) -> list[Received]:
    """All there is now in the partitions of a reader without a group."""
    ends = await reader.ends()
    found: list[Received] = []
    async with asyncio.timeout(wait_s):
        while any(at < ends[place] for place, at in (await reader.positions()).items()):
            found += await reader.read()
    return [record for record in found if record.offset < ends[record.topic, record.partition]]
