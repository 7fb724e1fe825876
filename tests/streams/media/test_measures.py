"""What the kernel measures, against a plain reading of the RFCs."""

import random
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.media_windows import W
from streams.media import kernel
from tests.streams.media.traffic import Packet, opened, run, talk

CALL = [opened(0.0)]


def test_a_clean_stream_loses_nothing_and_has_no_jitter() -> None:
    heard = run(talk(500), CALL)
    assert heard.total(W.PACKETS) == heard.total(W.EXPECTED) == 500
    assert heard.total(W.JITTER_SUM) == 0
    assert heard.total(W.JITTER_COUNT) == 499
    assert heard.total(W.DELAY_0) == 499
    (row,) = heard.rows[heard.info("call").stream]
    assert row[W.PTIME] == 20_000
    assert row[W.ACTIVE] == 499 * 20_000
    assert row[W.MOS] == pytest.approx(4_409_286, abs=200)


def test_windows_are_ten_seconds_from_the_first_packet() -> None:
    heard = run(talk(1200), CALL)
    rows = heard.rows[heard.info("call").stream]
    assert [row[W.WINDOW] for row in rows] == [0, 1, 2]
    assert [row[W.PACKETS] for row in rows] == [500, 500, 200]
    assert rows[1][W.START] - rows[0][W.START] == 10_000_000


def test_loss_runs_are_counted_when_they_are_final() -> None:
    packets = [p for n, p in enumerate(talk(400)) if n not in {50, 100, 101, *range(200, 215)}]
    heard = run(packets, CALL)
    assert heard.total(W.EXPECTED) - heard.total(W.PACKETS) == 18
    assert [heard.total(W.RUN_1 + n) for n in range(10)] == [1, 1, 0, 0, 0, 0, 0, 0, 0, 1]


def test_reordered_packets_are_not_lost_and_duplicates_not_counted() -> None:
    packets = talk(300)
    late = packets.pop(100)
    packets.insert(103, Packet(2.065, late.sequence, late.timestamp))
    again = packets[200]
    packets.insert(201, Packet(again.at + 0.001, again.sequence, again.timestamp))
    heard = run(packets, CALL)
    assert heard.total(W.PACKETS) == heard.total(W.EXPECTED) == 300
    assert heard.total(W.REORDERED) == 1
    assert heard.total(W.DUPLICATES) == 1
    assert heard.total(W.RUN_1) == 0


def test_a_packet_before_the_first_one_moves_the_base() -> None:
    packets = talk(100)
    packets[0], packets[1] = (
        Packet(0.0, packets[1].sequence, packets[1].timestamp),
        Packet(0.02, packets[0].sequence, packets[0].timestamp),
    )
    heard = run(packets, CALL)
    assert heard.total(W.PACKETS) == heard.total(W.EXPECTED) == 100
    assert heard.total(W.REORDERED) == 1


def test_sequence_and_timestamp_wrap_without_loss() -> None:
    packets = [
        Packet(n * 0.02, (65_000 + n) & 0xFFFF, (2**32 - 40_000 + 160 * n) & 0xFFFFFFFF) for n in range(1500)
    ]
    heard = run(packets, CALL)
    assert heard.total(W.PACKETS) == heard.total(W.EXPECTED) == 1500
    assert heard.total(W.JITTER_SUM) == 0
    assert heard.total(W.RESTARTS) == 0


def test_a_new_numbering_is_a_restart_and_no_loss() -> None:
    heard = run(talk(200) + talk(200, start=4.0, first=30_000), CALL)
    assert heard.total(W.RESTARTS) == 1
    assert heard.total(W.PACKETS) == heard.total(W.EXPECTED) == 400
    assert heard.total(W.STRAY) == 0


def test_one_wild_number_is_stray_and_nothing_else() -> None:
    packets = talk(200)
    packets.insert(100, Packet(1.99, 40_000, 5))
    heard = run(packets, CALL)
    assert heard.total(W.STRAY) == 1
    assert heard.total(W.PACKETS) == heard.total(W.EXPECTED) == 200


