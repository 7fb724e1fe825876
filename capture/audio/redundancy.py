"""RTP redundancy (RFC 2198): the packet that a packet of redundant ones is about."""

from capture.audio.packets import RtpPacket

_BLOCK = 4  # octets of the header of a redundant block; the primary's has one
_MORE = 0x80


def primary(packet: RtpPacket) -> RtpPacket | None:
    """The primary encoding as a packet of its own; None where the payload is not of this form."""
    payload, at, skipped = packet.payload, 0, 0
    while at < len(payload) and payload[at] & _MORE:
        if at + _BLOCK > len(payload):
            return None
        skipped += int.from_bytes(payload[at + 2 : at + _BLOCK], "big") & 0x3FF
        at += _BLOCK
    start = at + 1 + skipped
    if at >= len(payload) or start > len(payload):
        return None
    kind = payload[at] & 0x7F
    return RtpPacket(packet.arrival_ns, packet.sequence, packet.timestamp, kind, payload[start:])
