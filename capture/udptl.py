"""Where UDPTL will be received, by the SDP in a SIP message: nothing in a UDPTL packet tells what it is."""

import re
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Final

from capture.bounds import UDPTL_MEDIA

_MEDIA: Final = re.compile(rb"^m=image[ \t]+(\d{1,5})(?:/\d+)?[ \t]+udptl\b", re.I | re.M)
_NEXT_MEDIA: Final = re.compile(rb"^m=", re.MULTILINE)
_CONNECTION: Final = re.compile(rb"^c=IN[ \t]+IP[46][ \t]+([0-9A-Fa-f:.]{2,45})", re.I | re.M)


def udptl_receivers(message: bytes) -> Iterator[tuple[bytes, int]]:
    """Packed address and port of each image stream over UDPTL that the message's SDP offers or accepts."""
    if b"udptl" not in message.lower():
        return
    for n, media in enumerate(_MEDIA.finditer(message)):
        if n >= UDPTL_MEDIA:
            return
        following = _NEXT_MEDIA.search(message, media.end())
        section_end = following.start() if following else len(message)
        first = _NEXT_MEDIA.search(message)
        connection = _CONNECTION.search(message, media.end(), section_end) or _CONNECTION.search(
            message, 0, first.start() if first else len(message)
        )
        port = int(media[1])
        if connection is None or not 0 < port < 65536:
            continue
        try:
            yield ip_address(connection[1].decode("ascii")).packed, port
        except ValueError:
            continue
