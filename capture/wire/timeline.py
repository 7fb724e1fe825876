"""The packet time of a wire: the machine's clock, but it does not jump when that clock is set.

A clock that is set by some seconds (an NTP daemon's step) would put a hole into every call in progress, or
make what follows late. So the time between is held, and given back slowly. A clock that is set by more was
plainly wrong and is believed at once (capture/order.py).
"""

import logging
import time
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from capture.bounds import CLOCK_JUMP_US

STEP_NS: Final = 500_000_000
"""A clock that moved by less against one that is never set is followed. Packets are read younger than this,
so that those stamped before a step can be told from those after it."""

MOST_NS: Final = CLOCK_JUMP_US * 1000
"""What is held at most."""

SLEW: Final = 1000
"""One part of so many is given back: a second in 17 minutes, 0.02 ms from one packet to the next."""

_log = logging.getLogger(__name__)


class Timeline:
    """Corrects the times of packets; `look` first, then `correct` what is read."""

    def __init__(
        self, wall_ns: Callable[[], int] = time.time_ns, steady_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._wall_ns, self._steady_ns = wall_ns, steady_ns
        self._now_ns, self._looked_ns = wall_ns(), steady_ns()
        self._held_ns = 0
        """What packet time is ahead of the machine's clock."""
        self._step_ns = 0
        self._stepped_ns = 0
        self.caught_up_ns = 0
        """When a clock that was set back by more than is held will be where it was."""

    @property
    def now_us(self) -> int:
        """What packet time it is."""
        return (self._wall_ns() + self._held_ns) // 1000

    def look(self) -> None:
        """See what time it is, and whether the clock was set since the last look."""
        wall_ns, steady_ns = self._wall_ns(), self._steady_ns()
        elapsed_ns = steady_ns - self._looked_ns
        step_ns = wall_ns - self._now_ns - elapsed_ns
        self._now_ns, self._looked_ns = wall_ns, steady_ns
        back_ns = elapsed_ns // SLEW
        self._held_ns -= max(-back_ns, min(back_ns, self._held_ns))
        if abs(step_ns) >= STEP_NS:
            self._set(step_ns)

    def correct(self, time_ns: NDArray[np.int64]) -> None:
        """Packets' times, in place."""
        if not (self._held_ns or self._step_ns):
            return
        if self._looked_ns - self._stepped_ns > STEP_NS:
            self._step_ns = 0
        before = self._step_ns  # read now, and stamped by the clock as it was before?
        if before < 0:
            time_ns += np.where(time_ns > self._now_ns, self._held_ns + before, self._held_ns)
        elif before > 0:
            time_ns += np.where(time_ns <= self._now_ns - before, self._held_ns + before, self._held_ns)
        else:
            time_ns += self._held_ns

    def _set(self, step_ns: int) -> None:
        held_ns = self._held_ns - step_ns
        is_held = abs(step_ns) <= MOST_NS and abs(held_ns) <= MOST_NS
        self._held_ns = held_ns if is_held else 0
        self._step_ns, self._stepped_ns = (step_ns, self._looked_ns) if is_held else (0, 0)
        if not is_held and step_ns < 0:
            self.caught_up_ns = max(self.caught_up_ns, self._now_ns - step_ns)
        fields = {"by_s": round(step_ns / 1e9, 3), "held_s": round(self._held_ns / 1e9, 3)}
        _log.warning("the machine's clock was set", extra={"fields": fields})
