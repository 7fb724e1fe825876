"""Packets are heard in the order they were sent, at their RTP time, near their arrival."""

import random

from hypothesis import given
from hypothesis import strategies as st

from capture.audio import RtpPacket
from capture.audio.timeline import Timeline, in_order, measured_clock
from capture.bounds import AUDIO_RESYNC_NS

MS = 1_000_000
START = 1_700_000_000_000 * MS


def packet(sequence: int, timestamp: int, at_ms: float, payload: bytes = b"x") -> RtpPacket:
    return RtpPacket(START + round(at_ms * MS), sequence & 0xFFFF, timestamp & 0xFFFFFFFF, 0, payload)


def places_ms(packets: list[RtpPacket], clock: int = 8000) -> list[float]:
    timeline = Timeline()
    return [(timeline.place(each, clock).at_ns - START) / MS for each in packets]


def test_order_survives_the_wrap_of_the_sequence_number() -> None:
    sent = [packet(65_500 + n, 160 * n, 20 * n) for n in range(100)]
    shuffled = sent.copy()
    for at in range(0, 98, 3):
        shuffled[at], shuffled[at + 1] = shuffled[at + 1], shuffled[at]
    assert in_order(shuffled) == sent


def test_repeats_are_left_out() -> None:
    sent = [packet(n, 160 * n, 20 * n) for n in range(50)]
    assert in_order([each for each in sent for _ in range(3)]) == sent


def test_a_restart_into_numbers_heard_before_is_no_repeat() -> None:
    before = [packet(n, 160 * n, 20 * n) for n in range(50)]
    after = [packet(n, 999_000 + 160 * n, 1000 + 20 * n) for n in range(50)]
    assert len(in_order(before + after)) == 100


def test_jitter_does_not_move_what_is_heard() -> None:
    rng = random.Random(1)
    sent = [packet(n, 160 * n, 20 * n + (rng.random() * 100 if n else 0)) for n in range(200)]
    assert places_ms(in_order(sent)) == [20.0 * n for n in range(200)]


def test_timestamps_wrap() -> None:
    sent = [packet(n, 2**32 - 800 + 160 * n, 20 * n) for n in range(20)]
    assert places_ms(sent) == [20.0 * n for n in range(20)]


def test_silence_suppression_leaves_its_gap() -> None:
    assert places_ms([packet(0, 0, 0), packet(1, 160, 20), packet(2, 160 + 80_000, 10_020)]) == [
        0,
        20,
        10_020,
    ]


def test_a_new_start_of_the_clock_is_heard_when_it_arrives() -> None:
    before = [packet(n, 160 * n, 20 * n) for n in range(10)]
    after = [packet(10 + n, 3_000_000_000 + 160 * n, 300 + 20 * n) for n in range(10)]
    assert places_ms(before + after)[10:] == [300.0 + 20 * n for n in range(10)]


def test_one_stray_timestamp_moves_nothing_else() -> None:
    sent = [packet(n, 160 * n, 20 * n + 5 * (n > 0)) for n in range(20)]
    sent[9] = packet(9, 2_000_000_000, 185)
    assert places_ms(sent) == [185.0 if n == 9 else 20.0 * n for n in range(20)]


@given(
    st.lists(
        st.tuples(st.integers(0, 0xFFFF), st.integers(0, 2**32 - 1), st.integers(0, 10_000)), max_size=60
    )
)
def test_nothing_is_heard_far_from_its_arrival(heard: list[tuple[int, int, int]]) -> None:
    timeline = Timeline()
    sent = in_order([packet(sequence, timestamp, at) for sequence, timestamp, at in heard])
    assert len(sent) <= len(heard)
    for each in sent:
        assert abs(timeline.place(each, 8000).at_ns - each.arrival_ns) <= AUDIO_RESYNC_NS


def test_a_sender_whose_clock_is_not_the_announced_one() -> None:
    assert measured_clock([(320, 320)] * 50, 16_000, 8_000) == 16_000


def test_silence_suppression_is_no_faster_clock() -> None:
    descriptions = [(320, 160)] * 20 + [(160, 160)] * 5
    assert measured_clock(descriptions, 8_000, 8_000) == 8_000
    assert measured_clock([(1280, 160)] * 50, 8_000, 8_000) == 8_000  # 64 kHz is no clock of voice
