"""`offhook capture --interface`: packets from the wire into Kafka, and what was lost on the way.

A wire cannot be heard again. What the kernel or the card dropped, and what passed while no sensor ran, is
counted, told in health, and said to the streams with the time in which it happened: calls of that time carry
`capture_drops`.
"""

import argparse
import logging
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from capture.pace import TICK_NS
from capture.publisher import Publisher
from capture.sensor import Batch, Sensor
from capture.wire.interface import boot_id
from capture.wire.lives import Life, Lives
from capture.wire.wire import Wire
from eventlog.kafka.log import KafkaLog
from offhook.health import HealthReports, drops_of, say, sensor_samples
from offhook.monitoring.metrics import Sample
from offhook.process import STOP_S, within
from offhook.settings import Settings
from schemas.clock import NOT_STARTED

AWAY: Final = "away"
HEALTH_S: Final = 10.0
"""Wall time between two reports of health."""
TICK_S: Final = TICK_NS / 1e9
FLUSH_S: Final = 8.0
"""How long a capture that is told to stop waits for Kafka to have everything."""

_log = logging.getLogger(__name__)


class LiveCapture:
    """One life of a sensor on the wire."""

    def __init__(self, options: argparse.Namespace, chosen: Settings, log: KafkaLog) -> None:
        """Begin to hear; CaptureError."""
        settings = msgspec.structs.replace(chosen.capture, sort_buffer_ms=chosen.capture.wire_sort_ms)
        self.sensor = Sensor(options.account, options.site, options.sensor, settings=settings)
        self.log = log
        self._lives = Lives(Path(options.state), "/".join((options.account, options.site, options.sensor)))
        self._wire = Wire(options.interface, chosen.capture.ring_mb << 20)
        self._interfaces = options.interface
        self._publisher = Publisher(log)
        self._health = HealthReports(self.sensor, "interface")
        self._stopped = threading.Event()
        self._lost_since_us = time.time_ns() // 1000
        self._lived: deque[tuple[int, Life]] = deque()
        """How far it was at these times, µs, of which not everything is published yet."""
        self._published: Life | None = None

    def stop(self, *_: Any) -> None:
        """End soon; calls stay open, for the sensor's next life."""
        within(STOP_S)
        self._stopped.set()

    def publish(self) -> None:
        """Publish what is heard until told to stop."""
        self._begin()
        now = time.monotonic()
        tick, report = now + TICK_S, now + HEALTH_S
        while not self._stopped.is_set():
            self._wire.wait(tick - time.monotonic())
            for block in self._wire.blocks():
                self._take(self.sensor.feed(block))
                if time.monotonic() >= tick:
                    break  # what is left is in the ring
            now = time.monotonic()
            if now < tick:
                continue
            tick = max(tick + TICK_S, now)
            if not self.log.publisher.unacknowledged_bytes:
                self._remember()
            self._flush()
            if now >= report:
                report = now + HEALTH_S
                self._report()
        self._end()

    def samples(self) -> Iterator[Sample]:
        """The capture's metrics."""
        publisher = self.log.publisher
        yield from sensor_samples(self.sensor)
        yield Sample("offhook_capture_records", (), publisher.acknowledged)
        yield Sample("offhook_capture_unsent_bytes", (), publisher.unacknowledged_bytes)
        yield Sample("offhook_capture_waited_seconds", (), publisher.waited_s)
        yield Sample("offhook_capture_behind_seconds", (), self._behind_s)

    def close(self) -> None:
        """Hear no more, and let another process be this sensor."""
        self._wire.close()
        self._lives.close()

    def _begin(self) -> None:
        """Say what passed since the former life, and that the sensor is there."""
        away = self._lives.missed(self._life())
        self.sensor.lose(AWAY, away, NOT_STARTED, self._lost_since_us)
        _log.info(
            "capture starts",
            extra={
                "fields": {
                    "sensor": self.sensor.name,
                    "site": self.sensor.site,
                    "interfaces": self._interfaces,
                    "passed_while_away": away,
                }
            },
        )
        self._take(self.sensor.flush())

    def _flush(self) -> None:
        """Publish what is due, and what was lost since the last time."""
        since_us, self._lost_since_us = self._lost_since_us, time.time_ns() // 1000
        for reason, packets in self._wire.lost().items():
            self.sensor.lose(reason, packets, since_us, self._lost_since_us)
        self._lived.append((self._lost_since_us, self._life()))
        batches = self.sensor.flush(self._wire.heard_until_us)
        self._take(batches)
        while self._lived and self._lived[0][0] <= batches[0].clock_us:
            self._published = self._lived.popleft()[1]

    def _end(self) -> None:
        for block in self._wire.blocks():
            self._take(self.sensor.feed(block))
        self._flush()
        self._report()
        self.log.flush(FLUSH_S)
        self._remember()
        _log.info(
            "capture ended",
            extra={"fields": {"packets": self.sensor.packets, "drops": drops_of(self.sensor)}},
        )

    def _take(self, batches: list[Batch]) -> None:
        self._publisher.publish(batches)
        self._health.published(batches)

    def _life(self) -> Life:
        return Life(boot_id(), self._wire.passed())

    def _remember(self) -> None:
        """Kafka has all that was published: what passed until then is not missed."""
        if self._published is not None:
            self._lives.reached(self._published)

    def _report(self) -> None:
        """Say how the sensor fares since the last time."""
        report = self._health.next(
            unsent_bytes=self.log.publisher.unacknowledged_bytes,
            lag_ms=round(self._behind_s * 1000),
            warnings=(),
        )
        say(self.log, report)

    @property
    def _behind_s(self) -> float:
        """How long ago that passed which was read last."""
        heard_us = self._wire.heard_until_us
        return 0.0 if heard_us == NOT_STARTED else max(0.0, time.time() - heard_us / 1e6)
