"""SIP as the sensor hears it: which packets are messages, over what, and what it hides."""

import struct

import pytest

from schemas.rtp_packets import FlowKind
from tests.capture.listening import Heard, blocks_of, listen, sensor
from tests.capture.packets import PTIME_NS, START_NS, A, B, frame, ip, rtp, sip, udp
from tests.capture.writers import Frame

SIP_A, SIP_B = (A, 5060), (B, 5060)


def heard_of(*payloads: bytes, src: tuple[str, int] = SIP_A, dst: tuple[str, int] = SIP_B) -> Heard:
    return listen(blocks_of([frame(udp(one, src, dst), START_NS + n) for n, one in enumerate(payloads)]))


def test_says_where_a_message_came_from_and_how() -> None:
    packet = frame(udp(sip(), (A, 5070), (B, 5080), tos=0x60, ttl=7), tags=b"\x81\x00\x00\x2a")
    (message,) = listen(blocks_of([packet])).sip
    assert (message.src_ip, message.src_port) == (bytes([192, 0, 2, 1]), 5070)
    assert (message.dst_ip, message.dst_port) == (bytes([192, 0, 2, 2]), 5080)
    assert (message.transport, message.dscp, message.ttl, message.vlan) == ("udp", 24, 7, 42)
    assert message.time_us == START_NS // 1000
    assert message.raw == sip()


@pytest.mark.parametrize("port", [5060, 15_060])
def test_finds_sip_on_any_port(port: int) -> None:
    methods = (
        "INVITE ACK BYE CANCEL REGISTER OPTIONS PRACK SUBSCRIBE NOTIFY PUBLISH INFO REFER MESSAGE UPDATE"
    )
    payloads = [sip(method) for method in methods.split()] + [b"SIP/2.0 200 OK\r\n\r\n"]
    heard = heard_of(*payloads, src=(A, port), dst=(B, port))
    assert [message.raw for message in heard.sip] == payloads


def test_on_sip_ports_unknown_methods_count_too() -> None:
    assert len(heard_of(sip("FROBNICATE")).sip) == 1
    assert not heard_of(sip("FROBNICATE"), src=(A, 6000), dst=(B, 6000)).sip


def test_keepalives_and_other_payloads_on_sip_ports_are_counted() -> None:
    heard = heard_of(b"\r\n\r\n", b"\0\0\0\0", b"\r\n", b"hello there", b"INVITE me to lunch\r\n", b"jaK")
    assert heard.counters == {"sip_keepalives": 3, "not_sip": 3}


def test_empty_lines_before_a_message_are_taken_off() -> None:
    assert [message.raw for message in heard_of(b"\r\n\r\n" + sip()).sip] == [sip()]


def test_sip_ports_are_a_setting() -> None:
    block = list(blocks_of([frame(udp(sip("FROBNICATE"), (A, 6000), (B, 6000)))]))
    assert len(listen(block, sensor(sip_ports=[6000])).sip) == 1


def test_secrets_are_masked_unless_kept() -> None:
    secret = 'Authorization: Digest username="a", response="0123456789abcdef0123456789abcdef"\r\n'
    frames = list(blocks_of([frame(udp(sip("REGISTER", headers=secret), SIP_A, SIP_B))]))
    (message,) = listen(frames).sip
    assert b"0123456789abcdef" not in message.raw and b'username="a"' in message.raw
    (message,) = listen(frames, sensor(keep_secrets=True)).sip
    assert b"0123456789abcdef" in message.raw


def test_digits_are_masked_unless_kept() -> None:
    body = "Signal=5\r\nDuration=160\r\n"
    info = sip("INFO", headers="Content-Type: application/dtmf-relay\r\n", body=body)
    frames = list(blocks_of([frame(udp(info, SIP_A, SIP_B))]))
    assert b"Signal=X\r\nDuration=160" in listen(frames).sip[0].raw
    assert b"Signal=5\r\nDuration=160" in listen(frames, sensor(keep_digits=True)).sip[0].raw


def segment(sequence: int, payload: bytes, flags: int, ports: tuple[int, int], time_ns: int) -> Frame:
    body = struct.pack(">HHIIBBHHH", *ports, sequence, 0, 0x50, flags, 8192, 0, 0) + payload
    return frame(ip(body, 6, A, B), time_ns)


@pytest.mark.parametrize("ports", [(40_000, 5060), (40_000, 15_060)])
def test_messages_over_tcp_are_cut_out_of_the_stream_on_any_port(ports: tuple[int, int]) -> None:
    stream = sip("MESSAGE", call_id="t1", body="x" * 900) + sip("BYE", call_id="t2")
    pieces = [(0, stream[:500]), (500, stream[500:800]), (800, stream[800:])]
    frames = [segment(999, b"", 0x02, ports, START_NS)]
    frames += [segment(1000 + at, part, 0x18, ports, START_NS + at) for at, part in pieces]
    heard = listen(blocks_of(frames))
    assert [message.raw for message in heard.sip] == [
        sip("MESSAGE", call_id="t1", body="x" * 900), sip("BYE", call_id="t2"),
    ]  # fmt: skip
    assert {message.transport for message in heard.sip} == {"tcp"}


def test_other_tcp_is_only_counted() -> None:
    heard = listen(blocks_of([segment(1, b"HTTP/1.1 200 OK\r\n", 0x18, (80, 40_000), START_NS)]))
    assert heard.counters == {"other_tcp": 1}


T38 = (
    f"v=0\r\no=- 1 1 IN IP4 {A}\r\ns=-\r\nc=IN IP4 {A}\r\nt=0 0\r\n"
    "m=audio 0 RTP/AVP 8\r\nm=image 4000 udptl t38\r\na=T38FaxVersion:0\r\n"
)


def udptl(sequence: int) -> bytes:
    return struct.pack(">HB", sequence, 4) + b"\xc0\1\2\3" + b"\0\0"


def test_udptl_is_known_where_sdp_announced_it() -> None:
    """Both ways, from the very next frame on, and next to RTP on the same ports."""
    offer = frame(udp(sip("INVITE", body=T38), SIP_A, SIP_B), START_NS)
    voice = [frame(udp(rtp(n, 160 * n), (B, 5000), (A, 4000)), START_NS + n * PTIME_NS) for n in range(3)]
    fax = [frame(udp(udptl(n), (B, 5000), (A, 4000)), START_NS + (4 + n) * PTIME_NS) for n in range(5)]
    back = [frame(udp(udptl(n), (A, 4000), (B, 5000)), START_NS + (4 + n) * PTIME_NS) for n in range(2)]
    unannounced = [frame(udp(udptl(n), (B, 5000), (A, 4002)), START_NS + n) for n in range(2)]
    heard = listen(blocks_of([offer, *voice, *fax, *back, *unannounced]))
    kinds = [(flow.kind, len(flow.packets)) for flow in heard.flows.values()]
    assert kinds == [(FlowKind.RTP, 3), (FlowKind.UDPTL, 5), (FlowKind.UDPTL, 2)]
    assert [packet[1:] for packet in heard.flows[2].packets] == [(n, 0, 0, 9) for n in range(5)]
    assert heard.counters == {"sip": 1, "rtp": 3, "udptl": 7, "other_udp": 2}
    before = listen(blocks_of([*fax, offer]))
    assert not before.flows
