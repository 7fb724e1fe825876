"""Dead letters where they lie: in Kafka (offhook/kafka/letters.py), or in the log of `offhook up`
(offhook/up/letters.py)."""

from typing import NamedTuple, Protocol

from schemas.dead_letters import DeadLetter


class Stored(NamedTuple):
    """A record as a log holds it."""

    partition: int
    offset: int
    key: bytes
    value: bytes


class Letters(Protocol):
    """The log with the letters, and with the topics that their records came from."""

    async def all(self) -> list[Stored]:
        """Every letter."""

    async def at(self, topic: str, partition: int, offset: int) -> Stored | None:
        """The record at a place, None where it is not kept any more."""

    def letter(self, value: bytes) -> DeadLetter:
        """Read a letter; FramingError."""

    async def append(self, topic: str, partition: int, key: bytes, value: bytes, letter: str) -> int:
        """Append the record of a letter; its offset. LogError, FramingError."""
