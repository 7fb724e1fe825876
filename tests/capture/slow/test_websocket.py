"""SIP over WebSocket: handshake, masks, fragmented messages, control frames, and streams heard late."""

import itertools
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capture.bounds import SIP_MESSAGE, TCP_GAP_NS
from tests.capture.slow.packets import ACK, SYN, sip
from tests.capture.slow.test_tcp import Talk, cuts

REQUEST = b"GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: chat, sip\r\n\r\n"
RESPONSE = b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
TEXT, BINARY, MORE, CLOSE, PING = 0x81, 0x82, 0, 0x88, 0x89
KEY = b"\x12\xab\x00\xff"


def frame(payload: bytes, first: int = TEXT, key: bytes = b"") -> bytes:
    """A WebSocket frame (RFC 6455 5.2), masked where there is a key."""
    size, mask = len(payload), 0x80 if key else 0
    if size < 126:
        head = bytes((first, mask | size))
    elif size < 65536:
        head = struct.pack(">BBH", first, mask | 126, size)
    else:
        head = struct.pack(">BBQ", first, mask | 127, size)
    if key:
        payload = bytes(byte ^ mask for byte, mask in zip(payload, itertools.cycle(key), strict=False))
    return head + key + payload


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_any_segmentation_and_fragmentation_gives_every_message_once(data: st.DataObject) -> None:
    key = data.draw(st.sampled_from([b"", KEY]))
    messages = [sip(n, data.draw(st.binary(max_size=400))) for n in range(data.draw(st.integers(1, 4)))]
    stream = REQUEST
    for message in messages:
        parts = [message[start:stop] for start, stop in cuts(data, len(message))]
        for index, part in enumerate(parts):
            final, opcode = 0x80 if index == len(parts) - 1 else 0, MORE if index else 1
            stream += frame(part, final | opcode, key)
            if data.draw(st.booleans()):
                stream += frame(b"alive", PING, key)
    talk = Talk()
    talk.say(b"", 0, SYN)
    for start, stop in data.draw(st.permutations(cuts(data, len(stream)))):
        talk.say(stream[start:stop], 1 + start)
    assert talk.payloads == messages
    assert {one.transport for one in talk.given} == {"ws"}
    assert talk.counted() == {}


def test_both_sides_of_a_websocket() -> None:
    talk = Talk()
    talk.say(REQUEST, 1)
    talk.say(RESPONSE, 1, back=True)
    talk.say(frame(sip(1), TEXT, KEY), 1 + len(REQUEST))
    talk.say(frame(sip(2), BINARY), 1 + len(RESPONSE), back=True)
    talk.say(frame(b"\r\n\r\n", TEXT, KEY), 1 + len(REQUEST) + len(frame(sip(1), TEXT, KEY)))
    assert [(one.payload, one.transport, one.src_port) for one in talk.given] == [
        (sip(1), "ws", 40000),
        (sip(2), "ws", 5060),
    ]
    assert talk.counted() == {}


@pytest.mark.parametrize("key", [b"", KEY])
def test_a_websocket_heard_late(key: bytes) -> None:
    talk, first = Talk(), frame(sip(1, bytes(300)), TEXT, key)
    talk.say(first, 1)
    talk.say(frame(sip(2), TEXT, key), 1 + len(first))
    assert talk.payloads == [sip(1, bytes(300)), sip(2)]


@pytest.mark.parametrize("protocol", [b"chat", b"sipx", b"xmpp"])
def test_other_websockets_are_let_go(protocol: bytes) -> None:
    talk = Talk()
    talk.say(REQUEST.replace(b"chat, sip", protocol), 1)
    assert not talk.known()
    assert talk.counted() == {"tcp_not_sip": 1}


def test_a_refused_handshake_is_let_go() -> None:
    talk = Talk()
    talk.say(RESPONSE.replace(b"101", b"403"), 1, back=True)
    assert not talk.known()


def test_a_hole_costs_the_frames_it_is_in() -> None:
    talk, big = Talk(), frame(sip(1, bytes(1000)), TEXT, KEY)
    stream = REQUEST + big + frame(sip(2), TEXT, KEY)
    at = len(REQUEST) + 300
    talk.say(stream[:at], 1)
    talk.say(stream[at + 200 :], 1 + at + 200)
    talk.time_ns += TCP_GAP_NS
    assert [one.payload for one in talk.say(b"", 1, ACK)] == [sip(2)]
    assert talk.counted() == {"tcp_gap": 1, "sip_cut": 1}


def test_a_hole_over_a_frames_header_waits_for_a_segment_that_begins_with_sip() -> None:
    talk, one = Talk(), frame(sip(1), TEXT, KEY)
    talk.say(REQUEST + one[:20], 1)
    at = 1 + len(REQUEST) + len(one) + 30
    talk.say(one[30:], at)
    talk.say(one, at + len(one) - 30)
    talk.time_ns += TCP_GAP_NS
    assert [message.payload for message in talk.say(b"", 1, ACK)] == [sip(1)]
    assert talk.counted() == {"tcp_gap": 1, "ws_malformed": 1}


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (frame(sip(1), 0xC1), "ws_compressed"),
        (frame(b"hello"), "ws_not_sip"),
        (frame(sip(1), 0x80), "ws_malformed"),
        (frame(sip(1, bytes(SIP_MESSAGE))), "sip_too_long"),
    ],
)
def test_what_is_no_message_is_counted_and_the_next_found(bad: bytes, reason: str) -> None:
    talk, stream = Talk(), RESPONSE + bad + frame(sip(2))
    for at in range(0, len(stream), 60000):
        talk.say(stream[at : at + 60000], 1 + at)
    assert talk.payloads == [sip(2)]
    assert talk.counted() == {reason: 1}


@pytest.mark.parametrize("bad", [b"\xf1\x05hello", b"\x83\x05hello", b"\x89\x7e\x00\xff" + bytes(255)])
def test_a_broken_frame_waits_for_the_next_segment(bad: bytes) -> None:
    talk = Talk()
    talk.say(RESPONSE + bad, 1)
    talk.say(frame(sip(2)), 1 + len(RESPONSE) + len(bad))
    assert talk.payloads == [sip(2)]
    assert talk.counted() == {"ws_malformed": 1}


def test_a_message_of_endless_fragments_is_bounded() -> None:
    talk, at = Talk(), 1 + len(RESPONSE)
    talk.say(RESPONSE, 1)
    for number in range(300):
        part = frame(b"x" * 4000, MORE if number else 1)
        talk.say(part, at)
        at += len(part)
        assert talk.slow._tcp.cost <= SIP_MESSAGE + 8192
    assert talk.counted()["sip_too_long"] == 1
