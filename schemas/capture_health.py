"""`capture.health`: how a sensor fares."""

import msgspec


class CaptureHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One report of one sensor; counts are of the interval that ended at `time_us`, wall time in µs.

    `drops` counts by reason what was lost or left out (kernel, interface, shed, misordered, bad_time,
    dead_letter ...): only reasons that happened. `lag_ms` is how far what was published is behind the wall
    clock; `clock_us` the packet time published up to. None is unknown.
    """

    account: str
    site: str
    sensor: str
    time_us: int
    interval_ms: int
    clock_us: int
    source: str  # interface, file or listener
    version: str  # of offhook
    packets: int
    bytes: int
    sip_messages: int
    rtp_packets: int
    rtcp_packets: int
    drops: dict[str, int]
    memory_bytes: int | None
    cpu_seconds: float | None  # of the interval
    disk_free_bytes: int | None  # where the spool is
    spool_bytes: int | None
    unsent_bytes: int | None  # waiting for the broker
    lag_ms: int | None
    warnings: list[str]
