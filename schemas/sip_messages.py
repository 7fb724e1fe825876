"""`sip.messages`: the SIP messages of one sensor in one interval."""

import msgspec


class SipPacket(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One SIP message as heard, secrets already replaced by marks.

    `time_us` is packet time in µs since the epoch (its last segment's, over TCP); addresses are packed,
    4 bytes or 16; `transport` is udp, tcp, tls, sctp, ws or wss; `vlan` is -1 where there is no tag.
    """

    time_us: int
    src_ip: bytes
    src_port: int
    dst_ip: bytes
    dst_port: int
    transport: str
    dscp: int
    ttl: int
    vlan: int
    raw: bytes


class Dropped(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Packets of any kind that passed between two times, µs, and that the sensor never got to read.

    From NOT_STARTED: since the sensor last spoke. `packets` 0: nobody counted them.
    """

    from_us: int
    to_us: int
    packets: int


class SipBatch(msgspec.Struct, frozen=True):
    """A batch; `messages` in event-time order, `clock_us` the sensor's watermark after it.

    `behind_us`: how far the publisher lies behind what was captured, 0 live, more while it sends its spool.
    `serial` counts the sensor's batches since it began, from 0: where one is missing, it was never read.
    `dropped`: what the capture lost since the batch before, the same in every partition.
    """

    account: str
    site: str
    sensor: str
    clock_us: int
    messages: list[SipPacket]
    behind_us: int = 0
    serial: int = 0
    dropped: list[Dropped] = []
