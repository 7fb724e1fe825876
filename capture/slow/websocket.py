"""SIP over WebSocket (RFC 7118): the opening handshake and the frames of RFC 6455 5."""

import re

from capture.bounds import SIP_MESSAGE, TCP_UNDECIDED_BYTES
from capture.slow import counters
from capture.slow.framing import Message
from protocols.sip import looks_like_sip

_SUBPROTOCOL = re.compile(rb"\nSec-WebSocket-Protocol[ \t]*:[^\r\n]*?\bsip\b", re.IGNORECASE)
_FIN, _COMPRESSED, _RESERVED, _CONTROL = 0x80, 0x40, 0x30, 0x08
_CONTINUATION, _TEXT, _BINARY = 0, 1, 2
_MASKED = 0x80
_HEADER_MAX = 14


def handshake_end(data: bytes | bytearray) -> int:
    """Length of the HTTP head at the beginning, or -1 where it is not all there."""
    end = data.find(b"\r\n\r\n")
    return end + 4 if end >= 0 else -1


def opens_sip(head: bytes) -> bool:
    """Is this HTTP request or response one that opens (101) a WebSocket with the `sip` subprotocol?"""
    if head.startswith(b"HTTP/1.") and head[9:12] != b"101":
        return False
    return _SUBPROTOCOL.search(head) is not None


def unmask(data: bytes, key: bytes) -> bytes:
    """RFC 6455 5.3."""
    if key == b"\0\0\0\0" or not data:
        return data
    size = len(data)
    pad = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(data, "big") ^ int.from_bytes(pad, "big")).to_bytes(size, "big")


def begins_with_sip(data: bytes) -> bool:
    """Does a WebSocket frame begin here whose message begins like SIP? (A connection heard in mid-stream.)"""
    frame = _Frame.read(data)
    if frame is None or frame.opcode not in (_TEXT, _BINARY) or frame.first & (_COMPRESSED | _RESERVED):
        return False
    begin = data[frame.header : frame.header + min(frame.size, 4096)]
    return looks_like_sip(unmask(begin, frame.key))


class _Frame:
    """A frame's header."""

    __slots__ = ("first", "header", "key", "opcode", "size")

    def __init__(self, first: int, header: int, size: int, key: bytes) -> None:
        self.first, self.header, self.size, self.key = first, header, size, key
        self.opcode = first & 0x0F

    @classmethod
    def read(cls, data: bytes | bytearray) -> "_Frame | None":
        """Read the header; None where it is not all there."""
        if len(data) < 2:
            return None
        size, at = data[1] & 0x7F, 2
        if size >= 126:
            width = 2 if size == 126 else 8
            if len(data) < 2 + width:
                return None
            size, at = int.from_bytes(data[2 : 2 + width], "big"), 2 + width
        key = b"\0\0\0\0"
        if data[1] & _MASKED:
            if len(data) < at + 4:
                return None
            key = bytes(data[at : at + 4])
            at += 4
        return cls(data[0], at, size, key)

    def sound(self) -> bool:
        """Does it obey RFC 6455 5.2, as far as one frame shows?"""
        if self.first & _RESERVED or self.opcode not in (0, 1, 2, 8, 9, 10):
            return False
        return self.size <= 125 and bool(self.first & _FIN) if self.opcode & _CONTROL else True


