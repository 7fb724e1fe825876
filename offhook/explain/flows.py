"""What a survey keeps of each flow: addresses, counts, and what its payloads looked like."""

from typing import Final

import msgspec

# kinds of payload, as bits
SIP_REQUEST: Final = 1
SIP_RESPONSE: Final = 2
RTP: Final = 4  # looks like it
RTCP: Final = 8
STUN: Final = 16
DTLS: Final = 32
TLS: Final = 64
HTTP: Final = 128
HEP: Final = 256
EMPTY: Final = 512
OTHER: Final = 1024
SIP: Final = SIP_REQUEST | SIP_RESPONSE

RTP_PACKETS: Final = 3
"""Packets like RTP, by their first byte alone, that make a flow worth naming."""

End = tuple[str, int]
"""Address, port."""


class Flow(msgspec.Struct, gc=False):
    """Packets from one end to another by one IP protocol; times µs."""

    protocol: int
    src: End
    dst: End
    first_us: int
    last_us: int
    packets: int = 0
    octets: int = 0
    kinds: int = 0
    snapped: int = 0  # of which the capture kept a part
    rtp: int = 0  # that look like RTP

    @property
    def like_rtp(self) -> bool:
        """Whether nearly all of it looks like RTP."""
        return self.rtp >= RTP_PACKETS and 10 * self.rtp >= 9 * self.packets

    @property
    def ends(self) -> tuple[End, End]:
        """Both ends, in an order that does not depend on the direction."""
        return (self.src, self.dst) if self.src <= self.dst else (self.dst, self.src)
