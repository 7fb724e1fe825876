"""SIP messages cut out of a byte stream by their Content-Length (RFC 3261 18.3)."""

import re
from typing import NamedTuple, Protocol

from capture.bounds import SIP_HEAD, SIP_MESSAGE, SIP_START_LINE
from capture.slow import counters
from protocols.sip import content_length_of, looks_like_sip

_KEEP_ALIVE = b"\r\n\0"  # RFC 5626 4.4.1, and what some send in its place
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_CONTENT_TYPE = re.compile(rb"\n(?:Content-Type|c)[ \t]*:", re.IGNORECASE)
_VERSION = b"SIP/2.0"
_STATUS_LINE = re.compile(rb"SIP/2\.0 [1-6][0-9][0-9][ \r\n]")
_REQUEST_LINE_END = re.compile(rb"SIP/2\.0[ \t]*\r?\n")
_KNOWN_METHOD = re.compile(
    rb"(?:INVITE|ACK|BYE|CANCEL|REGISTER|OPTIONS|PRACK|SUBSCRIBE|NOTIFY|PUBLISH|INFO|REFER|MESSAGE|UPDATE)"
    rb" [^\s]+ +\Z"
)
_ANY_METHOD = re.compile(rb"[!%'*+\-.0-9A-Z_`a-z~]{1,64} [^\s]+ +")


class Message(NamedTuple):
    """A SIP message, `length` bytes in the stream; fewer are in `payload` where it is `snapped`."""

    payload: bytes
    length: int
    snapped: bool


class Framer(Protocol):
    """Cuts one direction of a connection into messages. `held` bytes are waiting for more."""

    @property
    def held(self) -> int:
        """Bytes waiting."""

    def feed(self, data: bytes, push: bool) -> list[Message]:
        """Take the next bytes, one segment's; `push`: the sender had nothing more to say for now."""

    def lose(self, size: int) -> list[Message]:
        """The next `size` bytes of the stream are not known."""

    def close(self) -> list[Message]:
        """The stream is at its end."""


def start_line(data: bytes | bytearray, begin: int = 0) -> int:
    """Where the next SIP start line is, or -1; it may follow a body that does not end a line."""
    at = data.find(_VERSION, begin)
    while at >= 0:
        start = _start_of(data, begin, at)
        if start >= 0:
            return start
        at = data.find(_VERSION, at + len(_VERSION))
    return -1


def _start_of(data: bytes | bytearray, begin: int, at: int) -> int:
    """Begin of the start line that has its version at `at`, or -1."""
    if _STATUS_LINE.match(data, at):
        return at
    if not _REQUEST_LINE_END.match(data, at):
        return -1
    begin = max(begin, at - SIP_START_LINE)
    line = max(begin, data.rfind(b"\n", begin, at) + 1)
    match = _KNOWN_METHOD.search(data, line, at) or _ANY_METHOD.fullmatch(data, line, at)
    return match.start() if match else -1


