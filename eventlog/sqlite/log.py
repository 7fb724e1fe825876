"""The durable log of one process: what `offhook up` runs on. A restart goes on where it stopped.

One file in write-ahead mode, one SQLite transaction a step. Values are always encoded.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from eventlog.log import Entry, LogError
from eventlog.sqlite.bounds import OFFSET_BITS, TRIMMED_AT_ONCE
from eventlog.sqlite.file import open_file
from eventlog.sqlite.settings import SqliteSettings
from eventlog.topics import BY_NAME
from schemas import framing

Place = tuple[str, int]
"""Topic and partition."""

_HOUR_MS: Final = 3_600_000

_SAVE: Final = (
    "INSERT INTO state VALUES (?, ?, ?) ON CONFLICT (owner, key) DO UPDATE SET value = excluded.value"
)


class _Partition:
    """Where one partition's records lie: row ids from `base + first` to below `base + next`."""

    __slots__ = ("base", "first", "next", "number")

    def __init__(self, number: int, first: int, following: int) -> None:
        self.number, self.first, self.next = number, first, following
        self.base = number << OFFSET_BITS


class Trimmed(NamedTuple):
    """What a trim forgot: records that all subscribers had applied, and records that were too old; of these
    `unread` had not been applied by every subscriber."""

    applied: int
    expired: int
    unread: int


