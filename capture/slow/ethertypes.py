"""Ethernet and everything an EtherType, an LLC header or a PPP protocol number leads to."""

from capture.bounds import MPLS_LABELS, VLAN_TAGS
from capture.slow import counters
from capture.slow.cursor import Cursor, DissectError, End, Layer
from capture.slow.network import ip, ipv4, ipv6

ETHERNET_HEADER = 14
LENGTH_MAX = 1500  # IEEE 802.3: up to here the field is a length, from 1536 on a type
ARP, MACSEC, CISCO_METADATA = 0x0806, 0x88E5, 0x8909


def ethernet(cursor: Cursor) -> Layer | End:
    """IEEE 802.3: destination, source, type or length."""
    start = cursor.take(ETHERNET_HEADER)
    return by_ethertype(cursor, cursor.data[start + 12] << 8 | cursor.data[start + 13])


def by_ethertype(cursor: Cursor, ethertype: int) -> Layer | End:
    """What an EtherType leads to. Raises DissectError where it leads to no IP."""
    step = BY_ETHERTYPE.get(ethertype)
    if step is not None:
        return step
    if ethertype <= LENGTH_MAX:
        if ethertype < cursor.wire_end - cursor.at:
            cursor.limit(ethertype)
        return llc(cursor)
    raise DissectError(counters.ENCRYPTED if ethertype == MACSEC else counters.NOT_IP)


def vlan(cursor: Cursor) -> Layer | End:
    """IEEE 802.1Q and 802.1ad tags; the innermost one is kept."""
    for _ in range(VLAN_TAGS):
        start = cursor.take(4)
        cursor.vlan = (cursor.data[start] << 8 | cursor.data[start + 1]) & 0x0FFF
        ethertype = cursor.data[start + 2] << 8 | cursor.data[start + 3]
        if BY_ETHERTYPE.get(ethertype) is not vlan:
            return by_ethertype(cursor, ethertype)
    raise DissectError(counters.TOO_DEEP)


def llc(cursor: Cursor) -> Layer | End:
    """IEEE 802.2: SNAP with an EtherType, or IP's own access point."""
    start = cursor.take(3)
    dsap, ssap, control = cursor.data[start : start + 3]
    if dsap == ssap == 0xAA and control == 3:
        start = cursor.take(5)
        vendor = int.from_bytes(cursor.data[start : start + 3], "big")
        kind = cursor.data[start + 3] << 8 | cursor.data[start + 4]
        if vendor in (0x000000, 0x0000F8):  # RFC 1042, and 802.1H's bridge tunnel
            return by_ethertype(cursor, kind) if kind > LENGTH_MAX else _no_ip(cursor)
        if vendor == 0x0080C2 and kind in (1, 7):  # RFC 2684 5.2: bridged Ethernet, with or without FCS
            cursor.take(2 if cursor.data[cursor.at : cursor.at + 2] == b"\0\0" else 0)
            return ethernet
    elif dsap == ssap == 0x06 and control == 3:
        return ipv4
    return _no_ip(cursor)


def mpls(cursor: Cursor) -> Layer | End:
    """RFC 3032 label stack, then IP by its first nibble, else a pseudowire (RFC 4385, 4448)."""
    for _ in range(MPLS_LABELS):
        if cursor.u32() & 0x100:
            return _below_mpls(cursor)
    raise DissectError(counters.TOO_DEEP)


def _below_mpls(cursor: Cursor) -> Layer | End:
    if not cursor.has(1):
        cursor.take(1)
    nibble = cursor.data[cursor.at] >> 4
    if nibble in (4, 6):  # or a MAC address that begins so: believe the IP header where it is sound
        return ip if looks_like_ip(cursor) or not looks_like_ethernet(cursor, 0) else ethernet
    if nibble == 1:  # associated channel (RFC 4385 5): OAM, no user traffic
        return _no_ip(cursor)
    if nibble == 0 and (looks_like_ethernet(cursor, 4) or not looks_like_ethernet(cursor, 0)):
        cursor.take(4)  # control word
    return ethernet


def looks_like_ip(cursor: Cursor) -> bool:
    """Does a sound IP header begin here? Its length is checked against the frame."""
    data, at, left = cursor.data, cursor.at, cursor.wire_end - cursor.at
    if not cursor.has(20):
        return False
    if data[at] >> 4 == 4:
        total = data[at + 2] << 8 | data[at + 3]
        return data[at] & 0x0F >= 5 and 20 <= total <= left
    return left >= 40 and data[at] >> 4 == 6 and (data[at + 4] << 8 | data[at + 5]) + 40 <= left


