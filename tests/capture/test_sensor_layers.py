"""The same packets give the same events under every link layer, tag and header the kernel walks."""

import struct
from collections.abc import Callable

import pytest

from capture.files import open_capture
from tests.capture.listening import Heard, blocks_of, listen
from tests.capture.packets import START_NS, A, B, ethernet, frame, ip, rtp, sip, udp
from tests.capture.writers import Frame, frames_of
from tests.paths import CAPTURES

SAMPLE = "sip_rtp_dtmf_lo.pcap"


def packets() -> list[Frame]:
    """IP packets of a call with DTMF, and the same over IPv6."""
    frames = frames_of(open_capture(CAPTURES / SAMPLE))[:300]
    bare = [Frame(one.time_ns, one.data[14:], one.wire - 14) for one in frames]
    return [frame for one in bare for frame in (one, Frame(one.time_ns, over_ipv6(one.data), one.wire + 20))]


def over_ipv6(packet: bytes) -> bytes:
    return (
        struct.pack(">IHBB", 6 << 28 | packet[1] << 20, len(packet) - 20, packet[9], packet[8])
        + b"\x20\x01" + bytes(10) + packet[12:16] + b"\x20\x01" + bytes(10) + packet[16:20] + packet[20:]
    )  # fmt: skip


def ethertype(packet: bytes) -> bytes:
    return b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd"


LAYERS: dict[str, tuple[int, Callable[[bytes], bytes]]] = {
    "802.1Q": (1, lambda p: ethernet(p, b"\x81\x00\x60\x05")),
    "QinQ": (1, lambda p: ethernet(p, b"\x88\xa8\x00\x63\x81\x00\x60\x05")),
    "old QinQ": (1, lambda p: ethernet(p, b"\x91\x00\x00\x63\x81\x00\x60\x05")),
    "SLL": (113, lambda p: bytes(14) + ethertype(p) + p),
    "SLL with VLAN": (113, lambda p: bytes(14) + b"\x81\x00\x60\x05" + ethertype(p) + p),
    "SLL2": (276, lambda p: ethertype(p) + bytes(18) + p),
    "raw": (101, lambda p: p),
    "raw, as OpenBSD": (14, lambda p: p),
    "null": (0, lambda p: struct.pack("<I", 2 if p[0] >> 4 == 4 else 30) + p),
    "null, big-endian": (0, lambda p: struct.pack(">I", 2 if p[0] >> 4 == 4 else 10) + p),
    "loop": (108, lambda p: struct.pack(">I", 2 if p[0] >> 4 == 4 else 24) + p),
    "MPLS": (1, lambda p: bytes(12) + b"\x88\x47" + b"\x00\x01\x00\x40\x00\x02\x01\x40" + p),
    "PPPoE": (
        1,
        lambda p: bytes(12) + b"\x88\x64\x11\x00\x00\x01" + struct.pack(">H", len(p) + 2)
        + (b"\x00\x21" if p[0] >> 4 == 4 else b"\x00\x57") + p,
    ),
    "padded": (1, lambda p: ethernet(p) + bytes(60)),
    "802.3 SNAP": (
        1, lambda p: bytes(12) + struct.pack(">H", len(p) + 8) + b"\xaa\xaa\x03\0\0\0" + ethertype(p) + p
    ),
    "IP in IP": (
        1, lambda p: ethernet(ip(p, 4 if p[0] >> 4 == 4 else 41, "10.9.9.1", "10.9.9.2"))
    ),
    "GRE": (1, lambda p: ethernet(ip(bytes(2) + ethertype(p) + p, 47, "10.9.9.1", "10.9.9.2"))),
    "VXLAN": (
        1,
        lambda p: ethernet(
            udp(b"\x08" + bytes(3) + b"\0\0\x2a\0" + ethernet(p), ("10.9.9.1", 5555), ("10.9.9.2", 4789))
        ),
    ),
}  # fmt: skip
TAGGED = {"802.1Q", "QinQ", "old QinQ", "SLL with VLAN"}


def told(heard: Heard) -> tuple[object, ...]:
    """Events without the VLAN and the counters of how they were found."""
    flows = [
        (flow.stream, flow.kind, [said[:2] for said in flow.descriptions[:1]], flow.packets, flow.small)
        for _, flow in sorted(heard.flows.items())
    ]
    messages = [(one.time_us, one.src_ip, one.dst_ip, one.dscp, one.ttl, one.raw) for one in heard.sip]
    return flows, messages, heard.rtcp


