"""Link types of captures (LINKTYPE_*, tcpdump.org/linktypes.html) and their first header."""

from typing import Final

from capture.slow import counters
from capture.slow.cursor import Cursor, DissectError, End, Layer
from capture.slow.ethertypes import by_ethertype, cisco_hdlc, ethernet, llc, ppp_framed, pppoe
from capture.slow.network import ip, ipv4, ipv6
from capture.slow.wireless import ieee80211, radiotap

IPV6_FAMILIES: Final = frozenset((10, 23, 24, 28, 30))  # AF_INET6 of Linux, Windows, and the BSDs
_SLL_LLC = 4
_NFULA_PAYLOAD = 9
_ARPHRD_NETLINK = 824


def null(cursor: Cursor) -> Layer | End:
    """BSD loopback: an address family in the byte order of the machine that captured."""
    start = cursor.take(4)
    family = int.from_bytes(cursor.data[start : start + 4], "little")
    if family > 0xFFFF:
        family = int.from_bytes(cursor.data[start : start + 4], "big")
    if family == 2:
        return ipv4
    if family in IPV6_FAMILIES:
        return ipv6
    raise DissectError(counters.NOT_IP)


def cooked(cursor: Cursor) -> Layer | End:
    """Linux SLL: packet type, ARPHRD, address, protocol."""
    start = cursor.take(16)
    return _cooked(cursor, cursor.u16_at(start + 2), cursor.u16_at(start + 14))


def cooked2(cursor: Cursor) -> Layer | End:
    """Linux SLL2: protocol, reserved, interface, ARPHRD, packet type, address."""
    start = cursor.take(20)
    return _cooked(cursor, cursor.u16_at(start + 8), cursor.u16_at(start))


def _cooked(cursor: Cursor, hardware: int, protocol: int) -> Layer | End:
    if hardware == _ARPHRD_NETLINK:
        raise DissectError(counters.NOT_IP)
    if protocol == _SLL_LLC:
        return llc
    if protocol <= 0x0600:
        raise DissectError(counters.NOT_IP)
    return by_ethertype(cursor, protocol)


def hdlc(cursor: Cursor) -> Layer | End:
    """PPP in HDLC-like framing (RFC 1662), or Cisco HDLC where the address says so."""
    if cursor.has(1) and cursor.data[cursor.at] in (0x0F, 0x8F):
        return cisco_hdlc
    return ppp_framed


def ppp_directed(cursor: Cursor) -> Layer | End:
    """PPP behind one byte: received or sent."""
    cursor.take(1)
    return ppp_framed


def nflog(cursor: Cursor) -> Layer | End:
    """Linux NFLOG: family, version, resource, then TLVs; lengths and types in the host's order."""
    start = cursor.take(4)
    family = cursor.data[start]
    while cursor.has(4):
        start = cursor.take(4)
        size, kind = cursor.data[start] | cursor.data[start + 1] << 8, cursor.data[start + 2]
        if size > 0x00FF and cursor.data[start + 2] == 0 and cursor.data[start + 3]:  # big-endian host
            size, kind = cursor.u16_at(start), cursor.data[start + 3]
        if size < 4:
            raise DissectError(counters.MALFORMED)
        if kind == _NFULA_PAYLOAD:
            cursor.limit(size - 4)
            if family == 2:
                return ipv4
            if family in IPV6_FAMILIES:
                return ipv6
            raise DissectError(counters.NOT_IP)
        cursor.take((size + 3 & ~3) - 4)
    raise DissectError(counters.NOT_IP if cursor.at >= cursor.wire_end else counters.TRUNCATED)


def frame_relay(cursor: Cursor) -> Layer | End:
    """RFC 2427: Q.922 address, UI, NLPID (CC = IPv4, 8E = IPv6, 80 = SNAP)."""
    while not cursor.u8() & 1:
        pass
    if cursor.u8() != 0x03:
        raise DissectError(counters.NOT_IP)
    kind = cursor.u8() or cursor.u8()  # one pad byte may stand before the NLPID
    if kind == 0xCC:
        return ipv4
    if kind == 0x8E:
        return ipv6
    if kind == 0x80:
        start = cursor.take(5)
        if cursor.data[start : start + 3] == b"\0\0\0":
            return by_ethertype(cursor, cursor.u16_at(start + 3))
    raise DissectError(counters.NOT_IP)


LINK_LAYERS: Final[dict[int, Layer]] = {
    0: null,
    1: ethernet,
    9: ppp_framed,
    11: llc,  # ATM, RFC 2684
    12: ip,
    14: ip,
    50: hdlc,
    51: pppoe,
    100: llc,  # the number of 11 in files of old systems
    101: ip,
    104: hdlc,
    105: ieee80211,
    107: frame_relay,
    108: null,  # OpenBSD loopback, network byte order
    113: cooked,
    127: radiotap,
    166: ppp_directed,
    204: ppp_directed,
    228: ipv4,
    229: ipv6,
    239: nflog,
    276: cooked2,
}
"""Layer of each link type that is read."""
