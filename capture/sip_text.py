"""What a UDP payload on the way to SIP is, told from its first line."""

from enum import Enum, auto

from protocols.sip import looks_like_sip

_KEEPALIVE = b"\r\n\0 \t"


class Payload(Enum):
    """Kinds of payload."""

    SIP = auto()
    KEEPALIVE = auto()
    OTHER = auto()


def classify(payload: bytes, *, snapped: bool) -> tuple[Payload, bytes]:
    """The kind, and the message without line ends before it (RFC 3261 7.5).

    A first line that the capture has cut is believed where it begins with a method's name in capitals.
    """
    message = payload.lstrip(_KEEPALIVE) if payload[0] < 0x21 else payload
    if not message:
        return Payload.KEEPALIVE, message
    if looks_like_sip(message) or (snapped and b"\n" not in message and _cut_start_line(message)):
        return Payload.SIP, message
    return Payload.OTHER, message


def _cut_start_line(message: bytes) -> bool:
    method = message.partition(b" ")[0]
    return message.startswith(b"SIP/2.0") or (method.isalpha() and method.isupper() and len(method) <= 16)
