"""TCP connections that carry SIP or a SIP WebSocket (RFC 9293, RFC 3261 18.3, RFC 7118)."""

from collections import OrderedDict

from capture.bounds import (
    TCP_ACKNOWLEDGED_GAP_NS,
    TCP_BYTES,
    TCP_CONNECTIONS,
    TCP_GAP_NS,
    TCP_IDLE_NS,
    TCP_UNDECIDED_NS,
    TCP_WINDOW,
)
from capture.datagram import Datagram
from capture.slow import counters
from capture.slow.cursor import Cursor, DissectError
from capture.slow.direction import Cut, Direction, Segment
from capture.slow.streams import Carries, carries

TCP_HEADER = 20
FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10

Key = tuple[bytes, int, bytes, int]
_Carrier = tuple[bytes, int, bytes, int, int, int, int, int]


class _Connection:
    """Both directions; `carrier[side]`: addresses, DSCP, TTL, VLAN, IP id of that side's last segment."""

    __slots__ = ("carrier", "followed", "key", "last_ns", "sides")

    def __init__(self, key: Key, counts: dict[str, int]) -> None:
        self.key = key
        self.last_ns = 0
        self.followed = False  # known to carry SIP
        self.sides = (Direction(counts), Direction(counts))
        back = (key[2], key[3], key[0], key[1])
        self.carrier: list[_Carrier] = [(*key, 0, 0, -1, 0), (*back, 0, 0, -1, 0)]

    @property
    def cost(self) -> int:
        return self.sides[0].cost + self.sides[1].cost

    def messages(self, side: int, cuts: list[Cut]) -> list[Datagram]:
        """What was cut out of one direction, addressed."""
        if not cuts:
            return []
        src_ip, src_port, dst_ip, dst_port, dscp, ttl, vlan, ip_id = self.carrier[side]
        transport = self.sides[side].transport
        return [
            Datagram(
                time_ns,
                src_ip,
                src_port,
                dst_ip,
                dst_port,
                transport,
                dscp,
                ttl,
                vlan,
                ip_id,
                message.payload,
                message.length,
                message.snapped,
            )
            for time_ns, message in cuts
        ]

    def close(self) -> list[Datagram]:
        """What is complete of both directions when the connection ends or is given up."""
        return [
            message
            for side, direction in enumerate(self.sides)
            for message in self.messages(side, direction.close(self.last_ns))
        ]


