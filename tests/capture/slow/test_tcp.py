"""SIP over TCP: every message once and in order, however it was cut and whatever happened to the segments."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capture.bounds import (
    SIP_MESSAGE,
    TCP_GAP_NS,
    TCP_IDLE_NS,
    TCP_PENDING_BYTES,
    TCP_PENDING_OVERHEAD,
    TCP_UNDECIDED_NS,
)
from capture.datagram import Datagram
from capture.slow.path import SlowPath
from tests.capture.slow.packets import (
    ACK,
    ALICE,
    BOB,
    FIN,
    PSH,
    RAW,
    RST,
    SECOND,
    SYN,
    ipv4,
    packed,
    segment,
    sip,
    tcp,
)

ISN = 0xFFFFFF00  # wraps soon
MESSAGES = [sip(n, bytes([65 + n % 26]) * size) for n, size in enumerate((0, 5, 300, 0, 2000, 77))]
LENGTHS = ["Content-Length", "content-length ", "l", "CONTENT-LENGTH"]


class Talk:
    """A connection's frames, fed one after the other."""

    def __init__(self, port: int = 40000) -> None:
        self.slow = SlowPath()
        self.port = port
        self.time_ns = SECOND
        self.given: list[Datagram] = []

    def feed(self, packet: bytes, captured: int | None = None) -> list[Datagram]:
        """Feed one packet, a millisecond later."""
        self.time_ns += SECOND // 1000
        datagrams = self.slow.feed(RAW, self.time_ns, packet[:captured], len(packet))
        self.given += datagrams
        return datagrams

    def say(
        self, data: bytes, sequence: int, flags: int = ACK | PSH, back: bool = False, ack: int = 0
    ) -> list[Datagram]:
        """Feed a segment."""
        return self.feed(segment(data, sequence, flags, back, ack, self.port))

    def known(self) -> bool:
        """Is the connection followed?"""
        return self.slow.tcp_of_interest(packed(ALICE), self.port, packed(BOB), 5060)

    @property
    def payloads(self) -> list[bytes]:
        return [one.payload for one in self.given]

    def counted(self) -> dict[str, int]:
        """The counters that are not 0."""
        return {name: value for name, value in self.slow.counters.items() if value}


@st.composite
def conversations(draw: st.DrawFn) -> tuple[list[bytes], bytes]:
    """Messages, and the stream they make with keep-alives between them."""
    messages = [
        sip(
            n,
            draw(st.binary(max_size=draw(st.sampled_from([0, 3, 40, 500])))),
            draw(st.sampled_from(LENGTHS)),
        )
        for n in range(draw(st.integers(1, 6)))
    ]
    gaps = [draw(st.sampled_from([b"", b"\r\n", b"\r\n\r\n", b"\0"])) for _ in messages]
    return messages, b"".join(itertools.chain.from_iterable(zip(gaps, messages, strict=True)))


def cuts(data: st.DataObject, size: int) -> list[tuple[int, int]]:
    """Segments that cover 0 to size in order."""
    inside = data.draw(st.sets(st.integers(1, max(1, size - 1)), max_size=12))
    edges = [0, *sorted(cut for cut in inside if cut < size), size]
    return list(itertools.pairwise(edges))


@settings(max_examples=200, deadline=None)
@given(data=st.data(), conversation=conversations())
def test_any_segmentation_order_and_repetition_gives_every_message_once(
    data: st.DataObject, conversation: tuple[list[bytes], bytes]
) -> None:
    messages, stream = conversation
    segments = cuts(data, len(stream))
    for _ in range(data.draw(st.integers(0, 5))):  # sent again, cut elsewhere
        begin = data.draw(st.integers(0, len(stream) - 1))
        segments.append((begin, data.draw(st.integers(begin + 1, len(stream)))))
    talk = Talk()
    talk.say(b"", ISN, SYN)
    for start, stop in data.draw(st.permutations(segments)):
        talk.say(stream[start:stop], ISN + 1 + start)
    assert talk.payloads == messages
    assert talk.counted() == {}
    assert talk.slow.flush() == []


