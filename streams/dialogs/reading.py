"""Reads SIP messages, many at once. Every text can be stored: it is UTF-8, and what is kept of each short."""

from collections.abc import Sequence
from typing import Final
from zlib import crc32

import numpy as np

from protocols import sip
from protocols.sip import SipMessage
from protocols.sip.names import METHODS
from protocols.sip.places import PLACES, SPELLINGS, message_at
from streams import bounds
from streams.dialogs.head_kernel import find_places, method_code

FEW: Final = 32
"""Messages for which loading the kernel, and calling it, is not worth it."""

_NAMES: Final = np.frombuffer("".join(name for name, _ in SPELLINGS).encode(), np.uint8)
_NAME_ENDS: Final = np.cumsum([len(name) for name, _ in SPELLINGS], dtype=np.int64)
_NUMBERS: Final = np.array([number for _, number in SPELLINGS], np.int64)
_CODES: Final = np.array([method_code(method) for method in METHODS], np.int64)


def read_usual(raws: Sequence[bytes]) -> list[SipMessage | None]:
    """Read those messages that are of the usual form; None for the others, which `read` takes."""
    if len(raws) < FEW:
        return [None] * len(raws)
    starts = np.zeros(len(raws) + 1, np.int64)
    np.cumsum([len(raw) for raw in raws], out=starts[1:])
    found = np.empty(len(raws) * PLACES, np.int32)
    find_places(np.frombuffer(b"".join(raws), np.uint8), starts, _NAMES, _NAME_ENDS, _NUMBERS, _CODES, found)
    places = found.reshape(-1, PLACES).tolist()
    return [message_at(raw, row) if row[0] else None for raw, row in zip(raws, places, strict=True)]


def read(raw: bytes) -> SipMessage:
    """Read one message. Raises SipError."""
    message = sip.parse(raw if raw.isascii() else _readable(raw))
    if len(message.branch) > bounds.TAG:
        message.branch = _shortened(message.branch)
    if len(message.from_tag) > bounds.TAG:
        message.from_tag = _shortened(message.from_tag)
    if len(message.to_tag) > bounds.TAG:
        message.to_tag = _shortened(message.to_tag)
    if len(message.reason) > bounds.TAG:
        message.reason = _shortened(message.reason)
    if len(message.method) > bounds.TAG:
        message.method = _shortened(message.method)
    return message


def _shortened(text: str) -> str:
    return f"{text[: bounds.TAG - 9]}~{crc32(text.encode()):08x}"


def _readable(raw: bytes) -> bytes:
    """Octets that are not UTF-8 in the head become U+FFFD, so that every text can be stored."""
    try:
        raw.decode()
    except UnicodeDecodeError:
        head, end, body = raw.lstrip(b"\r\n").partition(b"\r\n\r\n")
        return head.decode("utf-8", "replace").encode() + end + body
    return raw
