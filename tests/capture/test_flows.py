"""RTP told from everything else: probation, copies, bounds, and what a flow says about itself."""

import random
import struct

import pytest

from capture.bounds import PROBATION_KEPT
from tests.capture.listening import Flow, Heard, blocks_of, listen, sensor
from tests.capture.packets import PTIME_NS, START_NS, A, B, frame, rtp, stream, udp
from tests.capture.writers import Frame


def only_flow(heard: Heard) -> Flow:
    (flow,) = heard.flows.values()
    return flow


def sequences(flow: Flow) -> list[int]:
    return [packet[1] for packet in flow.packets]


def test_the_packets_before_recognition_are_sent_in_their_place() -> None:
    order = [5, 9, 7, 12, 13, 14]
    frames = [frame(udp(rtp(n, 160 * n)), START_NS + at * PTIME_NS) for at, n in enumerate(order)]
    heard = listen(blocks_of(frames))
    assert sequences(only_flow(heard)) == order
    assert heard.counters == {"rtp": 6}


def test_only_the_last_packets_before_recognition_are_kept() -> None:
    order = [3 * n for n in range(20)] + [58, 59]
    frames = [frame(udp(rtp(n, 160 * n)), START_NS + at * PTIME_NS) for at, n in enumerate(order)]
    heard = listen(blocks_of(frames))
    kept = order[-2 - PROBATION_KEPT :]  # the one before last made it a stream
    assert sequences(only_flow(heard)) == kept
    assert heard.counters == {"rtp": len(kept), "rtp_unconfirmed": len(order) - len(kept)}


def test_a_stream_found_late_is_not_late_for_the_watermark() -> None:
    """Its first packet is above the watermark of a flush made just before it is recognised."""
    by, frames = sensor(), stream(3)
    heard = Heard()
    for block in blocks_of(frames, 1):
        heard.take(by.feed(block))
        heard.take(by.flush())
        assert all(not flow.packets for flow in heard.flows.values())
    heard.take(by.close())
    assert len(only_flow(heard).packets) == 3


@pytest.mark.parametrize(
    "ticks",
    [0, 160, -3000, 90_000, 48_000 * 3],
    ids=["video", "audio", "B frame", "1 s of video", "after DTX"],
)
def test_timestamps_of_real_clocks_pass(ticks: int) -> None:
    frames = [frame(udp(rtp(n, 10_000 + ticks * n)), START_NS + n * 60 * PTIME_NS) for n in range(3)]
    assert len(only_flow(listen(blocks_of(frames))).packets) == 3


def test_a_counter_where_the_sequence_would_be_is_not_enough() -> None:
    """Same bytes 8-11, bytes 2-3 counting up, but no clock in bytes 4-7."""
    rng = random.Random(1)
    frames = [
        frame(udp(rtp(n, rng.randrange(1 << 30, 1 << 31) * (n % 2))), START_NS + n * PTIME_NS)
        for n in range(40)
    ]
    heard = listen(blocks_of(frames))
    assert not heard.flows
    assert heard.counters == {"rtp_unconfirmed": 40}


def test_dns_and_random_payloads_become_no_flow() -> None:
    rng = random.Random(2)
    frames = []
    for n in range(3000):
        if n % 3:
            payload = rng.randbytes(rng.randrange(1, 300))
        else:
            payload = struct.pack(">HHHHHH", 0x8000 + n % 64, 0x0100, 1, 0, 0, 0) + b"\7example\0\0\1\0\1"
        port = 53 if n % 3 == 0 else 20_000
        frames.append(frame(udp(payload, (A, 40_000), (B, port)), START_NS + n * 1_000_000))
    heard = listen(blocks_of(frames))
    assert not heard.flows and not heard.sip
    assert heard.counters.get("rtcp", 0) <= 3


def test_mirrored_copies_are_dropped_and_counted_apart_from_duplicates() -> None:
    frames = stream(10)
    mirrored = [one for each in frames for one in (each, each._replace(time_ns=each.time_ns + 400_000))]
    heard = listen(blocks_of(mirrored))
    assert (len(only_flow(heard).packets), only_flow(heard).copies) == (10, 10)
    assert heard.counters == {"rtp": 10, "capture_copies": 10}
    sent_twice = [
        one
        for n, each in enumerate(frames)
        for one in (each, frame(udp(rtp(65_530 + n, 160 * n), ip_id=1000 + n), each.time_ns + 400_000))
    ]
    heard = listen(blocks_of(sent_twice))
    assert (len(only_flow(heard).packets), only_flow(heard).copies) == (20, 0)


def test_a_copy_is_known_by_its_checksum_where_there_is_no_ip_id() -> None:
    frames = []
    for n in range(6):
        packet = udp(rtp(n, 160 * n), ("2001:db8::1", 4000), ("2001:db8::2", 5000), checksum=77 + n)
        frames += [frame(packet, START_NS + n * PTIME_NS), frame(packet, START_NS + n * PTIME_NS + 9_000_000)]
    assert only_flow(listen(blocks_of(frames))).copies == 6
    late = [one._replace(time_ns=one.time_ns + (at % 2) * 5_000_000) for at, one in enumerate(frames)]
    assert only_flow(listen(blocks_of(late))).copies == 0