class Tcp:
    """Follows connections that carry SIP; others only until their first payload has been seen.

    Time is packet time. A connection that was forgotten is picked up again at the next start line.
    """

    def __init__(self, counts: dict[str, int]) -> None:
        self._counts = counts
        self._fresh: OrderedDict[Key, _Connection] = OrderedDict()  # undecided, idle longest first
        self._followed: OrderedDict[Key, _Connection] = OrderedDict()  # of SIP, idle longest first
        self._gaps: OrderedDict[tuple[Key, int], None] = OrderedDict()  # directions with a hole, oldest first
        self.cost = 0

    def knows(self, src_ip: bytes, src_port: int, dst_ip: bytes, dst_port: int) -> bool:
        """Is this connection, in either direction, followed?"""
        key = _key(src_ip, src_port, dst_ip, dst_port)[0]
        return key in self._followed or key in self._fresh

    def segment(self, cursor: Cursor) -> list[Datagram]:
        """Take one segment; the messages that it completes. Raises DissectError."""
        start = cursor.take(TCP_HEADER)
        data = cursor.data
        src_port, dst_port = cursor.u16_at(start), cursor.u16_at(start + 2)
        sequence = int.from_bytes(data[start + 4 : start + 8], "big")
        header, flags = (data[start + 12] >> 4) * 4, data[start + 13]
        if header < TCP_HEADER:
            raise DissectError(counters.MALFORMED)
        cursor.take(header - TCP_HEADER)
        key, side = _key(cursor.src_ip, src_port, cursor.dst_ip, dst_port)
        connection = self._followed.get(key) or self._fresh.get(key)
        if connection is None and not flags & SYN:
            connection = self._pick_up(key, side, cursor, sequence)
        messages: list[Datagram] = []
        if flags & SYN:
            sequence = (sequence + 1) & 0xFFFFFFFF
            connection, messages = self._open(connection, key, side, sequence, bool(flags & ACK))
        if connection is None:
            return []
        if flags & RST:
            return messages + self._close(connection)
        before = connection.cost
        connection.last_ns = cursor.time_ns
        connection.carrier[side] = (
            cursor.src_ip,
            src_port,
            cursor.dst_ip,
            dst_port,
            cursor.dscp,
            cursor.ttl,
            cursor.vlan,
            cursor.ip_id,
        )
        if flags & ACK:
            messages += self._heed(connection, 1 - side, int.from_bytes(data[start + 8 : start + 12], "big"))
        messages += self._take(connection, side, cursor, sequence, flags)
        self.cost += connection.cost - before
        return messages + self._settle(connection)

    def expire(self, time_ns: int) -> list[Datagram]:
        """Packet time goes on: what waited behind holes for too long; idle connections are forgotten."""
        messages: list[Datagram] = []
        while self._gaps:
            key, side = next(iter(self._gaps))
            connection = self._followed.get(key) or self._fresh[key]
            if abs(time_ns - connection.sides[side].gap_ns) <= TCP_GAP_NS:
                break
            before = connection.cost
            messages += connection.messages(side, connection.sides[side].skip_gap())
            self.cost += connection.cost - before
            self._note_gap(connection, side, anew=True)
        for table, idle_ns in ((self._fresh, TCP_UNDECIDED_NS), (self._followed, TCP_IDLE_NS)):
            while table:
                connection = next(iter(table.values()))
                if abs(time_ns - connection.last_ns) <= idle_ns:
                    break
                self._counts[counters.TCP_IDLE] += 1
                messages += self._close(connection)
        return messages

    def flush(self) -> list[Datagram]:
        """The capture is at its end."""
        messages: list[Datagram] = []
        for table in (self._fresh, self._followed):
            while table:
                messages += self._close(next(iter(table.values())))
        return messages

    def _pick_up(self, key: Key, side: int, cursor: Cursor, sequence: int) -> _Connection | None:
        """Begin in mid-stream, where the payload is, or may be the beginning of, SIP."""
        payload = cursor.data[cursor.at : cursor.end]
        if not payload:
            return None
        if carries(payload) is Carries.OTHER:
            self._counts[counters.TCP_NOT_SIP] += 1
            return None
        connection = self._fresh[key] = _Connection(key, self._counts)
        connection.sides[side].start(sequence, guessed=True)
        return connection

    def _open(
        self, connection: _Connection | None, key: Key, side: int, sequence: int, answer: bool
    ) -> tuple[_Connection, list[Datagram]]:
        """A SYN: the first sequence number, or the ports used again with a new one."""
        messages: list[Datagram] = []
        if connection is not None and connection.sides[side].begun:
            direction = connection.sides[side]
            behind = (direction.base - sequence) & 0xFFFFFFFF
            if behind == 0 or (direction.guessed and behind < TCP_WINDOW):
                return connection, messages
            self._counts[counters.TCP_RESTART] += not direction.finished
            if answer:
                before = connection.cost
                messages = self._restart(connection, side, sequence, guessed=False)
                self.cost += connection.cost - before
                return connection, messages
            messages = self._close(connection)
            connection = None
        if connection is None:
            connection = self._fresh[key] = _Connection(key, self._counts)
        connection.sides[side].start(sequence, guessed=False)
        return connection, messages

    def _restart(self, connection: _Connection, side: int, sequence: int, guessed: bool) -> list[Datagram]:
        """Begin one direction anew; the caller counts the cost."""
        messages = connection.messages(side, connection.sides[side].close(connection.last_ns))
        direction = Direction(self._counts)
        direction.start(sequence, guessed)
        connection.sides = (direction, connection.sides[1]) if side == 0 else (connection.sides[0], direction)
        self._note_gap(connection, side)
        return messages

    def _take(
        self, connection: _Connection, side: int, cursor: Cursor, sequence: int, flags: int
    ) -> list[Datagram]:
        """Payload and FIN."""
        direction = connection.sides[side]
        size = cursor.wire_end - cursor.at
        if not size and not flags & FIN:
            return []
        if not direction.begun:
            direction.start(sequence, guessed=True)
        data = cursor.data[cursor.at : cursor.end]
        messages: list[Datagram] = []
        if abs(direction.position(sequence) - direction.next) > TCP_WINDOW:
            if not data or carries(data) not in (Carries.SIP, Carries.WEBSOCKET):
                self._counts[counters.TCP_OUT_OF_WINDOW] += 1
                return []
            self._counts[counters.TCP_RESTART] += 1
            messages = self._restart(connection, side, sequence, guessed=True)
            direction = connection.sides[side]
        position = direction.position(sequence)
        if size:
            segment = Segment(position, size, cursor.time_ns, bool(flags & PSH), data)
            messages += connection.messages(side, direction.accept(segment))
        if flags & FIN:
            direction.end = position + size
        if direction.finished:
            messages += connection.messages(side, direction.close(cursor.time_ns))
        self._note_gap(connection, side)
        return messages

    def _heed(self, connection: _Connection, side: int, acknowledged: int) -> list[Datagram]:
        """The peer has what the capture misses: do not wait for it to be sent again."""
        direction = connection.sides[side]
        if not direction.waiting or connection.last_ns - direction.gap_ns < TCP_ACKNOWLEDGED_GAP_NS:
            return []
        if not direction.acknowledged(acknowledged):
            return []
        messages = connection.messages(side, direction.skip_gap())
        self._note_gap(connection, side, anew=True)
        return messages

    def _settle(self, connection: _Connection) -> list[Datagram]:
        """After a segment: keep the connection, as one of SIP or as an undecided one, or drop it."""
        one, two = connection.sides
        if one.finished and two.finished:
            return self._close(connection)
        if not connection.followed and (one.framer is not None or two.framer is not None):
            connection.followed = True
            del self._fresh[connection.key]
            self._followed[connection.key] = connection
        if connection.followed:
            self._followed.move_to_end(connection.key)
        elif one.other or two.other:
            return self._close(connection)
        else:
            self._fresh.move_to_end(connection.key)
        messages: list[Datagram] = []
        for table in (self._fresh, self._followed):
            while table and (len(table) > TCP_CONNECTIONS or self.cost > TCP_BYTES):
                self._counts[counters.TCP_EVICTED] += 1
                messages += self._close(next(iter(table.values())))
        return messages

    def _close(self, connection: _Connection) -> list[Datagram]:
        """Forget a connection."""
        self.cost -= connection.cost
        messages = connection.close()
        (self._followed if connection.followed else self._fresh).pop(connection.key, None)
        for side in (0, 1):
            self._gaps.pop((connection.key, side), None)
        return messages

    def _note_gap(self, connection: _Connection, side: int, anew: bool = False) -> None:
        """Keep the list of directions that wait behind a hole."""
        place = (connection.key, side)
        if anew or not connection.sides[side].waiting:
            self._gaps.pop(place, None)
        if connection.sides[side].waiting:
            self._gaps.setdefault(place)


def _key(src_ip: bytes, src_port: int, dst_ip: bytes, dst_port: int) -> tuple[Key, int]:
    """The connection's key, and which direction this is."""
    if (src_ip, src_port) <= (dst_ip, dst_port):
        return (src_ip, src_port, dst_ip, dst_port), 0
    return (dst_ip, dst_port, src_ip, src_port), 1
