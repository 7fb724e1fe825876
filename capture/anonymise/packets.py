"""Datagrams and messages as new Ethernet frames, with nothing of the old ones but what is given."""

import struct
from collections.abc import Iterator
from typing import Final

from capture.anonymise.checksums import crc32c, internet_checksum
from capture.cutting.frames import Frame, Heard

LINK_ETHERNET: Final = 1
UDP, TCP, SCTP = 17, 6, 132
SEGMENT_MAX: Final = 60_000
FIRST_SEQUENCE: Final = 1
WINDOW: Final = 65_535
PUSH_ACK: Final = 0x18
_SPACE: Final = 0xFFFF_FFFF
_TEXT_FRAME: Final = 0x81
_DATA_CHUNK: Final = 3  # whole: beginning and end of a message
_SIP_PAYLOAD: Final = 0
_IPV4: Final = struct.Struct(">BBHHHBBH4s4s")
_IPV6: Final = struct.Struct(">IHBB16s16s")

_Way = tuple[bytes, int, bytes, int]


class Packets:
    """Builds frames; TCP connections and SCTP associations go on from message to message."""

    def __init__(self) -> None:
        self._next: dict[_Way, int] = {}

    def frames(self, heard: Heard) -> Iterator[Frame]:
        """The frames of one datagram or message."""
        if heard.transport == "udp":
            yield self._udp(heard)
        elif heard.transport == "sctp":
            yield self._sctp(heard)
        else:
            data = _websocket(heard.payload) if heard.transport == "ws" else heard.payload
            for at in range(0, len(data), SEGMENT_MAX):
                yield self._tcp(heard, data[at : at + SEGMENT_MAX])

    def _udp(self, heard: Heard) -> Frame:
        """Lengths are those on the wire; without all octets there is no checksum (RFC 768)."""
        lost = max(0, heard.length - len(heard.payload))
        length = 8 + len(heard.payload) + lost
        fitting = length if length <= 0xFFFF else 0
        head = struct.pack(">HHHH", heard.src_port, heard.dst_port, fitting, 0)
        if not lost:
            checksum = _transport_checksum(heard, UDP, head + heard.payload) or 0xFFFF
            head = head[:6] + struct.pack(">H", checksum)
        return _frame(heard, UDP, head + heard.payload, lost)

    def _tcp(self, heard: Heard, data: bytes) -> Frame:
        way = (heard.src_ip, heard.src_port, heard.dst_ip, heard.dst_port)
        back = (heard.dst_ip, heard.dst_port, heard.src_ip, heard.src_port)
        sequence = self._next.get(way, FIRST_SEQUENCE)
        self._next[way] = (sequence + len(data)) & _SPACE
        head = struct.pack(
            ">HHIIBBHHH", heard.src_port, heard.dst_port, sequence, self._next.get(back, FIRST_SEQUENCE),
            5 << 4, PUSH_ACK, WINDOW, 0, 0,
        )  # fmt: skip
        checksum = struct.pack(">H", _transport_checksum(heard, TCP, head + data))
        return _frame(heard, TCP, head[:16] + checksum + head[18:] + data, 0)

    def _sctp(self, heard: Heard) -> Frame:
        way = (heard.src_ip, heard.src_port, heard.dst_ip, heard.dst_port)
        number = self._next[way] = self._next.get(way, 0) + 1
        data = heard.payload + bytes(-len(heard.payload) % 4)
        head = struct.pack(">HHII", heard.src_port, heard.dst_port, 1, 0)
        chunk = struct.pack(
            ">BBHIHHI", 0, _DATA_CHUNK, 16 + len(heard.payload), number, 0, number & 0xFFFF, _SIP_PAYLOAD
        )
        checksum = struct.pack("<I", crc32c(head + chunk + data))
        return _frame(heard, SCTP, head[:8] + checksum + chunk + data, 0)


def _frame(heard: Heard, protocol: int, packet: bytes, lost: int) -> Frame:
    """Ethernet, a VLAN tag where there was one, IP; `lost` octets of the packet are not in the capture."""
    tag = struct.pack(">HH", 0x8100, heard.vlan) if heard.vlan >= 0 else b""
    tos, length = heard.dscp << 2, len(packet) + lost
    if len(heard.src_ip) == 4:
        total = 20 + length if 20 + length <= 0xFFFF else 0
        ip = _IPV4.pack(
            0x45, tos, total, heard.ip_id, 0, heard.ttl, protocol, 0, heard.src_ip, heard.dst_ip
        )  # fmt: skip
        ip = b"\x08\x00" + ip[:10] + struct.pack(">H", internet_checksum(ip)) + ip[12:]
    else:
        payload = length if length <= 0xFFFF else 0
        ip = b"\x86\xdd" + _IPV6.pack(
            6 << 28 | tos << 20, payload, protocol, heard.ttl, heard.src_ip, heard.dst_ip
        )
    data = _hardware(heard.dst_ip) + _hardware(heard.src_ip) + tag + ip + packet
    return Frame(heard.time_ns, LINK_ETHERNET, data, len(data) + lost)


def _hardware(ip: bytes) -> bytes:
    """A locally administered address, the same for the same (masked) host."""
    return b"\x02\x00" + ip[-4:]


def _transport_checksum(heard: Heard, protocol: int, packet: bytes) -> int:
    """Of UDP and TCP, with the pseudo header of RFC 768, or RFC 8200 8.1."""
    ends = heard.src_ip + heard.dst_ip
    return internet_checksum(ends + struct.pack(">II", protocol, len(packet)) + packet)


def _websocket(message: bytes) -> bytes:
    """One unmasked text frame (RFC 6455 5.2)."""
    size = len(message)
    if size < 126:
        head = struct.pack(">BB", _TEXT_FRAME, size)
    elif size <= 0xFFFF:
        head = struct.pack(">BBH", _TEXT_FRAME, 126, size)
    else:
        head = struct.pack(">BBQ", _TEXT_FRAME, 127, size)
    return head + message
