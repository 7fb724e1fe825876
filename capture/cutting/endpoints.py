"""Addresses and ports as numbers, in a table that a kernel looks up."""

import re
import socket
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from capture.bounds import CUT_ENDPOINTS_PER_MESSAGE
from capture.cutting.triage_kernel import (
    HIGH_MIX,
    LOW_MIX,
    MARK_SHIFT,
    PORT_ENDPOINT,
    PORT_MIX,
    SLOT_MIX,
    SLOT_SHIFT,
)

Endpoint = tuple[bytes, int]
"""Packed IP, port."""

_LOW_64: Final = (1 << 64) - 1
_LEAST_SLOTS: Final = 64
_ADDRESS: Final = re.compile(rb"IN[ \t]+IP[46][ \t]+([0-9A-Fa-f:.]{2,45})")
_MEDIA: Final = re.compile(rb"\n(?:m=[^ \t\r\n]+[ \t]+|a=rtcp:[ \t]*)(\d{1,5})")
_CANDIDATE: Final = re.compile(
    rb"\na=candidate:[^ \t\r\n]+[ \t]+\d+[ \t]+\w+[ \t]+\d+[ \t]+([0-9A-Fa-f:.]{2,45})[ \t]+(\d{1,5})"
)


def key_of(ip: bytes, port: int) -> int:
    """The number by which the kernel knows an endpoint: exact for IPv4, a 64-bit hash for IPv6."""
    if len(ip) == 4:
        return int.from_bytes(ip, "big") << 16 | port
    high, low = int.from_bytes(ip[:8], "big"), int.from_bytes(ip[8:], "big")
    return _signed((high * HIGH_MIX) ^ (low * LOW_MIX) ^ (port * PORT_MIX))


def mark_of(ip: bytes, port: int) -> int:
    """The 16 bits that the kernel notes of an endpoint in a frame's mark."""
    return _signed((int.from_bytes(ip[-4:], "big") << 16 | port) * SLOT_MIX) >> MARK_SHIFT & 0xFFFF


def table_of(endpoints: Iterable[Endpoint], ports: NDArray[np.uint8]) -> NDArray[np.int64]:
    """A hash table of the endpoints' keys, their ports marked in `ports` (65536,)."""
    keys = set()
    for ip, port in endpoints:
        keys.add(key_of(ip, port))
        ports[port] |= PORT_ENDPOINT
    size = _LEAST_SLOTS
    while size < 4 * len(keys):
        size *= 2
    slots = [0] * size
    for key in keys:
        slot = _signed(key * SLOT_MIX) >> SLOT_SHIFT & size - 1
        while slots[slot]:
            slot = slot + 1 & size - 1
        slots[slot] = key
    return np.array(slots, np.int64)


def announced(message: bytes, sip_ip: bytes) -> set[Endpoint]:
    """Where a SIP message's SDP may expect media: its addresses and that of the sender, with its ports.

    Rather too many than too few; of a port also the next one, for RTCP.
    """
    start = message.find(b"\nm=")
    if start < 0:
        return set()
    ips = {sip_ip, *filter(None, map(_packed, set(_ADDRESS.findall(message))))}
    found = {
        (ip, port + more)
        for port in map(int, _MEDIA.findall(message, start))
        for ip in ips
        for more in (0, 1)
    }
    if b"\na=candidate:" in message:
        for text, port in _CANDIDATE.findall(message):
            if ip := _packed(text):
                found.add((ip, int(port)))
    return set(_sensible(found))


def _sensible(endpoints: Iterable[Endpoint]) -> Iterator[Endpoint]:
    left = CUT_ENDPOINTS_PER_MESSAGE
    for ip, port in endpoints:
        if 0 < port < 65536 and any(ip) and left:
            left -= 1
            yield ip, port


@lru_cache(maxsize=4096)
def _packed(text: bytes) -> bytes | None:
    try:
        return socket.inet_pton(socket.AF_INET6 if b":" in text else socket.AF_INET, text.decode("ascii"))
    except OSError:
        return None


def _signed(number: int) -> int:
    number &= _LOW_64
    return number - (1 << 64) if number >> 63 else number
