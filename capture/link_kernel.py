"""Steps of kernels below IP: the head of the link layer, then tags (VLAN, MPLS, PPPoE)."""
# ruff: noqa: PLR1714, SIM109  (plain comparisons compile to the shortest code)

from typing import Final

from capture.bounds import EXTENSION_HEADERS_MAX
from kernels import Array, U, inlined
from kernels.octets import u16

LINK_NULL: Final = 0
LINK_ETHERNET: Final = 1
LINK_RAW_12: Final = 12
LINK_RAW_14: Final = 14
LINK_RAW: Final = 101
LINK_LOOP: Final = 108
LINK_SLL: Final = 113
LINK_IPV4: Final = 228
LINK_IPV6: Final = 229
LINK_SLL2: Final = 276

IPV4: Final = 0x0800
IPV6: Final = 0x86DD
VLAN: Final = 0x8100
QINQ: Final = 0x88A8
QINQ_OLD: Final = 0x9100
QINQ_OLDER: Final = 0x9200
MPLS: Final = 0x8847
MPLS_MULTICAST: Final = 0x8848
PPPOE: Final = 0x8864
PPPOE_DISCOVERY: Final = 0x8863
ARP: Final = 0x0806
LLDP: Final = 0x88CC
EAPOL: Final = 0x888E
LOOPBACK_TEST: Final = 0x9000
PPP_IPV4: Final = 0x0021
PPP_IPV6: Final = 0x0057

# in place of an EtherType or a transport: why there is none
SLOW: Final = -1  # the slow path knows
NOT_IP: Final = -2
TRUNCATED: Final = -3
MALFORMED: Final = -4


@inlined
def link_head(b: Array, o: int, limit: int, link: int) -> tuple[int, int]:
    """The EtherType of what the frame at `o` carries, or why there is none; where that begins."""
    if link == LINK_ETHERNET:
        return (u16(b, o + 12) if o + 14 <= limit else TRUNCATED), o + 14
    if link == LINK_SLL:
        return (u16(b, o + 14) if o + 16 <= limit else TRUNCATED), o + 16
    if link == LINK_SLL2:
        return (u16(b, o) if o + 20 <= limit else TRUNCATED), o + 20
    if (
        link == LINK_RAW or link == LINK_RAW_12 or link == LINK_RAW_14
        or link == LINK_IPV4 or link == LINK_IPV6
    ):  # fmt: skip
        return ip_by_version(b, o, limit, MALFORMED), o
    if link == LINK_NULL or link == LINK_LOOP:  # the address family, in either byte order, says the same
        return ip_by_version(b, o + 4, limit, NOT_IP), o + 4
    return SLOW, o


@inlined
def ip_by_version(b: Array, p: int, limit: int, otherwise: int) -> int:
    """IPV4 or IPV6 by the first four bits, `otherwise` where they say neither."""
    if p >= limit:
        return TRUNCATED
    version = b[U(p)] >> 4
    if version == 4:
        return IPV4
    return IPV6 if version == 6 else otherwise


@inlined
def tags(b: Array, proto: int, p: int, limit: int) -> tuple[int, int, int]:
    """Pass over VLAN tags, MPLS labels and PPPoE: EtherType (or why none), where that begins, VLAN + 1."""
    vlan = 0
    layers = 0
    while proto != IPV4 and proto != IPV6 and proto >= 0:
        layers += 1
        if layers > EXTENSION_HEADERS_MAX:
            proto = SLOW
        elif proto == VLAN or proto == QINQ or proto == QINQ_OLD or proto == QINQ_OLDER:
            if p + 4 > limit:
                proto = TRUNCATED
            else:
                vlan = (u16(b, p) & 0xFFF) + 1
                proto = u16(b, p + 2)
                p += 4
        elif proto == MPLS or proto == MPLS_MULTICAST:
            if p + 5 > limit:
                proto = TRUNCATED
            else:
                p += 4
                if b[U(p - 2)] & 1:  # bottom of the stack
                    proto = ip_by_version(b, p, limit, SLOW)
        elif proto == PPPOE:
            if p + 8 > limit:
                proto = TRUNCATED
            else:
                ppp = u16(b, p + 6)
                proto = IPV4 if ppp == PPP_IPV4 else (IPV6 if ppp == PPP_IPV6 else SLOW)
                p += 8
        elif (
            proto == ARP or proto == LLDP or proto == EAPOL
            or proto == PPPOE_DISCOVERY or proto == LOOPBACK_TEST
        ):  # fmt: skip
            proto = NOT_IP
        else:
            proto = SLOW
    return proto, p, vlan
