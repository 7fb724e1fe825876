"""`offhook capture --interface`: packets from the wire into Kafka."""

import argparse
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from capture.publisher import Publisher
from capture.wire.listening import Listening
from eventlog.kafka.log import KafkaLog
from eventlog.kafka.transactor import Record
from offhook.errors import CommandError
from offhook.health import (
    HEALTH,
    HEALTH_S,
    HealthReports,
    drops_of,
    place,
    say,
    sensor_samples,
    wire_samples,
)
from offhook.monitoring.metrics import Sample
from offhook.process import FLUSH_S, STOP_S, within
from offhook.settings import Settings
from schemas.capture_health import CaptureHealth

_log = logging.getLogger(__name__)


def listening(options: argparse.Namespace, chosen: Settings) -> Listening:
    """Begin to hear; CaptureError."""
    return Listening(
        options.account, options.site, options.sensor, options.interface, chosen.capture, Path(options.state)
    )


class LiveCapture:
    """What is heard into Kafka, and what the sensor says of itself."""

    def __init__(self, heard: Listening, log: KafkaLog) -> None:
        self._listening = heard
        self.sensor, self.log = heard.sensor, log
        self._name = f"{heard.sensor.account}/{heard.sensor.site}/{heard.sensor.name}"
        self._claim = log.claim(f"sensor-{self._name}")
        self._publisher = Publisher(log)
        self._health = HealthReports(self.sensor, "interface")

    def stop(self, *_: Any) -> None:
        """End soon."""
        within(STOP_S)
        self._listening.stop()

    def publish(self) -> None:
        """Publish what is heard until told to stop."""
        fields = {
            "sensor": self.sensor.name,
            "site": self.sensor.site,
            "interfaces": self._listening.interfaces,
            "passed_while_away": self._listening.away,
        }
        _log.info("capture starts", extra={"fields": fields})
        next_report = time.monotonic() + HEALTH_S
        for batches in self._listening.batches():
            if not self.log.publisher.unacknowledged_bytes:
                self._listening.published()
            self._publisher.publish(batches)
            self._health.published(batches)
            if time.monotonic() >= next_report:
                next_report = time.monotonic() + HEALTH_S
                self._claim_again()
            if self._claim.lost:
                raise CommandError(
                    f"another process publishes as sensor {self._name}: give one of them another --sensor"
                )
        say(self.log, self._report())
        self.log.flush(FLUSH_S)
        self._listening.published()
        ended = {"packets": self.sensor.packets, "drops": drops_of(self.sensor)}
        _log.info("capture ended", extra={"fields": ended})

    @property
    def trouble(self) -> str | None:
        """Why what passes does not reach Kafka, or cannot be heard."""
        return self.log.publisher.touch.trouble or self._listening.trouble

    def samples(self) -> Iterator[Sample]:
        """The capture's metrics."""
        publisher = self.log.publisher
        yield Sample("offhook_capture_ready", (), self.trouble is None)
        yield from sensor_samples(self.sensor)
        yield from wire_samples(self._listening)
        yield Sample("offhook_capture_records", (), publisher.acknowledged)
        yield Sample("offhook_capture_unsent_bytes", (), publisher.unacknowledged_bytes)
        yield Sample("offhook_capture_waited_seconds", (), publisher.waited_s)
        yield Sample("offhook_capture_behind_seconds", (), self._listening.behind_s)

    def close(self) -> None:
        """Hear no more."""
        self._listening.close()

    def _claim_again(self) -> None:
        """Say how the sensor fares, which tells whether there is another one of this name."""
        report = self._report()
        number, key = place(self.log, report)
        self._claim.append(Record(HEALTH, number, key, self.log.wire.encode(HEALTH, report)))

    def _report(self) -> CaptureHealth:
        """How the sensor fares since the last time."""
        return self._health.next(
            unsent_bytes=self.log.publisher.unacknowledged_bytes,
            lag_ms=round(self._listening.behind_s * 1000),
            warnings=self._listening.warnings,
        )