def test_silence_suppression_is_no_loss() -> None:
    noise = Packet(2.0, 200, 7000 + 160 * 200, payload_type=13, length=1)
    after = [Packet(7.0 + n * 0.02, 201 + n, 7000 + 160 * (450 + n), marker=n == 0) for n in range(100)]
    heard = run([*talk(100), noise, *after], CALL)
    assert heard.total(W.EXPECTED) == heard.total(W.PACKETS) == 201
    assert heard.total(W.COMFORT_NOISE) == 1
    assert [heard.total(column) for column in (W.LOST_1, W.LOST_2)] == [0, 0]
    assert max(row[W.DTX] for row in heard.rows[heard.info("call").stream]) == 2
    (gap,) = [gap for batch in heard.batches for gap in batch.gaps]
    assert gap.suppressed
    assert gap.to_us - gap.from_us == 5_000_000


def test_a_sender_that_marks_every_packet_is_measured_like_another() -> None:
    late = [replace(packet, at=packet.at + 0.005 * (n % 3)) for n, packet in enumerate(talk(500))]
    marked = run([replace(packet, marker=True) for packet in late], CALL)
    plain = run(late, CALL)
    for column in (W.JITTER_SUM, W.JITTER_COUNT, W.JITTER_MAX, W.DELTA_MAX, W.MOS, W.PTIME):
        assert marked.total(column) == plain.total(column)


