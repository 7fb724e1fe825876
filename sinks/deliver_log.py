"""Feeds a sink from the log in a file: insert, then note what was applied, with its dead letters."""

import logging
import threading
import time
from collections.abc import Callable, Collection
from typing import Final

from eventlog.letters import TOPIC, dead_letter, letter_place
from eventlog.log import Entry, LogError
from eventlog.sqlite.log import SqliteLog
from schemas import framing
from schemas.bounds import VALUE_BYTES
from schemas.framing import FramingError
from sinks.age import Due
from sinks.bounds import READ_AT_ONCE
from sinks.contract import BackPressureError, BadRecordError, Place, Refusal, Sink, by_record, say_set_aside
from sinks.settings import SinkSettings

LOOK_S: Final = 0.05
"""How often the log is looked at."""

_log = logging.getLogger(__name__)


class LogDelivery:
    """One reader of a log that feeds a sink, in a thread of its own. `owner` is its name in the log."""

    def __init__(
        self,
        log: SqliteLog,
        sink: Sink,
        settings: SinkSettings,
        *,
        owner: str,
        mask: Callable[[bytes], bytes],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """What it has not applied is kept in the log from now on."""
        self.retries = 0
        self.dead_letters = 0
        self.trouble: str | None = None
        """Why nothing is delivered now."""
        self._log, self._sink, self._settings, self._owner = log, sink, settings, owner
        self._mask, self._clock = mask, clock
        self._next: dict[tuple[str, int], int] = {}
        self._values: dict[Place, Entry] = {}
        self._refused: list[Refusal] = []
        self._due = Due(sink, settings, clock)
        for topic in sink.topics:
            for number in range(log.partitions(topic)):
                log.subscribe(owner, topic, number)
        self._go_back()

    def lag(self) -> dict[tuple[str, int], int]:
        """By topic and partition how many records are not stored yet."""
        applied = self._log.applied_offsets(self._owner)
        return {place: self._log.end(*place) - applied.get(place, -1) - 1 for place in self._next}

    def run(self, stop: threading.Event) -> None:
        """Deliver until told to stop, then what the log still has, once."""
        while not stop.is_set():
            if not self.step(stop):
                stop.wait(LOOK_S)
        while self._read() or self._values:
            if not self._deliver(stop, self._sink.topics):
                return

    def step(self, stop: threading.Event) -> bool:
        """Take what there is, and write it when it is due; False where there was nothing new."""
        taken = self._read()
        if due := self._due.topics({place.topic for place in self._values}):
            self._deliver(stop, due)
        return taken > 0

    def _read(self) -> int:
        """Hand new records to the sink; how many there were."""
        taken = 0
        for place in self._next:
            for entry in self._entries(*place):
                self._next[place] = entry.offset + 1
                self._take(Place(*place, entry.offset), entry)
                taken += 1
        return taken

    def _entries(self, topic: str, number: int) -> list[Entry]:
        at = max(self._next[topic, number], self._log.start(topic, number))  # what expired is gone
        left = READ_AT_ONCE - len(self._values)
        if left <= 0 or at >= self._log.end(topic, number):
            return []
        try:
            return self._log.read(topic, number, at, left)
        except FramingError:
            pass
        try:
            return self._log.read(topic, number, at, 1)
        except FramingError as error:
            self._refused.append(Refusal(Place(topic, number, at), str(error)))
            return [Entry(at, b"", None)]

    def _take(self, place: Place, entry: Entry) -> None:
        self._values[place] = entry
        if entry.value is None:
            return
        try:
            self._sink.add(place, entry.value)
        except BadRecordError as error:
            self._refused.append(Refusal(place, str(error)))

    def _deliver(self, stop: threading.Event, topics: Collection[str]) -> bool:
        """Make what is in hand of these topics durable, then note it; False where the sink would not."""
        self._due.begun(topics)
        mine = [refusal for refusal in self._refused if refusal.place.topic in topics]
        try:
            refused = by_record(mine + self._sink.flush(topics))
            self._note(refused, topics)
        except BackPressureError as pressure:
            self._wait(stop, str(pressure), pressure.retry_s)
            return False
        except LogError as error:
            self._wait(stop, str(error), 1.0)
            return False
        self.dead_letters += len(refused)
        if refused:
            say_set_aside(refused)
        self._values = {place: entry for place, entry in self._values.items() if place.topic not in topics}
        self._refused = [refusal for refusal in self._refused if refusal.place.topic not in topics]
        if self.trouble is not None:
            _log.info("sink delivers again")
            self.trouble = None
        return True

    def _note(self, refused: list[Refusal], topics: Collection[str]) -> None:
        """Offsets and dead letters, in one transaction."""
        with self._log.transaction(self._owner) as step:
            for place, reason in refused:
                entry = self._values[place]
                value = b"" if entry.value is None else framing.encode(place.topic, entry.value)
                letter = dead_letter(
                    self._owner,
                    reason,
                    self._mask(value),
                    time_us=time.time_ns() // 1000,
                    key=entry.key,
                    topic=place.topic,
                    number=place.partition,
                    offset=place.offset,
                    kept=VALUE_BYTES,  # whole: the log forgets the record itself within seconds
                )
                number, key = letter_place(letter, self._log.partitions(TOPIC))
                step.append(TOPIC, number, key, letter)
            for (topic, number), following in self._next.items():
                if following > 0 and topic in topics:
                    step.applied(topic, number, following - 1)

    def _wait(self, stop: threading.Event, why: str, retry_s: float) -> None:
        self.retries += 1
        if self.trouble is None:
            _log.warning("sink waits", extra={"fields": {"why": why, "retry_s": retry_s}})
        self.trouble = why
        self._sink.drop()
        self._go_back()
        stop.wait(retry_s)

    def _go_back(self) -> None:
        """Read on from what was applied; what expired before cannot be read any more."""
        self._values, self._refused = {}, []
        applied = self._log.applied_offsets(self._owner)
        for topic in self._sink.topics:
            for number in range(self._log.partitions(topic)):
                place = (topic, number)
                self._next[place] = max(applied.get(place, -1) + 1, self._log.start(*place))