@settings(max_examples=60, deadline=None)
@given(data=st.data(), conversation=conversations())
def test_a_stream_in_order_needs_no_beginning(
    data: st.DataObject, conversation: tuple[list[bytes], bytes]
) -> None:
    messages, stream = conversation
    talk = Talk()
    for start, stop in cuts(data, len(stream)):
        talk.say(stream[start:stop], ISN + start)
    assert talk.payloads == messages


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_both_directions_are_apart(data: st.DataObject) -> None:
    there, back = b"".join(MESSAGES[::2]), b"".join(MESSAGES[1::2])
    segments = [(there, *cut, False) for cut in cuts(data, len(there))]
    segments += [(back, *cut, True) for cut in cuts(data, len(back))]
    talk = Talk()
    talk.say(b"", 1, SYN)
    talk.say(b"", 9999, SYN | ACK, back=True)
    for stream, start, stop, reverse in data.draw(st.permutations(segments)):
        talk.say(stream[start:stop], (10000 if reverse else 2) + start, back=reverse)
    by_source = {
        source: [one.payload for one in talk.given if one.src_ip == packed(source)] for source in (ALICE, BOB)
    }
    assert by_source == {ALICE: MESSAGES[::2], BOB: MESSAGES[1::2]}
    assert all((one.src_port, one.dst_port) in ((40000, 5060), (5060, 40000)) for one in talk.given)


def test_a_message_has_the_time_of_the_segment_that_completed_it() -> None:
    talk, stream = Talk(), MESSAGES[1] + MESSAGES[2]
    middle = len(MESSAGES[1]) + 50
    talk.say(b"", 0, SYN)
    assert talk.say(stream[middle:], 1 + middle) == []
    first, second = talk.say(stream[:middle], 1)
    assert first.time_ns == second.time_ns == talk.time_ns
    assert (first.transport, first.dscp, first.ttl, first.length, first.snapped) == (
        "tcp",
        46,
        63,
        len(MESSAGES[1]),
        False,
    )


def test_a_hole_is_skipped_after_its_time_and_the_next_message_found() -> None:
    talk = Talk()
    stream = b"".join(MESSAGES)
    at = len(MESSAGES[0]) + 10  # in the head of the second message
    talk.say(stream[:at], 1)
    heard_ns = talk.time_ns + SECOND // 1000
    assert talk.say(stream[at + 20 :], at + 21) == []
    talk.time_ns += TCP_GAP_NS
    assert [one.payload for one in talk.say(b"", 5, ACK)] == MESSAGES[2:]
    assert {one.time_ns for one in talk.given[1:]} == {heard_ns}
    assert talk.counted() == {"tcp_gap": 1, "sip_cut": 1, "sip_resync": 1}


def test_a_hole_in_a_body_costs_that_body_alone() -> None:
    talk, message = Talk(), MESSAGES[4]
    stream = message + MESSAGES[1]
    talk.say(stream[:500], 1)
    talk.say(stream[700:], 701)
    talk.time_ns += TCP_GAP_NS
    cut, following = talk.say(b"", 5, ACK)
    assert (cut.payload, cut.length, cut.snapped) == (message[:500], len(message), True)
    assert following.payload == MESSAGES[1]
    assert talk.counted() == {"tcp_gap": 1, "sip_cut": 1}


def test_what_the_peer_acknowledged_is_not_waited_for() -> None:
    talk = Talk()
    talk.say(b"", 0, SYN)
    talk.say(MESSAGES[1], 500)
    talk.say(b"", 77, ACK, back=True, ack=500 + len(MESSAGES[1]))
    assert talk.given == []  # it may be out of order in the capture only
    talk.time_ns += SECOND // 2
    assert [one.payload for one in talk.say(b"", 77, ACK, back=True, ack=500 + len(MESSAGES[1]))] == [
        MESSAGES[1]
    ]


def test_a_hole_with_too_much_behind_it_is_skipped() -> None:
    talk, body = Talk(), bytes(1000)
    talk.say(b"", 0, SYN)
    at = 2
    for number in range(1000):
        message = sip(number, body)
        talk.say(message, at)
        at += len(message)
        held = talk.slow._tcp.cost
        assert held <= TCP_PENDING_BYTES + TCP_PENDING_OVERHEAD + len(message)
    assert talk.payloads == [sip(number, body) for number in range(1000)]
    assert talk.counted() == {"tcp_gap": 1}


def test_flush_gives_what_waits_behind_a_hole() -> None:
    talk = Talk()
    talk.say(b"", 0, SYN)
    talk.say(MESSAGES[2], 100)
    assert [one.payload for one in talk.slow.flush()] == [MESSAGES[2]]
    assert talk.counted() == {"tcp_gap": 1}
    assert not talk.known()


def test_a_capture_that_begins_inside_a_message_finds_the_next() -> None:
    talk = Talk()
    talk.say(MESSAGES[4][900:] + MESSAGES[1] + MESSAGES[2][:20], 7000)
    talk.say(MESSAGES[2][20:], 7000 + len(MESSAGES[4]) - 900 + len(MESSAGES[1]) + 20)
    assert talk.payloads == [MESSAGES[1], MESSAGES[2]]
    assert talk.counted() == {"sip_resync": 1}


