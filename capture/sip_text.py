"""What a UDP payload on the way to SIP is, told from its first line."""

from enum import Enum, auto

from protocols.sip import looks_like_sip

FIRST_LINE = 512
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
    if _is_usual(payload):
        return Payload.SIP, payload
    message = payload.lstrip(_KEEPALIVE) if payload[0] < 0x21 else payload
    if not message:
        return Payload.KEEPALIVE, message
    if looks_like_sip(message) or (snapped and b"\n" not in message and _cut_start_line(message)):
        return Payload.SIP, message
    return Payload.OTHER, message


def _is_usual(payload: bytes) -> bool:
    """Is the first line plainly one of SIP? Spares most messages the regular expressions."""
    word, _, rest = payload[:FIRST_LINE].partition(b"\r\n")[0].partition(b" ")
    if word == b"SIP/2.0":
        return rest[:3].isdigit() and rest[3:4] == b" " and b"1" <= rest[:1] <= b"6"
    return word.isalpha() and rest.endswith(b" SIP/2.0") and rest[:1] != b" " and b"\n" not in rest


def _cut_start_line(message: bytes) -> bool:
    method = message.partition(b" ")[0]
    return message.startswith(b"SIP/2.0") or (method.isalpha() and method.isupper() and len(method) <= 16)
