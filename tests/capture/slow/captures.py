"""Frames of real captures, and what tshark makes of them."""

import ipaddress
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from capture.datagram import Datagram
from capture.files import CaptureError, open_capture
from capture.slow.path import SlowPath
from tests.paths import CAPTURES

Flow = tuple[str, int, str, int]
"""Source, its port, destination, its port."""

CARRIERS = frozenset(("ip", "ipv6", "eth", "ppp", "arp", "sctp", "tcp"))
"""What tshark names inside a UDP datagram when that is a tunnel."""


class Frame(NamedTuple):
    """One captured frame, as `SlowPath.feed` takes it."""

    link_type: int
    time_ns: int
    data: bytes
    original: int


def every_capture() -> list[Path]:
    """Every capture file of the collection that can be opened, each content once."""
    paths = [path for folder in (CAPTURES / "linklayer", CAPTURES) for path in sorted(folder.iterdir())]
    files = [path for path in paths if path.suffix in (".pcap", ".pcapng", ".gz") and _opens(path)]
    return list({path.read_bytes(): path for path in reversed(files)}.values())


def frames(path: Path) -> Iterator[Frame]:
    """The frames of a capture file."""
    for block in open_capture(path):
        for offset, captured, original, time_ns in zip(
            block.offset, block.captured, block.original, block.time_ns, strict=True
        ):
            data = block.buffer[offset : offset + captured].tobytes()
            yield Frame(block.link_type, int(time_ns), data, int(original))


def dissect(path: Path) -> tuple[list[Datagram], dict[str, int], int]:
    """All that the slow path makes of a capture, its counters that are not 0, and the number of frames."""
    slow, given, count = SlowPath(), [], 0
    for frame in frames(path):
        given += slow.feed(*frame)
        count += 1
    return given + slow.flush(), {name: value for name, value in slow.counters.items() if value}, count


def flow(datagram: Datagram) -> Flow:
    """Addresses as text."""
    return (
        str(ipaddress.ip_address(datagram.src_ip)),
        datagram.src_port,
        str(ipaddress.ip_address(datagram.dst_ip)),
        datagram.dst_port,
    )


def tshark(
    paths: list[Path], counts: list[int], filter_: str, fields: list[str], folder: Path
) -> list[list[list[str]]]:
    """For each capture, the rows of frames that pass the filter; one run for all, for it starts slowly."""
    merged = folder / "merged.pcapng"
    subprocess.run(["mergecap", "-a", "-I", "none", "-w", merged, *paths], check=True, capture_output=True)
    command = ["tshark", "-n", "-r", merged, "-Y", filter_, "-T", "fields", "-E", "separator=|"]
    for field in ["frame.number", *fields]:
        command += ["-e", field]
    run = subprocess.run(command, check=True, capture_output=True, text=True, errors="replace")
    starts, at = [], 0
    for count in counts:
        starts.append(at)
        at += count
    rows: list[list[list[str]]] = [[] for _ in paths]
    index = 0
    for line in run.stdout.splitlines():
        number, *values = line.split("|")
        while index + 1 < len(starts) and int(number) > starts[index + 1]:
            index += 1
        rows[index].append(values)
    return rows


def innermost(row: list[str]) -> tuple[str, int, str, int, int] | None:
    """Addresses and payload length of a frame's innermost UDP datagram; None where it is a tunnel or a quote.

    The row: frame.protocols, udp.srcport, udp.dstport, udp.length, ip.src, ip.dst, ipv6.src, ipv6.dst.
    """
    protocols = row[0].split(":")
    if "udp" not in protocols:
        return None
    last = len(protocols) - 1 - protocols[::-1].index("udp")
    if CARRIERS.intersection(protocols[last + 1 :]) or {"icmp", "icmpv6"}.intersection(protocols):
        return None
    source, destination, length = (int(value.split(",")[-1] or 0) for value in row[1:4])
    network = [name for name in protocols[:last] if name in ("ip", "ipv6")][-1]
    addresses = row[4:6] if network == "ip" else row[6:8]
    src, dst = (value.split(",")[-1] for value in addresses)
    return src, source, dst, destination, length - 8


def difference(
    ours: Counter[tuple[str, int, str, int, int]], theirs: Counter[tuple[str, int, str, int, int]]
) -> tuple[int, int]:
    """How many datagrams only we have, and how many only tshark has."""
    return (ours - theirs).total(), (theirs - ours).total()


def _opens(path: Path) -> bool:
    try:
        open_capture(path)
    except CaptureError:
        return False
    return True
