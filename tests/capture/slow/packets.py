"""Packets written by the letter of their RFCs, for frames that no capture has."""

import struct
from ipaddress import ip_address

ALICE, BOB = "192.0.2.1", "198.51.100.2"
ALICE6, BOB6 = "2001:db8::1", "2001:db8::2"
MACS = bytes.fromhex("02000000000a02000000000b")
ETHERNET, RAW = 1, 101
SECOND = 1_000_000_000
SYN, ACK, PSH, FIN, RST = 2, 16, 8, 1, 4


def packed(address: str) -> bytes:
    """An address as it is in a datagram."""
    return ip_address(address).packed


def udp(payload: bytes, src_port: int = 5060, dst_port: int = 5060) -> bytes:
    """A UDP datagram."""
    return struct.pack(">HHHH", src_port, dst_port, 8 + len(payload), 0) + payload


def ipv4(
    payload: bytes, protocol: int = 17, src: str = ALICE, dst: str = BOB, ip_id: int = 7, place: int = 0
) -> bytes:
    """An IPv4 packet; `place`: flags and offset."""
    head = struct.pack(">BBHHHBBH", 0x45, 46 << 2, 20 + len(payload), ip_id, place, 63, protocol, 0)
    return head + packed(src) + packed(dst) + payload


def ipv6(payload: bytes, protocol: int = 17, src: str = ALICE6, dst: str = BOB6) -> bytes:
    """An IPv6 packet."""
    return (
        struct.pack(">IHBB", 6 << 28 | 46 << 22, len(payload), protocol, 63)
        + packed(src)
        + packed(dst)
        + payload
    )


def fragment4(payload: bytes, start: int, stop: int, ip_id: int = 7, protocol: int = 17) -> bytes:
    """The IPv4 fragment with bytes start to stop of an IP payload."""
    more = 0x2000 if stop < len(payload) else 0
    return ipv4(payload[start:stop], protocol, ip_id=ip_id, place=more | start >> 3)


def fragment6(payload: bytes, start: int, stop: int, ip_id: int = 7, protocol: int = 17) -> bytes:
    """The same of IPv6."""
    head = struct.pack(">BBHI", protocol, 0, start | (stop < len(payload)), ip_id)
    return ipv6(head + payload[start:stop], 44)


def tcp(
    payload: bytes,
    sequence: int,
    flags: int = ACK | PSH,
    src_port: int = 40000,
    dst_port: int = 5060,
    ack: int = 0,
) -> bytes:
    """A TCP segment."""
    head = struct.pack(
        ">HHIIBBHHH", src_port, dst_port, sequence & 0xFFFFFFFF, ack & 0xFFFFFFFF, 0x50, flags, 8192, 0, 0
    )
    return head + payload


def segment(
    payload: bytes,
    sequence: int,
    flags: int = ACK | PSH,
    back: bool = False,
    ack: int = 0,
    client_port: int = 40000,
) -> bytes:
    """A TCP segment in an IPv4 packet, from the client to port 5060, or back."""
    if back:
        return ipv4(tcp(payload, sequence, flags, 5060, client_port, ack), 6, BOB, ALICE)
    return ipv4(tcp(payload, sequence, flags, client_port, 5060, ack), 6)


def ethernet(payload: bytes, ethertype: int = 0x0800) -> bytes:
    """An Ethernet frame."""
    return MACS + struct.pack(">H", ethertype) + payload


def sip(number: int = 0, body: bytes = b"v=0\r\n", length: str = "Content-Length") -> bytes:
    """A SIP request; no length where `length` is empty."""
    head = b"MESSAGE sip:bob@example.com SIP/2.0\r\nCall-ID: call-%d\r\nCSeq: %d MESSAGE\r\n" % (
        number,
        number,
    )
    if length:
        head += b"%s: %d\r\n" % (length.encode(), len(body))
    return head + b"\r\n" + body
