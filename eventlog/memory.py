"""The log in memory: what `analyze` and the tests run on."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from eventlog.log import Entry, LogError
from eventlog.topics import BY_NAME

_Place = tuple[str, int]


class _Partition:
    """Records of one partition; `first` is the offset of the oldest one kept."""

    __slots__ = ("first", "keys", "values")

    def __init__(self) -> None:
        self.first = 0
        self.keys: list[bytes] = []
        self.values: list[Any] = []

    @property
    def end(self) -> int:
        """The offset the next record gets."""
        return self.first + len(self.keys)

    def forget(self, before: int) -> int:
        count = max(0, min(before, self.end) - self.first)
        del self.keys[:count]
        del self.values[:count]
        self.first += count
        return count


class MemoryTransaction:
    """Collects a step; MemoryLog.transaction applies it. Values are encoded here, so that a value that
    cannot be encoded fails inside the step."""

    def __init__(self, log: "MemoryLog", owner: str) -> None:
        self._log = log
        self._offsets = log.applied_offsets(owner)
        self.records: list[tuple[_Partition, bytes, Any]] = []
        self.changes: dict[bytes, bytes | None] = {}
        self.offsets: dict[_Place, int] = {}

    def append(self, topic: str, partition: int, key: bytes, value: Any) -> None:
        """Append a record."""
        self.records.append((self._log._place(topic, partition), key, self._log._written(topic, value)))

    def save(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Store state by key; None deletes."""
        self.changes.update(changes)

    def applied(self, topic: str, partition: int, offset: int) -> None:
        """The owner has applied the partition up to and with this offset."""
        place = (topic, partition)
        end = self._log._place(topic, partition).end
        before = self.offsets.get(place, self._offsets.get(place, -1))
        if not before <= offset < end:
            raise LogError(
                f"{topic}/{partition}: offset {offset} cannot be applied after {before}, of {end} records"
            )
        self.offsets[place] = offset


class MemoryLog:
    """A transactional log that lives as long as the process.

    `partitions` is one number for all topics, or numbers by topic (others: the catalogue's). With `encode`
    values pass the codec, so that a reader gets what it would get over a wire; without, the object itself.
    Every twin's interface is eventlog.log.Log; subscribe and trim are memory's own: they keep it flat.
    """

    def __init__(self, partitions: Mapping[str, int] | int = 1, encode: bool = False) -> None:
        self._counts = partitions
        self._topics: dict[str, list[_Partition]] = {}
        self._states: dict[str, dict[bytes, bytes]] = {}
        self._offsets: dict[str, dict[_Place, int]] = {}
        self._subscribers: dict[_Place, set[str]] = {}
        self._open: set[str] = set()
        self._encode = self._decode = None
        if encode:
            from schemas import framing

            self._encode, self._decode = framing.encode, framing.decode

    def partitions(self, topic: str) -> int:
        """How many partitions the topic has."""
        return len(self._partitions_of(topic))

    def append(self, topic: str, partition: int, key: bytes, value: Any) -> None:
        """Append a record outside any transaction."""
        place = self._place(topic, partition)
        written = self._written(topic, value)
        place.keys.append(key)
        place.values.append(written)

    def read(self, topic: str, partition: int, offset: int, limit: int | None = None) -> list[Entry]:
        """Records from `offset` on, in order, at most `limit`; LogError where they were forgotten."""
        place = self._place(topic, partition)
        if offset < place.first:
            raise LogError(
                f"{topic}/{partition}: offset {offset} is forgotten, the oldest kept is {place.first}"
            )
        start = offset - place.first
        stop = None if limit is None else start + limit
        values = place.values[start:stop]
        if self._decode is not None and BY_NAME[topic].schema is not None:
            values = [self._decode(value) for value in values]
        return [
            Entry(offset + at, key, value)
            for at, (key, value) in enumerate(zip(place.keys[start:stop], values, strict=True))
        ]

    def end(self, topic: str, partition: int) -> int:
        """The offset the next record of the partition gets."""
        return self._place(topic, partition).end

    @contextmanager
    def transaction(self, owner: str) -> Iterator[MemoryTransaction]:
        """One step of `owner`: committed when the block ends, abandoned when it raises."""
        if owner in self._open:
            raise LogError(f"{owner} has a transaction open")
        self._open.add(owner)
        try:
            step = MemoryTransaction(self, owner)
            yield step
            self._commit(owner, step)
        finally:
            self._open.discard(owner)

    def state(self, owner: str) -> dict[bytes, bytes]:
        """All the owner has saved, a copy."""
        return dict(self._states.get(owner, {}))

    def applied_offsets(self, owner: str) -> dict[tuple[str, int], int]:
        """By topic and partition the last offset the owner has applied, a copy."""
        return dict(self._offsets.get(owner, {}))

    def subscribe(self, owner: str, topic: str, partition: int) -> None:
        """Keep what the owner has not applied yet; without subscribers a partition keeps everything."""
        self._place(topic, partition)
        self._subscribers.setdefault((topic, partition), set()).add(owner)

    def trim(self) -> int:
        """Forget what every subscriber has applied; how many records that were."""
        return sum(self._trim(place, owners) for place, owners in self._subscribers.items())

    def _trim(self, place: _Place, owners: set[str]) -> int:
        behind = min(self._offsets.get(owner, {}).get(place, -1) for owner in owners)
        return self._place(*place).forget(behind + 1)

    def _commit(self, owner: str, step: MemoryTransaction) -> None:
        for place, key, value in step.records:
            place.keys.append(key)
            place.values.append(value)
        state = self._states.setdefault(owner, {})
        for key, change in step.changes.items():
            if change is None:
                state.pop(key, None)
            else:
                state[key] = change
        self._offsets.setdefault(owner, {}).update(step.offsets)

    def _written(self, topic: str, value: Any) -> Any:
        if self._encode is None or BY_NAME[topic].schema is None:
            return value
        return self._encode(topic, value)

    def _partitions_of(self, topic: str) -> list[_Partition]:
        found = self._topics.get(topic)
        if found is None:
            found = self._topics[topic] = [_Partition() for _ in range(self._count(topic))]
        return found

    def _count(self, topic: str) -> int:
        if topic not in BY_NAME:
            raise LogError(f"no topic {topic!r} in the catalogue")
        if isinstance(self._counts, int):
            return self._counts
        return self._counts.get(topic, BY_NAME[topic].partitions)

    def _place(self, topic: str, partition: int) -> _Partition:
        places = self._partitions_of(topic)
        if not 0 <= partition < len(places):
            raise LogError(f"{topic} has {len(places)} partitions, asked for number {partition}")
        return places[partition]
