"""Media without what was said: silence of the same length, digits and names gone."""

from typing import Final

from capture.anonymise.text import Text

RTP_HEADER: Final = 12
SDES: Final = 202
BYE: Final = 203
APPLICATION: Final = 204
RTCP_KEPT: Final = frozenset((200, 201, 205, 206, 207))
"""Sender and receiver reports, feedback, extended reports: numbers alone."""

UDPTL_HEAD: Final = 3  # sequence number, length of the primary packet
DIGITS: Final = 16
"""Events that are dialled: 0 to 9, *, #, A to D."""

_EXTENSION, _PADDING = 0x10, 0x20

SILENCE: Final = {"PCMU": 0xFF, "PCMA": 0xD5}
"""The octet of silence, G.711; zeros elsewhere."""

STATIC: Final = {0: "PCMU", 8: "PCMA"}
"""Payload types of RFC 3551 table 4 that need another octet than zero."""


def silent_rtp(packet: bytes, codec: str | None, event: bool) -> bytes:
    """An RTP packet (RFC 3550 5.1) with its header and no sound.

    `codec`: of its payload type, None for that of the profile. `event`: it carries an RFC 4733 event, of
    which end, volume and duration stay.
    """
    start = RTP_HEADER + 4 * (packet[0] & 15)
    head = bytearray(packet[:start])
    if packet[0] & _EXTENSION and len(packet) >= start + 4:
        more = 4 * (packet[start + 2] << 8 | packet[start + 3])
        head += packet[start : start + 4] + bytes(len(packet[start + 4 : start + 4 + more]))
        start += 4 + more
    payload = packet[start:]
    fill = SILENCE.get(codec or STATIC.get(packet[1] & 127, ""), 0)
    body = _event(payload) if event else bytes((fill,)) * len(payload)
    if packet[0] & _PADDING and body:  # the last octet says how much is padding
        body = body[:-1] + payload[-1:]
    return bytes(head) + body


def _event(payload: bytes) -> bytes:
    """Each event of four octets; a digit is made 0, a tone stays."""
    return b"".join(
        bytes((0 if payload[at] < DIGITS else payload[at],)) + payload[at + 1 : at + 4]
        for at in range(0, len(payload), 4)
    )


def masked_rtcp(packet: bytes, text: Text) -> bytes:
    """A compound packet (RFC 3550 6.1): names of SDES and reasons of BYE masked, what is unknown zeros."""
    pieces, at = [], 0
    while at + 4 <= len(packet):
        kind, size = packet[at + 1], 4 * ((packet[at + 2] << 8 | packet[at + 3]) + 1)
        part = packet[at : at + size]
        if kind == SDES:
            part = _descriptions(part, text)
        elif kind == BYE:
            named = 4 + 4 * (part[0] & 31)
            part = part[: named + 1] + text.masked(part[named + 1 :])
        elif kind not in RTCP_KEPT:
            named = 12 if kind == APPLICATION else 8
            part = part[:named] + bytes(len(part[named:]))
        pieces.append(part)
        at += size
    return b"".join(pieces) + bytes(max(0, len(packet) - at))


def _descriptions(part: bytes, text: Text) -> bytes:
    """Chunks of an SSRC and items (RFC 3550 6.5)."""
    masked, at = bytearray(part), 4
    for _ in range(part[0] & 31):
        at += 4
        while at + 1 < len(part) and part[at]:
            end = at + 2 + part[at + 1]
            masked[at + 2 : end] = text.masked(part[at + 2 : end])
            at = end
        at = (at | 3) + 1
    return bytes(masked)


def blank_udptl(packet: bytes) -> bytes:
    """A UDPTL packet (T.38 annex A) with its sequence number and no page."""
    return packet[:UDPTL_HEAD] + bytes(len(packet[UDPTL_HEAD:]))
