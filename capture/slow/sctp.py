"""SIP over SCTP (RFC 4168): DATA chunks (RFC 9260 3.3.1), put together where a message needs several."""

from collections import OrderedDict
from typing import NamedTuple

from capture.bounds import SCTP_ASSOCIATIONS, SCTP_BYTES, SCTP_FRAGMENTS, SCTP_SEEN, SIP_MESSAGE
from capture.datagram import Datagram
from capture.slow import counters
from capture.slow.cursor import Cursor, DissectError
from protocols.sip import looks_like_sip

_HEADER, _CHUNK, _DATA_HEADER = 12, 4, 16
_DATA = 0
_END, _BEGIN = 1, 2
_TSN_MASK = 0xFFFFFFFF

_Address = tuple[bytes, int, bytes, int, int]


class _Part(NamedTuple):
    """A fragment of a message; `size` bytes on the wire."""

    flags: int
    data: bytes
    size: int


class _Side:
    """One direction of an association: what came, and fragments by transmission sequence number."""

    __slots__ = ("cost", "parts", "seen")

    def __init__(self) -> None:
        self.seen: OrderedDict[int, None] = OrderedDict()
        self.parts: OrderedDict[int, _Part] = OrderedDict()
        self.cost = 0

    def is_new(self, tsn: int) -> bool:
        """Note a chunk; False: it came before."""
        if tsn in self.seen:
            return False
        self.seen[tsn] = None
        if len(self.seen) > SCTP_SEEN:
            self.seen.popitem(last=False)
        return True

    def run(self, tsn: int) -> tuple[int, int] | None:
        """First and last number of the whole message that has this fragment; None: not whole yet."""
        first = last = tsn
        while not self.parts[first].flags & _BEGIN:
            first = (first - 1) & _TSN_MASK
            if first not in self.parts or self.parts[first].flags & _END:
                return None
        while not self.parts[last].flags & _END:
            last = (last + 1) & _TSN_MASK
            if last not in self.parts or self.parts[last].flags & _BEGIN:
                return None
        return first, last


class Sctp:
    """Cuts SIP messages out of SCTP packets. An association is told by addresses, ports, verification tag."""

    def __init__(self, counts: dict[str, int]) -> None:
        self._counts = counts
        self._sides: OrderedDict[_Address, _Side] = OrderedDict()  # idle longest first
        self.cost = 0

    def packet(self, cursor: Cursor) -> list[Datagram]:
        """Take one packet; the messages that it completes. Raises DissectError."""
        start = cursor.take(_HEADER)
        tag = int.from_bytes(cursor.data[start + 4 : start + 8], "big")
        address = (cursor.src_ip, cursor.u16_at(start), cursor.dst_ip, cursor.u16_at(start + 2), tag)
        messages: list[Datagram] = []
        while cursor.wire_end - cursor.at >= _CHUNK:
            start = cursor.take(_CHUNK)
            kind, flags, size = cursor.data[start], cursor.data[start + 1], cursor.u16_at(start + 2)
            if size < _CHUNK or start + size > cursor.wire_end:
                raise DissectError(counters.MALFORMED)
            if kind == _DATA and size > _DATA_HEADER:
                messages += self._chunk(cursor, address, flags, size)
            cursor.at = min(start + (size + 3 & ~3), cursor.wire_end)
            if cursor.at > cursor.end:  # snapped: what follows is not there
                break
        return messages

    def flush(self) -> None:
        """The capture is at its end."""
        while self._sides:
            self._forget()

    def _chunk(self, cursor: Cursor, address: _Address, flags: int, size: int) -> list[Datagram]:
        start = cursor.take(_DATA_HEADER - _CHUNK)
        stop = start - _CHUNK + size
        tsn = int.from_bytes(cursor.data[start : start + 4], "big")
        part = _Part(flags, cursor.data[cursor.at : min(stop, cursor.end)], stop - cursor.at)
        side = self._side(address)
        if not side.is_new(tsn):
            self._counts[counters.SCTP_DUPLICATE] += 1
            return []
        if flags & (_BEGIN | _END) == _BEGIN | _END:
            return self._message(cursor, address, part.data, part.size)
        return self._fragment(cursor, address, side, tsn, part)

    def _fragment(
        self, cursor: Cursor, address: _Address, side: _Side, tsn: int, part: _Part
    ) -> list[Datagram]:
        side.parts[tsn] = part
        self._pay(side, len(part.data))
        run = side.run(tsn)
        if run is None:
            while len(side.parts) > SCTP_FRAGMENTS or side.cost > SIP_MESSAGE:
                self._counts[counters.SCTP_INCOMPLETE] += 1
                self._pay(side, -len(side.parts.popitem(last=False)[1].data))
            while self.cost > SCTP_BYTES:
                self._forget()
            return []
        first, last = run
        data, size, whole = b"", 0, True
        for number in range(first, first + ((last - first) & _TSN_MASK) + 1):
            one = side.parts.pop(number & _TSN_MASK)
            self._pay(side, -len(one.data))
            data += one.data if whole else b""
            whole = whole and len(one.data) == one.size
            size += one.size
        return self._message(cursor, address, data, size)

    def _message(self, cursor: Cursor, address: _Address, data: bytes, size: int) -> list[Datagram]:
        if not looks_like_sip(data):
            self._counts[counters.SCTP_NOT_SIP] += 1
            return []
        return [
            Datagram(
                cursor.time_ns,
                *address[:4],
                "sctp",
                cursor.dscp,
                cursor.ttl,
                cursor.vlan,
                cursor.ip_id,
                data,
                size,
                len(data) < size,
            )
        ]

    def _side(self, address: _Address) -> _Side:
        side = self._sides.get(address)
        if side is None:
            side = self._sides[address] = _Side()
            if len(self._sides) > SCTP_ASSOCIATIONS:
                self._forget()
        else:
            self._sides.move_to_end(address)
        return side

    def _pay(self, side: _Side, cost: int) -> None:
        side.cost += cost
        self.cost += cost

    def _forget(self) -> None:
        _, side = self._sides.popitem(last=False)
        self.cost -= side.cost
        self._counts[counters.SCTP_INCOMPLETE] += len(side.parts)
