"""Tunnels below IP and UDP: what they carry is walked like a frame of its own."""

from collections.abc import Callable

from capture.bounds import TUNNEL_OPTIONS
from capture.slow import counters, network
from capture.slow.cursor import Cursor, DissectError, End, Layer
from capture.slow.ethertypes import (
    BY_ETHERTYPE,
    BY_NEXT_PROTOCOL,
    CISCO_METADATA,
    ETHERNET_HEADER,
    LENGTH_MAX,
    by_ethertype,
    cisco_metadata,
    ethernet,
    looks_like_ethernet,
    looks_like_ip,
    mpls,
    ppp_framed,
)
from capture.slow.network import ip

VXLAN, VXLAN_LINUX, VXLAN_GPE, GENEVE, GTP_U, TEREDO, TZSP, MPLS_UDP, GRE_UDP, L2TP = (
    4789, 8472, 4790, 6081, 2152, 3544, 37008, 6635, 4754, 1701,
)  # fmt: skip

_ERSPAN_1_2, _ERSPAN_3, _WCCP, _PPP = 0x88BE, 0x22EB, 0x883E, 0x880B
_GRE_CHECKSUM, _GRE_ROUTING, _GRE_KEY, _GRE_SEQUENCE, _GRE_ACK = 0x8000, 0x4000, 0x2000, 0x1000, 0x0080
_GTP_TPDU = 255
_VXLAN_RESERVED = 0x77  # but for I, and G of the group policy extension
_STUN_COOKIE = b"\x21\x12\xa4\x42"


def gre(cursor: Cursor) -> Layer | End:
    """RFC 2784, 2890, routing of RFC 1701; version 1 is PPTP's (RFC 2637 4.1)."""
    flags, protocol = cursor.u16(), cursor.u16()
    version = flags & 7
    if version > 1:
        raise DissectError(counters.MALFORMED)
    if version == 1:
        return _pptp(cursor, flags, protocol)
    if flags & (_GRE_CHECKSUM | _GRE_ROUTING):
        cursor.take(4)
    if flags & _GRE_KEY:
        cursor.take(4)
    if flags & _GRE_SEQUENCE:
        cursor.take(4)
    if flags & _GRE_ROUTING:
        _source_routes(cursor)
    if protocol == _ERSPAN_1_2:  # type I is what has no sequence number
        return _erspan_2 if flags & _GRE_SEQUENCE else ethernet
    if protocol == _ERSPAN_3:
        return _erspan_3
    if protocol == _WCCP:
        return _wccp
    if protocol == _PPP:
        return ppp_framed
    if protocol == CISCO_METADATA:  # here the type of what follows comes first, not last
        following = cursor.u16()
        cisco_metadata(cursor)
        return by_ethertype(cursor, following)
    if protocol <= LENGTH_MAX:  # 0: a keep-alive; the rest: OSI and the like
        raise DissectError(counters.NOT_IP)
    return by_ethertype(cursor, protocol)


def _pptp(cursor: Cursor, flags: int, protocol: int) -> Layer | End:
    size = cursor.u16()
    cursor.take(2)
    cursor.take((4 if flags & _GRE_SEQUENCE else 0) + (4 if flags & _GRE_ACK else 0))
    if protocol != _PPP or size == 0:
        raise DissectError(counters.NOT_IP)
    cursor.limit(size)
    return ppp_framed


def _source_routes(cursor: Cursor) -> None:
    for _ in range(TUNNEL_OPTIONS):
        start = cursor.take(4)
        size = cursor.data[start + 3]
        if cursor.u16_at(start) == 0 and size == 0:
            return
        cursor.take(size)
    raise DissectError(counters.MALFORMED)


def _erspan_2(cursor: Cursor) -> Layer | End:
    """draft-foschiano-erspan 4.2."""
    start = cursor.take(8)
    if cursor.data[start] >> 4 != 1:
        raise DissectError(counters.MALFORMED)
    return ethernet


