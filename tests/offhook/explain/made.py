"""Generated calls with something taken away, and what --explain says of them."""

import struct
import subprocess
import sys
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from offhook.explain.evidence import Evidence
from offhook.explain.finding import Finding
from offhook.explain.run import explain
from offhook.settings import Settings
from tests.capture import packets
from tests.paths import TOOLS
from tests.system.wire import Frame, read, write

Keep = Callable[[Frame], bool]


@cache
def generated(options: str = "--calls 3 --seconds 6") -> Path:
    """Healthy calls."""
    made = Path(mkdtemp(prefix="explain-")) / "calls.pcap"
    command = [sys.executable, str(TOOLS / "gen_calls.py"), *options.split(), "--out", str(made)]
    subprocess.run(command, check=True, capture_output=True)
    return made


@cache
def frames() -> tuple[Frame, ...]:
    """Their frames."""
    return tuple(read(generated()))


def findings(path: Path, call: str | None = None) -> list[Finding]:
    """Everything that is said of a capture, or of one call."""
    return list(explain(Evidence.of([str(path)], Settings()), call)[0])


def well(path: Path, call: str | None = None) -> str:
    """What is said of a capture where there is nothing to say."""
    found, line = explain(Evidence.of([str(path)], Settings()), call)
    assert not found, found
    return line


def by_code(found: Iterable[Finding]) -> dict[str, Finding]:
    """Each finding by its code, which it has alone."""
    codes = {each.code: each for each in found}
    assert all(each.title and each.advice for each in codes.values())
    return codes


def of(
    path: Path, kept: Iterable[Frame], snap: Callable[[Frame], int] = lambda _: 262144
) -> dict[str, Finding]:
    """The findings of these frames."""
    return by_code(findings(write(path / "made.pcap", kept, snap=snap)))


def with_source(frame: Frame, address: bytes) -> Frame:
    """The same from another address."""
    return frame._replace(data=frame.data[:26] + address + frame.data[30:])


def with_ports(frame: Frame, more: int) -> Frame:
    """The same between ports so much higher."""
    source, destination = frame.ports
    return frame._replace(
        data=frame.data[:34] + struct.pack("!HH", source + more, destination + more) + frame.data[38:]
    )


def at(frame: Frame, packet: bytes, us: int = 0) -> Frame:
    """An Ethernet frame around an IP packet, so long after another frame."""
    return Frame(frame.time_us + us, packets.ethernet(packet))


def tcp(payload: bytes, src: tuple[str, int], dst: tuple[str, int], sequence: int = 1) -> bytes:
    """An IPv4 packet with a TCP segment."""
    head = struct.pack("!HHIIBBHHH", src[1], dst[1], sequence, 1, 5 << 4, 0x18, 1024, 0, 0)
    return packets.ip(head + payload, 6, src[0], dst[0])
