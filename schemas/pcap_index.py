"""`pcap.index`: which spool segments hold which packets; never leaves the site."""

import msgspec


class PcapFlow(msgspec.Struct, frozen=True):
    """Packets between two addresses in a segment; addresses packed, `transport` udp, tcp or sctp."""

    src_ip: bytes
    src_port: int
    dst_ip: bytes
    dst_port: int
    transport: str
    first_us: int
    last_us: int
    packets: int


class PcapSegment(msgspec.Struct, frozen=True):
    """One finished (or removed) segment of a sensor's spool; its packets are from first_us to last_us.

    `path` is relative to the spool. `call_ids` are the Call-IDs of its SIP messages.
    """

    account: str
    site: str
    sensor: str
    path: str
    first_us: int
    last_us: int
    packets: int
    bytes: int
    removed: bool
    flows: list[PcapFlow]
    call_ids: list[str]
