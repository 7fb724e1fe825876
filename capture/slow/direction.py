"""One direction of a TCP connection: segments put back in order, holes waited for or skipped."""

from bisect import bisect_left
from typing import NamedTuple

from capture.bounds import TCP_PENDING_BYTES, TCP_PENDING_OVERHEAD
from capture.slow import counters
from capture.slow.framing import Framer, Message, SipFramer
from capture.slow.streams import Carries, carries
from capture.slow.websocket import WebSocketFramer
from protocols.sip import looks_like_sip

_HALF_SPACE, _SPACE_MASK = 1 << 31, (1 << 32) - 1


class Segment(NamedTuple):
    """Bytes of a direction from `position` on; `size` of them on the wire, fewer where snapped."""

    position: int
    size: int
    time_ns: int
    push: bool
    data: bytes


class Cut(NamedTuple):
    """A message cut out of the stream, and when the segment that completed it came."""

    time_ns: int
    message: Message


class Direction:
    """Where one direction is, what waits behind a hole, and what cuts the bytes into messages.

    Positions are sequence numbers counted on without wrapping. The first copy of a byte wins.
    """

    __slots__ = (
        "_counts",
        "_pending",
        "_pending_cost",
        "_undecided",
        "base",
        "end",
        "framer",
        "gap_ns",
        "guessed",
        "next",
        "other",
        "transport",
    )

    def __init__(self, counts: dict[str, int]) -> None:
        self._counts = counts
        self._pending: list[Segment] = []
        self._pending_cost = 0
        self._undecided = bytearray()
        self.next = -1  # position of the next byte wanted; -1: not begun
        self.base = 0  # the first position
        self.guessed = False  # no SYN told the first position
        self.end = -1  # position behind the last byte, once a FIN told it
        self.gap_ns = 0  # since when segments wait behind a hole
        self.framer: Framer | None = None
        self.transport = "tcp"
        self.other = False  # the last bytes judged were not SIP

    @property
    def begun(self) -> bool:
        """Is it known where the direction is?"""
        return self.next >= 0

    @property
    def waiting(self) -> bool:
        """Do segments wait behind a hole?"""
        return bool(self._pending)

    @property
    def finished(self) -> bool:
        """Has everything come up to the FIN?"""
        return 0 <= self.end <= self.next

    @property
    def cost(self) -> int:
        """Bytes held."""
        return self._pending_cost + len(self._undecided) + (self.framer.held if self.framer else 0)

    def start(self, sequence: int, guessed: bool) -> None:
        """Begin at this sequence number; `guessed`: it is that of a segment, not of a SYN."""
        self.next = self.base = sequence + (1 << 32)  # room for what came before
        self.guessed = guessed

    def position(self, sequence: int) -> int:
        """The position nearest to `next` that has this sequence number."""
        return self.next + ((sequence - self.next + _HALF_SPACE) & _SPACE_MASK) - _HALF_SPACE

    def accept(self, segment: Segment) -> list[Cut]:
        """Take a segment; the messages that are complete now."""
        if segment.position > self.next:
            return self._hold(segment)
        if self.guessed and segment.position + segment.size <= self.base:
            return self._earlier(segment)
        cuts = self._deliver(segment, segment.time_ns)
        return cuts + self._drain(segment.time_ns) if self._pending else cuts

    def acknowledged(self, sequence: int) -> bool:
        """Does the peer's acknowledgement cover the hole? Then they did arrive, but not at the capture."""
        return self.waiting and self.position(sequence) >= self._pending[0].position

    def skip_gap(self) -> list[Cut]:
        """Give the hole up and go on behind it; its length is known, so a message body may go on too."""
        first = self._pending[0]
        self._counts[counters.TCP_GAP] += 1
        cuts = self._lose(first.position - self.next, first.time_ns)
        self.next = first.position
        return cuts + self._drain(0)

    def close(self, time_ns: int) -> list[Cut]:
        """The direction is at its end, or given up: what is complete now, holes skipped."""
        cuts: list[Cut] = []
        while self._pending:
            cuts += self.skip_gap()
        if self.framer is not None:
            cuts += _at(time_ns, self.framer.close())
        self._undecided.clear()
        return cuts

    def _hold(self, segment: Segment) -> list[Cut]:
        """Keep a segment that is ahead; over the bound, the hole before it is given up."""
        pending, key = self._pending, segment.position
        index = bisect_left(pending, key, key=_position)
        while index < len(pending) and pending[index].position == key:
            if pending[index].size >= segment.size:  # sent again
                return []
            index += 1
        if not pending:
            self.gap_ns = segment.time_ns
        pending.insert(index, segment)
        self._pending_cost += len(segment.data) + TCP_PENDING_OVERHEAD
        cuts: list[Cut] = []
        while self._pending_cost > TCP_PENDING_BYTES:
            cuts += self.skip_gap()
        return cuts

    def _drain(self, not_before_ns: int) -> list[Cut]:
        """Deliver what waited and now follows; it was complete when the hole was filled, not when it came."""
        cuts: list[Cut] = []
        done = 0
        for segment in self._pending:
            if segment.position > self.next:
                break
            cuts += self._deliver(segment, max(segment.time_ns, not_before_ns))
            self._pending_cost -= len(segment.data) + TCP_PENDING_OVERHEAD
            done += 1
        del self._pending[:done]
        if self._pending and done:
            self.gap_ns = max(self.gap_ns, self._pending[0].time_ns)
        return cuts

    def _deliver(self, segment: Segment, time_ns: int) -> list[Cut]:
        """Pass on what is new of a segment that begins at `next` or before."""
        known = self.next - segment.position
        if known >= segment.size:
            return []
        data = segment.data[known:]
        lost = segment.size - known - len(data)
        self.next = segment.position + segment.size
        cuts = self._judge(data, segment.push, time_ns) if data else []
        if lost:
            self._counts[counters.TCP_GAP] += 1
            cuts += self._lose(lost, time_ns)
        return cuts

    def _judge(self, data: bytes, push: bool, time_ns: int) -> list[Cut]:
        """Cut the bytes; until it is known what they are, gather them."""
        if self.framer is not None:
            return _at(time_ns, self.framer.feed(data, push))
        self._undecided += data
        data = bytes(self._undecided)
        kind = carries(data)
        if kind is Carries.UNDECIDED:
            return []
        self._undecided.clear()
        self.other = kind is Carries.OTHER
        if self.other:
            self._counts[counters.TCP_NOT_SIP] += 1
            return []
        if kind is Carries.SIP:
            self.framer = SipFramer(self._counts)
        else:
            self.framer, self.transport = WebSocketFramer(self._counts), "ws"
        return _at(time_ns, self.framer.feed(data, push))

    def _lose(self, size: int, time_ns: int) -> list[Cut]:
        if self.framer is not None:
            return _at(time_ns, self.framer.lose(size))
        self._undecided.clear()
        return []

    def _earlier(self, segment: Segment) -> list[Cut]:
        """A connection heard in mid-stream: this segment was overtaken by the first one heard."""
        if segment.position >= self.base or self.transport != "tcp" or not looks_like_sip(segment.data):
            return []
        self.base = segment.position
        framer = SipFramer(self._counts)
        return _at(segment.time_ns, framer.feed(segment.data, True) + framer.close())


def _position(segment: Segment) -> int:
    return segment.position


def _at(time_ns: int, messages: list[Message]) -> list[Cut]:
    return [Cut(time_ns, message) for message in messages]
