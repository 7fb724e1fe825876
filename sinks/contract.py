"""What a sink promises to whoever feeds it: add, flush, and back-pressure with a time to come again.

The feeder hands records over in the order of their partitions and calls `flush`. When that returns, the
effect of all that was added from those topics is durable, and the feeder commits their offsets. When it
raises BackPressureError, the feeder goes back to what is committed and brings the same again later: effects
are idempotent.
"""

import logging
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple, Protocol

_log = logging.getLogger(__name__)


class Place(NamedTuple):
    """Where a record stands in the log."""

    topic: str
    partition: int
    offset: int


class Refusal(NamedTuple):
    """A record, or a part of it, that will never be taken, and why."""

    place: Place
    reason: str


class BadRecordError(Exception):
    """A record that is not what its topic carries."""


class BackPressureError(Exception):
    """The outside takes nothing now; come again in `retry_s` seconds."""

    def __init__(self, reason: str, retry_s: float) -> None:
        super().__init__(reason)
        self.retry_s = retry_s


class Sink(Protocol):
    """Facts in, effects out. One thread at a time uses it. `bulk` are the topics that nobody waits for."""

    topics: tuple[str, ...]
    bulk: frozenset[str]

    @property
    def full(self) -> bool:
        """Whether a batch is complete."""

    def add(self, place: Place, value: Any) -> None:
        """Keep a record for the next flush; BadRecordError where it never can be taken."""

    def flush(self, topics: Collection[str]) -> list[Refusal]:
        """Make what was added from these topics durable, and say what was refused; BackPressureError, and
        nothing is kept, of no topic."""

    def drop(self) -> None:
        """Forget what was added and not flushed: it comes again."""


def by_record(refused: Iterable[Refusal]) -> list[Refusal]:
    """One refusal a record: the first reason, and how many there are."""
    reasons: dict[Place, list[str]] = {}
    for place, reason in refused:
        reasons.setdefault(place, []).append(reason)
    return [
        Refusal(place, why[0] if len(why) == 1 else f"{why[0]} (and {len(why) - 1} more of its rows)")
        for place, why in reasons.items()
    ]


def say_set_aside(refused: Sequence[Refusal]) -> None:
    """One line in the log for the records of a batch that went to dead.letters."""
    place, reason = refused[0]
    fields = {"records": len(refused), **place._asdict(), "reason": reason}
    _log.warning("records set aside", extra={"fields": fields})
