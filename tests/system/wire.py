"""Generated captures, read and written again otherwise: other links, families, transports, orders."""

import struct
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, NamedTuple

ETHERNET, LINUX_SLL = 1, 113
RTP_HEADER: Final = 12


class Frame(NamedTuple):
    """An Ethernet frame of the generators: IPv4 without options, UDP; microseconds."""

    time_us: int
    data: bytes

    @property
    def ip(self) -> bytes:
        return self.data[14:]

    @property
    def ip_id(self) -> int:
        return int.from_bytes(self.data[18:20], "big")

    @property
    def addresses(self) -> tuple[bytes, bytes]:
        return self.data[26:30], self.data[30:34]

    @property
    def ports(self) -> tuple[int, int]:
        return struct.unpack_from("!HH", self.data, 34)  # type: ignore[return-value]

    @property
    def payload(self) -> bytes:
        return self.data[42:]

    @property
    def sip(self) -> bool:
        return 5060 in self.ports

    @property
    def ssrc(self) -> int:
        return int.from_bytes(self.payload[8:12], "big")

    @property
    def marker(self) -> bool:
        return self.payload[1] >> 7 == 1

    @property
    def sequence(self) -> int:
        return int.from_bytes(self.payload[2:4], "big")

    @property
    def timestamp(self) -> int:
        return int.from_bytes(self.payload[4:8], "big")

    def later(self, us: int) -> "Frame":
        return self._replace(time_us=self.time_us + us)

    def with_id(self, ip_id: int) -> "Frame":
        return self._replace(data=self.data[:18] + ip_id.to_bytes(2, "big") + self.data[20:])


def read(path: Path) -> list[Frame]:
    """The frames of a little-endian microsecond pcap."""
    data, at, frames = path.read_bytes(), 24, []
    while at < len(data):
        second, micro, length, _ = struct.unpack_from("<IIII", data, at)
        frames.append(Frame(second * 1_000_000 + micro, data[at + 16 : at + 16 + length]))
        at += 16 + length
    return frames


def write(
    path: Path,
    frames: Iterable[Frame],
    link_type: int = ETHERNET,
    snap: Callable[[Frame], int] = lambda _: 262144,
) -> Path:
    """Write them in the order of their times; `snap` says how many bytes of each were captured."""
    with path.open("wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, link_type))
        for frame in sorted(frames, key=lambda each: each.time_us):
            second, micro = divmod(frame.time_us, 1_000_000)
            data = frame.data[: snap(frame)]
            out.write(struct.pack("<IIII", second, micro, len(data), len(frame.data)) + data)
    return path


def with_vlan(frame: Frame, *tags: int) -> Frame:
    """802.1Q, or Q-in-Q where there are two."""
    tagged = b"".join(
        struct.pack("!HH", 0x8100 if number == len(tags) - 1 else 0x88A8, tag)
        for number, tag in enumerate(tags)
    )
    return frame._replace(data=frame.data[:12] + tagged + frame.data[12:])


def with_sll(frame: Frame) -> Frame:
    """Linux cooked capture."""
    return frame._replace(data=struct.pack("!HHH8sH", 0, 1, 6, frame.data[6:12] + b"\0\0", 0x0800) + frame.ip)


def as_ipv6(address: bytes) -> bytes:
    """2001:db8::a.b.c.d, which no text of a generated message has."""
    return bytes.fromhex("20010db80000000000000000") + address


def with_ipv6(frame: Frame, text: Callable[[bytes], bytes]) -> Frame:
    """The same over IPv6; `text` puts the addresses inside SIP right."""
    source, destination = map(as_ipv6, frame.addresses)
    payload = text(frame.payload) if frame.sip else frame.payload
    udp = struct.pack("!HHHH", *frame.ports, 8 + len(payload), 0) + payload
    head = struct.pack("!IHBB", 6 << 28 | frame.ip[1] << 20, len(udp), 17, frame.ip[8])
    return frame._replace(data=frame.data[:12] + b"\x86\xdd" + head + source + destination + udp)


def in_fragments(frame: Frame, size: int) -> list[Frame]:
    """IPv4 fragments of at most so many bytes (a multiple of 8)."""
    head, body, frames = frame.ip[:20], frame.ip[20:], []
    for at in range(0, len(body), size):
        part = body[at : at + size]
        flags = at // 8 | (0x2000 if at + size < len(body) else 0)
        ip = head[:2] + struct.pack("!HHH", 20 + len(part), frame.ip_id or 1, flags) + head[8:]
        frames.append(Frame(frame.time_us, frame.data[:14] + ip + part))
    return frames


class Tcp:
    """SIP of the generators over one TCP connection a pair of addresses, in segments of any size."""

    def __init__(self) -> None:
        self.sent: dict[tuple[bytes, bytes], int] = {}

    def segments(self, frame: Frame, sizes: Iterable[int]) -> list[Frame]:
        """The message in segments; the last has the rest. Opens the connection when it is new."""
        source, destination = frame.addresses
        frames = []
        if (source, destination) not in self.sent:
            self.sent[source, destination] = self.sent[destination, source] = 1001
            frames.append(self._frame(frame, source, destination, 1000, 0x02, b""))
            frames.append(self._frame(frame, destination, source, 1000, 0x12, b""))
        message, at = frame.payload, 0
        for size in [*sizes, len(message)]:
            part = message[at : at + size]
            if part:
                sequence = self.sent[source, destination]
                frames.append(self._frame(frame, source, destination, sequence, 0x18, part))
                self.sent[source, destination] += len(part)
            at += size
        return frames

    def _frame(
        self, frame: Frame, source: bytes, destination: bytes, sequence: int, flags: int, body: bytes
    ) -> Frame:
        acknowledged = self.sent[destination, source]
        tcp = struct.pack("!HHIIBBHHH", 5060, 5060, sequence, acknowledged, 0x50, flags, 65535, 0, 0) + body
        head = struct.pack("!BBHHHBBH", 0x45, frame.ip[1], 20 + len(tcp), frame.ip_id, 0x4000, 64, 6, 0)
        return Frame(frame.time_us, frame.data[:14] + head + source + destination + tcp)
