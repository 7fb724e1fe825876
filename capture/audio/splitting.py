"""Payloads of the codecs that work in frames, taken apart; None stands for a frame without sound."""

from collections.abc import Callable
from typing import Final

from capture.audio import amr
from capture.audio.packets import Format
from capture.bounds import AUDIO_CODEC_PACKET, AUDIO_FRAMES_MAX

Split = Callable[[bytes], list[bytes | None]]
"""A payload's frames, in order; raises ValueError where it cannot be one of the codec."""

G729_FRAME: Final = 10
G729_SID: Final = 2
GSM_FRAME: Final = 33
_G723_SIZES: Final = (24, 20, 4, 1)  # by the two low bits of the first octet: 6.3, 5.3 kbit/s, SID, none


def fixed(size: int) -> Split:
    """Frames of `size` octets and nothing else; a last one that was cut short is left out."""

    def split(payload: bytes) -> list[bytes | None]:
        if len(payload) < size:
            raise ValueError
        whole = min(len(payload) // size, AUDIO_FRAMES_MAX)
        return [payload[at : at + size] for at in range(0, whole * size, size)]

    return split


def whole(payload: bytes) -> list[bytes | None]:
    """The payload is one packet of the codec."""
    if not 0 < len(payload) <= AUDIO_CODEC_PACKET:
        raise ValueError
    return [payload]


def g729(payload: bytes) -> list[bytes | None]:
    """Frames of 10 octets; a last one of 2 is annex B's description of the silence (RFC 3551 4.5.6)."""
    frames, rest = divmod(len(payload), G729_FRAME)
    if not payload or rest not in (0, G729_SID):
        raise ValueError
    found: list[bytes | None] = list(fixed(G729_FRAME)(payload)) if frames else []
    return [*found, None] if rest else found


def g723(payload: bytes) -> list[bytes | None]:
    """Frames of 24, 20, 4 and 1 octets, as their first octet says (RFC 3551 4.5.3)."""
    found: list[bytes | None] = []
    at = 0
    while at < len(payload) and len(found) < AUDIO_FRAMES_MAX:
        size = _G723_SIZES[payload[at] & 3]
        if at + size > len(payload):
            break
        found.append(payload[at : at + size])
        at += size
    if not found:
        raise ValueError
    return found


def adaptive_multi_rate(form: Format, bits: tuple[int, ...]) -> Split:
    """AMR as the terms say; where a payload is not of that form, of the other one.

    Senders and captures without SDP make that needed; a payload of one form hardly ever fits the other.
    """
    aligned = form.parameter("octet-align") == "1" or form.parameter("crc") == "1"
    crc = form.parameter("crc") == "1"

    def split(payload: bytes) -> list[bytes | None]:
        found = amr.frames(payload, bits, octet_aligned=aligned, crc=crc)
        if found is None:
            found = amr.frames(payload, bits, octet_aligned=not aligned, crc=False)
        if found is None:
            raise ValueError
        return list(found)

    return split
