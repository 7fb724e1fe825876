"""What a sensor says of itself in `capture.health`: what came and was lost since it last spoke."""

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from capture.counters import KINDS
from capture.sensor import Batch, Sensor
from capture.wire.listening import Listening
from eventlog.topics import partition, routing
from offhook import __version__
from offhook.monitoring.metrics import Sample
from schemas.capture_health import CaptureHealth
from schemas.clock import NOT_STARTED
from schemas.rtp_packets import RtpBatch
from schemas.sip_messages import SipBatch

HEALTH: Final = "capture.health"
HEALTH_S: Final = 10.0
"""Wall time between two reports of health."""


class Log(Protocol):
    """What takes the reports."""

    def partitions(self, topic: str) -> int:
        """How many partitions the topic has."""

    def append(self, topic: str, partition: int, key: bytes, value: Any) -> None:
        """Take a record."""


class _Counted(msgspec.Struct, frozen=True):
    """Everything counted since the sensor began."""

    time_us: int
    packets: int
    bytes: int
    drops: dict[str, int]
    sip: int
    rtp: int
    rtcp: int
    cpu_s: float


class HealthReports:
    """One sensor's reports. `source` is interface, file or listener."""

    def __init__(self, sensor: Sensor, source: str) -> None:
        self._sensor, self._source = sensor, source
        self._clock_us = NOT_STARTED
        self._sip = self._rtp = self._rtcp = 0
        self._told = self._counted()

    def published(self, batches: Iterable[Batch]) -> None:
        """These were published."""
        for batch in batches:
            self._clock_us = max(self._clock_us, batch.clock_us)
            if isinstance(batch, RtpBatch):
                self._rtp += len(batch.arrival_us)
            elif isinstance(batch, SipBatch):
                self._sip += len(batch.messages)
            else:
                self._rtcp += len(batch.packets)

    def begin(self) -> None:
        """What came so far was told by a former life."""
        self._told = self._counted()

    def next(self, *, unsent_bytes: int | None, lag_ms: int | None, warnings: Sequence[str]) -> CaptureHealth:
        """What came since the last report."""
        before, self._told = self._told, self._counted()
        now, sensor = self._told, self._sensor
        drops = {name: count - before.drops.get(name, 0) for name, count in now.drops.items()}
        return CaptureHealth(
            account=sensor.account,
            site=sensor.site,
            sensor=sensor.name,
            time_us=now.time_us,
            interval_ms=(now.time_us - before.time_us) // 1000,
            clock_us=self._clock_us,
            source=self._source,
            version=__version__,
            packets=now.packets - before.packets,
            bytes=now.bytes - before.bytes,
            sip_messages=now.sip - before.sip,
            rtp_packets=now.rtp - before.rtp,
            rtcp_packets=now.rtcp - before.rtcp,
            drops={name: count for name, count in drops.items() if count},
            memory_bytes=memory_bytes(),
            cpu_seconds=now.cpu_s - before.cpu_s,
            disk_free_bytes=None,
            spool_bytes=None,
            unsent_bytes=unsent_bytes,
            lag_ms=lag_ms,
            warnings=list(warnings),
        )

    def _counted(self) -> _Counted:
        sensor = self._sensor
        return _Counted(
            time.time_ns() // 1000,
            sensor.packets,
            sensor.bytes,
            drops_of(sensor),
            self._sip,
            self._rtp,
            self._rtcp,
            time.process_time(),
        )


def say(log: Log, report: CaptureHealth) -> None:
    """Append a report to `capture.health`."""
    number, key = place(log, report)
    log.append(HEALTH, number, key, report)


def place(log: Log, report: CaptureHealth) -> tuple[int, bytes]:
    """Partition and key of a report."""
    key = routing(report.account, report.site, report.sensor)
    return partition(key, log.partitions(HEALTH)), key


def drops_of(sensor: Sensor) -> dict[str, int]:
    """What a sensor lost or left out so far, by reason; only reasons that happened."""
    return {name: count for name, count in sensor.counters.items() if count and name not in KINDS}


def sensor_samples(sensor: Sensor) -> Iterator[Sample]:
    """The metrics of a sensor."""
    yield Sample("offhook_capture_packets", (), sensor.packets)
    yield Sample("offhook_capture_bytes", (), sensor.bytes)
    for name, count in sensor.counters.items():
        metric = "offhook_capture_kinds" if name in KINDS else "offhook_capture_drops"
        yield Sample(metric, (name,), count)
    if sensor.last_us is not None:
        yield Sample("offhook_capture_clock_seconds", (), sensor.last_us / 1e6)


def wire_samples(heard: Listening) -> Iterator[Sample]:
    """The metrics of interfaces."""
    for name, packets in heard.packets.items():
        yield Sample("offhook_capture_interface_packets", (name,), packets)
    for (name, reason), packets in list(heard.lost.items()):
        yield Sample("offhook_capture_interface_drops", (name, reason), packets)


def memory_bytes() -> int | None:
    """Resident memory of this process, None where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")
