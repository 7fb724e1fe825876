"""AMR and AMR-WB in RTP (RFC 4867): payloads taken apart into frames as files hold them (section 5.3).

Both forms are read, bandwidth-efficient (4.3) and octet-aligned (4.4, with CRCs, without interleaving and
robust sorting), for one channel.
"""

from typing import Final

from capture.bounds import AUDIO_FRAMES_MAX

NARROWBAND_BITS: Final = (95, 103, 118, 134, 148, 159, 204, 244, 39)
"""Bits of a frame by frame type (3GPP TS 26.101 table 1a), 8 is comfort noise (SID)."""

WIDEBAND_BITS: Final = (132, 177, 253, 285, 317, 365, 397, 461, 477, 40)
"""As NARROWBAND_BITS (3GPP TS 26.201 table 2), 9 is comfort noise."""

SPEECH_LOST: Final = 14
NO_DATA: Final = 15


def frames(payload: bytes, bits: tuple[int, ...], *, octet_aligned: bool, crc: bool) -> list[bytes] | None:
    """The frames of a payload, each with its one-byte header; None where it does not read as announced.

    `bits` is NARROWBAND_BITS or WIDEBAND_BITS.
    """
    if octet_aligned:
        return _octet_aligned(payload, bits, crc=crc)
    return _bandwidth_efficient(payload, bits)


def _bandwidth_efficient(payload: bytes, bits: tuple[int, ...]) -> list[bytes] | None:
    """4.3: mode request (4 bits), table of contents (6 bits each), frames, no gaps, padded to an octet."""
    total = 8 * len(payload)
    word = int.from_bytes(payload, "big")
    at = 4
    contents: list[tuple[int, int]] = []  # frame type, quality
    more = 1
    while more:
        if at + 6 > total or len(contents) == AUDIO_FRAMES_MAX:
            return None
        entry = word >> (total - at - 6) & 0x3F
        at += 6
        more = entry >> 5
        contents.append((entry >> 1 & 15, entry & 1))
    found = []
    for kind, quality in contents:
        size = _bits_of(kind, bits)
        if size is None or at + size > total:
            return None
        octets = (size + 7) // 8
        data = (word >> (total - at - size) & ((1 << size) - 1)) << (8 * octets - size)
        at += size
        found.append(_frame(kind, quality, data.to_bytes(octets, "big")))
    return found if total - at < 8 else None


def _octet_aligned(payload: bytes, bits: tuple[int, ...], *, crc: bool) -> list[bytes] | None:
    """4.4: mode request (an octet), table of contents (an octet each), CRCs, frames of whole octets."""
    at = 1
    contents: list[tuple[int, int]] = []
    more = 1
    while more:
        if at >= len(payload) or len(contents) == AUDIO_FRAMES_MAX:
            return None
        entry = payload[at]
        if entry & 3:  # padding bits
            return None
        at += 1
        more = entry >> 7
        contents.append((entry >> 3 & 15, entry >> 2 & 1))
    if crc:
        at += sum(1 for kind, _ in contents if kind < len(bits))
    found = []
    for kind, quality in contents:
        size = _bits_of(kind, bits)
        if size is None or at + (size + 7) // 8 > len(payload):
            return None
        octets = (size + 7) // 8
        found.append(_frame(kind, quality, payload[at : at + octets]))
        at += octets
    return found if at == len(payload) else None


def _bits_of(kind: int, bits: tuple[int, ...]) -> int | None:
    """Bits of a frame type; None for one that is not defined."""
    if kind < len(bits):
        return bits[kind]
    return 0 if kind in (SPEECH_LOST, NO_DATA) else None


def _frame(kind: int, quality: int, data: bytes) -> bytes:
    """A frame behind the header that files have (5.3); a damaged one says nothing but that it was sent."""
    if not quality or not data:
        return bytes([NO_DATA << 3 | 4])
    return bytes([kind << 3 | 4]) + data
