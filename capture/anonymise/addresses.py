"""Masks of addresses: private stays private, a network stays one network, a text keeps its length."""

import socket
from collections.abc import Iterable, Iterator
from functools import lru_cache
from hashlib import blake2b
from typing import Final

ATTEMPTS: Final = 64
"""Tries to find a mask that nothing else has."""

_SPECIAL_FIRST: Final = frozenset((0, 10, 100, 127, 169, 172, 192))
_MULTICAST: Final = 224
_EDGES: Final = (0, 255)
_LINK_LOCAL: Final = 0xFE00
_UNIQUE_LOCAL: Final = 0xFC00
_LOCALHOST: Final = b"\x7f\0\0\1"
_MAPPED_V4: Final = bytes(10) + b"\xff\xff"


class Addresses:
    """Masks packed addresses; the same address always alike, within a run.

    An IPv4 octet is replaced by one with as many digits, a group of IPv6 by one with as many; zero groups
    stay, so every way to write an address keeps its length. What has a meaning of its own stays: 127.0.0.1,
    multicast, 0.0.0.0, and that an address is private, shared (RFC 6598) or link-local. No /24 is masked as
    one of those in `avoid`, where another is left.
    """

    def __init__(self, key: bytes, avoid: Iterable[bytes] = ()) -> None:
        self._key = key[:64]
        self._avoid = {ip[:3] for ip in avoid if len(ip) == 4}
        self._networks: dict[bytes, bytes] = {}
        self._masked: dict[bytes, bytes] = {}
        self._used: set[bytes] = set()

    @property
    def seen(self) -> set[bytes]:
        """The addresses masked so far."""
        return set(self._masked)

    def mask(self, ip: bytes) -> bytes:
        """The mask of a packed address."""
        masked = self._masked.get(ip)
        if masked is None:
            masked = self._masked[ip] = self._new(ip)
            self._used.add(masked)
        return masked

    def mask_text(self, text: bytes) -> bytes | None:
        """The mask of an address as text, of the same length; None where the text is none."""
        try:
            if b":" not in text:
                return b".".join(
                    b"%d" % octet
                    for octet in self.mask(socket.inet_pton(socket.AF_INET, text.decode("ascii")))
                )
            masked = self.mask(socket.inet_pton(socket.AF_INET6, text.decode("ascii")))
        except (OSError, ValueError):
            return None
        return _rewritten(text, masked)

    def _new(self, ip: bytes) -> bytes:
        if len(ip) == 16:
            if ip.startswith(_MAPPED_V4):
                return _MAPPED_V4 + self.mask(ip[12:])
            return self._new_v6(ip)
        if ip[0] >= _MULTICAST or ip[0] == 0 or ip == _LOCALHOST:
            return ip
        network = self._networks.get(ip[:3])
        if network is None:
            network = self._networks[ip[:3]] = self._new_network(ip[:3])
        taken = {masked[3] for masked in self._used if masked[:3] == network}
        last = next((octet for octet in self._shuffled(_like(ip[3], True), ip) if octet not in taken), ip[3])
        return network + bytes((last,))

    def _new_network(self, network: bytes) -> bytes:
        best = network
        used = set(self._networks.values())
        for candidate in self._networks_like(network):
            if candidate in used:
                continue
            best = candidate
            if candidate not in self._avoid:
                break
        return best

    def _networks_like(self, network: bytes) -> Iterator[bytes]:
        first, second, third = network
        for one in self._shuffled(_first_like(first), b"1"):
            for two in self._shuffled(_second_like(one, first, second), network[:1]):
                for three in self._shuffled(_like(third, False), network[:2]):
                    yield bytes((one, two, three))

    def _shuffled(self, numbers: Iterable[int], context: bytes) -> list[int]:
        def rank(number: int) -> bytes:
            return blake2b(context + bytes((number,)), key=self._key, digest_size=8).digest()

        return sorted(numbers, key=rank)

    def _new_v6(self, ip: bytes) -> bytes:
        if ip[0] == 0xFF or ip[:15] == bytes(15):  # multicast, unspecified, loopback
            return ip
        masked = ip
        for attempt in range(ATTEMPTS):
            masked = b"".join(self._group(ip, at, attempt) for at in range(0, 16, 2))
            if masked != ip and masked not in self._used:
                break
        return masked

    def _group(self, ip: bytes, at: int, attempt: int) -> bytes:
        """One group, drawn by itself and what comes before it."""
        group = ip[at] << 8 | ip[at + 1]
        if not group or (at == 0 and group >= _LINK_LOCAL):
            return ip[at : at + 2]
        digits = len(f"{group:x}")
        least, most = 1 << 4 * (digits - 1), (1 << 4 * digits) - 1
        if at == 0 and group >= _UNIQUE_LOCAL:
            least, most = group & 0xFF00, group | 0xFF
        elif at == 0 and 0x2000 <= group < 0x4000:
            least, most = 0x2000, 0x3FFF
        salt = bytes((attempt if at >= 8 else 0,))
        drawn = blake2b(ip[: at + 2] + salt, key=self._key, digest_size=8).digest()
        return (least + int.from_bytes(drawn, "big") % (most - least + 1)).to_bytes(2, "big")


@lru_cache(maxsize=1024)
def _like(octet: int, last: bool) -> tuple[int, ...]:
    """The octets with as many digits; in the last place 0 and 255 stand for themselves."""
    if last and octet in _EDGES:
        return (octet,)
    digits = len(str(octet))
    return tuple(n for n in range(256) if len(str(n)) == digits and not (last and n in _EDGES))


def _first_like(first: int) -> tuple[int, ...]:
    if first in _SPECIAL_FIRST:
        return (first,)
    return tuple(n for n in _like(first, False) if n not in _SPECIAL_FIRST and n < _MULTICAST)


def _second_like(one: int, first: int, second: int) -> tuple[int, ...]:
    special = _is_special(first, second)
    return tuple(n for n in _like(second, False) if _is_special(one, n) == special)


def _is_special(first: int, second: int) -> bool:
    """Is a.b.0.0 private (RFC 1918), shared (RFC 6598), or link-local (RFC 3927)?"""
    return (
        first in (10, 127)
        or (first == 172 and 16 <= second < 32)
        or (first == 192 and second == 168)
        or (first == 169 and second == 254)
        or (first == 100 and 64 <= second < 128)
    )


def _rewritten(text: bytes, masked: bytes) -> bytes:
    """An IPv6 address in the way another was written: the same groups left out, each as wide as it was."""
    if b"." in text:
        head, _, _ = text.rpartition(b":")
        return head + b":" + b".".join(b"%d" % octet for octet in masked[12:])
    groups = [masked[at] << 8 | masked[at + 1] for at in range(0, 16, 2)]
    before, double, after = text.partition(b"::")
    left = before.split(b":") if before else []
    right = after.split(b":") if after else []
    there = groups[: len(left)] + (groups[8 - len(right) :] if double and right else [])
    wide = [
        b"%0*x" % (len(group), value) if group == group.lower() else b"%0*X" % (len(group), value)
        for group, value in zip(left + right, there, strict=True)
    ]
    return b":".join(wide[: len(left)]) + double + b":".join(wide[len(left) :])