class WebSocketFramer:
    """One direction of a SIP WebSocket; out of step, it waits for a segment that begins with a SIP frame."""

    def __init__(self, counts: dict[str, int]) -> None:
        self._counts = counts
        self._buffer = bytearray()
        self._parts = bytearray()  # of a fragmented message
        self._fragmented = False
        self._usable = True  # the message under way is in the clear and has no hole
        self._skip = 0
        self._in_step = True
        self._handshake = True  # an HTTP head may come first

    @property
    def held(self) -> int:
        return len(self._buffer) + len(self._parts)

    def feed(self, data: bytes, push: bool) -> list[Message]:
        del push
        if not self._in_step:
            if not begins_with_sip(data):
                return []
            self._in_step = True
        if self._skip:
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            data = data[skipped:]
        self._buffer += data
        messages: list[Message] = []
        while self._in_step and self._past_handshake():
            frame = _Frame.read(self._buffer)
            if frame is None:
                break
            if not frame.sound():
                self._out_of_step()
            elif frame.size > SIP_MESSAGE:
                self._jump(frame)
            elif len(self._buffer) < frame.header + frame.size:
                break
            else:
                payload = bytes(self._buffer[frame.header : frame.header + frame.size])
                del self._buffer[: frame.header + frame.size]
                messages += self._take(frame, unmask(payload, frame.key))
        return messages

    def lose(self, size: int) -> list[Message]:
        if self._skip >= size:
            self._skip -= size
            return []
        frame = _Frame.read(self._buffer) if not self._handshake else None
        if frame is not None and frame.sound() and len(self._buffer) + size <= frame.header + frame.size:
            self._counts[counters.SIP_CUT] += 1
            self._skip = frame.header + frame.size - len(self._buffer) - size
            self._spoil(frame)
            self._buffer.clear()
        else:
            self._out_of_step()
        return []

    def close(self) -> list[Message]:
        self._counts[counters.SIP_CUT] += bool(self._buffer or self._fragmented) and not self._handshake
        self._buffer.clear()
        self._parts.clear()
        return []

    def _past_handshake(self) -> bool:
        if not self._handshake:
            return True
        if len(self._buffer) < 4:
            return bool(self._buffer) and self._buffer[0] >= _FIN and self._no_handshake()
        if bytes(self._buffer[:4]) not in (b"GET ", b"HTTP"):
            return self._no_handshake()
        end = handshake_end(self._buffer)
        if end < 0:
            if len(self._buffer) > TCP_UNDECIDED_BYTES:
                self._out_of_step()
            return False
        del self._buffer[:end]
        return self._no_handshake()

    def _no_handshake(self) -> bool:
        self._handshake = False
        return True

    def _take(self, frame: _Frame, payload: bytes) -> list[Message]:
        if frame.opcode & _CONTROL:
            return []
        if frame.opcode != _CONTINUATION:
            self._parts.clear()
            self._usable = not frame.first & _COMPRESSED
            self._counts[counters.WS_COMPRESSED] += not self._usable
        elif not self._fragmented:
            self._counts[counters.WS_MALFORMED] += 1
            return []
        self._fragmented = not frame.first & _FIN
        if self._usable and len(self._parts) + len(payload) > SIP_MESSAGE:
            self._counts[counters.SIP_TOO_LONG] += 1
            self._usable = False
        if not self._usable:
            self._parts.clear()
            return []
        self._parts += payload
        return [] if self._fragmented else self._message()

    def _message(self) -> list[Message]:
        message = bytes(self._parts)
        self._parts.clear()
        if looks_like_sip(message):
            return [Message(message, len(message), False)]
        if message.strip(b"\r\n\0"):  # not a keep-alive
            self._counts[counters.WS_NOT_SIP] += 1
        return []

    def _jump(self, frame: _Frame) -> None:
        """Skip a frame that is too long to hold."""
        self._counts[counters.SIP_TOO_LONG] += 1
        self._skip = max(0, frame.header + frame.size - len(self._buffer))
        self._spoil(frame)
        del self._buffer[: frame.header + frame.size]

    def _spoil(self, frame: _Frame) -> None:
        """A data frame is lost, and with it the message that it is a part of."""
        if not frame.opcode & _CONTROL:
            self._usable = False
            self._fragmented = not frame.first & _FIN
            self._parts.clear()

    def _out_of_step(self) -> None:
        self._counts[counters.WS_MALFORMED] += 1
        self._buffer.clear()
        self._parts.clear()
        self._in_step = self._fragmented = self._handshake = False
        self._skip = 0