def test_flows_differ_by_ssrc_and_by_direction() -> None:
    frames = stream(20) + stream(20, ssrc=9) + stream(20, src=(B, 5000), dst=(A, 4000))
    frames.sort(key=lambda one: one.time_ns)
    heard = listen(blocks_of(frames))
    assert [len(flow.packets) for flow in heard.flows.values()] == [20, 20, 20]
    assert len({flow.stream for flow in heard.flows.values()}) == 3


def test_a_flow_silent_for_long_comes_back_with_a_new_number() -> None:
    second = 1_000_000_000
    frames = (
        stream(10)
        + stream(10, start_ns=START_NS + 200 * second)
        + stream(10, start_ns=START_NS + 600 * second)
    )
    heard = listen(blocks_of(frames))
    assert [len(flow.packets) for flow in heard.flows.values()] == [20, 10]
    assert list(heard.flows) == [1, 2]


def test_a_flow_says_when_its_marking_changed() -> None:
    frames = [
        frame(
            udp(rtp(n, 160 * n), tos=0xB8 if n < 50 else 0x00, ttl=64 if n < 80 else 60),
            START_NS + n * PTIME_NS,
        )
        for n in range(700)
    ]
    by, heard = sensor(), Heard()
    for block in blocks_of(frames, 10):
        heard.take(by.feed(block))
        heard.take(by.flush())
    heard.take(by.close())
    said = only_flow(heard).descriptions
    assert said[0] == (46, 64, -1) and said[-1] == (0, 60, -1)
    assert (0, 64, -1) in said
    assert 5 <= len(said) <= 7  # new, two changes, and every 5 s of 14


def test_more_flows_than_the_bound_forget_the_silent_ones_first() -> None:
    """A storm of single packets that look like RTP: bounded, and streams with packets go on."""
    voice = stream(400)
    storm = [
        frame(udp(rtp(n * 7, n, ssrc=n), (A, 6000 + n % 9), (B, 7000)), START_NS + n * 400_000)
        for n in range(20_000)
    ]
    frames = sorted(voice + storm, key=lambda one: one.time_ns)
    heard = listen(blocks_of(frames, 500), sensor(flows_max=64))
    assert sum(len(flow.packets) for flow in heard.flows.values()) == 400
    assert heard.counters["flows_evicted"] > 10_000
    assert heard.counters["rtp_unconfirmed"] == 20_000


def test_many_streams_at_once_are_kept_apart() -> None:
    """Over the first size of the hash table and of the ring of rows."""
    frames = [
        frame(
            udp(rtp(n, 160 * n, ssrc=s), (A, 2000 + s), (B, 3000 + s), ip_id=n + 1), START_NS + n * PTIME_NS
        )
        for n in range(16)
        for s in range(6000)
    ]
    heard = listen(blocks_of(frames, 20_000))
    assert len(heard.flows) == 6000
    assert all(sequences(flow) == list(range(16)) for flow in heard.flows.values())


def test_rtcp_on_the_rtp_port_is_told_by_its_type() -> None:
    report = struct.pack(">BBHI", 0x80, 200, 6, 1) + bytes(20)
    feedback = struct.pack(">BBHII", 0x81, 206, 2, 1, 2)
    too_long = struct.pack(">BBHI", 0x81, 201, 60, 1) + bytes(24)
    frames = stream(3)
    frames += [frame(udp(one), START_NS + 70_000_000) for one in (report, feedback, too_long)]
    heard = listen(blocks_of(frames))
    assert [packet.raw for packet in heard.rtcp] == [report, feedback]
    assert heard.counters == {"rtp": 3, "rtcp": 2, "other_udp": 1}


def test_media_companions_are_counted_by_kind() -> None:
    stun = struct.pack(">HHI", 1, 0, 0x2112A442) + bytes(12)
    classic = struct.pack(">HH", 0x0101, 8) + bytes(24)
    dtls = b"\x16\xfe\xfd" + bytes(20)
    turn = struct.pack(">HH", 0x4001, 172) + rtp(1, 1)
    others = [stun, classic, dtls, turn, b"\x00" * 40, b""]
    heard = listen(blocks_of([frame(udp(one)) for one in others]))
    assert heard.counters == {"stun": 2, "dtls": 1, "turn": 1, "other_udp": 1, "empty_udp": 1}


def test_frames_without_udp_are_counted() -> None:
    arp = Frame(START_NS, b"\xff" * 12 + b"\x08\x06" + bytes(28), 60)
    icmp = frame(bytearray(udp(b"x"))[:9] + b"\x01" + udp(b"x")[10:])  # type: ignore[arg-type]
    heard = listen(blocks_of([arp, icmp, Frame(START_NS, b"\2" * 9, 9)]))
    assert heard.counters == {"not_ip": 1, "other_ip": 1, "truncated": 1}
