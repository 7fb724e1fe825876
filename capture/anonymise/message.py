"""SIP messages without people in them, of the same length (RFC 3261)."""

import re
from typing import Final

from capture.anonymise.sdp import mask_sdp
from capture.anonymise.text import Text
from protocols.secrets import mask_secrets
from protocols.sip.names import header_key

NESTED_MAX: Final = 4
"""Multipart bodies and SIP fragments in each other."""

_KEPT_NAMES: Final = """
    cseq max-forwards content-length content-encoding content-disposition allow supported unsupported require
    proxy-require expires min-expires min-se session-expires accept accept-encoding accept-language event
    allow-events rseq rack mime-version date timestamp retry-after priority p-early-media privacy
    subscription-state
"""
_KEPT: Final = frozenset(_KEPT_NAMES.split())
_PHRASES: Final = frozenset(("reason", "user-agent", "server", "warning", "content-type", "accept-contact"))
_REMOVED: Final = frozenset(
    ("authorization", "proxy-authorization", "www-authenticate", "proxy-authenticate", "authentication-info",
     "identity", "sip-etag", "sip-if-match")
)  # fmt: skip

_LINE: Final = re.compile(rb"[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*(?:\r?\n|\r|\Z)")
_HEADER: Final = re.compile(rb"([A-Za-z0-9!%*_+`'~.-]{1,64}[ \t]*:)(.*)\Z", re.DOTALL)
_REQUEST: Final = re.compile(
    rb"([!%'*+\-.0-9A-Z_`a-z~]+[ \t]+)(.*?)((?<![ \t])[ \t]+SIP/2\.0[ \t]*\r?\n?)\Z", re.DOTALL
)
_STATUS: Final = re.compile(rb"(SIP/2\.0[ \t]+[0-9]{3})(.*)\Z", re.DOTALL | re.IGNORECASE)
_END_OF_HEAD: Final = re.compile(rb"\n\r?\n")
_CONTENT_TYPE: Final = re.compile(rb"^(?:Content-Type|c)[ \t]*:[ \t]*([^;\r\n]*)([^\r\n]*)", re.I | re.M)
_BOUNDARY: Final = re.compile(rb'(boundary[ \t]*=[ \t]*"?)([^";\r\n]+)', re.IGNORECASE)
_SCHEME: Final = re.compile(rb"[A-Za-z]+(?:[ \t]+|\Z)")


def mask_message(message: bytes, text: Text) -> bytes:
    """The message masked. Works on any octets and never raises."""
    return _mask(mask_secrets(message), text, NESTED_MAX)


def _mask(message: bytes, text: Text, deep: int) -> bytes:
    end = _END_OF_HEAD.search(message)
    head, body = (message, b"") if end is None else (message[: end.end()], message[end.end() :])
    lines = _LINE.findall(head)
    masked = [_start_line(lines[0], text), *(_header(line, text) for line in lines[1:])]
    return b"".join(masked) + (_body(head, body, text, deep) if body else b"")


def _start_line(line: bytes, text: Text) -> bytes:
    if request := _REQUEST.match(line):
        return request[1] + text.masked(request[2]) + request[3]
    if status := _STATUS.match(line):
        return status[1] + text.phrase(status[2])
    return _header(line, text)


def _header(line: bytes, text: Text) -> bytes:
    header = _HEADER.match(line)
    if header is None:
        return text.masked(line)
    name, value = header[1], header[2]
    key = header_key(name[:-1].decode("ascii", "replace"))
    if key in _KEPT:
        return line
    if key in _REMOVED:
        scheme = _SCHEME.match(value.lstrip())
        kept = len(value) - len(value.lstrip()) + (scheme.end() if scheme else 0)
        return name + value[:kept] + text.removed(value[kept:])
    if key in _PHRASES:
        value = _BOUNDARY.sub(lambda match: match[1] + text.masked(match[2]), value)
        return name + (value if key == "content-type" else text.phrase(value))
    return name + text.masked(value)


def _body(head: bytes, body: bytes, text: Text, deep: int) -> bytes:
    """By its Content-Type; what is neither text nor known is zeros."""
    told = _CONTENT_TYPE.search(head)
    kind = told[1].strip().lower() if told else b""
    if kind == b"application/sdp" or (not told and body.startswith(b"v=0")):
        return mask_sdp(body, text)
    if kind.startswith(b"multipart/") and told and (boundary := _BOUNDARY.search(told[2])) and deep:
        return _parts(body, boundary[2], text, deep)
    if kind.startswith((b"message/sip", b"message/sipfrag")) and deep:
        return _mask(body, text, deep - 1)
    if kind.startswith((b"application/dtmf", b"application/vnd.nortelnetworks.digits")):
        return body  # its digits are masked as secrets
    if b"xml" in kind or kind == b"application/kpml-response":
        return text.markup(body)
    if kind.startswith(
        (b"text/", b"message/", b"application/simple-message-summary", b"application/media_control")
    ):
        return text.masked(body)
    return bytes(len(body))


def _parts(body: bytes, boundary: bytes, text: Text, deep: int) -> bytes:
    """A multipart body (RFC 2046 5.1): each part by its own type; what is outside of parts is text."""
    line = b"--" + boundary
    pieces = body.split(line)
    masked = [text.masked(pieces[0])]
    for piece in pieces[1:]:
        end = _END_OF_HEAD.search(piece)
        if end is None or piece.startswith(b"--"):
            masked.append(text.masked(piece))
            continue
        head, part = piece[: end.end()], piece[end.end() :]
        lines = b"".join(_header(each, text) for each in _LINE.findall(head))
        masked.append(lines + _body(head, part, text, deep - 1))
    return (b"--" + text.masked(boundary)).join(masked)
