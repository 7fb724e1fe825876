"""When each packet of a stream is heard: by its RTP timestamp, kept near to its arrival.

The first packet is heard when it arrived, the others by their timestamps. Where these leave the time of
arrival by more than AUDIO_RESYNC_NS, the sender has started its clock anew (a transfer, a restart, a hostile
jump), and the packet is heard when it arrived.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from capture.audio.packets import RtpPacket
from capture.bounds import AUDIO_RESYNC_NS, AUDIO_SEQUENCE_JUMP

SECOND_NS: Final = 1_000_000_000
_RATES: Final = (8_000, 16_000, 24_000, 32_000, 48_000)
_PAIRS: Final = 16


class Place(NamedTuple):
    """When a packet is heard: `ticks` of `clock` Hz after `anchor_ns`."""

    anchor_ns: int
    ticks: int
    clock: int

    @property
    def at_ns(self) -> int:
        """Time in ns since the epoch."""
        return self.anchor_ns + self.ticks * SECOND_NS // self.clock

    def sample(self, begin_ns: int, rate: int) -> int:
        """The same as a sample of `rate` Hz after `begin_ns`; packets that follow each other do so here."""
        return round((self.anchor_ns - begin_ns) * rate / SECOND_NS) + round(self.ticks * rate / self.clock)


def in_order(packets: Iterable[RtpPacket]) -> list[RtpPacket]:
    """Packets in the order in which they were sent, repeats left out; a restart comes after what it ends."""
    found: list[tuple[int, int, int, RtpPacket]] = []
    seen: set[tuple[int, int]] = set()
    start = highest = 0
    for number, packet in enumerate(packets):
        ahead = _signed(packet.sequence - highest, 16)
        if not found or abs(ahead) > AUDIO_SEQUENCE_JUMP:
            start, highest, ahead = start + 1, packet.sequence, 0
            seen.clear()
        extended = highest + ahead
        highest = max(highest, extended)
        if (extended, packet.timestamp) not in seen:
            seen.add((extended, packet.timestamp))
            found.append((start, extended, number, packet))
    return [packet for *_, packet in sorted(found)]


class Timeline:
    """Places the packets of one stream, given in order. Clocks: one start of them for each rate."""

    def __init__(self) -> None:
        self._anchors: dict[int, list[_Anchor]] = {}

    def place(self, packet: RtpPacket, clock: int) -> Place:
        """When a packet is heard whose timestamp counts `clock` Hz."""
        anchors = self._anchors.setdefault(clock, [])
        for anchor in reversed(anchors):  # the one before the last: a stray packet moves nothing
            ticks = anchor.ticks + _signed(packet.timestamp - anchor.timestamp, 32)
            place = Place(anchor.at_ns, ticks, clock)
            if abs(place.at_ns - packet.arrival_ns) <= AUDIO_RESYNC_NS:
                anchor.timestamp, anchor.ticks = packet.timestamp, ticks
                return place
        self._anchors[clock] = [*anchors[-1:], _Anchor(packet.arrival_ns, packet.timestamp)]
        return Place(packet.arrival_ns, 0, clock)


class _Anchor:
    """A start of the sender's clock: when, and the newest timestamp since, as it is and in ticks after."""

    __slots__ = ("at_ns", "ticks", "timestamp")

    def __init__(self, at_ns: int, timestamp: int) -> None:
        self.at_ns, self.timestamp, self.ticks = at_ns, timestamp, 0


def measured_clock(steps: Sequence[tuple[int, int]], rate: int, announced: int) -> int:
    """The clock that a sender's timestamps really count, which seldom is not the announced one.

    `steps`: timestamp difference to the next packet, and samples of `rate` Hz, of packets in sequence. The
    clock must be a usual one, said by most of them and undercut by none: silence suppression makes steps
    longer, never shorter.
    """
    said = Counter(ticks * rate // samples for ticks, samples in steps if samples and ticks > 0)
    if said.total() < _PAIRS:
        return announced
    clock, count = said.most_common(1)[0]
    sure = 2 * count > said.total() and clock == min(said) and clock in _RATES
    return clock if sure else announced


def steps_of(packets: Sequence[RtpPacket], samples: Sequence[int]) -> Iterator[tuple[int, int]]:
    """(timestamp difference, samples) of packets whose next one was heard too."""
    for packet, after, count in zip(packets, packets[1:], samples, strict=False):
        if (after.sequence - packet.sequence) & 0xFFFF == 1:
            yield _signed(after.timestamp - packet.timestamp, 32), count


def _signed(difference: int, bits: int) -> int:
    """A difference of counters that wrap, as a signed number."""
    half = 1 << (bits - 1)
    return ((difference + half) & ((1 << bits) - 1)) - half
