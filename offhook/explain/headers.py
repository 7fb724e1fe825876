"""The headers of a block of frames as columns: link layer, tags, IP, ports, and what the payload begins with.

Outer headers only, with numpy: what a survey needs. Tunnels and fragments are named, not opened.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from capture.block import Block

Ints = NDArray[np.int64]

_TYPE_AT: Final = {1: (12, 14), 113: (14, 16), 276: (0, 20)}
"""Link types with an EtherType: where it stands, where the payload begins (Ethernet, SLL, SLL2)."""

_ADDRESS_FAMILY: Final = {0: 4, 108: 4, 101: 0, 12: 0, 14: 0, 228: 0, 229: 0}
"""Link types without one: where the IP header begins (null, loop, raw)."""

_TAGS: Final = (0x8100, 0x88A8, 0x9100, 0x9200)
IPV4: Final = 0x0800
IPV6: Final = 0x86DD
NO_LINK: Final = -1
CUT: Final = -2
UDP: Final = 17
TCP: Final = 6
ICMP: Final = 1
_WORD: Final = 4
_ROUNDS: Final = 4  # tags, or extension headers, that are looked through


class Headers(msgspec.Struct):
    """One row a frame. `ethertype` is NO_LINK or CUT where none can be read, `protocol` -1 without IP.

    `payload` is where the UDP or TCP payload begins in the buffer, `length` its bytes on the wire (-1 where
    there is none to speak of: no UDP or TCP, a later fragment), `kept` those captured, `head` and `tail` its
    first and second four bytes, big-endian (0 where not captured). Addresses are two words, of IPv4 the
    second alone.
    """

    ethertype: Ints
    protocol: Ints
    ip: Ints
    fragment: NDArray[np.bool_]
    src_high: Ints
    src_low: Ints
    dst_high: Ints
    dst_low: Ints
    ports: Ints  # source << 16 | destination
    payload: Ints
    length: Ints
    kept: Ints
    head: Ints
    tail: Ints


def read(block: Block) -> Headers:
    """The headers of all frames."""
    offset = block.offset
    limit = offset + block.captured
    buffer = block.buffer
    if len(buffer) < _WORD:  # frames of a few bytes, and nothing else
        buffer = np.pad(buffer, (0, _WORD))
    word, byte = _readers(buffer)
    ethertype, ip = _link(block.link_type, offset, limit, word, byte)
    protocol = np.full(len(offset), -1, np.int64)
    transport = ip.copy()
    end = offset + block.original
    fragment = np.zeros(len(offset), np.bool_)
    later = np.zeros(len(offset), np.bool_)
    addresses = [np.zeros(len(offset), np.int64) for _ in range(4)]
    four = (ethertype == IPV4) & (ip + 20 <= limit)
    if four.any():
        at = ip[four]
        protocol[four] = byte(at + 9)
        transport[four] = at + ((byte(at) & 15) << 2)
        total = word(at + 2) >> 16
        end[four] = np.where(total > 0, np.minimum(end[four], at + total), end[four])
        pieces = word(at + 4) & 0x3FFF
        fragment[four], later[four] = pieces != 0, pieces & 0x1FFF != 0
        addresses[1][four], addresses[3][four] = word(at + 12), word(at + 16)
    six = (ethertype == IPV6) & (ip + 40 <= limit)
    if six.any():
        at = ip[six]
        for which, start in enumerate((8, 16, 24, 32)):
            addresses[which][six] = word(at + start) << 32 | word(at + start + 4)
        total = word(at + 4) >> 16
        end[six] = np.where(total > 0, np.minimum(end[six], at + 40 + total), end[six])
        protocol[six], transport[six], fragment[six], later[six] = _extensions(at, byte, word)
    ports, payload, length = _transport(protocol, transport, later, end, limit, word, byte)
    kept = np.clip(np.minimum(limit, end) - payload, 0, None)
    kept[length < 0] = 0
    return Headers(
        ethertype=ethertype,
        protocol=protocol,
        ip=ip,
        fragment=fragment,
        src_high=addresses[0],
        src_low=addresses[1],
        dst_high=addresses[2],
        dst_low=addresses[3],
        ports=ports,
        payload=payload,
        length=length,
        kept=kept,
        head=np.where(kept >= 4, word(payload), 0),
        tail=np.where(kept >= 8, word(payload + 4), 0),
    )


Reader = Callable[[Ints], Ints]


def _readers(buffer: NDArray[np.uint8]) -> tuple[Reader, Reader]:
    last = len(buffer) - _WORD

    def byte(at: Ints) -> Ints:
        return buffer[np.minimum(at, len(buffer) - 1)].astype(np.int64)

    def word(at: Ints) -> Ints:
        at = np.minimum(at, last)
        parts: Any = [buffer[at + n].astype(np.int64) for n in range(4)]
        found: Ints = parts[0] << 24 | parts[1] << 16 | parts[2] << 8 | parts[3]
        return found

    return word, byte


def _link(link_type: int, offset: Ints, limit: Ints, word: Reader, byte: Reader) -> tuple[Ints, Ints]:
    """EtherType and where its payload begins, through VLAN tags, MPLS labels and PPPoE."""
    if link_type in _ADDRESS_FAMILY:
        ip = offset + _ADDRESS_FAMILY[link_type]
        version = np.where(ip < limit, byte(ip) >> 4, 0)
        return np.select([version == 4, version == 6], [IPV4, IPV6], NO_LINK), ip
    if link_type not in _TYPE_AT:
        return np.full(len(offset), NO_LINK, np.int64), offset.copy()
    type_at, begin = _TYPE_AT[link_type]
    ip = offset + begin
    ethertype = np.where(ip <= limit, word(offset + type_at) >> 16, CUT)
    for _ in range(_ROUNDS):
        tagged = np.isin(ethertype, _TAGS)
        session = ethertype == 0x8864
        label = (ethertype == 0x8847) | (ethertype == 0x8848)
        if not (tagged.any() or session.any() or label.any()):
            break
        at = ip[tagged]
        ethertype[tagged], ip[tagged] = word(at + 2) >> 16, at + 4
        at = ip[session]
        inner = word(at + 6) >> 16
        ethertype[session] = np.select([inner == 0x21, inner == 0x57], [IPV4, IPV6], NO_LINK)
        ip[session] = at + 8
        at = ip[label]
        bottom, version = byte(at + 2) & 1, byte(at + 4) >> 4
        known = np.select([version == 4, version == 6], [IPV4, IPV6], NO_LINK)
        ethertype[label], ip[label] = np.where(bottom == 1, known, ethertype[label]), at + 4
    return ethertype, ip


def _extensions(at: Ints, byte: Reader, word: Reader) -> tuple[Ints, Ints, Any, Any]:
    """Next header behind IPv6's extensions, where it begins, whether it is a fragment, a later one."""
    protocol, transport = byte(at + 6), at + 40
    fragment, later = np.zeros(len(at), np.bool_), np.zeros(len(at), np.bool_)
    for _ in range(_ROUNDS):
        option, piece = np.isin(protocol, (0, 43, 60, 135)), protocol == 44
        if not (option.any() or piece.any()):
            break
        begin = transport[option]
        protocol[option], transport[option] = byte(begin), begin + (byte(begin + 1) << 3) + 8
        begin = transport[piece]
        place = word(begin) & 0xFFFF
        fragment[piece], later[piece] = place & 0xFFF9 != 0, place & 0xFFF8 != 0
        protocol[piece], transport[piece] = byte(begin), begin + 8
    return protocol, transport, fragment, later


def _transport(
    protocol: Ints, transport: Ints, later: Any, end: Ints, limit: Ints, word: Reader, byte: Reader
) -> tuple[Ints, Ints, Ints]:
    whole = np.isin(protocol, (UDP, TCP, 132)) & ~later & (transport + 4 <= limit)
    ports = np.where(whole, word(transport), 0)
    tcp = whole & (protocol == TCP) & (transport + 20 <= limit)
    udp = whole & (protocol == UDP) & (transport + 8 <= limit)
    payload = np.where(tcp, transport + ((byte(transport + 12) >> 4) << 2), transport + 8)
    length = np.where(udp | tcp, np.clip(end - payload, 0, None), -1)
    return ports, payload, length