def test_the_first_two_segments_of_a_connection_heard_late_may_change_places() -> None:
    talk = Talk()
    talk.say(MESSAGES[1], 1000 + len(MESSAGES[0]))
    talk.say(MESSAGES[0], 1000)
    talk.say(MESSAGES[0], 1000)
    assert talk.payloads == [MESSAGES[1], MESSAGES[0]]


def test_junk_between_messages_is_counted() -> None:
    talk = Talk()
    talk.say(MESSAGES[1] + b"no SIP at all\r\nand more\r\n" + MESSAGES[2], 1)
    assert talk.payloads == [MESSAGES[1], MESSAGES[2]]
    assert talk.counted() == {"sip_resync": 1}


@pytest.mark.parametrize("value", [b"abc", b"-5", b"99999999999999999999"])
def test_a_length_that_is_no_number_is_no_length(value: bytes) -> None:
    talk = Talk()
    talk.say(MESSAGES[0].replace(b"Content-Length: 0", b"Content-Length: " + value) + MESSAGES[1], 1)
    assert len(talk.payloads) == 2
    assert talk.payloads[1] == MESSAGES[1]
    assert talk.counted() == {"sip_no_length": 1}


def test_without_a_length_and_a_type_there_is_no_body() -> None:
    talk, message = Talk(), sip(1, b"", length="")
    talk.say(message * 3, 1)
    assert talk.payloads == [message] * 3


def test_without_a_length_a_body_goes_to_the_next_start_line() -> None:
    talk = Talk()
    message = sip(1, b"v=0\r\ns=-\r\n", length="").replace(b"CSeq", b"Content-Type: application/sdp\r\nCSeq")
    talk.say(message + MESSAGES[1], 1)
    assert talk.payloads == [message, MESSAGES[1]]


def test_without_a_length_a_body_goes_on_until_the_sender_pushes() -> None:
    talk = Talk()
    message = sip(1, b"v=0\r\ns=-\r\n", length="").replace(b"CSeq", b"c: application/sdp\r\nCSeq")
    talk.say(message[:-6], 1, ACK)
    assert talk.payloads == []
    talk.say(message[-6:], 1 + len(message) - 6, ACK | PSH)
    assert talk.payloads == [message]


def test_a_body_without_length_ends_with_the_connection() -> None:
    talk = Talk()
    message = sip(1, b"v=0\r\n", length="").replace(b"CSeq", b"c: application/sdp\r\nCSeq")
    talk.say(message, 1, ACK)
    talk.say(b"", 1 + len(message), ACK | FIN)
    assert talk.payloads == [message]


def test_a_body_over_the_bound_is_cut_and_skipped() -> None:
    talk, body = Talk(), bytes(2 * SIP_MESSAGE)
    message = sip(1, body)
    stream = message + MESSAGES[1]
    for at in range(0, len(stream), 16384):
        talk.say(stream[at : at + 16384], 1 + at, ACK)
    cut, following = talk.given
    assert message.startswith(cut.payload)
    assert (cut.length, cut.snapped) == (len(message), True)
    assert following.payload == MESSAGES[1]
    assert talk.counted() == {"sip_too_long": 1}


def test_a_head_without_end_is_bounded() -> None:
    talk, line = Talk(), b"X: " + b"y" * 995 + b"\r\n"
    talk.say(b"OPTIONS sip:a SIP/2.0\r\n", 1)
    at = 24
    for _ in range(500):
        talk.say(line, at)
        at += len(line)
        assert talk.slow._tcp.cost < 70_000
    talk.say(MESSAGES[1], at)
    assert talk.payloads == [MESSAGES[1]]
    assert talk.counted() == {"sip_too_long": 1, "sip_resync": 1}


def test_ports_used_again_begin_a_new_stream() -> None:
    talk = Talk()
    talk.say(b"", 100, SYN)
    talk.say(MESSAGES[2][:60], 101)
    talk.say(b"", 5, SYN)
    talk.say(MESSAGES[1], 6)
    assert talk.payloads == [MESSAGES[1]]
    assert talk.counted() == {"tcp_restart": 1, "sip_cut": 1}


def test_ports_used_again_without_a_syn_begin_a_new_stream() -> None:
    talk = Talk()
    talk.say(MESSAGES[1], 100)
    talk.say(MESSAGES[2], 100 + (1 << 30))
    talk.say(b"\x55" * 40, 1 << 29)
    assert talk.payloads == [MESSAGES[1], MESSAGES[2]]
    assert talk.counted() == {"tcp_restart": 1, "tcp_out_of_window": 1}


