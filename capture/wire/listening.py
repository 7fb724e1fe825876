"""One life of a sensor on the wire: what it hears, flush by flush, and what was lost."""

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
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
TICK_S: Final = TICK_NS / 1e9


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
            self._wire = Wire(interfaces, settings.ring_mb << 20)
        except BaseException:
            self._lives.close()
            raise
        self._stopped = threading.Event()
        self._lost_since_us = time.time_ns() // 1000
        self._lived: deque[tuple[int, Life]] = deque()
        """How far it was at these times, µs, of which not everything has been given out yet."""
        self._reached: Life | None = None
        """How far it was when all that the flushes so far hold had passed."""
        self._given: Life | None = None
        """The same of the flushes before the one in the taker's hands."""
        self.away = self._lives.missed(self._life())
        """Packets that passed since its former life."""

    @property
    def behind_s(self) -> float:
        """How long ago that passed which was read last."""
        heard_us = self._wire.heard_until_us
        return 0.0 if heard_us == NOT_STARTED else max(0.0, time.time() - heard_us / 1e6)

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

    def _flush(self) -> list[Batch]:
        """What is due, and what was lost since the last time."""
        since_us, self._lost_since_us = self._lost_since_us, time.time_ns() // 1000
        for reason, packets in self._wire.lost().items():
            self.sensor.lose(reason, packets, since_us, self._lost_since_us)
        self._lived.append((self._lost_since_us, self._life()))
        batches = self.sensor.flush(self._wire.heard_until_us)
        while self._lived and self._lived[0][0] <= batches[-1].clock_us:
            self._reached = self._lived.popleft()[1]
        return batches

    def _life(self) -> Life:
        return Life(boot_id(), self._wire.passed())
