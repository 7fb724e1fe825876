"""The slow path: one frame at a time, through every header there is, to datagrams and SIP messages."""

from capture.bounds import LAYERS_PER_FRAME
from capture.datagram import Datagram
from capture.slow import counters
from capture.slow.cursor import Cursor, DissectError, End, Layer
from capture.slow.fragments import Fragments
from capture.slow.links import LINK_LAYERS
from capture.slow.network import by_protocol, extensions
from capture.slow.sctp import Sctp
from capture.slow.tcp import Tcp
from capture.slow.tunnels import under_udp

UDP_HEADER = 8


class SlowPath:
    """Dissects what the fast path cannot finish; frames come in capture order.

    `counters` counts what was discarded or repaired, by reason (`capture.slow.counters`); nothing raises.
    """

    def __init__(self) -> None:
        self.counters = counters.zeros()
        self._fragments = Fragments(self.counters)
        self._tcp = Tcp(self.counters)
        self._sctp = Sctp(self.counters)

    def feed(self, link_type: int, time_ns: int, frame: bytes, original: int) -> list[Datagram]:
        """Dissect one frame of `original` bytes on the wire; the datagrams and messages that it completes.

        A datagram's time is its last fragment's, a message's that of the segment which completed it; a
        message that waited behind a hole until it was given up comes with a time that is past.
        """
        late = self._tcp.expire(time_ns)
        layer = LINK_LAYERS.get(link_type)
        if layer is None:
            self.counters[counters.LINK_TYPE_UNKNOWN] += 1
            return late
        try:
            return late + self._walk(Cursor(time_ns, frame, original), layer)
        except DissectError as error:
            self.counters[error.reason] += 1
            return late

    def flush(self) -> list[Datagram]:
        """The capture is at its end: what is still of use, and everything else counted."""
        self._fragments.flush()
        self._sctp.flush()
        return self._tcp.flush()

    def tcp_of_interest(self, src_ip: bytes, src_port: int, dst_ip: bytes, dst_port: int) -> bool:
        """Is this a connection, in either direction, whose segments have to come here?"""
        return self._tcp.knows(src_ip, src_port, dst_ip, dst_port)

    def _walk(self, cursor: Cursor, step: Layer | End) -> list[Datagram]:
        for _ in range(LAYERS_PER_FRAME):
            if not isinstance(step, End):
                step = step(cursor)
            elif step is End.UDP:
                inner = self._udp(cursor)
                if isinstance(inner, list):
                    return inner
                step = inner
            elif step is End.TCP:
                return self._tcp.segment(cursor)
            elif step is End.SCTP:
                return self._sctp.packet(cursor)
            elif not self._fragments.add(cursor):
                return []
            else:
                step = by_protocol(cursor) if len(cursor.src_ip) == 4 else extensions(cursor)
        raise DissectError(counters.TOO_DEEP)

    def _udp(self, cursor: Cursor) -> Layer | list[Datagram]:
        """RFC 768. A length of 0 is a jumbogram's (RFC 2675 4) or a segment's not yet cut."""
        start = cursor.take(UDP_HEADER)
        src_port, dst_port = cursor.u16_at(start), cursor.u16_at(start + 2)
        length = cursor.u16_at(start + 4)
        if length:
            if not UDP_HEADER <= length <= cursor.wire_end - start:
                raise DissectError(counters.UDP_BAD_LENGTH)
            cursor.limit(length - UDP_HEADER)
        tunnel = under_udp(cursor, src_port, dst_port)
        if tunnel is not None:
            return tunnel
        return [
            Datagram(
                cursor.time_ns,
                cursor.src_ip,
                src_port,
                cursor.dst_ip,
                dst_port,
                "udp",
                cursor.dscp,
                cursor.ttl,
                cursor.vlan,
                cursor.ip_id,
                cursor.data[cursor.at : cursor.end],
                cursor.wire_end - cursor.at,
                cursor.end < cursor.wire_end,
            )
        ]
