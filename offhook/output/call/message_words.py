"""What a SIP message says beyond its first line, in short."""

from collections.abc import Iterator
from typing import Final

from offhook.output.call.sdp_words import in_short
from offhook.text import cut
from protocols import sip
from protocols.sip.message import SipMessage
from schemas.sip_messages import SipPacket

_WORDS_LONGEST: Final = 80


def message_words(packet: SipPacket) -> tuple[list[str], list[str]]:
    """What the message says (where a REFER goes, why a BYE came), and its SDP, a line a media."""
    try:
        message = sip.parse(packet.raw)
    except sip.SipError:
        return [], []
    words = [cut(sip.readable(word), _WORDS_LONGEST) for word in _of(message)]
    body = message.sdp
    return words, [] if body is None else in_short(body)


def _of(message: SipMessage) -> Iterator[str]:
    if message.is_request:
        yield from _of_request(message)
    elif 300 <= message.status < 400:
        yield f"to {message.header('contact') or 'nowhere'}"
    elif message.status in (401, 407):
        yield from _challenge(message)
    for reason in message.reasons[:2]:
        cause = "" if reason.cause is None else f" {reason.cause}"
        yield f"reason {reason.protocol}{cause} {reason.text}".rstrip()
    warning = message.header("warning")  # code, agent, text (RFC 3261 20.43)
    if warning:
        code, _, rest = warning.partition(" ")
        yield f"warning {code} {rest.partition(' ')[2]}"


def _of_request(message: SipMessage) -> Iterator[str]:
    if message.has_credentials:
        yield "with credentials"
    if message.method == "REFER":
        yield f"to {message.header('refer-to') or ''}"
    if message.method == "INVITE" and (replaced := message.replaces):
        yield f"replaces {replaced}"
    if message.content_type == "message/sipfrag":
        yield message.body.partition(b"\n")[0].decode("utf-8", "replace").strip()
    elif message.method == "INFO" and message.content_type:
        yield message.content_type


def _challenge(message: SipMessage) -> Iterator[str]:
    header = message.header("www-authenticate") or message.header("proxy-authenticate") or ""
    realm = header.partition('realm="')[2].partition('"')[0]
    if realm:
        yield f"realm {realm}"
