"""Cheap tests on raw octets, before anything is parsed: is it SIP, whose call, how long is the body."""

import re

_STATUS_LINE = re.compile(rb"[\r\n]*SIP/2\.0 [1-6][0-9][0-9](?![0-9])", re.IGNORECASE)
_REQUEST_LINE = re.compile(
    rb"[\r\n]*[!%'*+\-.0-9A-Z_`a-z~]{1,64}[ \t]++[^\r\n]{1,16384}?[ \t]SIP/2\.0[ \t]*\r?(?:\n|\Z)",
    re.IGNORECASE,
)
_CALL_ID = re.compile(rb"\n(?:Call-ID|i)[ \t]*:(?:[ \t]|\r?\n[ \t])*([^\r\n]+)", re.IGNORECASE)
_CONTENT_LENGTH = re.compile(
    rb"\n(?:Content-Length|l)[ \t]*:(?:[ \t]|\r?\n[ \t])*([0-9]{1,9})[ \t]*(?:\r|\n|\Z)", re.IGNORECASE
)


def looks_like_sip(data: bytes) -> bool:
    """Whether the octets begin with a SIP request or status line (after empty lines)."""
    if data[:8] == b"SIP/2.0 ":
        return _STATUS_LINE.match(data) is not None
    return _REQUEST_LINE.match(data) is not None or _STATUS_LINE.match(data) is not None


def call_id_of(data: bytes) -> bytes | None:
    """The first Call-ID of a message, found without parsing it; None if there is none."""
    match = _CALL_ID.search(data)
    return match[1].rstrip(b" \t") or None if match else None


def content_length_of(head: bytes) -> int | None:
    """The Content-Length in `head` (start line and headers, without the body), for framing a stream.

    None if it is absent or no number of at most nine digits.
    """
    match = _CONTENT_LENGTH.search(head)
    return int(match[1]) if match else None
