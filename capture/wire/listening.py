"""One life of a sensor on the wire: what it hears, flush by flush, and what was lost."""

import logging
import threading
import time
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from capture.pace import TICK_NS
from capture.sensor import Batch, Sensor
from capture.settings import CaptureSettings
from capture.wire.interface import boot_id
from capture.wire.lives import Life, Lives
from capture.wire.wire import Wire
from schemas.clock import NOT_STARTED

AWAY: Final = "away"
DOWN: Final = "interface_down"
DEAF_S: Final = 3600.0
"""How long an interface that went down says that calls are not heard whole."""

TICK_S: Final = TICK_NS / 1e9
LOOK_S: Final = 1.0
"""How often interfaces are looked at."""

SAY_S: Final = 60.0
"""Least time between two lines in the log about what an interface loses."""

_log = logging.getLogger(__name__)


class Listening:
    """A sensor at interfaces. A wire cannot be heard again: what it lost it counts, and says in its batches.

    Lost is what the kernel or the card dropped, and what passed since its former life, which notes in
    `state` up to where all was published.
    """

    def __init__(
        self,
        account: str,
        site: str,
        name: str,
        interfaces: Sequence[str],
        settings: CaptureSettings,
        state: Path,
    ) -> None:
        """Begin to hear; CaptureError."""
        sorting = msgspec.structs.replace(settings, sort_buffer_ms=settings.wire_sort_ms)
        self.sensor = Sensor(account, site, name, settings=sorting)
        self.interfaces = list(interfaces)
        self._lives = Lives(state, f"{account}/{site}/{name}")
        try:
            self._wire = Wire(interfaces, settings.ring_mb << 20, settings.wire_filter)
        except BaseException:
            self._lives.close()
            raise
        self._stopped = threading.Event()
        self._lost_since_us = self._wire.time.now_us
        self._lived: deque[tuple[int, Life]] = deque()
        """How far it was at these times, µs, of which not everything has been given out yet."""
        self._reached: Life | None = None
        """How far it was when all that the flushes so far hold had passed."""
        self._given: Life | None = None
        """The same of the flushes before the one in the taker's hands."""
        self.down: frozenset[str] = frozenset()
        """The interfaces that nothing can pass now: they are down, or without a link."""
        self._looked_s, self._looked_us = 0.0, self._wire.time.now_us
        self._up_s: dict[str, float] = {}
        """When an interface was last seen up, in steady seconds."""
        self._noted: str | None = None
        self.lost: dict[tuple[str, str], int] = {}
        """By interface and reason the packets that were lost before they could be read."""
        self._told: dict[tuple[str, str], tuple[float, int]] = {}
        self.away = self._lives.missed(self._life())
        """Packets that passed since its former life."""

    @property
    def behind_s(self) -> float:
        """How long ago that passed which was read last."""
        heard_us = self._wire.heard_until_us
        return 0.0 if heard_us == NOT_STARTED else max(0.0, (self._wire.time.now_us - heard_us) / 1e6)

    @property
    def packets(self) -> Mapping[str, int]:
        """Read of each interface."""
        return self._wire.packets

    @property
    def trouble(self) -> str | None:
        """Why it cannot hear what it should."""
        return f"{', '.join(sorted(self.down))}: down, or without a link" if self.down else None

    @property
    def warnings(self) -> list[str]:
        """What is not as it should be, a line each."""
        found = [self.trouble] if self.trouble else []
        if self._lives.trouble:
            found.append(self._lives.trouble)
        left_s = self._wire.time.caught_up_ns / 1e9 - time.time()
        if left_s > 0:
            found.append(f"the clock was set back: for {left_s:.0f} s more, calls may be without their media")
        return found

    def stop(self) -> None:
        """Hear no more soon; calls stay open, for the next life."""
        self._stopped.set()

    def batches(self) -> Iterator[list[Batch]]:
        """What is heard, until told to stop; a flush at least every TICK_S, packets or not."""
        self.sensor.lose(AWAY, self.away, NOT_STARTED, self._lost_since_us)
        yield self.sensor.flush()
        tick = time.monotonic() + TICK_S
        while not self._stopped.is_set():
            self._wire.wait(tick - time.monotonic())
            for block in self._wire.blocks():
                if due := self.sensor.feed(block):
                    yield due
                if time.monotonic() >= tick:
                    break  # what is left is in the ring
            if time.monotonic() >= tick:
                tick = max(tick + TICK_S, time.monotonic())
                yield self._flush()
                self._given = self._reached
        for block in self._wire.blocks():
            yield self.sensor.feed(block)
        yield self._flush()
        self._given = self._reached

    def published(self) -> None:
        """All that was given out before the batches in hand is safe: what passed until then is not missed."""
        if self._given is not None:
            self._lives.reached(self._given)

    def close(self) -> None:
        """Let go of the interfaces, and let another process be this sensor."""
        self._wire.close()
        self._lives.close()

    def _look(self) -> None:
        """See how interfaces are, and say what changed."""
        self._looked_s = time.monotonic()
        down = frozenset(self._wire.down())
        self._say_deaf(down | self.down)
        self._up_s |= {name: self._looked_s for name in self.interfaces if name not in down}
        for name in sorted(down - self.down):
            _log.warning("interface is down", extra={"fields": {"interface": name}})
        if self._lives.trouble and not self._noted:
            _log.warning("state is not written", extra={"fields": {"why": self._lives.trouble}})
        self._noted = self._lives.trouble
        for name in sorted(self.down - down):
            _log.info("interface is up", extra={"fields": {"interface": name}})
        self.down = down

    def _flush(self) -> list[Batch]:
        """What is due, and what was lost since the last time."""
        if time.monotonic() - self._looked_s >= LOOK_S:
            self._look()
        since_us, self._lost_since_us = self._lost_since_us, self._wire.time.now_us
        for (name, reason), packets in self._wire.lost().items():
            self.sensor.lose(reason, packets, since_us, self._lost_since_us)
            self._say_lost(name, reason, packets)
        self._lived.append((self._lost_since_us, self._life()))
        batches = self.sensor.flush(self._wire.heard_until_us)
        while self._lived and self._lived[0][0] <= batches[-1].clock_us:
            self._reached = self._lived.popleft()[1]
        return batches

    def _say_deaf(self, down: Collection[str]) -> None:
        """Silence since the last look is nobody's fault, where an interface was down that had been up.

        Not for ever: one that is not used any more must not excuse the silence of all calls.
        """
        since_us, self._looked_us = self._looked_us, self._wire.time.now_us
        if any(self._looked_s - self._up_s.get(name, -DEAF_S) < DEAF_S for name in down):
            self.sensor.deaf(DOWN, since_us, self._looked_us)

    def _say_lost(self, name: str, reason: str, packets: int) -> None:
        """Count, and say in the log at most every SAY_S."""
        self.lost[name, reason] = self.lost.get((name, reason), 0) + packets
        said_s, told = self._told.get((name, reason), (-SAY_S, 0))
        if time.monotonic() - said_s >= SAY_S:
            fields = {"interface": name, "reason": reason, "packets": self.lost[name, reason] - told}
            _log.warning("packets lost", extra={"fields": fields})
            self._told[name, reason] = (time.monotonic(), self.lost[name, reason])

    def _life(self) -> Life:
        return Life(boot_id(), self._wire.passed())
