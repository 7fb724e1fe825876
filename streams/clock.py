"""The clock of a site or a stage: the least watermark of the sources it listens to (rule 2)."""

import msgspec

from schemas.clock import END_OF_CAPTURE, NOT_STARTED

Source = str | int
"""A sensor's name, or a partition's number."""


class SiteClock(msgspec.Struct):
    """Up to which event time all sources have spoken, µs; it never goes back.

    Watermark t means that everything before t has been heard; what happened at t itself may still come. A
    source is known from its first watermark on, or from the start when it is named in `marks`. With
    `gone_us` a source that is more than that behind the most advanced one no longer holds the clock, until
    it has caught up (live sensors; None where every source speaks in the end).
    """

    marks: dict[Source, int] = {}
    now: int = NOT_STARTED
    last_us: int = NOT_STARTED  # latest watermark before an end of capture, of any source
    gone_us: int | None = None

    @classmethod
    def of(cls, sources: tuple[Source, ...]) -> "SiteClock":
        """Make a clock that stands until each of these sources has spoken."""
        return cls(dict.fromkeys(sources, NOT_STARTED))

    def heard(self, source: Source, clock_us: int) -> bool:
        """Take a source's watermark; True if the clock moved."""
        marks = self.marks
        if clock_us <= marks.get(source, NOT_STARTED):
            marks.setdefault(source, clock_us)
            return False
        marks[source] = clock_us
        if self.last_us < clock_us < END_OF_CAPTURE:
            self.last_us = clock_us
        return self._move()

    def hold(self, source: Source) -> None:
        """Make a source known before it speaks."""
        self.marks.setdefault(source, NOT_STARTED)

    def force(self, clock_us: int) -> None:
        """Move the clock without its sources: a bound was reached."""
        self.now = max(self.now, clock_us)

    def _move(self) -> bool:
        marks = self.marks.values()
        least = min(marks)
        if self.gone_us is not None and least <= self.now:
            alive = max(marks) - self.gone_us
            least = min(mark for mark in marks if mark >= alive)
        if least <= self.now:
            return False
        self.now = least
        return True