def _erspan_3(cursor: Cursor) -> Layer | End:
    """draft-foschiano-erspan 4.3: frame type 0 is Ethernet, 2 is IP; O says that 8 bytes more follow."""
    start = cursor.take(12)
    if cursor.data[start] >> 4 != 2:
        raise DissectError(counters.MALFORMED)
    kind = cursor.data[start + 10] >> 2 & 0x1F
    if cursor.data[start + 11] & 1:
        cursor.take(8)
    if kind == 0:
        return ethernet
    if kind == 2:
        return ip
    raise DissectError(counters.NOT_IP)


def _wccp(cursor: Cursor) -> Layer | End:
    """WCCP version 2 puts four bytes before the packet, version 1 nothing."""
    if cursor.has(1) and cursor.data[cursor.at] >> 4 != 4:
        cursor.take(4)
    return ip


def etherip(cursor: Cursor) -> Layer | End:
    """RFC 3378: version 3 and twelve zero bits, then Ethernet."""
    if cursor.u16() != 0x3000:
        raise DissectError(counters.MALFORMED)
    return ethernet


def under_udp(cursor: Cursor, src_port: int, dst_port: int) -> Layer | None:
    """Step over a tunnel's header in a UDP payload and say what it carries; None: no tunnel.

    The port alone decides nothing: the header has to be a plausible one and what it carries too, else the
    cursor stays where it is. The destination is asked first, as the side that listens.
    """
    tunnel = UDP_TUNNELS.get(dst_port) or UDP_TUNNELS.get(src_port)
    if tunnel is None:
        return None
    at, end, wire_end = cursor.at, cursor.end, cursor.wire_end
    try:
        step = tunnel(cursor)
        if step is not None and not isinstance(step, End) and _plausible(cursor, step):
            return step
    except DissectError:
        pass
    cursor.at, cursor.end, cursor.wire_end = at, end, wire_end
    return None


def _plausible(cursor: Cursor, step: Layer) -> bool:
    data, at = cursor.data, cursor.at
    if step is ip:
        return cursor.has(1) and data[at] >> 4 in (4, 6)
    if step is network.ipv4:
        return cursor.has(1) and data[at] >> 4 == 4
    if step is network.ipv6:
        return cursor.has(1) and data[at] >> 4 == 6
    return step is not ethernet or cursor.has(ETHERNET_HEADER)


def _vxlan(cursor: Cursor) -> Layer | None:
    """RFC 7348 5: I set, network identifier; all else is reserved and ignored.

    Some send VXLAN-GPE to this port too: with P set the fourth byte says what follows, where it is known.
    """
    start = cursor.take(8)
    flags = cursor.data[start]
    if not flags & 0x08:
        return None
    if flags & 0x04 and (step := BY_NEXT_PROTOCOL.get(cursor.data[start + 3])) is not None:
        return step
    return ethernet if flags & _VXLAN_RESERVED == 0 or looks_like_ethernet(cursor, 0) else None


def _vxlan_gpe(cursor: Cursor) -> Layer | None:
    """draft-ietf-nvo3-vxlan-gpe 3: version 0, I or P set, next protocol (some leave P out, and some both)."""
    start = cursor.take(8)
    flags = cursor.data[start]
    if flags & 0xF0 or not flags & 0x0C:
        return None
    return BY_NEXT_PROTOCOL.get(cursor.data[start + 3]) if cursor.data[start + 3] else ethernet


def _geneve(cursor: Cursor) -> Layer | None:
    """RFC 8926 3.4: version 0, length of the options in words, EtherType of what follows."""
    start = cursor.take(8)
    if cursor.data[start] >> 6 or cursor.data[start + 7]:
        return None
    cursor.take((cursor.data[start] & 0x3F) * 4)
    return BY_ETHERTYPE.get(cursor.u16_at(start + 2))


