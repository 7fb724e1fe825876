"""Where the walk through one frame's headers stands, and what the headers said."""

from collections.abc import Callable
from enum import Enum, auto

from capture.slow import counters


class DissectError(Exception):
    """The frame cannot be used; `reason` is the name of the counter that says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class End(Enum):
    """What a walk ends in."""

    FRAGMENT = auto()
    UDP = auto()
    TCP = auto()
    SCTP = auto()


class Cursor:
    """The bytes between `at` and `end` are not yet read; on the wire they went on up to `wire_end`.

    The headers walked so far leave the innermost VLAN tag and the innermost IP header's fields. `offset`,
    `more`, `identification` are a fragment's place in its datagram; `protocol` is the IP protocol number of
    what comes next.
    """

    __slots__ = (
        "at",
        "data",
        "dscp",
        "dst_ip",
        "end",
        "identification",
        "ip_id",
        "layers",
        "more",
        "offset",
        "protocol",
        "src_ip",
        "time_ns",
        "ttl",
        "vlan",
        "wire_end",
    )

    def __init__(self, time_ns: int, data: bytes, wire_length: int) -> None:
        self.time_ns = time_ns
        self.data = data
        self.at = 0
        self.end = len(data)
        self.wire_end = max(wire_length, self.end)
        self.layers = 0
        self.vlan = -1
        self.src_ip = self.dst_ip = b""
        self.dscp = self.ttl = self.ip_id = 0
        self.protocol = self.offset = self.identification = 0
        self.more = False

    def take(self, size: int) -> int:
        """Step over a header of `size` bytes; its offset. Raises DissectError where it is not all there."""
        start = self.at
        if start + size > self.end:
            raise DissectError(counters.TRUNCATED if start + size <= self.wire_end else counters.MALFORMED)
        self.at = start + size
        return start

    def u8(self) -> int:
        """Take one byte."""
        return self.data[self.take(1)]

    def u16(self) -> int:
        """Take two bytes, big-endian."""
        start = self.take(2)
        return self.data[start] << 8 | self.data[start + 1]

    def u16_at(self, at: int) -> int:
        """Two bytes, big-endian, of a header already taken."""
        return self.data[at] << 8 | self.data[at + 1]

    def u32(self) -> int:
        """Take four bytes, big-endian."""
        start = self.take(4)
        return int.from_bytes(self.data[start : start + 4], "big")

    def limit(self, size: int) -> None:
        """A header says that `size` bytes follow: what comes after them is padding or a trailer.

        More than the frame holds means the frame was cut, by the capture or by a mirror on the way.
        """
        self.wire_end = self.at + size
        self.end = min(self.end, self.wire_end)

    def has(self, size: int) -> bool:
        """Are `size` more bytes there?"""
        return self.at + size <= self.end


Layer = Callable[[Cursor], "Layer | End"]
"""Read one header; what comes next. Raises DissectError."""
