"""A wire of our own: what is sent into one interface comes out of the other. Nothing leaves the machine."""

import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from capture.files import open_capture


class Link(NamedTuple):
    """The names of its ends."""

    near: str
    far: str


@contextmanager
def link() -> Iterator[Link]:
    """A pair of virtual interfaces, up; gone afterwards."""
    if os.geteuid() != 0:
        pytest.skip("interfaces are made by root alone")
    number = f"{os.getpid() % 100_000}{time.monotonic_ns() // 1_000_000 % 10_000}"
    ends = Link(f"oa{number}", f"ob{number}")
    ip("link", "add", ends.near, "type", "veth", "peer", "name", ends.far)
    try:
        for name in ends:
            # nothing of the machine's own is to be heard there
            Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("1", encoding="ascii")
            ip("link", "set", name, "arp", "off", "up")
        yield ends
    finally:
        if Path(f"/sys/class/net/{ends.near}").exists():
            ip("link", "del", ends.near)


class Player(threading.Thread):
    """Sends a capture's frames into an interface, at the pace of their times or as fast as it goes."""

    def __init__(self, capture: Path, into: str, *, paced: bool = True) -> None:
        super().__init__(daemon=True)
        self.sent = 0
        self.began_s = 0.0
        """Wall time of the first frame."""
        self._capture, self._into, self._paced = capture, into, paced

    def run(self) -> None:
        """Send everything."""
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as out:
            out.bind((self._into, 0))
            first_ns = None
            for block in open_capture(self._capture):
                places = zip(
                    block.offset.tolist(), block.captured.tolist(), block.time_ns.tolist(), strict=True
                )
                for at, length, time_ns in places:
                    if first_ns is None:
                        first_ns, self.began_s = time_ns, time.time()
                    if self._paced:
                        ahead = self.began_s + (time_ns - first_ns) / 1e9 - time.time()
                        if ahead > 0.001:
                            time.sleep(ahead)
                    out.send(block.buffer[at : at + length])
                    self.sent += 1


def ip(*arguments: str) -> None:
    """Run ip(8)."""
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
