"""Addresses as people read them."""

import socket
from functools import lru_cache


@lru_cache(65536)
def address_text(packed: bytes) -> str:
    """An IP address, 4 bytes or 16, in its usual form; "" where there is none."""
    if not packed:
        return ""
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)
