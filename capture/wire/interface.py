"""A network interface as the kernel shows it: what kind it is, and how many packets passed it."""

import re
import socket
from pathlib import Path
from typing import Final, NamedTuple

from capture.errors import CaptureError

LINKTYPE_ETHERNET: Final = 1
LINKTYPE_RAW: Final = 101
LOOPBACK: Final = 772
"""ARPHRD_LOOPBACK, <linux/if_arp.h>."""

_LINK_TYPES: Final = {
    1: LINKTYPE_ETHERNET,  # ARPHRD_ETHER
    LOOPBACK: LINKTYPE_ETHERNET,
    512: LINKTYPE_RAW,  # ARPHRD_PPP
    0xFFFE: LINKTYPE_RAW,  # ARPHRD_NONE: tun, WireGuard
}
_DEVICES: Final = Path("/proc/net/dev")
_KINDS: Final = Path("/sys/class/net")
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_ROW: Final = re.compile(r"^\s*(\S+):\s*((?:\d+\s+){15}\d+)", re.MULTILINE)


class Interface(NamedTuple):
    """`hardware` is its ARPHRD_*, `link_type` the LINKTYPE_* of what it gives."""

    name: str
    number: int
    hardware: int
    link_type: int

    @property
    def is_loopback(self) -> bool:
        """Whether what is sent comes in again."""
        return self.hardware == LOOPBACK


class Passed(NamedTuple):
    """Counted by the kernel since the interface came up: packets both ways, and those that it lost."""

    packets: int
    lost: int


def interface(name: str) -> Interface:
    """Look an interface up; CaptureError where there is none, or none that can be heard."""
    try:
        number = socket.if_nametoindex(name)
        hardware = int((_KINDS / name / "type").read_text(encoding="ascii"))
    except (OSError, ValueError):
        there = ", ".join(sorted(found for _, found in socket.if_nameindex()))
        raise CaptureError(f"{name}: no such interface here; there are {there}") from None
    link_type = _LINK_TYPES.get(hardware)
    if link_type is None:
        raise CaptureError(f"{name}: interfaces of hardware type {hardware} are not understood")
    return Interface(name, number, hardware, link_type)


def passed(which: Interface) -> Passed:
    """What has passed an interface so far; zeros where it went away.

    /proc/net/dev, whose drops are those of the driver and of the card ("missed"), and then full FIFOs.
    """
    try:
        table = _DEVICES.read_text(encoding="ascii")
    except OSError:
        return Passed(0, 0)
    for name, row in _ROW.findall(table):
        if name == which.name:
            figures = [int(figure) for figure in row.split()]
            sent = 0 if which.is_loopback else figures[9]  # of a loopback the same packets once more
            return Passed(figures[1] + sent, figures[3] + figures[4])
    return Passed(0, 0)


def hears(which: Interface) -> bool:
    """Whether the interface is up and has a link: else nothing can pass it."""
    try:  # refused where it is down
        return (_KINDS / which.name / "carrier").read_text(encoding="ascii").strip() == "1"
    except OSError:
        return False


def boot_id() -> str:
    """Another one after each start of the machine, when all counters begin anew."""
    try:
        return _BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return ""