class SqliteTransaction:
    """Collects a step; SqliteLog.transaction writes it. Values are encoded here."""

    def __init__(self, log: "SqliteLog", owner: str) -> None:
        self._log = log
        self._before = log.applied_offsets(owner)
        self.records: list[tuple[Place, bytes, bytes]] = []
        self.changes: dict[bytes, bytes | None] = {}
        self.offsets: dict[Place, int] = {}

    def append(self, topic: str, partition: int, key: bytes, value: Any) -> None:
        """Append a record."""
        self._log._partition(topic, partition)
        self.records.append(((topic, partition), key, _encode(topic, value)))

    def save(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Store state by key; None deletes."""
        self.changes.update(changes)

    def applied(self, topic: str, partition: int, offset: int) -> None:
        """The owner has applied the partition up to and with this offset."""
        place, end = (topic, partition), self._log.end(topic, partition)
        before = self.offsets.get(place, self._before.get(place, -1))
        if not before <= offset < end:
            raise LogError(
                f"{topic}/{partition}: offset {offset} cannot be applied after {before}, of {end} records"
            )
        self.offsets[place] = offset


class SqliteLog:
    """A transactional log in a file. Threads of one process may share it; another process is refused.

    `partitions` is one number for all topics, or numbers by topic (others: the catalogue's); a file keeps
    the numbers it was made with, and refuses others.
    """

    def __init__(
        self,
        path: Path,
        partitions: Mapping[str, int] | int = 1,
        settings: SqliteSettings | None = None,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        """Open or make the file; LogError where it is no log of ours, or in use. `clock_ms` dates records."""
        self._path, self._counts, self._clock_ms = path, partitions, clock_ms
        self._lock = threading.RLock()
        self._open_steps: set[str] = set()
        self._subscribers: dict[Place, set[str]] = {}
        self._applied: dict[str, dict[Place, int]] = {}
        self._db = open_file(path, settings or SqliteSettings())
        try:
            self._places = self._load()
        except BaseException:
            self._db.close()
            raise

    def __enter__(self) -> "SqliteLog":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Write everything to the file and close it."""
        with self._lock:
            self._db.close()

    def partitions(self, topic: str) -> int:
        """How many partitions the topic has."""
        if topic not in BY_NAME:
            raise LogError(f"no topic {topic!r} in the catalogue")
        if isinstance(self._counts, int):
            return self._counts
        return self._counts.get(topic, BY_NAME[topic].partitions)

    def append(self, topic: str, partition: int, key: bytes, value: Any) -> None:
        """Append a record outside any transaction of an owner."""
        self.append_all([(topic, partition, key, value)])

    def append_all(self, records: list[tuple[str, int, bytes, Any]]) -> None:
        """Append records (topic, partition, key, value) in one transaction."""
        encoded = [((topic, part), key, _encode(topic, value)) for topic, part, key, value in records]
        for place, *_ in encoded:
            self._partition(*place)
        with self._writing() as places:
            self._insert(places, encoded)

    def read(self, topic: str, partition: int, offset: int, limit: int | None = None) -> list[Entry]:
        """Records from `offset` on, in order, at most `limit`; LogError where they were forgotten."""
        found = self.read_encoded(topic, partition, offset, limit)
        decode = framing.decode if BY_NAME[topic].schema is not None else bytes
        return [entry._replace(value=decode(entry.value)) for entry in found]

    def read_encoded(self, topic: str, partition: int, offset: int, limit: int | None = None) -> list[Entry]:
        """The same as stored: values are bytes, whether they can be decoded or not."""
        with self._lock:
            place = self._partition(topic, partition)
            if offset < place.first:
                raise LogError(
                    f"{topic}/{partition}: offset {offset} is forgotten, the oldest kept is {place.first}"
                )
            rows = self._db.execute(
                "SELECT id, key, value FROM records WHERE id >= ? AND id < ? ORDER BY id LIMIT ?",
                (place.base + offset, place.base + place.next, -1 if limit is None else limit),
            ).fetchall()
        return [Entry(number - place.base, key, value) for number, key, value in rows]

    def start(self, topic: str, partition: int) -> int:
        """The offset of the oldest record kept."""
        return self._partition(topic, partition).first

    def end(self, topic: str, partition: int) -> int:
        """The offset the next record of the partition gets."""
        return self._partition(topic, partition).next

    @contextmanager
    def transaction(self, owner: str) -> Iterator[SqliteTransaction]:
        """One step of `owner`: committed when the block ends, abandoned when it raises."""
        with self._lock:
            if owner in self._open_steps:
                raise LogError(f"{owner} has a transaction open")
            self._open_steps.add(owner)
        try:
            step = SqliteTransaction(self, owner)
            yield step
            self._commit(owner, step)
        finally:
            with self._lock:
                self._open_steps.discard(owner)

    def state(self, owner: str) -> dict[bytes, bytes]:
        """All the owner has saved."""
        with self._lock:
            return dict(self._db.execute("SELECT key, value FROM state WHERE owner = ?", (owner,)).fetchall())

    def applied_offsets(self, owner: str) -> dict[Place, int]:
        """By topic and partition the last offset the owner has applied, a copy."""
        with self._lock:
            return dict(self._applied.get(owner, {}))

    def subscribe(self, owner: str, topic: str, partition: int) -> None:
        """Keep what the owner has not applied yet, as long as the topic's retention lets it."""
        with self._lock:
            self._partition(topic, partition)
            self._subscribers.setdefault((topic, partition), set()).add(owner)

    def trim(self) -> Trimmed:
        """Forget what every subscriber has applied, and what is older than its topic's retention.

        Without subscribers records are kept for the retention. What expires unread is lost to whoever has
        not read it: it is counted, and that reader's next read() says so.
        """
        now_ms = self._clock_ms()
        applied = expired = unread = 0
        for topic, part in list(self._places):
            behind = self._behind(topic, part)
            applied += self._forget(topic, part, behind)
            too_old = self._expired(topic, part, now_ms)
            count = self._forget(topic, part, too_old)
            expired += count
            unread += count if (topic, part) in self._subscribers else 0
        return Trimmed(applied, expired, unread)

    # --- the file ---

    def _load(self) -> dict[Place, _Partition]:
        rows = self._db.execute("SELECT topic, part, number, first, next FROM places").fetchall()
        for topic, part, *_ in rows:
            if part >= self.partitions(topic):
                raise LogError(
                    f"{self._path}: {topic} has more than {self.partitions(topic)} partitions in it;"
                    " the number is fixed for a log's life"
                )
        for owner, topic, part, at in self._db.execute("SELECT owner, topic, part, at FROM applied"):
            self._applied.setdefault(owner, {})[topic, part] = at
        return {(topic, part): _Partition(number, first, end) for topic, part, number, first, end in rows}

    @contextmanager
    def _writing(self) -> Iterator[dict[Place, int]]:
        """One SQLite transaction; what it gives collects each partition's next offset."""
        moved: dict[Place, int] = {}
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield moved
                self._db.executemany(
                    "UPDATE places SET next = ? WHERE number = ?",
                    [(following, self._places[place].number) for place, following in moved.items()],
                )
                self._db.execute("COMMIT")
            except BaseException as error:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                if isinstance(error, sqlite3.Error):
                    raise LogError(f"{self._path}: {error}") from error
                raise
            for place, following in moved.items():
                self._places[place].next = following

    def _insert(self, moved: dict[Place, int], records: list[tuple[Place, bytes, bytes]]) -> None:
        now_ms, rows = self._clock_ms(), []
        for place, key, value in records:
            found = self._partition(*place)
            offset = moved.get(place, found.next)
            rows.append((found.base + offset, now_ms, key, value))
            moved[place] = offset + 1
        self._db.executemany("INSERT INTO records VALUES (?, ?, ?, ?)", rows)

    def _commit(self, owner: str, step: SqliteTransaction) -> None:
        gone = [(owner, key) for key, change in step.changes.items() if change is None]
        kept = [(owner, key, change) for key, change in step.changes.items() if change is not None]
        with self._writing() as moved:
            self._insert(moved, step.records)
            self._db.executemany("DELETE FROM state WHERE owner = ? AND key = ?", gone)
            self._db.executemany(_SAVE, kept)
            self._db.executemany(
                "REPLACE INTO applied VALUES (?, ?, ?, ?)",
                [(owner, topic, part, at) for (topic, part), at in step.offsets.items()],
            )
        with self._lock:
            self._applied.setdefault(owner, {}).update(step.offsets)

    def _partition(self, topic: str, part: int) -> _Partition:
        """The partition; it gets its place in the file when it is first named."""
        count = self.partitions(topic)
        if not 0 <= part < count:
            raise LogError(f"{topic} has {count} partitions, asked for number {part}")
        with self._lock:
            found = self._places.get((topic, part))
            if found is None:
                number = len(self._places)
                self._db.execute("INSERT INTO places VALUES (?, ?, ?, 0, 0)", (number, topic, part))
                found = self._places[topic, part] = _Partition(number, 0, 0)
            return found

    # --- retention ---

    def _behind(self, topic: str, part: int) -> int:
        """The first offset that a subscriber has not applied; the oldest where there are none."""
        owners = self._subscribers.get((topic, part))
        if not owners:
            return self.start(topic, part)
        return min(self._applied.get(owner, {}).get((topic, part), -1) for owner in owners) + 1

    def _expired(self, topic: str, part: int, now_ms: int) -> int:
        """The first offset within the topic's retention."""
        kept_hours, place = BY_NAME[topic].retention_hours, self._partition(topic, part)
        if kept_hours is None:
            return place.first
        with self._lock:
            found = self._db.execute(
                "SELECT id FROM records WHERE id >= ? AND id < ? AND at_ms >= ? ORDER BY id LIMIT 1",
                (place.base + place.first, place.base + place.next, now_ms - kept_hours * _HOUR_MS),
            ).fetchone()
        return place.next if found is None else int(found[0]) - place.base

    def _forget(self, topic: str, part: int, before: int) -> int:
        """Delete records below an offset, some at a time, so that writers need not wait long."""
        place, count = self._partition(topic, part), 0
        while place.first < before:
            until = min(before, place.first + TRIMMED_AT_ONCE)
            with self._writing():
                self._db.execute(
                    "DELETE FROM records WHERE id >= ? AND id < ?",
                    (place.base + place.first, place.base + until),
                )
                self._db.execute("UPDATE places SET first = ? WHERE number = ?", (until, place.number))
            count += until - place.first
            place.first = until
        return count


def _encode(topic: str, value: Any) -> bytes:
    """The value's bytes; a stage's own state is bytes already."""
    if topic not in BY_NAME:
        raise LogError(f"no topic {topic!r} in the catalogue")
    return framing.encode(topic, value) if BY_NAME[topic].schema is not None else bytes(value)
