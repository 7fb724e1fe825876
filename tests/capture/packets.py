"""Frames made by hand: RTP, SIP and anything else over UDP, in whatever layers a test asks for."""

import struct
from ipaddress import ip_address

from tests.capture.writers import Frame

A, B = "192.0.2.1", "192.0.2.2"
START_NS = 1_700_000_000_000_000_000
PTIME_NS = 20_000_000


def rtp(
    sequence: int,
    timestamp: int,
    *,
    ssrc: int = 0x1234ABCD,
    marker_type: int = 8,
    payload: bytes = b"\xd5" * 160,
    first: int = 0x80,
    between: bytes = b"",
) -> bytes:
    """An RTP packet (RFC 3550 5.1); `between` are CSRCs and extension as `first` announces them."""
    head = struct.pack(">BBHII", first, marker_type, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc)
    return head + between + payload


def udp(
    payload: bytes,
    src: tuple[str, int] = (A, 4000),
    dst: tuple[str, int] = (B, 5000),
    *,
    tos: int = 0xB8,
    ttl: int = 64,
    ip_id: int = 0,
    checksum: int = 0,
) -> bytes:
    """An IPv4 or IPv6 packet with a UDP datagram."""
    body = struct.pack(">HHHH", src[1], dst[1], 8 + len(payload), checksum) + payload
    return ip(body, 17, src[0], dst[0], tos=tos, ttl=ttl, ip_id=ip_id)


def ip(
    body: bytes, protocol: int, src: str, dst: str, *, tos: int = 0, ttl: int = 64, ip_id: int = 0
) -> bytes:
    """An IPv4 or IPv6 packet, by the addresses."""
    source, destination = ip_address(src), ip_address(dst)
    if source.version == 4:
        return struct.pack(
            ">BBHHHBBH4s4s", 0x45, tos, 20 + len(body), ip_id, 0, ttl, protocol, 0,
            source.packed, destination.packed,
        ) + body  # fmt: skip
    return (
        struct.pack(
            ">IHBB16s16s", 6 << 28 | tos << 20, len(body), protocol, ttl, source.packed, destination.packed
        )
        + body
    )


def ethernet(packet: bytes, tags: bytes = b"") -> bytes:
    """An Ethernet frame around an IP packet; `tags` go between addresses and EtherType."""
    return b"\2" * 12 + tags + (b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd") + packet


def frame(packet: bytes, time_ns: int = START_NS, tags: bytes = b"") -> Frame:
    """A whole captured Ethernet frame."""
    data = ethernet(packet, tags)
    return Frame(time_ns, data, len(data))


def stream(
    packets: int, *, start_ns: int = START_NS, first_sequence: int = 65_530, ssrc: int = 0x1234ABCD,
    src: tuple[str, int] = (A, 4000), dst: tuple[str, int] = (B, 5000),
) -> list[Frame]:  # fmt: skip
    """A G.711 stream, every 20 ms."""
    return [
        frame(
            udp(rtp(first_sequence + n, 160 * n, ssrc=ssrc), src, dst, ip_id=n + 1), start_ns + n * PTIME_NS
        )
        for n in range(packets)
    ]


def sip(method: str = "OPTIONS", *, call_id: str = "c1", headers: str = "", body: str = "") -> bytes:
    """A SIP request."""
    return (
        f"{method} sip:bob@example.org SIP/2.0\r\nVia: SIP/2.0/UDP {A};branch=z9hG4bK1\r\n"
        f"From: <sip:alice@example.org>;tag=1\r\nTo: <sip:bob@example.org>\r\nCall-ID: {call_id}\r\n"
        f"CSeq: 1 {method}\r\n{headers}Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()
