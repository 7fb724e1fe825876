"""Counts, addresses and times in the words of the findings."""

from collections.abc import Iterable
from ipaddress import ip_address, ip_network
from typing import Final

from offhook.explain.flows import End
from offhook.text import clean
from offhook.times import rfc3339


def count(number: int, noun: str) -> str:
    """`1 packet`, `2,000 packets`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def end(at: End) -> str:
    """`10.0.0.1:5060`, `[2001:db8::1]:5060`."""
    return f"[{at[0]}]:{at[1]}" if ":" in at[0] else f"{at[0]}:{at[1]}"


def way(src: End, dst: End) -> str:
    """From one end to another."""
    return f"{end(src)} → {end(dst)}"


def when(time_us: int) -> str:
    """A packet's time, UTC."""
    return rfc3339(time_us)[:-4] + "Z"


def listed(texts: Iterable[str], most: int = 5) -> str:
    """`a, b, c and 4 more`."""
    known = [clean(text) for text in texts]
    more = len(known) - most
    return ", ".join(known[:most]) + (f" and {more:,} more" if more > 0 else "")


def is_private(address: str) -> bool:
    """An address that nobody on another network can send to (RFC 1918, 6598, 3927, 4193, 4291)."""
    found = ip_address(address)
    return any(found in network for network in _PRIVATE if network.version == found.version)


def is_host(address: str) -> bool:
    """Neither multicast nor broadcast nor the unspecified address."""
    found = ip_address(address)
    return not (found.is_multicast or found.is_unspecified or address == "255.255.255.255")


def network(address: str) -> str:
    """The /24 (IPv6: /64) around an address."""
    found = ip_address(address)
    return str(ip_network((address, 24 if found.version == 4 else 64), strict=False))


_PRIVATE: Final = [
    ip_network(text)
    for text in (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "127.0.0.0/8"),
        *("fc00::/7", "fe80::/10", "::1/128"),
    )
]
