"""Which frames carried a datagram or a message: fragments, and segments of a connection."""

from collections import OrderedDict, deque
from typing import NamedTuple

from capture.bounds import CUT_FRAGMENTS, CUT_STREAM_BACK_BYTES, CUT_STREAMS, LAYERS_PER_FRAME
from capture.cutting.frames import Frame
from capture.datagram import Datagram
from capture.slow import counters
from capture.slow.cursor import Cursor, DissectError, End, Layer
from capture.slow.fragments import Fragments
from capture.slow.links import LINK_LAYERS
from capture.slow.network import by_protocol, extensions
from capture.slow.tunnels import under_udp

Numbered = tuple[int, Frame]
"""A frame's ordinal in the capture, and the frame."""

_FragmentKey = tuple[bytes, bytes, int, int, int]
_StreamKey = tuple[bytes, int, bytes, int]
_UDP_HEADER = 8


class _Whole(NamedTuple):
    """What a walk through a frame ended in, and the frames that this took."""

    end: End
    key: _StreamKey
    frames: list[Numbered]


class Provenance:
    """Remembers slow frames until it is known whether what they carry is wanted."""

    def __init__(self) -> None:
        self._fragments = Fragments(counters.zeros())
        self._pieces: OrderedDict[_FragmentKey, list[Numbered]] = OrderedDict()
        self._streams: OrderedDict[_StreamKey, _Stream] = OrderedDict()
        self._datagram: list[Numbered] = []

    def feed(self, numbered: Numbered) -> None:
        """Take the next slow frame."""
        self._datagram = []
        whole = self._walk(numbered)
        if whole is None:
            return
        if whole.end is End.UDP:
            self._datagram = whole.frames
            return
        stream = self._streams.get(whole.key)
        if stream is None:
            stream = self._streams[whole.key] = _Stream()
            if len(self._streams) > CUT_STREAMS:
                self._streams.popitem(last=False)
        self._streams.move_to_end(whole.key)
        stream.add(whole.frames)

    def of(self, datagram: Datagram) -> list[Numbered]:
        """The frames that carried what the last frame completed; of a stream all since the last asked for.

        A stream's frames are handed out once: the first call has the connection from its beginning, where
        that is not too far back, so that it can be put together again.
        """
        if datagram.transport == "udp":
            return self._datagram
        stream = self._streams.get(
            _stream_key(datagram.src_ip, datagram.src_port, datagram.dst_ip, datagram.dst_port)
        )
        return stream.take() if stream is not None else []

    def _walk(self, numbered: Numbered) -> _Whole | None:
        """Through the headers, as `capture.slow.SlowPath` does; None where nothing is whole yet."""
        frame = numbered[1]
        step: Layer | End | None = LINK_LAYERS.get(frame.link_type)
        if step is None:
            return None
        cursor = Cursor(frame.time_ns, frame.data, frame.original)
        frames = [numbered]
        try:
            for _ in range(LAYERS_PER_FRAME):
                if not isinstance(step, End):
                    step = step(cursor)
                elif step is End.FRAGMENT:
                    frames = self._piece(cursor, frames)
                    if not frames:
                        return None
                    step = by_protocol(cursor) if len(cursor.src_ip) == 4 else extensions(cursor)
                elif step is End.UDP and (inner := _tunnel(cursor)) is not None:
                    step = inner
                else:
                    start = cursor.at
                    src, dst = cursor.u16_at(start), cursor.u16_at(start + 2)
                    return _Whole(step, _stream_key(cursor.src_ip, src, cursor.dst_ip, dst), frames)
        except (DissectError, IndexError):
            return None
        return None

    def _piece(self, cursor: Cursor, frames: list[Numbered]) -> list[Numbered]:
        """Add a fragment; the frames of its datagram once that is whole."""
        protocol = cursor.protocol if len(cursor.src_ip) == 4 else 0
        key = (cursor.src_ip, cursor.dst_ip, protocol, cursor.identification, cursor.vlan)
        held = self._pieces.setdefault(key, [])
        held += frames
        self._pieces.move_to_end(key)
        if len(self._pieces) > CUT_FRAGMENTS:
            self._pieces.popitem(last=False)
        if self._fragments.add(cursor):
            return self._pieces.pop(key, frames)
        return []


class _Stream:
    """The frames of a connection that have not been handed out."""

    __slots__ = ("_bytes", "_frames", "_wanted")

    def __init__(self) -> None:
        self._frames: deque[Numbered] = deque()
        self._bytes = 0
        self._wanted = False

    def add(self, frames: list[Numbered]) -> None:
        """Hold frames; far back ones are let go unless the connection has been asked for before."""
        self._frames.extend(frames)
        self._bytes += sum(len(frame.data) for _, frame in frames)
        most = CUT_STREAM_BACK_BYTES * (16 if self._wanted else 1)
        while self._bytes > most and len(self._frames) > 1:
            self._bytes -= len(self._frames.popleft()[1].data)

    def take(self) -> list[Numbered]:
        """All that is held."""
        frames = list(self._frames)
        self._frames.clear()
        self._bytes, self._wanted = 0, True
        return frames


def _tunnel(cursor: Cursor) -> Layer | None:
    """What a UDP header leads to, where it is a tunnel; else the cursor stays at the header."""
    start = cursor.at
    end, wire_end = cursor.end, cursor.wire_end
    cursor.take(_UDP_HEADER)
    length = cursor.u16_at(start + 4)
    if length:
        cursor.limit(length - _UDP_HEADER)
    inner = under_udp(cursor, cursor.u16_at(start), cursor.u16_at(start + 2))
    if inner is None:
        cursor.at, cursor.end, cursor.wire_end = start, end, wire_end
    return inner


def _stream_key(src_ip: bytes, src_port: int, dst_ip: bytes, dst_port: int) -> _StreamKey:
    if (src_ip, src_port) <= (dst_ip, dst_port):
        return src_ip, src_port, dst_ip, dst_port
    return dst_ip, dst_port, src_ip, src_port
