"""The clock of a site or a stage: the least watermark of the sources it listens to (rule 2)."""

from collections.abc import Iterator
from typing import Final

import msgspec

from schemas.clock import END_OF_CAPTURE, NOT_STARTED

TICK_US: Final = 180_000
"""A clock that moved is sent on without data once it moved by so much: a little less than sensors flush by,
or each second flush would be passed over."""

Source = str | int
"""A sensor's name, or a partition's number."""


class SiteClock(msgspec.Struct):
    """Up to which event time all sources have spoken, µs; it never goes back.

    Watermark t means that everything before t has been heard; what happened at t itself may still come. A
    source is known from its first watermark on (`NOT_STARTED` is one), or from the start when it is named
    in `marks`.

    With `gone_us` the sources are sensors, and one that fell silent does not stop the others: it is gone,
    and no longer holds the clock, when it lies more than `gone_us` behind the most advanced of those that
    have not ended; one that says it is behind its own spool (`behind_us`) has so much longer, `lateness_us`
    at most. It holds the clock again when it has caught up, and what it says of the time between is late.
    The only sensor that has not ended holds the clock without limit; one that ended and speaks again, while
    others have not ended, is waited for as before.
    """

    marks: dict[Source, int] = {}
    now: int = NOT_STARTED
    last_us: int = NOT_STARTED  # latest watermark before an end of capture, of any source
    gone_us: int | None = None
    lateness_us: int = 0
    first_us: int = NOT_STARTED  # first watermark of any source
    behind: dict[Source, int] = {}  # of those that catch up
    sent_us: int = NOT_STARTED  # what was last sent on
    serials: dict[Source, int] = {}
    """Number of the last batch read of each sensor (streams/unread.py)."""
    topics: dict[str, "SiteClock"] = {}
    """Clocks of the sensors by topic, where each topic is a source."""

    @classmethod
    def of(cls, sources: tuple[Source, ...]) -> "SiteClock":
        """Make a clock that stands until each of these sources has spoken."""
        return cls(dict.fromkeys(sources, NOT_STARTED))

    @classmethod
    def of_sensors(cls, gone_s: int, lateness_max_s: int) -> "SiteClock":
        """Make the clock of a site's sensors; `gone_s` 0: each is waited for without limit."""
        return cls(gone_us=gone_s * 1_000_000 or None, lateness_us=lateness_max_s * 1_000_000)

    def heard(self, source: Source, clock_us: int, behind_us: int = 0) -> bool:
        """Take a source's watermark; True if the clock moved."""
        if behind_us > 0:
            self.behind[source] = behind_us
        elif self.behind:
            self.behind.pop(source, None)
        marks = self.marks
        mark = marks.get(source, NOT_STARTED)
        again = self.now < END_OF_CAPTURE <= mark and clock_us > NOT_STARTED  # it ended, others have not
        if clock_us <= mark and not again:
            marks.setdefault(source, clock_us)
            return False
        marks[source] = clock_us
        if clock_us < END_OF_CAPTURE:
            self.last_us = max(self.last_us, clock_us)
            if self.first_us == NOT_STARTED:
                self.first_us = clock_us
        return self._move()

    def hold(self, source: Source) -> None:
        """Make a source known before it speaks."""
        self.marks.setdefault(source, NOT_STARTED)

    def force(self, clock_us: int) -> None:
        """Move the clock without its sources: a bound was reached."""
        self.now = max(self.now, clock_us)

    def tick(self, data: bool) -> bool:
        """Whether the clock is to be sent on now: with data, or as it moved far enough since, or ended.

        Sensors that flush at different times move it more often than anybody needs to know.
        """
        moved = self.now - self.sent_us
        if not data and moved < TICK_US and (not moved or self.now < END_OF_CAPTURE):
            return False
        self.sent_us = self.now
        return True

    def limited_as(self, other: "SiteClock") -> "SiteClock":
        """This clock, restored, with another's settings."""
        self.gone_us, self.lateness_us = other.gone_us, other.lateness_us
        for topic, clock in self.topics.items():
            clock.limited_as(other.topics[topic])
        return self

    def _move(self) -> bool:
        least = min(self.marks.values() if self.gone_us is None else self._waited_for(self.gone_us))
        if least <= self.now:
            return False
        self.now = least
        return True

    def _waited_for(self, gone_us: int) -> Iterator[int]:
        """Marks of the sensors that are not gone; one that has not started counts from where others did."""
        running = [mark for mark in self.marks.values() if mark < END_OF_CAPTURE]
        head = max(running, default=END_OF_CAPTURE)
        for source, mark in self.marks.items():
            allowed = max(gone_us, min(gone_us + self.behind.get(source, 0), self.lateness_us))
            if head - max(mark, self.first_us) <= allowed:
                yield mark