class SipFramer:
    """A stream of SIP messages with keep-alives between them; out of step, it goes to the next start line."""

    def __init__(self, counts: dict[str, int]) -> None:
        self._counts = counts
        self._buffer = bytearray()
        self._scanned = 0  # no end of the head, or of a body without length, before here
        self._head = 0  # length of the head, once known
        self._total = 0  # length of the message, once known
        self._begun = False  # the buffer begins with a start line
        self._lost = False
        self._skip = 0

    @property
    def held(self) -> int:
        return len(self._buffer)

    def feed(self, data: bytes, push: bool) -> list[Message]:
        if self._skip:
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            data = data[skipped:]
        self._buffer += data
        messages: list[Message] = []
        while self._find_start() and self._find_head():
            if not self._total and not self._find_next(push):
                break
            if self._total > SIP_MESSAGE:
                messages.append(self._cut(counters.SIP_TOO_LONG, 0))
            elif len(self._buffer) < self._total:
                break
            else:
                messages.append(Message(bytes(self._buffer[: self._total]), self._total, False))
                self._drop(self._total)
        return messages

    def lose(self, size: int) -> list[Message]:
        messages: list[Message] = []
        if self._skip:
            self._skip -= min(self._skip, size)
        elif self._head and self._total:
            messages.append(self._cut(counters.SIP_CUT, size))
        elif self._head:
            self._total = len(self._buffer) + size
            messages.append(self._cut(counters.SIP_CUT, size))
        else:
            self._counts[counters.SIP_CUT] += bool(self._buffer) and not self._lost
            self._drop(len(self._buffer))
        return messages

    def close(self) -> list[Message]:
        messages: list[Message] = []
        if self._head and not self._total:
            messages = self.feed(b"", push=True)
        elif self._head:
            messages.append(self._cut(counters.SIP_CUT, 0))
        else:
            self._counts[counters.SIP_CUT] += bool(self._buffer) and not self._lost
        self._drop(len(self._buffer))
        self._skip = 0
        return messages

    def _find_start(self) -> bool:
        """Bring the buffer to a start line; False: there is none yet."""
        if self._begun:
            return True
        buffer = self._buffer
        blank = 0
        while blank < len(buffer) and buffer[blank] in _KEEP_ALIVE:
            blank += 1
        del buffer[:blank]
        self._scanned = max(0, self._scanned - blank)
        end = buffer.find(b"\n", self._scanned)
        if end >= 0:
            if not looks_like_sip(bytes(buffer[: end + 1])) and not self._resync():
                return False
            self._begun, self._lost, self._scanned = True, False, 0
            return True
        self._scanned = len(buffer)
        if len(buffer) > SIP_START_LINE:
            self._out_of_step()
            self._drop(len(buffer))
        return False

    def _resync(self) -> bool:
        self._out_of_step()
        start = start_line(self._buffer)
        if start >= 0:
            del self._buffer[:start]
            return True
        self._drop(self._buffer.rfind(b"\n") + 1)
        self._scanned = len(self._buffer)
        if self._scanned > SIP_START_LINE:
            self._drop(self._scanned)
        return False

    def _find_head(self) -> bool:
        """Find the head's end and what it says of the body; False: not yet there."""
        if self._head:
            return True
        match = _HEAD_END.search(self._buffer, self._scanned)
        if match is None:
            self._scanned = max(0, len(self._buffer) - 3)
            if len(self._buffer) > SIP_HEAD:
                self._counts[counters.SIP_TOO_LONG] += 1
                self._drop(self._buffer.rfind(b"\n") + 1)
            return False
        self._head = self._scanned = match.end()
        head = bytes(self._buffer[: self._head])
        length = content_length_of(head)
        if length is not None:
            self._total = self._head + length
        else:
            self._counts[counters.SIP_NO_LENGTH] += 1
            if not _CONTENT_TYPE.search(head):
                self._total = self._head
        return True

    def _find_next(self, push: bool) -> bool:
        """A body without length goes to the next start line, or as far as the sender wrote at once."""
        start = start_line(self._buffer, self._scanned)
        if start >= 0:
            self._total = start
        elif push or len(self._buffer) > SIP_MESSAGE:
            self._total = len(self._buffer)
        else:
            self._scanned = max(self._head, self._buffer.rfind(b"\n") + 1, len(self._buffer) - SIP_START_LINE)
        return self._total > 0

    def _cut(self, reason: str, lost: int) -> Message:
        """Hand on what is there of a message; the rest of its body, `lost` bytes of it gone, is skipped."""
        self._counts[reason] += 1
        total = self._total
        message = Message(bytes(self._buffer[:total]), total, len(self._buffer) < total)
        skip = max(0, total - len(self._buffer) - lost)
        self._drop(len(message.payload))
        self._skip = skip
        return message

    def _out_of_step(self) -> None:
        if not self._lost:
            self._lost = True
            self._counts[counters.SIP_RESYNC] += 1

    def _drop(self, size: int) -> None:
        del self._buffer[:size]
        self._scanned = self._head = self._total = 0
        self._begun = False
