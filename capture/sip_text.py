"""What a UDP payload on the way to SIP is, told from its first bytes."""

import re
from enum import Enum, auto

_START_LINE = re.compile(
    rb"SIP/\d+\.\d+[ \t]+\d|[!-~]+[ \t]+[^\r\n]*?SIP/\d+\.\d+[ \t]*(?:\r|\n|\Z)", re.IGNORECASE
)
_METHOD = re.compile(rb"[A-Z]{3,16} sips?:")
_KEEPALIVE = b"\r\n\0 \t"


class Payload(Enum):
    """Kinds of payload."""

    SIP = auto()
    KEEPALIVE = auto()
    OTHER = auto()


def looks_like_sip(payload: bytes, *, snapped: bool) -> bool:
    """Of a payload that begins with a method's name, or SIP/: is its first line one of SIP?

    A first line that the capture has cut is believed.
    """
    if payload.startswith(b"SIP/2.0 "):
        return True
    end = payload.find(b"\r\n")
    if payload[end - 8 : end] == b" SIP/2.0" and end >= 8:
        return True
    return _START_LINE.match(payload) is not None or (snapped and b"\n" not in payload)


def classify(payload: bytes, *, snapped: bool) -> tuple[Payload, bytes]:
    """Of any payload on a SIP port: its kind, and the message without line ends before it (RFC 3261 7.5)."""
    message = payload.lstrip(_KEEPALIVE)
    if not message:
        return Payload.KEEPALIVE, message
    if looks_like_sip(message, snapped=False) or (snapped and _METHOD.match(message) and b"\n" not in message):
        return Payload.SIP, message
    return Payload.OTHER, message
