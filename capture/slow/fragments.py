"""Datagrams put together from IP fragments that come in any order, twice, overlapping, or not at all."""

from bisect import bisect_left
from collections import OrderedDict
from typing import NamedTuple

from capture.bounds import (
    DATAGRAM_BYTES,
    FRAGMENT_BYTES,
    FRAGMENT_DATAGRAMS,
    FRAGMENT_DONE,
    FRAGMENT_DONE_NS,
    FRAGMENT_OVERHEAD,
    FRAGMENT_PIECES,
    FRAGMENT_TIMEOUT_NS,
)
from capture.slow import counters
from capture.slow.cursor import Cursor

Key = tuple[bytes, bytes, int, int, int]


class _Head(NamedTuple):
    """What the fragment at offset 0 said of the datagram."""

    protocol: int
    dscp: int
    ttl: int
    ip_id: int


class _Datagram:
    """A datagram in reassembly: pieces that do not overlap, by offset."""

    __slots__ = ("begun_ns", "cost", "covered", "head", "pieces", "starts", "stops", "total")

    def __init__(self, begun_ns: int) -> None:
        self.begun_ns = begun_ns
        self.starts: list[int] = []
        self.stops: list[int] = []  # on the wire; a snapped piece has fewer bytes
        self.pieces: list[bytes] = []
        self.covered = 0
        self.cost = 0
        self.total = -1
        self.head: _Head | None = None

    def add(self, start: int, stop: int, data: bytes) -> int:
        """Keep what is new of bytes start to stop, of which the capture has `data`; how many were new."""
        index = bisect_left(self.stops, start + 1)  # the first piece that ends behind `start`
        new, at = 0, start
        while at < stop:
            free = self.starts[index] if index < len(self.starts) else stop
            upto = min(free, stop)
            if upto > at:
                self.starts.insert(index, at)
                self.stops.insert(index, upto)
                self.pieces.insert(index, data[at - start : upto - start])
                new += upto - at
                index += 1
            if index >= len(self.starts):
                break
            at = max(at, self.stops[index])
            index += 1
        self.covered += new
        return new

    def payload(self) -> bytes:
        """All bytes up to the first that the capture did not keep."""
        for index, piece in enumerate(self.pieces):
            if len(piece) < self.stops[index] - self.starts[index]:
                return b"".join(self.pieces[: index + 1])
        return b"".join(self.pieces)


class _Done(NamedTuple):
    """A finished datagram, known for a while to tell copies of its fragments from a new one."""

    done_ns: int
    payload: bytes
    total: int


