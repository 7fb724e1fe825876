"""SIP over SCTP: whole chunks, several in a packet, messages in fragments, repeats."""

import struct

from hypothesis import given, settings
from hypothesis import strategies as st

from capture.bounds import SCTP_BYTES, SCTP_FRAGMENTS
from capture.datagram import Datagram
from capture.slow.path import SlowPath
from tests.capture.slow.packets import RAW, ipv4, sip
from tests.capture.slow.test_tcp import cuts

BEGIN, END = 2, 1


def chunk(payload: bytes, tsn: int, flags: int = BEGIN | END, kind: int = 0) -> bytes:
    """A DATA chunk (RFC 9260 3.3.1), padded."""
    head = struct.pack(">BBHIHHI", kind, flags, 16 + len(payload), tsn & 0xFFFFFFFF, 0, 0, 0)
    return head + payload + bytes(-len(payload) % 4)


def packet(*chunks: bytes, tag: int = 77) -> bytes:
    """An SCTP packet in IPv4."""
    return ipv4(struct.pack(">HHII", 5060, 5061, tag, 0) + b"".join(chunks), 132)


def feed(slow: SlowPath, data: bytes, captured: int | None = None) -> list[Datagram]:
    """Feed one packet."""
    return slow.feed(RAW, 9, data[:captured], len(data))


def test_every_chunk_of_a_packet_is_a_message() -> None:
    slow = SlowPath()
    one, two = feed(slow, packet(chunk(sip(1), 5), chunk(b"", 0, kind=3), chunk(sip(2, b"abc"), 6)))
    assert (one.payload, two.payload) == (sip(1), sip(2, b"abc"))
    assert (one.transport, one.src_port, one.dst_port, one.time_ns) == ("sctp", 5060, 5061, 9)
    assert not any(slow.counters.values())


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_fragments_in_any_order_and_twice_give_each_message_once(data: st.DataObject) -> None:
    slow, chunks, tsn = SlowPath(), [], 0xFFFFFFFA
    messages = [sip(n, bytes([n]) * 200) for n in range(3)]
    for message in messages:
        parts = cuts(data, len(message))
        for index, (start, stop) in enumerate(parts):
            flags = BEGIN * (index == 0) | END * (index == len(parts) - 1)
            chunks.append(chunk(message[start:stop], tsn, flags))
            tsn += 1
    repeats = data.draw(st.lists(st.sampled_from(chunks), max_size=5))
    order = data.draw(st.permutations(chunks + repeats))
    given = [one.payload for part in order for one in feed(slow, packet(part))]
    assert sorted(given) == messages
    assert slow.counters["sctp_duplicate"] == len(repeats)
    slow.flush()
    assert slow.counters["sctp_incomplete"] == 0


def test_other_payloads_are_counted() -> None:
    slow = SlowPath()
    assert feed(slow, packet(chunk(b"diameter", 1))) == []
    assert slow.counters["sctp_not_sip"] == 1


def test_a_snapped_message_says_what_it_was() -> None:
    slow, data = SlowPath(), packet(chunk(sip(1, bytes(100)), 1))
    (message,) = feed(slow, data, 120)
    assert message.payload == sip(1, bytes(100))[: 120 - 20 - 12 - 16]
    assert (message.length, message.snapped) == (len(sip(1, bytes(100))), True)


def test_chunks_with_impossible_lengths_are_malformed() -> None:
    for length in (0, 3, 60000):
        slow = SlowPath()
        broken = bytearray(packet(chunk(sip(1), 1)))
        broken[34:36] = struct.pack(">H", length)
        assert feed(slow, bytes(broken)) == []
        assert slow.counters["malformed"] == 1


def test_unfinished_messages_are_bounded() -> None:
    slow = SlowPath()
    for number in range(3000):
        feed(slow, packet(chunk(bytes(16000), number * 2, 0), tag=number // 100))
        assert slow._sctp.cost <= SCTP_BYTES
    slow.flush()
    assert slow._sctp.cost == 0
    assert slow.counters["sctp_incomplete"] == 3000
    for number in range(2 * SCTP_FRAGMENTS):
        feed(slow, packet(chunk(b"x", number * 2, BEGIN)))
    assert slow.counters["sctp_incomplete"] == 3000 + SCTP_FRAGMENTS
