"""What was heard of a call as new frames, masked."""

from collections.abc import Sequence
from enum import Enum, auto
from typing import NamedTuple

import msgspec

from capture.anonymise.addresses import Addresses
from capture.anonymise.media import blank_udptl, masked_rtcp, silent_rtp
from capture.anonymise.message import mask_message
from capture.anonymise.packets import Packets
from capture.anonymise.text import Text
from capture.anonymise.words import Words
from capture.cutting.frames import Frame, Heard


class Kind(Enum):
    """What a datagram is."""

    SIP = auto()
    RTP = auto()
    EVENT = auto()  # RTP of RFC 4733
    RTCP = auto()
    UDPTL = auto()


class Item(NamedTuple):
    """Something heard; `codec` of an RTP packet's payload type, where it is known."""

    heard: Heard
    kind: Kind
    codec: str | None = None


def anonymised(items: Sequence[Item], key: bytes) -> list[Frame]:
    """The items, in their order, as frames of their own; all else that the capture had is gone.

    With one key the same word or address is masked alike, as a rule in every capture: but no mask is a word
    or a network of the capture itself, where another is left.
    """
    before = _Masking(Text(Words(key), Addresses(key)))
    for item in items:
        before.masked(item)
    words = frozenset(before.text.words.known)
    addresses = {
        ip for item in items for ip in (item.heard.src_ip, item.heard.dst_ip)
    } | before.text.addresses.seen
    masking, packets = _Masking(Text(Words(key, words), Addresses(key, addresses))), Packets()
    return [frame for item in items for frame in packets.frames(masking.masked(item))]


class _Masking:
    def __init__(self, text: Text) -> None:
        self.text = text

    def masked(self, item: Item) -> Heard:
        """The item with masked addresses and contents."""
        heard, addresses = item.heard, self.text.addresses
        return msgspec.structs.replace(
            heard,
            src_ip=addresses.mask(heard.src_ip),
            dst_ip=addresses.mask(heard.dst_ip),
            payload=self._payload(item),
        )

    def _payload(self, item: Item) -> bytes:
        payload = item.heard.payload
        if item.kind is Kind.SIP:
            return mask_message(payload, self.text)
        if item.kind is Kind.RTCP:
            return masked_rtcp(payload, self.text)
        if item.kind is Kind.UDPTL:
            return blank_udptl(payload)
        return silent_rtp(payload, item.codec, item.kind is Kind.EVENT)
