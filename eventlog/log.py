"""What every twin of the log does: partitioned topics, and one transaction for facts, state and offsets.

An `owner` is one partition of a stage ("media-3"), or a reader that keeps no state. All it does in a
transaction is there at once or not at all: facts appended, state saved, offsets applied. Kafka gives this
by a transactional id an owner, SQLite and memory by a transaction. Offsets rise within a partition but
need not be consecutive (Kafka's commit markers take offsets too).
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol


class LogError(Exception):
    """The log was asked for what it does not have, or for what would break its order."""


class Entry(NamedTuple):
    """One record of a partition."""

    offset: int
    key: bytes
    value: Any


class Transaction(Protocol):
    """What an owner does in one step; nothing of it is seen before the end, nothing of it after a failure."""

    def append(self, topic: str, partition: int, key: bytes, value: Any) -> None:
        """Append a record."""

    def save(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Store state by key; None deletes. A later save of the same key replaces an earlier one."""

    def applied(self, topic: str, partition: int, offset: int) -> None:
        """The owner has applied the partition up to and with this offset; it never goes back."""


class Log(Protocol):
    """Partitioned topics with state and offsets of their readers."""

    def partitions(self, topic: str) -> int:
        """How many partitions the topic has."""

    def append(self, topic: str, partition: int, key: bytes, value: Any) -> None:
        """Append a record outside any transaction: what a source does."""

    def read(self, topic: str, partition: int, offset: int, limit: int | None = None) -> list[Entry]:
        """Committed records from `offset` on, at most `limit`; LogError where they were forgotten."""

    def transaction(self, owner: str) -> AbstractContextManager[Transaction]:
        """One step of `owner`: committed when the block ends, abandoned when it raises."""

    def state(self, owner: str) -> dict[bytes, bytes]:
        """All the owner has saved."""

    def applied_offsets(self, owner: str) -> dict[tuple[str, int], int]:
        """By topic and partition the last offset the owner has applied; absent where it has none."""