def _gtp(cursor: Cursor) -> Layer | None:
    """3GPP TS 29.281 5: version 1, a G-PDU (255), optional fields and extension headers, then IP."""
    start = cursor.take(8)
    flags, kind = cursor.data[start], cursor.data[start + 1]
    if flags & 0xF0 != 0x30 or kind != _GTP_TPDU:
        return None
    length = cursor.u16_at(start + 2)
    if length > cursor.wire_end - cursor.at:
        return None
    cursor.limit(length)
    if flags & 0x07:
        at = cursor.take(4)
        following = cursor.data[at + 3] if flags & 0x04 else 0
        for _ in range(TUNNEL_OPTIONS):
            if not following:
                break
            size = cursor.data[cursor.take(1)] * 4
            if not size:
                return None
            cursor.take(size - 1)
            following = cursor.data[cursor.at - 1]
    return ip


def _teredo(cursor: Cursor) -> Layer | None:
    """RFC 4380 5.1.1: authentication, origin, then IPv6."""
    if cursor.data[cursor.at + 4 : cursor.at + 8] == _STUN_COOKIE:
        return None
    if cursor.u16_at(cursor.take(2)) == 0x0001:
        start = cursor.take(2)
        cursor.take(cursor.data[start] + cursor.data[start + 1] + 9)
        cursor.take(2)
    if cursor.u16_at(cursor.at - 2) == 0x0000:
        cursor.take(6 + 2)
    cursor.at -= 2
    if not cursor.has(40) or cursor.data[cursor.at] >> 4 != 6:
        return None
    return network.ipv6 if cursor.u16_at(cursor.at + 4) + 40 <= cursor.wire_end - cursor.at else None


def _tzsp(cursor: Cursor) -> Layer | None:
    """TaZmen Sniffer Protocol: version 1, type, encapsulation, tags up to an end tag."""
    start = cursor.take(4)
    if cursor.data[start] != 1 or cursor.data[start + 1] > 1 or cursor.u16_at(start + 2) != 1:
        return None
    for _ in range(TUNNEL_OPTIONS):
        tag = cursor.u8()
        if tag == 1:
            return ethernet
        if tag:
            cursor.take(cursor.u8())
    return None


def _mpls(cursor: Cursor) -> Layer | End | None:
    """RFC 7510 3: the label stack at once; only over IP, for RTP may look like a label stack too."""
    step = mpls(cursor)
    return step if step is ip and looks_like_ip(cursor) else None


def _gre(cursor: Cursor) -> Layer | End | None:
    """RFC 8086 3: a GRE header of version 0."""
    return None if cursor.has(2) and cursor.u16_at(cursor.at) & 0x4FFF else gre(cursor)


def _l2tp(cursor: Cursor) -> Layer | None:
    """RFC 2661 3.1: a data message of version 2; length, sequence and offset may be there."""
    flags = cursor.u16()
    if flags & 0x800F != 2:
        return None
    if flags & 0x4000:
        size = cursor.u16()
        if size < 8 or size > cursor.wire_end - cursor.at + 4:
            return None
        cursor.limit(size - 4)
    cursor.take(4 + (4 if flags & 0x0800 else 0))
    if flags & 0x0200:
        cursor.take(cursor.u16())
    return ppp_framed


UDP_TUNNELS: dict[int, Callable[[Cursor], Layer | End | None]] = {
    VXLAN: _vxlan,
    VXLAN_LINUX: _vxlan,
    VXLAN_GPE: _vxlan_gpe,
    GENEVE: _geneve,
    GTP_U: _gtp,
    TEREDO: _teredo,
    TZSP: _tzsp,
    MPLS_UDP: _mpls,
    GRE_UDP: _gre,
    L2TP: _l2tp,
}
"""Reader of each port's tunnel header."""

network.BY_PROTOCOL |= {
    network.GRE: gre,
    network.ETHERIP: etherip,
    network.MPLS: mpls,
    network.ETHERNET: ethernet,
}
