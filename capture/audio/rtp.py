"""An RTP packet as captured into what is heard of it (RFC 3550 5.1)."""

from typing import Final

from capture.audio.packets import RtpPacket

_HEADER: Final = 12
_VERSION: Final = 2
_PADDING, _EXTENSION = 0x20, 0x10


def read_rtp(data: bytes, arrival_ns: int, *, whole: bool = True) -> RtpPacket | None:
    """The packet; None where it is no RTP. Not `whole`: the capture cut off its end, so also its padding."""
    if len(data) < _HEADER or data[0] >> 6 != _VERSION:
        return None
    first = data[0]
    start = _HEADER + 4 * (first & 0x0F)
    if first & _EXTENSION:
        if start + 4 > len(data):
            return None
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
    end = len(data) - data[-1] if whole and first & _PADDING else len(data)
    return RtpPacket(
        arrival_ns,
        int.from_bytes(data[2:4], "big"),
        int.from_bytes(data[4:8], "big"),
        data[1] & 0x7F,
        data[start : max(start, end)],
        whole,
    )
