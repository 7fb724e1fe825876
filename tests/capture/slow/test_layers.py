"""Every link layer and tunnel leads to the datagram inside."""

import struct

import pytest

from capture.bounds import LAYERS_PER_FRAME
from capture.datagram import Datagram
from capture.slow.counters import MEANING
from capture.slow.path import SlowPath
from tests.capture.slow.packets import (
    ALICE,
    ALICE6,
    BOB,
    BOB6,
    ETHERNET,
    MACS,
    RAW,
    ethernet,
    fragment4,
    ipv4,
    ipv6,
    packed,
    sip,
    udp,
)

INNER4, INNER6 = ipv4(udp(sip())), ipv6(udp(sip()))
LLC_SNAP = bytes.fromhex("aaaa03000000")
PPP4 = b"\x00\x21" + INNER4
MPLS4 = struct.pack(">II", 16 << 12 | 64, 17 << 12 | 0x100 | 64) + INNER4
SLL = struct.pack(">HHH8s", 0, 1, 6, b"\2\0\0\0\0\1\0\0")


def tlv(kind: int, value: bytes, order: str) -> bytes:
    """An NFLOG attribute, padded."""
    return struct.pack(order + "HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


LINKS = {
    "null, little-endian": (0, struct.pack("<I", 2) + INNER4),
    "null, big-endian": (0, struct.pack(">I", 2) + INNER4),
    "null, IPv6 of a Mac": (0, struct.pack("<I", 30) + INNER6),
    "loop": (108, struct.pack(">I", 24) + INNER6),
    "Ethernet": (1, ethernet(INNER4)),
    "Ethernet, IPv6, padded": (1, ethernet(INNER6, 0x86DD) + bytes(20)),
    "Ethernet, 802.3 with SNAP": (1, ethernet(LLC_SNAP + b"\x08\0" + INNER4, 8 + len(INNER4)) + bytes(9)),
    "Ethernet, 802.3 with IP's own access point": (1, ethernet(b"\6\6\3" + INNER4, 3 + len(INNER4))),
    "PPP, framed": (9, b"\xff\x03" + PPP4),
    "PPP, bare": (9, PPP4),
    "PPP, compressed protocol": (9, b"\x57" + INNER6),
    "PPP in HDLC": (50, b"\xff\x03" + PPP4),
    "Cisco HDLC": (104, b"\x0f\x00\x08\x00" + INNER4),
    "PPP with direction": (204, b"\x01\xff\x03" + PPP4),
    "PPPoE as link": (51, struct.pack(">BBHH", 0x11, 0, 5, len(PPP4)) + PPP4),
    "raw, 12": (12, INNER4),
    "raw, 101, IPv6": (101, INNER6),
    "IPv4": (228, INNER4),
    "IPv6": (229, INNER6),
    "SLL": (113, SLL + b"\x08\0" + INNER4),
    "SLL with VLAN": (113, SLL + b"\x81\0\0\x05\x08\0" + INNER4),
    "SLL with LLC": (113, SLL + b"\0\4" + LLC_SNAP + b"\x86\xdd" + INNER6),
    "SLL2": (276, struct.pack(">HHIHBB8s", 0x86DD, 0, 2, 1, 0, 6, bytes(8)) + INNER6),
    "NFLOG": (239, bytes((2, 0, 0, 5)) + tlv(10, b"rule", "<") + tlv(9, INNER4, "<")),
    "NFLOG, big-endian host": (239, bytes((10, 0, 0, 5)) + tlv(10, b"r", ">") + tlv(9, INNER6, ">")),
    "frame relay": (107, b"\x18\x41\x03\xcc" + INNER4),
    "ATM with LLC": (100, LLC_SNAP + b"\x08\0" + INNER4),
    "802.11": (105, b"\x88\x01" + bytes(22) + b"\0\0" + LLC_SNAP + b"\x08\0" + INNER4),
    "radiotap": (127, b"\0\0\x08\0" + bytes(4) + b"\x08\x01" + bytes(22) + LLC_SNAP + b"\x08\0" + INNER4),
}

INNER_FRAME = ethernet(INNER4)
TAGGED_FRAME = ethernet(struct.pack(">HH", 9, 0x86DD) + INNER6, 0x8100)


def gre(flags: int, protocol: int, optional: bytes, payload: bytes) -> bytes:
    """A GRE packet in IPv4."""
    return ipv4(struct.pack(">HH", flags, protocol) + optional + payload, 47)


def under(port: int, payload: bytes) -> bytes:
    """A UDP tunnel's packet."""
    return ipv4(udp(payload, 50000, port), src="10.0.0.1", dst="10.0.0.2")


TUNNELS = {
    "VLAN": ethernet(b"\0\x05\x08\0" + INNER4, 0x8100),
    "QinQ": ethernet(b"\0\x05\x81\0\0\x09\x86\xdd" + INNER6, 0x88A8),
    "VN-Tag": ethernet(b"\0\0\0\0\x08\0" + INNER4, 0x8926),
    "802.1ah": ethernet(b"\0\0\0\x01" + INNER_FRAME, 0x88E7),
    "PPPoE": ethernet(struct.pack(">BBHH", 0x11, 0, 5, len(PPP4)) + PPP4, 0x8864),
    "MPLS": ethernet(MPLS4, 0x8847),
    "MPLS, pseudowire": ethernet(struct.pack(">I", 0x10140) + INNER_FRAME, 0x8847),
    "MPLS, pseudowire with control word": ethernet(struct.pack(">II", 0x10140, 5) + TAGGED_FRAME, 0x8847),
    "NSH": ethernet(bytes.fromhex("0fc20203") + bytes(4) + INNER_FRAME, 0x894F),
    "IP in IP": ethernet(ipv4(INNER4, 4)),
    "6in4": ethernet(ipv4(INNER6, 41)),
    "4in6": ethernet(ipv6(INNER4, 4), 0x86DD),
    "6in6": ethernet(ipv6(INNER6, 41), 0x86DD),
    "authentication header": ethernet(ipv4(b"\x11\4\0\0" + bytes(20) + INNER4[20:], 51)),
    "IPv6, authentication and options": ethernet(
        ipv6(b"\x33\0" + bytes(6) + b"\x3c\4\0\0" + bytes(20) + b"\x11\0" + bytes(6) + INNER6[40:], 0), 0x86DD
    ),
    "IPv6, atomic fragment": ethernet(ipv6(b"\x11\0\0\0\0\0\0\1" + INNER6[40:], 44), 0x86DD),
    "MPLS in IP": ethernet(ipv4(MPLS4, 137)),
    "EtherIP": ethernet(ipv4(b"\x30\0" + INNER_FRAME, 97)),
    "GRE": ethernet(gre(0, 0x0800, b"", INNER4)),
    "GRE, all options": ethernet(gre(0xB000, 0x86DD, bytes(12), INNER6)),
    "GRE, source routes": ethernet(gre(0x4000, 0x0800, bytes(4) + b"\x08\0\0\2ab" + bytes(4), INNER4)),
    "GRE, Ethernet": ethernet(gre(0x2000, 0x6558, bytes(4), TAGGED_FRAME)),
    "GRE, PPTP": ethernet(gre(0x3081, 0x880B, struct.pack(">HHII", len(PPP4), 1, 2, 3), PPP4)),
    "GRE, WCCP": ethernet(gre(0, 0x883E, bytes(4), INNER4)),
    "ERSPAN I": ethernet(gre(0, 0x88BE, b"", INNER_FRAME)),
    "ERSPAN II": ethernet(gre(0x1000, 0x88BE, bytes(4), b"\x10" + bytes(7) + INNER_FRAME)),
    "ERSPAN III": ethernet(gre(0x1000, 0x22EB, bytes(4), b"\x20" + bytes(11) + INNER_FRAME)),
    "ERSPAN III, more": ethernet(
        gre(0x1000, 0x22EB, bytes(4), b"\x20" + bytes(10) + b"\1" + bytes(8) + INNER_FRAME)
    ),
    "VXLAN": ethernet(under(4789, b"\x08" + bytes(7) + TAGGED_FRAME)),
    "VXLAN, Linux": ethernet(under(8472, b"\x08" + bytes(7) + INNER_FRAME)),
    "VXLAN, GPE": ethernet(under(4790, b"\x0c\0\0\2" + bytes(4) + INNER6)),
    "Geneve": ethernet(under(6081, b"\x02\0\x65\x58" + bytes(12) + INNER_FRAME)),
    "Geneve, IP": ethernet(under(6081, b"\0\0\x86\xdd" + bytes(4) + INNER6)),
    "GTP": ethernet(under(2152, b"\x30\xff" + struct.pack(">HI", len(INNER4), 9) + INNER4)),
    "GTP, extension header": ethernet(
        under(2152, b"\x34\xff" + struct.pack(">HI", 8 + len(INNER4), 9) + b"\0\0\0\x85\1ab\0" + INNER4)
    ),
    "Teredo": ethernet(under(3544, INNER6)),
    "Teredo, authentication and origin": ethernet(under(3544, b"\0\1\0\0" + bytes(9) + bytes(8) + INNER6)),
    "TZSP": ethernet(under(37008, b"\1\0\0\1\0\x0a\1\5\1" + INNER_FRAME)),
    "MPLS in UDP": ethernet(under(6635, MPLS4)),
    "GRE in UDP": ethernet(under(4754, b"\0\0\x08\0" + INNER4)),
    "L2TP": ethernet(under(1701, struct.pack(">HHHH", 0x4002, 8 + 2 + len(PPP4), 1, 2) + b"\xff\x03" + PPP4)),
    "VXLAN in GRE in IPv6": ethernet(
        ipv6(b"\0\0\x08\0" + under(4789, b"\x08" + bytes(7) + INNER_FRAME), 47), 0x86DD
    ),
    "PPPoE in QinQ": ethernet(
        b"\0\1\x81\0\0\2\x88\x64" + struct.pack(">BBHH", 0x11, 0, 5, len(PPP4)) + PPP4, 0x88A8
    ),
}


def only(slow: SlowPath, link_type: int, frame: bytes, original: int | None = None) -> Datagram:
    """The one datagram that a frame gives."""
    (datagram,) = slow.feed(link_type, 5, frame, len(frame) if original is None else original)
    return datagram


def check(slow: SlowPath, datagram: Datagram) -> None:
    """It is the datagram of INNER4 or INNER6, and nothing was counted."""
    assert datagram.payload == sip()
    assert datagram.length == len(sip())
    assert not datagram.snapped
    assert (datagram.src_ip, datagram.dst_ip) in (
        (packed(ALICE), packed(BOB)),
        (packed(ALICE6), packed(BOB6)),
    )
    assert (datagram.src_port, datagram.dst_port, datagram.transport) == (5060, 5060, "udp")
    assert (datagram.time_ns, datagram.dscp, datagram.ttl) == (5, 46, 63)
    assert datagram.ip_id == (7 if len(datagram.src_ip) == 4 else 0)
    assert not any(slow.counters.values())


@pytest.mark.parametrize("name", LINKS)
def test_link_layer(name: str) -> None:
    slow = SlowPath()
    link_type, frame = LINKS[name]
    check(slow, only(slow, link_type, frame))


@pytest.mark.parametrize("name", TUNNELS)
def test_tunnel(name: str) -> None:
    slow = SlowPath()
    check(slow, only(slow, ETHERNET, TUNNELS[name]))


@pytest.mark.parametrize(
    ("name", "vlan"), [("VLAN", 5), ("QinQ", 9), ("MPLS", -1), ("GRE, Ethernet", 9), ("PPPoE in QinQ", 2)]
)
def test_the_innermost_tag_is_the_vlan(name: str, vlan: int) -> None:
    assert only(SlowPath(), ETHERNET, TUNNELS[name]).vlan == vlan


RTP = bytes.fromhex("8000080012345678deadbeef") + b"\x55" * 160


@pytest.mark.parametrize("port", [4789, 8472, 4790, 6081, 2152, 3544, 37008, 6635, 4754, 1701])
@pytest.mark.parametrize(
    "payload", [RTP, sip(), b"", b"\0\1\0\x08\x21\x12\xa4\x42" + bytes(20), b"\x80\xc8\0\6" + bytes(24)]
)
def test_a_call_on_a_tunnels_port_is_no_tunnel(port: int, payload: bytes) -> None:
    slow = SlowPath()
    for frame in (ipv4(udp(payload, port, 9000)), ipv4(udp(payload, 9000, port))):
        assert only(slow, RAW, frame).payload == payload
    assert not any(slow.counters.values())


def test_a_snapped_datagram_says_what_it_was() -> None:
    slow, frame = SlowPath(), ethernet(INNER4)
    datagram = only(slow, ETHERNET, frame[:100], len(frame))
    assert datagram.payload == sip()[: 100 - 42]
    assert (datagram.length, datagram.snapped) == (len(sip()), True)


def test_a_frame_that_a_mirror_cut_is_snapped_too() -> None:
    frame = ethernet(INNER4)[:90]
    datagram = only(SlowPath(), ETHERNET, frame)
    assert (len(datagram.payload), datagram.length, datagram.snapped) == (48, len(sip()), True)


@pytest.mark.parametrize(
    ("reason", "link_type", "frame"),
    [
        ("link_type_unknown", 195, bytes(60)),
        ("not_ip", 1, ethernet(bytes(46), 0x0806)),
        ("not_ip", 1, ethernet(b"\x42\x42\x03" + bytes(43), 46)),
        ("not_ip", 9, b"\xff\x03\xc0\x21" + bytes(8)),
        ("not_ip", 101, gre(0, 0, b"", b"")),
        ("not_ip", 1, ethernet(under(6081, b"\0\0\x08\x06" + bytes(32)))),
        ("not_transport", 101, ipv4(INNER4[:28], 1)),
        ("not_transport", 101, ipv6(b"", 59)),
        ("encrypted", 101, ipv4(bytes(40), 50)),
        ("encrypted", 1, ethernet(bytes(40), 0x88E5)),
        ("malformed", 101, b"\x55" + bytes(40)),
        ("malformed", 101, b"\x42" + INNER4[1:]),
        ("malformed", 1, ethernet(b"")[:10]),
        ("malformed", 101, gre(0x0003, 0x0800, b"", INNER4)),
        ("udp_bad_length", 101, ipv4(struct.pack(">HHHH", 1, 2, 7, 0))),
        ("udp_bad_length", 101, ipv4(struct.pack(">HHHH", 1, 2, 9, 0))),
        ("too_deep", 1, ethernet(b"\0\1\x81\0" * 30, 0x8100)),
        ("too_deep", 1, ethernet(bytes(400), 0x8847)),
    ],
)
def test_what_gives_nothing_is_counted(reason: str, link_type: int, frame: bytes) -> None:
    slow = SlowPath()
    assert slow.feed(link_type, 0, frame, len(frame)) == []
    assert {name: value for name, value in slow.counters.items() if value} == {reason: 1}


def test_a_header_that_the_capture_cut_is_counted() -> None:
    slow = SlowPath()
    assert slow.feed(ETHERNET, 0, ethernet(INNER4)[:30], 400) == []
    assert slow.counters["truncated"] == 1


def test_nesting_is_bounded() -> None:
    slow, packet = SlowPath(), INNER4
    for _ in range(LAYERS_PER_FRAME + 1):
        packet = ipv4(packet, 4)
    assert slow.feed(RAW, 0, packet, len(packet)) == []
    assert slow.counters["too_deep"] == 1


def test_a_datagram_quoted_by_icmp_is_not_handed_on() -> None:
    slow = SlowPath()
    packet = ipv4(b"\3\3\0\0\0\0\0\0" + INNER4, 1)
    assert slow.feed(RAW, 0, packet, len(packet)) == []


def test_fragments_inside_a_tunnel() -> None:
    slow, payload = SlowPath(), udp(sip() * 9)
    first, last = (gre(0, 0x0800, b"", fragment4(payload, a, b)) for a, b in ((0, 400), (400, len(payload))))
    assert slow.feed(RAW, 1, first, len(first)) == []
    (datagram,) = slow.feed(RAW, 2, last, len(last))
    assert (datagram.payload, datagram.time_ns, datagram.src_ip) == (sip() * 9, 2, packed(ALICE))


def test_a_tunnel_inside_fragments() -> None:
    slow, payload = SlowPath(), under(4789, b"\x08" + bytes(7) + MACS + b"\x08\0" + ipv4(udp(sip() * 9)))[20:]
    frames = [fragment4(payload, a, b) for a, b in ((400, len(payload)), (0, 400))]
    assert slow.feed(RAW, 1, frames[0], len(frames[0])) == []
    assert only(slow, RAW, frames[1]).payload == sip() * 9


def test_an_unsegmented_packet_without_lengths_is_as_long_as_its_frame() -> None:
    packet = bytearray(ipv4(udp(sip())))
    packet[2:4] = packet[24:26] = b"\0\0"
    assert only(SlowPath(), RAW, bytes(packet)).payload == sip()


def test_a_jumbogram() -> None:
    payload = struct.pack(">HHHH", 5060, 5060, 0, 0) + sip()
    packet = bytearray(ipv6(b"\x11\0\xc2\4" + struct.pack(">I", 8 + len(payload)) + payload, 0))
    packet[4:6] = b"\0\0"
    assert only(SlowPath(), RAW, bytes(packet) + b"trailer").payload == sip()


def test_every_counter_has_a_meaning() -> None:
    assert SlowPath().counters.keys() == MEANING.keys()
    assert all(MEANING.values())