def test_packets_of_uneven_length_are_played_in_time() -> None:
    """1024 samples of 48 kHz are 170.67 ticks of 8 kHz: the packets alternate, and the first is shorter."""
    stamps = [0, 155, *(155 + (n * 512) // 3 for n in range(1, 2_000))]
    rng = random.Random(1)
    packets = [Packet(stamp / 8000 + rng.random() * 0.005, n + 1, stamp) for n, stamp in enumerate(stamps)]
    heard = run(packets, CALL)
    assert [heard.total(column) for column in (W.LOST_1, W.LOST_2)] == [0, 0]
    assert heard.total(W.LOST_3) <= 1  # a slot by which the adaptive buffer grew
    rows = heard.rows[heard.info("call").stream]
    assert {row[W.PTIME] for row in rows[1:]} <= {21_250, 21_375}
    assert all(row[W.MOS] > 4_400_000 for row in rows)


def test_the_marker_of_what_may_be_video_explains_no_pause() -> None:
    frames = [Packet(n * 0.04, n + 1, 3600 * n, payload_type=96, marker=True) for n in range(100)]
    heard = run(frames, ())
    assert heard.rows[heard.info("").stream][0][W.DELTA_MAX] == 40_000


def test_a_stall_is_a_gap_that_nothing_explains() -> None:
    packets = talk(100) + [Packet(5.0 + n * 0.02, 200 + n, 7000 + 160 * (200 + n)) for n in range(100)]
    heard = run(packets, CALL)
    (gap,) = [gap for batch in heard.batches for gap in batch.gaps]
    assert not gap.suppressed
    assert heard.total(W.ACTIVE) == 2 * 99 * 20_000


def test_telephone_events_have_no_jitter() -> None:
    key = bytes([5, 0, 0, 160])
    events = [
        Packet(2.0 + n * 0.02, 200 + n, 7000 + 160 * 200, payload_type=101, marker=n == 0, payload=key)
        for n in range(8)
    ]
    voice = [Packet(2.16 + n * 0.02, 208 + n, 7000 + 160 * (208 + n)) for n in range(100)]
    heard = run([*talk(100), *events, *voice], CALL)
    assert heard.total(W.EVENTS) == 8
    assert heard.total(W.JITTER_SUM) == 0
    assert heard.total(W.LOST_1) == 0


def test_a_packet_time_of_thirty_milliseconds_is_measured() -> None:
    packets = [Packet(n * 0.03, n + 1, 240 * n) for n in range(300)]
    heard = run(packets, CALL)
    assert heard.rows[heard.info("call").stream][0][W.PTIME] == 30_000
    assert heard.total(W.LOST_1) == 0


def test_an_unknown_clock_gives_counts_but_no_jitter_and_no_mos() -> None:
    heard = run([Packet(p.at, p.sequence, p.timestamp, payload_type=97) for p in talk(100)], CALL)
    assert heard.total(W.PACKETS) == 100
    assert heard.total(W.JITTER_COUNT) == 0
    assert {row[W.MOS] for row in heard.rows[heard.info("call").stream]} == {-1}


def _plain_jitter(packets: list[Packet]) -> tuple[float, float]:
    """Mean and maximum of RFC 3550 A.8 in ms, in floating point; 8 kHz."""
    jitter, values = 0.0, []
    for before, now in pairwise(packets):
        ticks = (now.timestamp - before.timestamp + 2**31) % 2**32 - 2**31
        difference = abs((now.at - before.at) * 1000 - ticks / 8)
        jitter += (difference - jitter) / 16
        values.append(jitter)
    return sum(values) / len(values), max(values)


@given(st.integers(0, 2**32), st.sampled_from([1, 5, 30]))
@settings(max_examples=30, deadline=None)
def test_jitter_is_that_of_rfc_3550(seed: int, spread_ms: int) -> None:
    rng = random.Random(seed)
    packets = sorted(
        (
            Packet(round(p.at + rng.expovariate(1000 / spread_ms), 6), p.sequence, p.timestamp)
            for p in talk(300)
        ),
        key=lambda packet: packet.at,
    )
    heard = run(packets, CALL)
    mean, highest = _plain_jitter(packets)
    stream = heard.info("call").stream
    assert heard.total(W.JITTER_SUM) / heard.total(W.JITTER_COUNT) / 1e6 == pytest.approx(mean, abs=1e-4)
    assert max(row[W.JITTER_MAX] for row in heard.rows[stream]) / 1e6 == pytest.approx(highest, abs=1e-4)


def _plain_bursts(received: list[bool]) -> list[int]:
    """The counters of RFC 3611 4.7.2 from received and lost packets."""
    c = dict.fromkeys(("c11", "c13", "c14", "c22", "c23", "c33"), 0)
    packets = lost = 0
    for here in received:
        if here:
            packets += 1
            continue
        if packets >= 16:
            c["c14" if lost == 1 else "c13"] += 1
            lost = 1
            c["c11"] += packets
        else:
            lost += 1
            if packets == 0:
                c["c33"] += 1
            else:
                c["c23"] += 1
                c["c22"] += packets - 1
        packets = 0
    return list(c.values())


@given(st.lists(st.booleans(), min_size=2, max_size=400), st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_bursts_are_those_of_rfc_3611(loss: list[bool], seed: int) -> None:
    rng = random.Random(seed)
    received = [True, *(not (lost and rng.random() < 0.5) for lost in loss), True]
    packets = [p for p, here in zip(talk(len(received)), received, strict=True) if here]
    heard = run(packets, CALL)
    assert [heard.total(W.C11 + n) for n in range(6)] == _plain_bursts(received)


def _broken(rng: random.Random, count: int) -> list[Packet]:
    """A stream with loss, jitter, duplicates, pauses, comfort noise, events and a restart."""
    packets: list[Packet] = []
    at, sequence, stamp = 0.0, rng.randrange(65536), rng.randrange(2**32)
    for n in range(count):
        kind = rng.random()
        at, sequence, stamp = at + 0.02, (sequence + 1) & 0xFFFF, (stamp + 160) & 0xFFFFFFFF
        if kind < 0.03:
            continue
        if kind < 0.04:
            at, stamp = at + rng.choice([0.5, 3.0, 12.0]), (stamp + rng.choice([0, 8000, 24000])) & 0xFFFFFFFF
        if kind > 0.997:
            sequence = rng.randrange(65536)
        payload_type = 13 if kind > 0.99 else 101 if kind > 0.98 else 0
        delay = abs(rng.gauss(0, 0.004)) + (0.15 if rng.random() < 0.01 else 0)
        packet = Packet(round(at + delay, 6), sequence, stamp, payload_type, n == 0 or rng.random() < 0.01)
        packets.append(packet)
        if rng.random() < 0.005:
            packets.append(Packet(round(at + delay + 0.0003, 6), sequence, stamp, payload_type))
    return sorted(packets, key=lambda packet: packet.at)


@given(st.integers(0, 2**32), st.lists(st.integers(1, 799), max_size=12))
@settings(max_examples=40, deadline=None)
def test_batches_do_not_matter(seed: int, cuts: list[int]) -> None:
    packets = _broken(random.Random(seed), 800)
    assert run(packets, CALL, cuts=cuts).flat() == run(packets, CALL).flat()


@given(st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_the_short_way_gives_what_the_full_way_gives(seed: int) -> None:
    packets = _broken(random.Random(seed), 800)
    short = run(packets, CALL).flat()
    measure = kernel.measure
    try:
        kernel.measure = lambda *arguments: measure(*arguments[:-1], 0)  # type: ignore[assignment]
        assert run(packets, CALL).flat() == short
    finally:
        kernel.measure = measure  # type: ignore[assignment]
