"""Broken and hostile frames: nothing raises, everything is counted, what is held stays bounded."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capture.bounds import FRAGMENT_BYTES, SCTP_BYTES, TCP_BYTES
from capture.datagram import Datagram
from capture.slow.links import LINK_LAYERS
from capture.slow.path import SlowPath
from tests.capture.slow.captures import Frame, frames
from tests.capture.slow.packets import ETHERNET, RAW, ethernet, ipv4, segment, sip, udp
from tests.capture.slow.test_layers import LINKS, TUNNELS
from tests.capture.slow.test_sctp import chunk, packet
from tests.capture.slow.test_websocket import REQUEST, frame
from tests.paths import CAPTURES

SEEDS = [
    *LINKS.values(),
    *((ETHERNET, one) for one in TUNNELS.values()),
    (RAW, segment(sip(1, bytes(50)) + sip(2), 1)),
    (RAW, segment(REQUEST + frame(sip(1), 0x81, b"abcd"), 1)),
    (RAW, packet(chunk(sip(1), 1), chunk(sip(2), 2, 2))),
    (ETHERNET, ethernet(ipv4(udp(sip())[:64], place=0x2000))),
]


def check(slow: SlowPath, datagrams: list[Datagram]) -> None:
    """What every datagram has to be, and what is held."""
    for one in datagrams:
        assert len(one.src_ip) == len(one.dst_ip) in (4, 16)
        assert 0 <= one.src_port <= 65535 >= one.dst_port >= 0
        assert one.snapped == (len(one.payload) < one.length)
        assert -1 <= one.vlan < 4096
        assert 0 <= one.dscp < 64
        assert 0 <= one.ttl < 256
    assert slow._fragments.cost <= FRAGMENT_BYTES
    assert slow._tcp.cost <= TCP_BYTES
    assert slow._sctp.cost <= SCTP_BYTES


@settings(max_examples=300, deadline=None)
@given(
    link_type=st.sampled_from(sorted(LINK_LAYERS)), data=st.binary(max_size=200), more=st.integers(0, 2000)
)
def test_random_bytes(link_type: int, data: bytes, more: int) -> None:
    slow = SlowPath()
    check(slow, slow.feed(link_type, 0, data, len(data) + more))
    check(slow, slow.flush())


@pytest.mark.parametrize("seed", range(8))
def test_flipped_bytes_of_every_layer(seed: int) -> None:
    chance, slow = random.Random(seed), SlowPath()
    for turn in range(4000):
        link_type, frame_ = chance.choice(SEEDS)
        broken = bytearray(frame_)
        for _ in range(chance.randint(1, 4)):
            broken[chance.randrange(len(broken))] = chance.choice(
                (0, 1, 4, 8, 0x11, 0x40, 0x60, 0x7F, 0x80, 0xFF)
            )
        captured = chance.choice((len(broken), chance.randrange(len(broken) + 1)))
        check(slow, slow.feed(link_type, turn * 10**7, bytes(broken[:captured]), len(broken)))
    check(slow, slow.flush())


@pytest.mark.parametrize(
    "name",
    [
        "sip_rtp_dtmf_lo.pcap",
        "arkime_arkime__tests_pcap_arkime_synthetic.pcap",
        "linklayer/aol_moloch__tests_pcap_gtp-iphone.pcap",
        "linklayer/seladb_PcapPlusPlus__Tests_Pcap++Test_PcapExamples_ip4_fragments.pcap",
        "linklayer/seladb_PcapPlusPlus__Tests_Pcap++Test_PcapExamples_ip6_fragments.pcap",
        "linklayer/zeek_zeek__testing_btest_Traces_tunnels_gre-within-gre.pcap",
    ],
)
def test_damaged_captures(name: str) -> None:
    chance, slow, whole = random.Random(name), SlowPath(), list(frames(CAPTURES / name))
    for _ in range(3):
        for link_type, time_ns, data, original in whole:
            broken = bytearray(data)
            for _ in range(chance.randint(0, 5)):
                broken[chance.randrange(min(len(broken), 120))] ^= 1 << chance.randrange(8)
            kept = chance.randrange(len(broken) + 1) if chance.random() < 0.1 else len(broken)
            check(slow, slow.feed(*Frame(link_type, time_ns, bytes(broken[:kept]), original)))
    check(slow, slow.flush())


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_a_damaged_stream_raises_nothing_and_goes_on(data: st.DataObject) -> None:
    slow = SlowPath()
    stream = bytearray(b"".join(sip(n, bytes([48 + n]) * 40) for n in range(4)))
    for _ in range(data.draw(st.integers(1, 6))):
        stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    given, at = [], 1
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        part = segment(bytes(stream[:size]), at)
        given += slow.feed(RAW, at, part, len(part))
        del stream[:size]
        at += size
    good = sip(9) * 2  # the first one may be taken for the end of a broken one's body
    part = segment(good, at)
    given += slow.feed(RAW, at, part, len(part))
    check(slow, given + slow.flush())


@pytest.mark.parametrize(
    "piece",
    [b"\r\n", b"A", b"A b SIP/2.0\r\n", b"SIP/2.0", b" SIP/2.0\r\n", b"SIP/2.0 200 \r\nl: 999999\r\n\r\n"],
)
def test_a_stream_of_nothing_useful_is_read_in_linear_time(piece: bytes) -> None:
    """Byte by byte and in great segments; a quadratic scan would take minutes."""
    slow, start = SlowPath(), sip(1)
    slow.feed(RAW, 0, segment(start, 1), len(segment(start, 1)))
    stream, at = piece * (300_000 // len(piece)), 1 + len(start)
    for size, upto in ((1, 5000), (60_000, len(stream))):
        for begin in range(at - 1 - len(start), upto, size):
            part = segment(stream[begin : begin + size], 1 + len(start) + begin)
            check(slow, slow.feed(RAW, 0, part, len(part)))
        at = 1 + len(start) + upto
