"""A fragmented datagram comes back once and whole, however its fragments come; or it is counted."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capture.bounds import (
    FRAGMENT_BYTES,
    FRAGMENT_DATAGRAMS,
    FRAGMENT_OVERHEAD,
    FRAGMENT_PIECES,
    FRAGMENT_TIMEOUT_NS,
)
from capture.datagram import Datagram
from capture.slow.path import SlowPath
from tests.capture.slow.packets import RAW, SECOND, fragment4, fragment6, ipv4, udp

PAYLOAD = bytes(range(256)) * 12
WHOLE = udp(PAYLOAD)
FAMILIES = [fragment4, fragment6]


def feed(slow: SlowPath, packets: list[bytes], time_ns: int = 0) -> list[Datagram]:
    """Feed packets, a nanosecond apart."""
    given = [slow.feed(RAW, time_ns + index, packet, len(packet)) for index, packet in enumerate(packets)]
    return list(itertools.chain.from_iterable(given))


def counted(slow: SlowPath) -> dict[str, int]:
    """The counters that are not 0."""
    return {name: value for name, value in slow.counters.items() if value}


@st.composite
def ranges(draw: st.DrawFn, size: int) -> list[tuple[int, int]]:
    """Ranges that cover 0 to size, in any order, some overlapping, some twice, cut at multiples of 8."""
    cuts = sorted(draw(st.sets(st.integers(1, (size - 1) // 8), max_size=12)))
    edges = [0, *(cut * 8 for cut in cuts), size]
    pieces = list(itertools.pairwise(edges))
    for _ in range(draw(st.integers(0, 6))):
        begin = draw(st.integers(0, len(edges) - 2))
        pieces.append((edges[begin], edges[draw(st.integers(begin + 1, len(edges) - 1))]))
    return draw(st.permutations(pieces))


@settings(max_examples=150, deadline=None)
@given(data=st.data(), family=st.sampled_from(FAMILIES))
def test_any_fragmentation_gives_the_datagram_once(data: st.DataObject, family: type) -> None:
    slow, pieces = SlowPath(), data.draw(ranges(len(WHOLE)))
    datagrams = feed(slow, [family(WHOLE, start, stop) for start, stop in pieces])
    if pieces == [(0, len(WHOLE))] * len(pieces):  # never cut: each is a datagram of its own
        assert {one.payload for one in datagrams} == {PAYLOAD}
        return
    once = [one for one in datagrams if one.payload == PAYLOAD]
    assert len(once) == len(datagrams) == 1 + pieces.count((0, len(WHOLE)))
    slow.flush()
    assert counted(slow).keys() <= {"fragment_duplicate", "fragment_overlap", "fragment_timeout"}


@settings(max_examples=50, deadline=None)
@given(data=st.data(), family=st.sampled_from(FAMILIES))
def test_datagrams_do_not_mix(data: st.DataObject, family: type) -> None:
    """Numbers, and protocols of IPv4, keep datagrams apart, however they interleave."""
    slow = SlowPath()
    payloads = [udp(bytes([number]) * (600 + number)) for number in range(5)]
    packets = [
        family(payload, start, stop, ip_id=number)
        for number, payload in enumerate(payloads)
        for start, stop in ((0, 256), (256, 512), (512, len(payload)))
    ]
    datagrams = feed(slow, data.draw(st.permutations(packets)))
    assert sorted(one.payload for one in datagrams) == [payload[8:] for payload in payloads]
    assert not counted(slow)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_time_is_the_last_fragments_and_the_header_the_firsts(family: type) -> None:
    slow = SlowPath()
    last, first = family(WHOLE, 1600, len(WHOLE)), family(WHOLE, 0, 1600)
    assert slow.feed(RAW, 10, last, len(last)) == []
    (datagram,) = slow.feed(RAW, 20, first, len(first))
    assert (datagram.time_ns, datagram.dscp, datagram.ttl, datagram.length) == (20, 46, 63, len(PAYLOAD))


def test_the_first_copy_of_a_byte_wins() -> None:
    slow = SlowPath()
    other = WHOLE[:800] + bytes(800) + WHOLE[1600:]
    packets = [fragment4(WHOLE, 800, 1600), fragment4(other, 0, 1600), fragment4(WHOLE, 1600, len(WHOLE))]
    (datagram,) = feed(slow, packets)
    assert datagram.payload == PAYLOAD
    assert counted(slow) == {"fragment_overlap": 1}


def test_a_number_used_again_is_another_datagram() -> None:
    slow, again = SlowPath(), udp(PAYLOAD[::-1])
    packets = [
        fragment4(payload, a, b) for payload in (WHOLE, again) for a, b in ((0, 1600), (1600, len(WHOLE)))
    ]
    assert [one.payload for one in feed(slow, packets)] == [PAYLOAD, PAYLOAD[::-1]]
    assert not counted(slow)


def test_copies_of_a_finished_datagram_are_dropped() -> None:
    slow = SlowPath()
    packets = [fragment4(WHOLE, 0, 1600), fragment4(WHOLE, 1600, len(WHOLE))]
    assert len(feed(slow, packets * 2)) == 1
    slow.flush()
    assert counted(slow) == {"fragment_duplicate": 2}


def test_a_fragment_that_never_comes_is_counted_after_its_time() -> None:
    slow = SlowPath()
    feed(slow, [fragment4(WHOLE, 0, 1600)])
    assert feed(slow, [fragment4(WHOLE, 0, 1600, ip_id=8)], FRAGMENT_TIMEOUT_NS + SECOND) == []
    assert counted(slow) == {"fragment_timeout": 1}
    assert feed(slow, [fragment4(WHOLE, 1600, len(WHOLE))], FRAGMENT_TIMEOUT_NS + 2 * SECOND) == []
    slow.flush()
    assert counted(slow) == {"fragment_timeout": 3}


def test_a_clock_set_back_does_not_keep_fragments_for_ever() -> None:
    slow = SlowPath()
    feed(slow, [fragment4(WHOLE, 0, 1600)], 10**6 * SECOND)
    feed(slow, [fragment4(WHOLE, 0, 1600, ip_id=8)], SECOND)
    assert counted(slow) == {"fragment_timeout": 1}


def test_a_snapped_fragment_is_used_up_to_where_it_goes() -> None:
    slow = SlowPath()
    first, last = fragment4(WHOLE, 0, 1600), fragment4(WHOLE, 1600, len(WHOLE))
    assert slow.feed(RAW, 0, first[:200], len(first)) == []
    (datagram,) = slow.feed(RAW, 0, last[:200], len(last))
    assert datagram.payload == PAYLOAD[: 200 - 28]
    assert (datagram.length, datagram.snapped) == (len(PAYLOAD), True)


@pytest.mark.parametrize(
    "packets",
    [
        [ipv4(WHOLE[:1604], place=0x2000)],  # no multiple of 8, and more to come
        [ipv4(b"", place=0x2001)],
        [ipv4(WHOLE, place=0x1FFF)],  # beyond 65,535 bytes
        [fragment4(WHOLE, 1600, len(WHOLE)), fragment4(WHOLE + bytes(8), 1600, len(WHOLE) + 8)],  # two ends
        [fragment4(WHOLE[:1600], 800, 1600), fragment4(WHOLE, 1600, 2400)],  # behind the end
        [fragment4(WHOLE, 1600, 2400), fragment4(WHOLE[:1600], 800, 1600)],  # an end before what is there
    ],
)
def test_contradictions_are_counted(packets: list[bytes]) -> None:
    slow = SlowPath()
    assert feed(slow, packets) == []
    assert slow.counters["fragment_malformed"] == 1


def test_what_is_held_is_bounded() -> None:
    slow = SlowPath()
    for number in range(3 * FRAGMENT_DATAGRAMS):
        packet = ipv4(bytes(8), ip_id=number & 0xFFFF, place=0x2000, src=f"10.0.{number >> 16}.1")
        slow.feed(RAW, 0, packet, len(packet))
    assert slow.counters["fragment_evicted"] == 2 * FRAGMENT_DATAGRAMS
    big = bytes(64_000)
    for number in range(1000):
        packet = ipv4(big, ip_id=number, place=0x2000, src="10.9.9.9")
        slow.feed(RAW, 0, packet, len(packet))
        assert slow._fragments.cost <= FRAGMENT_BYTES
    assert slow.counters["fragment_timeout"] == 0


def test_pieces_of_one_datagram_are_bounded() -> None:
    slow, whole = SlowPath(), udp(bytes(60_000))
    for start in range(0, 60_000, 16):  # every other eight bytes
        packet = fragment4(whole, start, start + 8)
        slow.feed(RAW, 0, packet, len(packet))
    assert slow.counters["fragment_malformed"] == 3750 - FRAGMENT_PIECES
    assert slow._fragments.cost <= FRAGMENT_PIECES * (FRAGMENT_OVERHEAD + 8)