@pytest.mark.parametrize("layer", LAYERS)
def test_the_layers_below_make_no_difference(layer: str) -> None:
    link_type, wrap = LAYERS[layer]
    plain = [Frame(one.time_ns, ethernet(one.data), one.wire + 14) for one in packets()]
    wrapped = [Frame(one.time_ns, wrap(one.data), len(wrap(one.data)), link_type) for one in packets()]
    expected, heard = listen(blocks_of(plain)), listen(blocks_of(wrapped))
    assert len(expected.flows) == 12
    assert told(heard) == told(expected)
    vlan = 5 if layer in TAGGED else -1
    assert {one.vlan for one in heard.sip} == {vlan}
    assert {said[2] for flow in heard.flows.values() for said in flow.descriptions} == {vlan}


def test_rtp_with_csrc_extension_and_padding_counts_its_payload_alone() -> None:
    csrc, extension = b"\0\0\0\1\0\0\0\2", b"\xbe\xde\0\1abcd"
    made = [
        rtp(1, 0, payload=b"x" * 160),
        rtp(2, 160, first=0x82, between=csrc, payload=b"x" * 160),
        rtp(3, 320, first=0x90, between=extension, payload=b"x" * 160),
        rtp(4, 480, first=0xA0, payload=b"x" * 160 + b"\0\0\0\4"),
        rtp(5, 640, first=0xB1, between=csrc[:4] + extension, payload=b"x" * 4 + b"\0\2"),
    ]
    heard = listen(blocks_of([frame(udp(one), START_NS + n * 20_000_000) for n, one in enumerate(made)]))
    (flow,) = heard.flows.values()
    assert [packet[4] for packet in flow.packets] == [160, 160, 160, 160, 4]
    assert flow.small == {4: b"xxxx"}


@pytest.mark.parametrize("address", [A, "2001:db8::1"])
def test_headers_before_udp_are_skipped(address: str) -> None:
    """IPv4 options; IPv6 hop-by-hop, destination options and an atomic fragment header."""
    frames = []
    for n in range(3):
        body = struct.pack(">HHHH", 4000, 5000, 8 + 12 + 160, 0) + rtp(n, 160 * n)
        if address == A:
            head = ip(b"\1" * 8 + body, 17, A, B)
            packet = bytes([0x47]) + head[1:]
        else:
            more = bytes([60, 0, 1, 4, 0, 0, 0, 0]) + bytes([44, 0, 1, 4, 0, 0, 0, 0])
            packet = ip(more + bytes([17, 0, 0, 0, 0, 0, 0, 9]) + body, 0, address, "2001:db8::2")
        frames.append(frame(packet, START_NS + n * 20_000_000))
    heard = listen(blocks_of(frames))
    (flow,) = heard.flows.values()
    assert [packet[4] for packet in flow.packets] == [160, 160, 160]
    assert "slow" not in heard.counters


def test_snapped_packets_count_with_their_length_on_the_wire() -> None:
    frames = [frame(udp(rtp(n, 160 * n)), START_NS + n * 20_000_000) for n in range(5)]
    frames.append(frame(udp(sip(headers="X-Long: " + "x" * 500 + "\r\n"), (A, 5060), (B, 5060)), START_NS))
    snapped = [Frame(one.time_ns, one.data[:96], one.wire) for one in frames]
    heard = listen(blocks_of(snapped))
    (flow,) = heard.flows.values()
    assert [packet[4] for packet in flow.packets] == [160] * 5
    assert len(heard.sip) == 1 and len(heard.sip[0].raw) == 96 - 42


def test_a_datagram_in_fragments_is_put_together_in_its_place() -> None:
    whole = sip(headers="X-Long: " + "x" * 3000 + "\r\n")
    body = struct.pack(">HHHH", 5060, 5060, 8 + len(whole), 0) + whole
    cut = [(0, body[:1480], 0x2000), (185, body[1480:2960], 0x2000), (370, body[2960:], 0)]
    fragments = []
    for offset, part, more in cut:
        packet = bytearray(ip(part, 17, A, B, ip_id=7))
        packet[6:8] = struct.pack(">H", more | offset)
        fragments.append(frame(bytes(packet), START_NS + offset))
    heard = listen(blocks_of([fragments[2], fragments[0], fragments[1]]))
    assert [message.raw for message in heard.sip] == [whole]
    assert (heard.sip[0].src_ip, heard.sip[0].src_port) == (bytes([192, 0, 2, 1]), 5060)