def test_a_syn_sent_again_changes_nothing() -> None:
    talk = Talk()
    talk.say(b"", 100, SYN)
    talk.say(MESSAGES[2][:100], 101)
    talk.say(b"", 100, SYN)
    talk.say(MESSAGES[2][100:], 201)
    assert talk.payloads == [MESSAGES[2]]


@pytest.mark.parametrize("probe", [b"", b"\0"])
def test_keep_alive_probes_change_nothing(probe: bytes) -> None:
    talk = Talk()
    talk.say(MESSAGES[1], 1)
    talk.say(probe, len(MESSAGES[1]))
    talk.say(MESSAGES[2], 1 + len(MESSAGES[1]))
    assert talk.payloads == [MESSAGES[1], MESSAGES[2]]
    assert talk.counted() == {}


def test_a_connection_is_of_interest_from_syn_to_its_end() -> None:
    talk = Talk()
    assert not talk.known()
    talk.say(b"", 0, SYN)
    assert talk.known()
    talk.say(MESSAGES[1], 1)
    talk.say(b"", 9, SYN | ACK, back=True)
    assert talk.slow.tcp_of_interest(packed(BOB), 5060, packed(ALICE), 40000)
    talk.say(b"", 1 + len(MESSAGES[1]), FIN | ACK)
    assert talk.known()
    talk.say(b"", 10, FIN | ACK, back=True)
    assert not talk.known()
    assert talk.slow._tcp.cost == 0


def test_a_reset_ends_a_connection() -> None:
    talk = Talk()
    talk.say(MESSAGES[1] + MESSAGES[2][:50], 1)
    talk.say(b"", 9, RST, back=True)
    assert not talk.known()
    assert talk.counted() == {"sip_cut": 1}


@pytest.mark.parametrize(
    "payload",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"EHLO mail.example.com\r\n",
        b"SSH-2.0-OpenSSH\r\n",
        b"\0" * 3 + b"\1",
        bytes(range(128, 256)),
    ],
)
def test_other_protocols_are_let_go_at_once(payload: bytes) -> None:
    for begun in (True, False):
        talk = Talk()
        if begun:
            talk.say(b"", 0, SYN)
        talk.say(payload, 1)
        assert not talk.known()
        assert talk.counted() == {"tcp_not_sip": 1}
        assert talk.slow._tcp.cost == 0


def test_a_connection_let_go_may_come_to_speak_sip() -> None:
    talk = Talk()
    talk.say(b"garbage\r\n", 1)
    talk.say(MESSAGES[1], 10)
    assert talk.payloads == [MESSAGES[1]]


def test_a_snapped_segment_keeps_the_stream_in_step() -> None:
    talk = Talk()
    packet = segment(MESSAGES[4], 1)
    assert [one.snapped for one in talk.feed(packet, 40 + 300)] == [True]
    assert talk.given[0].payload == MESSAGES[4][:300]
    assert talk.given[0].length == len(MESSAGES[4])
    talk.say(MESSAGES[1], 1 + len(MESSAGES[4]))
    assert talk.payloads[1] == MESSAGES[1]
    assert talk.counted() == {"tcp_gap": 1, "sip_cut": 1}


def test_idle_connections_are_forgotten() -> None:
    talk, other = Talk(), Talk(port=50000)
    other.slow = talk.slow
    talk.say(MESSAGES[1], 1)
    other.say(b"", 1, SYN)
    talk.time_ns += TCP_UNDECIDED_NS + SECOND
    talk.feed(ipv4(b"", 1))
    assert (talk.known(), other.known()) == (True, False)
    talk.time_ns += TCP_IDLE_NS
    talk.feed(ipv4(b"", 1))
    assert not talk.known()
    assert talk.slow.counters["tcp_idle"] == 2


def test_memory_is_bounded_over_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    connections, held = 200, 150_000
    monkeypatch.setattr("capture.slow.tcp.TCP_CONNECTIONS", connections)
    monkeypatch.setattr("capture.slow.tcp.TCP_BYTES", held)
    slow = SlowPath()
    for number in range(1000):
        for payload, sequence in ((MESSAGES[4][:1400], 1), (b"x" * 600, 5000)):
            packet = ipv4(tcp(payload, sequence, src_port=1 + number), 6)
            slow.feed(RAW, 0, packet, len(packet))
            assert slow._tcp.cost <= held
    assert 900 < slow.counters["tcp_evicted"] < 1000
    for number in range(1000):
        packet = ipv4(tcp(b"", 1, SYN, src_port=2000 + number), 6)
        slow.feed(RAW, 0, packet, len(packet))
    assert slow.counters["tcp_evicted"] > 1700
    slow.flush()
    assert slow._tcp.cost == 0