def looks_like_ethernet(cursor: Cursor, skip: int) -> bool:
    """Is there a type that we know, or a length that fits, where an Ethernet header would have it?"""
    at = cursor.at + skip + 12
    if at + 2 > cursor.end:
        return False
    kind = cursor.data[at] << 8 | cursor.data[at + 1]
    return kind in BY_ETHERTYPE or kind == cursor.wire_end - at - 2


def pppoe(cursor: Cursor) -> Layer | End:
    """RFC 2516 4: version and type 1, code 0 in a session, then PPP."""
    start = cursor.take(6)
    if cursor.data[start] != 0x11:
        raise DissectError(counters.MALFORMED)
    if cursor.data[start + 1]:
        return _no_ip(cursor)
    cursor.limit(cursor.data[start + 4] << 8 | cursor.data[start + 5])
    return ppp


def ppp(cursor: Cursor) -> Layer | End:
    """RFC 1661 2: protocol in two bytes, or in one where it was compressed (6.5)."""
    protocol = cursor.u8()
    if not protocol & 1:
        protocol = protocol << 8 | cursor.u8()
    step = BY_PPP.get(protocol)
    return step if step is not None else _no_ip(cursor)


def ppp_framed(cursor: Cursor) -> Layer | End:
    """RFC 1662 3.1: address FF and control 03, which may be left out."""
    if cursor.data[cursor.at : min(cursor.at + 2, cursor.end)] == b"\xff\x03":
        cursor.take(2)
    return ppp


def ppp_bridged(cursor: Cursor) -> Layer | End:
    """RFC 3518 4.2: flags, MAC type (1 = Ethernet)."""
    start = cursor.take(2)
    if cursor.data[start + 1] != 1:
        return _no_ip(cursor)
    cursor.take(cursor.data[start] & 0x0F)
    return ethernet


def cisco_hdlc(cursor: Cursor) -> Layer | End:
    """Address 0F or 8F, control, EtherType."""
    start = cursor.take(4)
    return by_ethertype(cursor, cursor.data[start + 2] << 8 | cursor.data[start + 3])


def backbone(cursor: Cursor) -> Layer | End:
    """IEEE 802.1ah: I-TAG, then the customer's whole frame."""
    cursor.take(4)
    return ethernet


def _tagged(size: int) -> Layer:
    """A tag of `size` bytes that ends in an EtherType."""

    def tag(cursor: Cursor) -> Layer | End:
        cursor.take(size - 2)
        return by_ethertype(cursor, cursor.u16())

    return tag


def cisco_metadata(cursor: Cursor) -> None:
    """Security group tag of Cisco TrustSec: version, length in words, options."""
    start = cursor.take(2)
    cursor.take(cursor.data[start + 1] * 4)


def _security_group(cursor: Cursor) -> Layer | End:
    """Cisco metadata between Ethernet and the EtherType of what follows."""
    cisco_metadata(cursor)
    return by_ethertype(cursor, cursor.u16())


def service_function(cursor: Cursor) -> Layer | End:
    """NSH, RFC 8300 2.2: length in words, next protocol."""
    start = cursor.take(4)
    words = (cursor.data[start] << 8 | cursor.data[start + 1]) & 0x3F
    if cursor.data[start] >> 6 or words < 2:
        raise DissectError(counters.MALFORMED)
    cursor.take(words * 4 - 4)
    step = BY_NEXT_PROTOCOL.get(cursor.data[start + 3])
    return step if step is not None else _no_ip(cursor)


def _no_ip(cursor: Cursor) -> Layer | End:
    del cursor
    raise DissectError(counters.NOT_IP)


BY_ETHERTYPE: dict[int, Layer] = {
    ARP: _no_ip,  # named, for a tunnel that carries it is one
    0x0800: ipv4,
    0x86DD: ipv6,
    0x8100: vlan,
    0x88A8: vlan,
    0x9100: vlan,
    0x9200: vlan,
    0x8847: mpls,
    0x8848: mpls,
    0x8864: pppoe,
    0x880B: ppp,
    0x88E7: backbone,
    0x894F: service_function,
    0x6558: ethernet,
    0x8926: _tagged(6),  # Cisco VN-Tag
    0x893F: _tagged(8),  # IEEE 802.1BR E-Tag
    CISCO_METADATA: _security_group,
}

BY_PPP: dict[int, Layer] = {
    0x0021: ipv4,
    0x0057: ipv6,
    0x0031: ppp_bridged,
    0x0281: mpls,
    0x0283: mpls,
}

BY_NEXT_PROTOCOL: dict[int, Layer] = {1: ipv4, 2: ipv6, 3: ethernet, 4: service_function, 5: mpls}
"""Next protocol of NSH (RFC 8300) and VXLAN-GPE; they agree."""
