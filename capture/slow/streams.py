"""What a TCP direction carries: SIP, a SIP WebSocket, or nothing for us; told by its first bytes."""

import re
from enum import Enum, auto

from capture.bounds import SIP_START_LINE, TCP_UNDECIDED_BYTES
from capture.slow.framing import start_line
from capture.slow.websocket import begins_with_sip, handshake_end, opens_sip
from protocols.sip import looks_like_sip

_KEEP_ALIVE = b"\r\n\0"
_MAY_BECOME_START_LINE = re.compile(
    rb"(?:S|SI|SIP|SIP/|SIP/2|SIP/2\.|SIP/2\.0 ?[0-9]{0,3}|[!%'*+\-.0-9A-Z_`a-z~]{1,64}(?: [^\r\n]*\r?)?)\Z"
)
_HTTP = (b"GET ", b"HTTP/1.")


class Carries(Enum):
    """What the bytes of a direction are."""

    SIP = auto()
    WEBSOCKET = auto()
    UNDECIDED = auto()
    OTHER = auto()


def carries(data: bytes) -> Carries:
    """Judge the bytes of a direction since it was first heard, or since it was last judged."""
    data = data.lstrip(_KEEP_ALIVE)
    if not data:
        return Carries.UNDECIDED
    if looks_like_sip(data[: SIP_START_LINE + 64]) and b"\n" in data:
        return Carries.SIP
    if data.startswith(_HTTP):
        end = handshake_end(data)
        if end >= 0:
            return Carries.WEBSOCKET if opens_sip(data[:end]) else Carries.OTHER
        return Carries.UNDECIDED if len(data) <= TCP_UNDECIDED_BYTES else Carries.OTHER
    if begins_with_sip(data):
        return Carries.WEBSOCKET
    if start_line(data) >= 0:
        return Carries.SIP
    if len(data) <= SIP_START_LINE and _MAY_BECOME_START_LINE.match(data):
        return Carries.UNDECIDED
    return Carries.OTHER
