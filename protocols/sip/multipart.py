"""Multipart bodies (RFC 2046 5.1, RFC 5621): finds the part of one media type, nested ones too, bounded."""

import re

from protocols.bounds import MULTIPART_DEPTH, MULTIPART_PARTS
from protocols.sip.uri import parse_params

_END_OF_HEAD = re.compile(rb"(?:\A|\n)\r?\n")
_FOLD = re.compile(rb"\r?\n[ \t]+")
_CONTENT_TYPE = re.compile(rb"^(?:content-type|c)[ \t]*:[ \t]*([^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)", re.I | re.M)


def media_type(content_type: str) -> str:
    """`type/subtype` of a Content-Type value, in lower case, without parameters and white space."""
    return content_type.partition(";")[0].replace(" ", "").strip("\t\r").lower()


def find_part(content_type: str, body: bytes, wanted: str) -> bytes | None:
    """The first part of media type `wanted`, depth first; None if there is none within the bounds."""
    return _find(content_type, body, wanted, MULTIPART_DEPTH)


def _find(content_type: str, body: bytes, wanted: str, depth: int) -> bytes | None:
    kind = media_type(content_type)
    if kind == wanted:
        return body
    if depth == 0 or not kind.startswith("multipart/"):
        return None
    boundary = parse_params(content_type[content_type.find(";") :]).get("boundary", "")
    for part_type, part in _parts(body, boundary.encode("utf-8", "surrogateescape")):
        found = _find(part_type, part, wanted, depth - 1)
        if found is not None:
            return found
    return None


def _parts(body: bytes, boundary: bytes) -> list[tuple[str, bytes]]:
    """(Content-Type, content) of each part; text/plain where a part names none (RFC 2046 5.1)."""
    if not boundary:
        return []
    delimiter = re.compile(rb"(?:\A|\r?\n)--" + re.escape(boundary) + rb"(--)?[ \t]*(?=\r?\n|\Z)")
    parts: list[tuple[str, bytes]] = []
    start = -1
    for match in delimiter.finditer(body):
        if start >= 0:
            parts.append(_part(body[start : match.start()]))
        start = match.end()
        if match[1] or len(parts) == MULTIPART_PARTS:
            return parts
    if start >= 0:  # the closing delimiter is missing: snapped, or a sloppy sender
        parts.append(_part(body[start:]))
    return parts


def _part(raw: bytes) -> tuple[str, bytes]:
    raw = raw[2:] if raw[:2] == b"\r\n" else raw[1:]
    end = _END_OF_HEAD.search(raw)
    head, content = (raw[: end.start()], raw[end.end() :]) if end else (raw, b"")
    named = _CONTENT_TYPE.search(head)
    if named is None:
        return "text/plain", content
    return _FOLD.sub(b" ", named[1]).decode("utf-8", "surrogateescape"), content
