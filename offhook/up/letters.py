"""The dead letters in the log of `offhook up`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from eventlog.letters import TOPIC
from eventlog.log import Entry
from eventlog.sqlite.log import SqliteLog
from offhook.errors import CommandError
from offhook.letters import Stored
from offhook.up import LOG
from schemas.dead_letters import DeadLetter
from schemas.framing import FramingError, decode


class FileLetters:
    """Letters in a log that no other process has open (offhook.letters.Letters)."""

    def __init__(self, log: SqliteLog) -> None:
        self._log = log

    async def all(self) -> list[Stored]:
        """Every letter."""
        return [
            _stored(number, entry)
            for number in range(self._log.partitions(TOPIC))
            for entry in self._log.read_encoded(TOPIC, number, self._log.start(TOPIC, number))
        ]

    async def at(self, topic: str, partition: int, offset: int) -> Stored | None:
        """The record at a place, None where it is not kept any more."""
        if partition >= self._log.partitions(topic) or offset < self._log.start(topic, partition):
            return None
        for entry in self._log.read_encoded(topic, partition, offset, 1):
            return _stored(partition, entry)
        return None

    def letter(self, value: bytes) -> DeadLetter:
        """Read a letter; FramingError."""
        letter = decode(value)
        if not isinstance(letter, DeadLetter):
            raise FramingError(f"{type(letter).__name__} is no letter")
        return letter

    async def append(self, topic: str, partition: int, key: bytes, value: bytes, letter: str) -> int:  # noqa: ARG002 - the log has no headers
        """Append the record of a letter; its offset. LogError, FramingError where it is no event."""
        event = decode(value)
        offset = self._log.end(topic, partition)
        self._log.append(topic, partition, key, event)
        return offset


def _stored(partition: int, entry: Entry) -> Stored:
    return Stored(partition, entry.offset, entry.key, entry.value)


@asynccontextmanager
async def file_letters(state: Path) -> AsyncIterator[FileLetters]:
    """Open the log in the folder of `offhook up`; LogError while it runs, CommandError without one."""
    path = state / LOG
    if not path.exists():
        raise CommandError(f"{path}: there is no log of `offhook up` here; --state names its folder")
    with SqliteLog(path) as log:
        yield FileLetters(log)
