"""Steps of kernels over IP and transport heads: IPv4, IPv6 with extension headers, TCP, UDP."""
# ruff: noqa: PLR1714, SIM109  (plain comparisons compile to the shortest code)

from typing import Final

from capture.bounds import EXTENSION_HEADERS_MAX
from capture.link_kernel import IPV4, MALFORMED, SLOW, TRUNCATED
from kernels import Array, I, U, inlined
from kernels.octets import u16

TCP: Final = 6
UDP: Final = 17
SCTP: Final = 132

HOP_OPTIONS: Final = 0
ROUTING: Final = 43
FRAGMENT: Final = 44
DESTINATION_OPTIONS: Final = 60
MOBILITY: Final = 135


@inlined
def ip_head(
    b: Array, proto: int, p: int, limit: int, wire_end: int, vlan: int
) -> tuple[int, int, int, int, int]:
    """Read the head at `p`: transport protocol (or why there is none), where its head begins, where the
    datagram ends on the wire, meta (VLAN + 1, TTL, DSCP), IPv4 id.

    `proto`: IPV4, IPV6, or why the frame carries neither, which is handed on.
    """
    if proto < 0:
        return proto, p, wire_end, 0, 0
    if proto == IPV4:
        return ipv4_head(b, p, limit, wire_end, vlan)
    return ipv6_head(b, p, limit, wire_end, vlan)


@inlined
def ipv4_head(b: Array, p: int, limit: int, wire_end: int, vlan: int) -> tuple[int, int, int, int, int]:
    """`ip_head` of IPv4 (RFC 791); fragments are for the slow path."""
    if p + 20 > limit:
        return TRUNCATED, p, wire_end, 0, 0
    q = p + ((I(b[U(p)]) & 15) << 2)
    total = u16(b, p + 2)
    if b[U(p)] >> 4 != 4 or q < p + 20 or (0 < total < q - p):
        return MALFORMED, p, wire_end, 0, 0
    end = wire_end
    if total > 0 and p + total < wire_end:  # 0: not yet cut by the network card
        end = p + total
    transport = I(b[U(p + 9)])
    if u16(b, p + 6) & 0x3FFF:
        transport = SLOW
    meta = I(b[U(p + 1)]) >> 2 | I(b[U(p + 8)]) << 8 | vlan << 16
    return transport, q, end, meta, u16(b, p + 4)


@inlined
def ipv6_head(b: Array, p: int, limit: int, wire_end: int, vlan: int) -> tuple[int, int, int, int, int]:
    """`ip_head` of IPv6 (RFC 8200), its extension headers passed over; fragments are for the slow path."""
    if p + 40 > limit:
        return TRUNCATED, p, wire_end, 0, 0
    if b[U(p)] >> 4 != 6:
        return MALFORMED, p, wire_end, 0, 0
    end = wire_end
    total = u16(b, p + 4)
    if total > 0 and p + 40 + total < wire_end:  # 0: a jumbogram, or not yet cut
        end = p + 40 + total
    meta = (I(b[U(p)]) & 15) << 2 | I(b[U(p + 1)]) >> 6 | I(b[U(p + 7)]) << 8 | vlan << 16
    transport = I(b[U(p + 6)])
    q = p + 40
    layers = 0
    while (
        transport == HOP_OPTIONS or transport == ROUTING or transport == FRAGMENT
        or transport == DESTINATION_OPTIONS or transport == MOBILITY
    ):  # fmt: skip
        if q + 8 > limit:
            return TRUNCATED, q, end, meta, 0
        if transport == FRAGMENT:
            if u16(b, q + 2) & 0xFFF9:
                return SLOW, q, end, meta, 0
            transport = I(b[U(q)])  # an atomic fragment (RFC 6946) is whole
            q += 8
        else:
            transport = I(b[U(q)])
            q += (I(b[U(q + 1)]) << 3) + 8
        layers += 1
        if layers > EXTENSION_HEADERS_MAX:
            return SLOW, q, end, meta, 0
    return transport, q, end, meta, 0


@inlined
def is_tunnel(transport: int) -> bool:
    """Whether it carries packets or frames again: IPv4, IPv6, GRE, AH, IPIP, EtherIP, MPLS, Ethernet."""
    return (
        transport == 4 or transport == 41 or transport == 47 or transport == 51
        or transport == 94 or transport == 97 or transport == 137 or transport == 143
    )  # fmt: skip


@inlined
def tcp_payload(b: Array, q: int) -> int:
    """Where the payload of the TCP segment at `q` begins."""
    return q + ((I(b[U(q + 12)]) >> 4) << 2)  # type: ignore[no-any-return]


@inlined
def udp_size(b: Array, q: int, end: int) -> int:
    """Bytes on the wire of the UDP payload, -1 where its head is at odds with the datagram's end."""
    size = u16(b, q + 4) - 8
    if size == -8:  # a jumbogram, or not yet cut by the network card
        size = end - q - 8
    return size if size >= 0 and q + 8 + size <= end else -1
