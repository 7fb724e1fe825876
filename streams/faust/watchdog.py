"""Ends a worker that stands still: a thread, so that a loop that hangs is seen too."""

import threading
import time
from collections.abc import Callable, Iterable

from streams.faust.exits import Exit, end_process
from streams.faust.partition import Partition

_LOOKS_A_LIMIT = 10


class Watchdog:
    """Looks at the event loop's beat, and at each partition that has work."""

    def __init__(
        self,
        stalled_s: float,
        partitions: Callable[[], Iterable[Partition]],
        behind: Callable[[], set[str]],
        away: Callable[[], bool],
    ) -> None:
        """`behind` names the partitions of which Kafka holds more than was fetched.

        `away`: no broker answers, so that it is Kafka that stands still, not we.
        """
        self._stalled_s, self._partitions, self._behind, self._away = stalled_s, partitions, behind, away
        self._beat = time.monotonic()
        self._idle_since: dict[str, float] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()

    def beat(self) -> None:
        """The event loop runs."""
        self._beat = time.monotonic()

    @property
    def beat_age_s(self) -> float:
        """How long ago the event loop was last known to run."""
        return time.monotonic() - self._beat

    def _watch(self) -> None:
        looked = time.monotonic()
        pause = self._stalled_s / _LOOKS_A_LIMIT
        while not self._stop.wait(pause):
            now = time.monotonic()
            if now - looked > 2 * pause:  # the whole process stood still, such as by SIGSTOP: begin anew
                self._beat = now
                self._idle_since.clear()
            looked = now
            found = self.stalled(now)
            if found is not None:
                end_process(Exit.STALLED, found)

    def standing(self, limit_s: float) -> str | None:
        """A partition that has work and got no further for so long, as of the last look."""
        now = time.monotonic()
        for part in self._partitions():
            idle_since = self._idle_since.get(part.name, now)
            standing_s = now - max(part.figures.moved, idle_since)
            if part.waiting and standing_s > limit_s:
                return f"{part.name} has work and got no further for {standing_s:.0f} s"
        return None

    def stalled(self, now: float) -> str | None:
        """What stands still, if anything."""
        if now - self._beat > self._stalled_s:
            return f"the event loop has not run for {now - self._beat:.0f} s"
        behind, away = self._behind(), self._away()
        parts = {part.name: part for part in self._partitions()}
        self._idle_since = {name: since for name, since in self._idle_since.items() if name in parts}
        for name, part in parts.items():
            if away or not (part.waiting or name in behind):
                self._idle_since[name] = now
            since = max(part.figures.moved, self._idle_since.setdefault(name, now))
            if now - since > self._stalled_s:
                return f"{name} has work and got no further for {now - since:.0f} s"
        return None
