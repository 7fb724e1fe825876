"""What the slow path hands back to the fast one: whole datagrams and SIP messages."""

import msgspec


class Datagram(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A whole UDP payload, or one SIP message cut out of a stream transport.

    `transport` is udp (payload not classified yet), or tcp, sctp, ws (payload is one SIP message).
    Addresses are packed, 4 bytes or 16, of the innermost IP header. `vlan` is -1 without a tag. `snapped`:
    the capture kept only the first part of the payload; `length` is the payload's length on the wire.
    """

    time_ns: int
    src_ip: bytes
    src_port: int
    dst_ip: bytes
    dst_port: int
    transport: str
    dscp: int
    ttl: int
    vlan: int
    ip_id: int
    payload: bytes
    length: int
    snapped: bool
