"""Datagrams of the slow path as frames again, so that one kernel classifies everything."""

import struct

from capture.block import Block
from capture.datagram import Datagram
from capture.order import one_frame

LINK_ETHERNET = 1
_ETHERNET = bytes(12)
_IPV4 = struct.Struct(">BBHHHBBH4s4s")
_IPV6 = struct.Struct(">IHBB16s16s")
_UDP = struct.Struct(">HHHH")


def frame_of(datagram: Datagram) -> Block:
    """A block of one Ethernet frame that carries the datagram.

    Lengths are those on the wire, 0 (the frame counts) where they do not fit the field.
    """
    tag = struct.pack(">HH", 0x8100, datagram.vlan) if datagram.vlan >= 0 else b""
    tos, length = datagram.dscp << 2, 8 + datagram.length
    if len(datagram.src_ip) == 4:
        kind, total = b"\x08\x00", 20 + length
        ip = _IPV4.pack(
            0x45, tos, total if total <= 0xFFFF else 0, datagram.ip_id, 0, datagram.ttl, 17, 0,
            datagram.src_ip, datagram.dst_ip,
        )  # fmt: skip
    else:
        kind = b"\x86\xdd"
        ip = _IPV6.pack(
            6 << 28 | tos << 20, length if length <= 0xFFFF else 0, 17, datagram.ttl,
            datagram.src_ip, datagram.dst_ip,
        )  # fmt: skip
    udp = _UDP.pack(datagram.src_port, datagram.dst_port, length if length <= 0xFFFF else 0, 0)
    head = _ETHERNET + tag + kind + ip + udp
    return one_frame(LINK_ETHERNET, datagram.time_ns, head + datagram.payload, len(head) + datagram.length)
