"""What a UDP payload on the way to SIP is, told from its first bytes."""

import re
from enum import Enum, auto

START_LINE_MAX = 65_535
_START_LINE = re.compile(
    rb"SIP/\d+\.\d+[ \t]+\d|[!-~]+[ \t]+[^\r\n]*?SIP/\d+\.\d+[ \t]*(?:\r|\n|\Z)", re.IGNORECASE
)
_KEEPALIVE = b"\r\n\0 \t"


class Payload(Enum):
    """Kinds of payload."""

    SIP = auto()
    KEEPALIVE = auto()
    OTHER = auto()


def classify(payload: bytes, *, snapped: bool) -> tuple[Payload, bytes]:
    """The kind, and the message without line ends before it (RFC 3261 7.5).

    A start line that the capture has cut is believed: its first word was a method of SIP.
    """
    message = payload.lstrip(_KEEPALIVE) if payload[:1] in _KEEPALIVE_FIRST else payload
    if not message:
        return Payload.KEEPALIVE, message
    if _START_LINE.match(message) or (snapped and b"\n" not in message):
        return Payload.SIP, message
    return Payload.OTHER, message


_KEEPALIVE_FIRST = {bytes([byte]) for byte in _KEEPALIVE}
