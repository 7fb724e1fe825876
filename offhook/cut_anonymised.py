"""A cut call with nobody in it: what each packet is, for the masks of `capture/anonymise/`."""

import re
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Final

from capture.anonymise.anonymiser import Item, Kind, anonymised
from capture.anonymise.words import new_key
from capture.cutting.frames import Frame, Heard
from offhook.cut import Cut
from offhook.cut_media import OwnMedia, is_rtcp
from offhook.errors import UsageError

KEY_LEAST: Final = 16
"""Octets of a key file."""

EVENT_LONGEST: Final = 32
"""Octets of an RFC 4733 payload: of several events, or with redundancy."""

_EVENT: Final = re.compile(rb"\na=rtpmap:[ \t]*(\d{1,3})[ \t]+telephone-event/", re.IGNORECASE)


def anonymised_frames(found: Cut, key: bytes) -> list[Frame]:
    """The call's SIP, media and RTCP, masked; other traffic between its ports is left out."""
    return anonymised(list(_items(found)), key)


def key_from(path: str | None) -> bytes:
    """The key in a file; without one a new one. Raises UsageError, OSError."""
    if path is None:
        return new_key()
    text = Path(path).read_bytes().strip()
    if len(text) < KEY_LEAST:
        raise UsageError(
            f"{path}: {len(text)} octets are no key: put {KEY_LEAST} or more in it (openssl rand -hex 32)"
        )
    return blake2b(text, digest_size=32).digest()


def _items(found: Cut) -> Iterator[Item]:
    media = OwnMedia(found.records)
    events = {int(each) for heard in found.heard if heard.sip for each in _EVENT.findall(heard.payload)}
    for heard in found.heard:
        item = Item(heard, Kind.SIP) if heard.sip else _media(heard, media, events)
        if item is not None:
            yield item


def _media(heard: Heard, media: OwnMedia, events: set[int]) -> Item | None:
    span = media.span_of(heard)
    if span is None:
        return Item(heard, Kind.RTCP) if is_rtcp(heard.payload) else None
    if span.udptl:
        return Item(heard, Kind.UDPTL)
    payload_type, main = heard.payload[1] & 127, span.stream.payload_type
    if payload_type in events and payload_type != main and len(heard.payload) <= 12 + EVENT_LONGEST:
        return Item(heard, Kind.EVENT)
    return Item(heard, Kind.RTP, span.stream.codec if payload_type == main else None)
