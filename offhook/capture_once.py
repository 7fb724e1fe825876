"""Publishes captures once: a restart goes on behind what Kafka has, after whatever death.

Each step is a Kafka transaction with the count of batches published so far, kept as an offset of a consumer
group. The same files, settings and release give the same batches again, so that a count is enough to know
which of them are still to come.
"""

import hashlib
import logging
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from stat import S_ISREG
from typing import Any, Final

from capture.errors import CaptureError
from capture.publisher import SIP, Publisher
from capture.sensor import Batch
from eventlog.kafka.errors import FencedError, KafkaLogError, RefusedError
from eventlog.kafka.log import KafkaLog

AGAIN_S: Final = 0.3
"""Until a transaction that failed is tried again."""

STEP_BATCHES: Final = 15
STEP_S: Final = 0.2
"""A capture that does not wait for its pace commits after so many batches, or so long."""

_COUNT: Final = (SIP, 0)
"""Where the count is kept; with the topic Kafka forgets it."""

_log = logging.getLogger(__name__)


class OncePublisher:
    """The way of one capture's batches into Kafka, each in one committed transaction."""

    def __init__(self, log: KafkaLog, owner: str, *, at_once: bool) -> None:
        """Become the only one who publishes it; KafkaLogError. `at_once`: commit what is given at once."""
        self._log, self._owner, self._at_once = log, owner, at_once
        self._split = Publisher(self)
        self._records: list[tuple[str, int, bytes, Any]] = []
        self.given = 0
        """Batches that were given, those of former lives among them."""
        self.published = self._opened()
        """Batches that Kafka has."""
        self.records = 0
        """Records that this life has published."""
        self._held = 0
        self._committed_at = time.monotonic()

    @property
    def skips(self) -> bool:
        """Whether the next batch is published already."""
        return self.given < self.published

    def partitions(self, topic: str) -> int:
        """How many partitions the topic has."""
        return self._log.partitions(topic)

    def append(self, topic: str, partition: int, key: bytes, value: Any) -> None:
        """Take a record of the step; none of what is published already."""
        if not self.skips:
            self._records.append((topic, partition, key, value))

    def publish(self, batches: Iterable[Batch]) -> None:
        """Publish the batches, the next of the capture; waits for Kafka. FencedError, RefusedError."""
        for batch in batches:
            # what is skipped is split too: it tells where flows belong
            self._split.publish([batch])
            self._held += not self.skips
            self.given += 1
        aged = time.monotonic() - self._committed_at >= STEP_S
        if self._held and (self._at_once or aged or self._held >= STEP_BATCHES):
            self.flush()

    def flush(self) -> None:
        """Commit what was given."""
        while self._held and self.published < self.given:
            try:
                self._commit()
                self.published = self.given
            except (FencedError, RefusedError):
                raise
            except KafkaLogError as error:
                _log.warning("publishing again", extra={"fields": {"why": str(error)}})
                self._settle()
        self.records += len(self._records)
        self._records, self._held = [], 0
        self._committed_at = time.monotonic()

    def _commit(self) -> None:
        with self._log.transaction(self._owner) as step:
            for record in self._records:
                step.append(*record)
            step.applied(*_COUNT, self.given - 1)

    def _settle(self) -> None:
        """Learn whether the last transaction came through, as soon as Kafka answers."""
        while True:
            time.sleep(AGAIN_S)
            try:
                self.published = self._opened()
            except (FencedError, RefusedError):
                raise
            except KafkaLogError:
                continue
            return

    def _opened(self) -> int:
        return self._log.applied_offsets(self._owner).get(_COUNT, -1) + 1


def owner_of(paths: Sequence[str], *identity: object) -> str | None:
    """The name of the one who publishes these captures; None where they cannot be read a second time."""
    seen: list[object] = [*identity]
    for path in paths:
        if path == "-":
            return None
        try:
            found = Path(path).resolve(strict=True)
            status = found.stat()
        except OSError as error:
            raise CaptureError(f"{path}: {error.strerror}") from None
        if not S_ISREG(status.st_mode):
            return None
        seen += [str(found), status.st_size, status.st_mtime_ns]
    return f"capture-{hashlib.sha256(repr(seen).encode()).hexdigest()[:24]}"
