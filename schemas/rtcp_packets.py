"""`rtcp.packets`: RTCP packets of one sensor in one interval, as captured."""

import msgspec


class RtcpPacket(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One compound RTCP datagram; addresses packed, 4 bytes or 16; `time_us` packet time in µs."""

    time_us: int
    src_ip: bytes
    src_port: int
    dst_ip: bytes
    dst_port: int
    raw: bytes


class RtcpBatch(msgspec.Struct, frozen=True):
    """A batch; `packets` in event-time order, `clock_us` the sensor's watermark after it.

    `behind_us`: how far the publisher lies behind what was captured, 0 live, more while it sends its spool.
    `serial` counts the sensor's batches since it began, from 0: where one is missing, it was never read.
    """

    account: str
    site: str
    sensor: str
    clock_us: int
    packets: list[RtcpPacket]
    behind_us: int = 0
    serial: int = 0