class Fragments:
    """Reassembly of IPv4 (RFC 791 3.2) and IPv6 fragments (RFC 8200 4.5).

    Where fragments overlap, the copy of a byte that came first wins. (Hosts drop such datagrams: RFC 5722;
    a capture may have them from mirrors, with equal bytes.) The key has the VLAN in it, so that the two sides
    of a router do not mix. Time is packet time.
    """

    def __init__(self, counts: dict[str, int]) -> None:
        self._counts = counts
        self._open: OrderedDict[Key, _Datagram] = OrderedDict()
        self._done: OrderedDict[Key, _Done] = OrderedDict()
        self._now_ns = 0
        self.cost = 0

    def add(self, cursor: Cursor) -> bool:
        """Add the fragment; True: its datagram is whole, and the cursor is at its payload's begin."""
        self._advance(cursor.time_ns)
        start = cursor.offset
        stop = start + cursor.wire_end - cursor.at
        if stop <= start or stop > DATAGRAM_BYTES or (cursor.more and (stop - start) % 8):
            self._counts[counters.FRAGMENT_MALFORMED] += 1
            return False
        protocol = cursor.protocol if len(cursor.src_ip) == 4 else 0  # IPv6: only the first fragment's counts
        key = (cursor.src_ip, cursor.dst_ip, protocol, cursor.identification, cursor.vlan)
        data = cursor.data[cursor.at : cursor.end]
        if key in self._done and self._repeats(key, start, stop, data):
            self._counts[counters.FRAGMENT_DUPLICATE] += 1
            return False
        datagram = self._open.get(key)
        if datagram is None:
            datagram = self._open[key] = _Datagram(self._now_ns)
        if not self._put(datagram, cursor, start, stop, data):
            return False
        if datagram.covered != datagram.total or datagram.head is None:
            self._evict()
            return False
        self._finish(key, datagram, cursor)
        return True

    def flush(self) -> None:
        """Give up what is open: the capture is at its end."""
        self._counts[counters.FRAGMENT_TIMEOUT] += len(self._open)
        self._open.clear()
        self._done.clear()
        self.cost = 0

    def _put(self, datagram: _Datagram, cursor: Cursor, start: int, stop: int, data: bytes) -> bool:
        """Add to one datagram; False: nothing new, or not to be used."""
        past = stop > datagram.total >= 0 or (
            not cursor.more and bool(datagram.stops) and datagram.stops[-1] > stop
        )
        other_end = not cursor.more and datagram.total not in (-1, stop)
        if past or other_end or len(datagram.pieces) >= FRAGMENT_PIECES:
            self._counts[counters.FRAGMENT_MALFORMED] += 1
            return False
        pieces = len(datagram.pieces)
        new = datagram.add(start, stop, data)
        if not new:
            self._counts[counters.FRAGMENT_DUPLICATE] += 1
            return False
        if new < stop - start:
            self._counts[counters.FRAGMENT_OVERLAP] += 1
        if not cursor.more:
            datagram.total = stop
        if start == 0 and datagram.head is None:
            datagram.head = _Head(cursor.protocol, cursor.dscp, cursor.ttl, cursor.ip_id)
        cost = min(new, len(data)) + FRAGMENT_OVERHEAD * (len(datagram.pieces) - pieces)
        datagram.cost += cost
        self.cost += cost
        return True

    def _finish(self, key: Key, datagram: _Datagram, cursor: Cursor) -> None:
        del self._open[key]
        self.cost -= datagram.cost
        payload, head = datagram.payload(), datagram.head
        if head is not None:
            cursor.protocol, cursor.dscp, cursor.ttl, cursor.ip_id = head
        cursor.data, cursor.at, cursor.end, cursor.wire_end = payload, 0, len(payload), datagram.total
        self._done[key] = _Done(self._now_ns, payload, datagram.total)
        if len(self._done) > FRAGMENT_DONE:
            self._done.popitem(last=False)

    def _repeats(self, key: Key, start: int, stop: int, data: bytes) -> bool:
        """Is this a fragment of the finished datagram again? If not, its number is in use anew."""
        done = self._done[key]
        known = done.payload[start:stop]
        size = min(len(known), len(data))
        if stop <= done.total and known[:size] == data[:size]:
            return True
        del self._done[key]
        return False

    def _advance(self, time_ns: int) -> None:
        """Let packet time go on; a step back of more than the time-out is a clock that was set."""
        if self._now_ns - FRAGMENT_TIMEOUT_NS <= time_ns <= self._now_ns:
            return
        self._now_ns = time_ns
        while self._open:
            key, datagram = next(iter(self._open.items()))
            if abs(time_ns - datagram.begun_ns) <= FRAGMENT_TIMEOUT_NS:
                break
            self._give_up(key, counters.FRAGMENT_TIMEOUT)
        while self._done:
            key, done = next(iter(self._done.items()))
            if abs(time_ns - done.done_ns) <= FRAGMENT_DONE_NS:
                break
            del self._done[key]

    def _evict(self) -> None:
        while self._open and (self.cost > FRAGMENT_BYTES or len(self._open) > FRAGMENT_DATAGRAMS):
            self._give_up(next(iter(self._open)), counters.FRAGMENT_EVICTED)

    def _give_up(self, key: Key, reason: str) -> None:
        self.cost -= self._open.pop(key).cost
        self._counts[reason] += 1
