"""IPv4 (RFC 791) and IPv6 (RFC 8200) headers, and what may follow them."""

import struct

from capture.bounds import IPV6_EXTENSIONS
from capture.slow import counters
from capture.slow.cursor import Cursor, DissectError, End, Layer

HOP_BY_HOP, IPIP, TCP, UDP, IPV6, ROUTING, FRAGMENT, GRE, ESP, AH = 0, 4, 6, 17, 41, 43, 44, 47, 50, 51
NO_NEXT, DESTINATION, IPIP_94, ETHERIP, SCTP, MOBILITY, MPLS, HIP, SHIM6, ETHERNET = (
    59, 60, 94, 97, 132, 135, 137, 139, 140, 143,
)  # fmt: skip
EXTENSIONS = frozenset((HOP_BY_HOP, ROUTING, DESTINATION, MOBILITY, HIP, SHIM6))

# version+ihl, tos, total length, identification, flags+offset, ttl, protocol, checksum, source, destination
_IPV4 = struct.Struct(">BBHHHBBH4s4s")
# version+class+flow, payload length, next header, hop limit, source, destination
_IPV6 = struct.Struct(">IHBB16s16s")
_JUMBO = 0xC2  # RFC 2675: option of 4 bytes with the real payload length

BY_PROTOCOL: dict[int, Layer | End] = {UDP: End.UDP, TCP: End.TCP, SCTP: End.SCTP}
"""What an IP protocol number leads to; `tunnels` adds its own."""


def ip(cursor: Cursor) -> Layer | End:
    """IPv4 or IPv6, by the version nibble."""
    if not cursor.has(1):
        cursor.take(1)
    version = cursor.data[cursor.at] >> 4
    if version == 4:
        return ipv4(cursor)
    if version == 6:
        return ipv6(cursor)
    raise DissectError(counters.MALFORMED)


def ipv4(cursor: Cursor) -> Layer | End:
    """RFC 791 3.1. A total length of 0 is a segment not yet cut by the network card: the frame counts."""
    start = cursor.take(_IPV4.size)
    head, tos, total, ip_id, flags, ttl, protocol, _, src, dst = _IPV4.unpack_from(cursor.data, start)
    header = (head & 0x0F) * 4
    if head >> 4 != 4 or header < _IPV4.size or 0 < total < header:
        raise DissectError(counters.MALFORMED)
    cursor.take(header - _IPV4.size)
    if total:
        cursor.limit(total - header)
    cursor.src_ip, cursor.dst_ip, cursor.dscp, cursor.ttl, cursor.ip_id = src, dst, tos >> 2, ttl, ip_id
    cursor.protocol = protocol
    if flags & 0x3FFF:
        cursor.offset, cursor.more, cursor.identification = (flags & 0x1FFF) * 8, bool(flags & 0x2000), ip_id
        return End.FRAGMENT
    return by_protocol(cursor)


def ipv6(cursor: Cursor) -> Layer | End:
    """RFC 8200 3, 4. A payload length of 0 is a jumbogram or a segment not yet cut."""
    start = cursor.take(_IPV6.size)
    head, length, cursor.protocol, ttl, src, dst = _IPV6.unpack_from(cursor.data, start)
    if head >> 28 != 6:
        raise DissectError(counters.MALFORMED)
    if length:
        cursor.limit(length)
    cursor.src_ip, cursor.dst_ip, cursor.dscp, cursor.ttl, cursor.ip_id = src, dst, head >> 22 & 0x3F, ttl, 0
    return extensions(cursor)


def extensions(cursor: Cursor) -> Layer | End:
    """Walk IPv6 extension headers from `cursor.protocol` on (RFC 8200 4.1)."""
    for _ in range(IPV6_EXTENSIONS):
        if cursor.protocol in EXTENSIONS:
            start = cursor.take(8)
            cursor.take(cursor.data[start + 1] * 8)
            if cursor.protocol == HOP_BY_HOP:
                _jumbogram(cursor, start)
            cursor.protocol = cursor.data[start]
        elif cursor.protocol == AH:
            _authentication(cursor)
        elif cursor.protocol == FRAGMENT:
            start = cursor.take(8)
            place = cursor.data[start + 2] << 8 | cursor.data[start + 3]
            cursor.protocol = cursor.data[start]
            if place & 0xFFF9:  # offset 0 and no more to come: an atomic fragment (RFC 6946), whole as it is
                cursor.offset, cursor.more = place & 0xFFF8, bool(place & 1)
                cursor.identification = int.from_bytes(cursor.data[start + 4 : start + 8], "big")
                return End.FRAGMENT
        else:
            return by_protocol(cursor)
    raise DissectError(counters.TOO_DEEP)


def by_protocol(cursor: Cursor) -> Layer | End:
    """What `cursor.protocol` leads to. Raises DissectError where it leads to no call."""
    step = BY_PROTOCOL.get(cursor.protocol)
    if step is None:
        raise DissectError(counters.ENCRYPTED if cursor.protocol == ESP else counters.NOT_TRANSPORT)
    return step


def authentication(cursor: Cursor) -> Layer | End:
    """RFC 4302 2: skipped, its payload is in the clear."""
    _authentication(cursor)
    return extensions(cursor) if len(cursor.src_ip) == 16 else by_protocol(cursor)


def _authentication(cursor: Cursor) -> None:
    start = cursor.take(12)
    size = (cursor.data[start + 1] + 2) * 4
    if size < 12:
        raise DissectError(counters.MALFORMED)
    cursor.take(size - 12)
    cursor.protocol = cursor.data[start]


def _jumbogram(cursor: Cursor, start: int) -> None:
    """Take the payload length, counted from the IPv6 header's end, from a jumbo option (RFC 2675 2)."""
    at, end = start + 2, cursor.at
    while at + 1 < end:
        option = cursor.data[at]
        if option == 0:
            at += 1
            continue
        if option == _JUMBO and at + 6 <= end:
            length = int.from_bytes(cursor.data[at + 2 : at + 6], "big")
            read = cursor.at - start
            if length > read:
                cursor.limit(length - read)
            return
        at += 2 + cursor.data[at + 1]


BY_PROTOCOL |= {IPIP: ip, IPIP_94: ip, IPV6: ip, AH: authentication}
