"""Takes secrets out of a raw SIP message before it leaves the sensor, without changing a length.

Masked: what proves a password (Authorization and Proxy-Authorization: response, auts; the credentials of
other schemes), SRTP keys in SDP (a=crypto inline, a=key-mgmt, k=), and dialled digits (INFO with
application/dtmf-relay, application/dtmf and Nortel's, KPML reports). Names, nonces and everything else stay.
"""

import re
from typing import Final

MARK: Final = b"*"
"""Stands for each octet of a masked secret."""

DIGIT_MARK: Final = b"X"
"""Stands for each masked digit; `*` is a digit itself."""

_AUTHORIZATION: Final = re.compile(
    rb"^(?:Proxy-)?Authorization[ \t]*:((?:[^\r\n]|\r?\n[ \t])*)", re.IGNORECASE | re.MULTILINE
)
_DIGEST: Final = re.compile(rb"\s*Digest\s", re.IGNORECASE)
_PROOF: Final = re.compile(
    rb'(?:^|[,\s])(?:response|auts)\s*=\s*(?:"((?:[^"\\]|\\.)*+)"?|([^\s,"]++))', re.IGNORECASE | re.DOTALL
)
_OTHER_SCHEME: Final = re.compile(rb"\s*[^\s,=]+\s++(\S(?:.*\S)?)", re.DOTALL)
_CRYPTO: Final = re.compile(rb"^a=crypto:[^\r\n]*", re.IGNORECASE | re.MULTILINE)
_INLINE: Final = re.compile(rb"inline:([^|;\s]+)", re.IGNORECASE)
_KEY_MANAGEMENT: Final = re.compile(rb"^a=key-mgmt:[ \t]*[^ \t\r\n]+[ \t]+([^\r\n]+)", re.I | re.M)
_KEY: Final = re.compile(rb"^k=(?:clear|base64|uri):([^\r\n]+)", re.IGNORECASE | re.MULTILINE)
_DTMF_TYPE: Final = re.compile(
    rb"^(?:Content-Type|c)[ \t]*:(?:\s)*application/dtmf[ \t]*[;\r\n]", re.I | re.M
)
_SIGNAL: Final = re.compile(rb"^[ \t]*(?:Signal|d)[ \t]*=[ \t]*([^\r\n]+)", re.IGNORECASE | re.MULTILINE)
_KPML_DIGITS: Final = re.compile(rb"\bdigits\s*=\s*[\"']([^\"'<>]*)", re.IGNORECASE)
_DIGITS: Final = re.compile(rb"[0-9A-Da-d*#]")
_END_OF_HEAD: Final = re.compile(rb"\n\r?\n")


def mask_secrets(raw: bytes, keep_digits: bool = False) -> bytes:
    """The message with its secrets masked, of equal length; `raw` itself where there is nothing to mask.

    `keep_digits` leaves dialled digits in. Works on any octets, SIP or not, and never raises.
    """
    lower = raw.lower()
    spans = _proofs(raw) if b"authorization" in lower else []
    if not spans and _has_no_body(raw):
        return raw
    if b"inline:" in lower:
        spans += [
            inline.span(1) for line in _CRYPTO.finditer(raw) for inline in _INLINE.finditer(raw, *line.span())
        ]
    if b"a=key-mgmt" in lower:
        spans += [match.span(1) for match in _KEY_MANAGEMENT.finditer(raw)]
    if b"\nk=" in lower:
        spans += [match.span(1) for match in _KEY.finditer(raw)]
    digits: list[tuple[int, int]] = []
    if not keep_digits and b"application/" in lower and _may_dial(lower):
        digits = _digits(raw, lower)
    if not spans and not digits:
        return raw
    masked = bytearray(raw)
    for start, end in digits:
        masked[start:end] = _DIGITS.sub(DIGIT_MARK, raw[start:end])
    for start, end in spans:  # after the digits, of which not every octet is masked
        masked[start:end] = MARK * (end - start)
    return bytes(masked)


def _may_dial(lower: bytes) -> bool:
    """Whether a body may tell of dialled digits."""
    return (
        b"application/dtmf" in lower
        or b"nortelnetworks.digits" in lower
        or b"application/kpml-response" in lower
    )


def _has_no_body(raw: bytes) -> bool:
    """Whether the head, of whole line ends, is all there is; most messages are so."""
    if not raw.endswith(b"\r\n\r\n"):
        return False
    return raw.find(b"\r\n\r\n") == len(raw) - 4 and raw.find(b"\n") == raw.find(b"\r") + 1


def _proofs(raw: bytes) -> list[tuple[int, int]]:
    """Where the values stand that prove knowledge of a password."""
    spans = []
    for header in _AUTHORIZATION.finditer(raw):
        start, end = header.span(1)
        if _DIGEST.match(raw, start, end):
            spans += [proof.span(proof.lastindex or 0) for proof in _PROOF.finditer(raw, start, end)]
        elif other := _OTHER_SCHEME.match(raw, start, end):
            spans.append(other.span(1))
    return spans


def _digits(raw: bytes, lower: bytes) -> list[tuple[int, int]]:
    """Where dialled digits stand in the body."""
    end = _END_OF_HEAD.search(raw)
    if end is None:
        return []
    body = end.end()
    if _DTMF_TYPE.search(raw, 0, body):
        return [(body, len(raw))]
    if b"application/kpml-response" in lower:
        return [match.span(1) for match in _KPML_DIGITS.finditer(raw, body)]
    return [match.span(1) for match in _SIGNAL.finditer(raw, body)]
