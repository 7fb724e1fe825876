"""Calls told message by message and stream by stream, as frames of a capture."""

import struct
from collections.abc import Iterable

from tests.system.wire import Frame

START_US = 1_700_000_000_000_000
Address = tuple[str, int]


def at(seconds: float) -> int:
    """Microseconds since the epoch."""
    return START_US + round(seconds * 1e6)


def udp(time_s: float, source: Address, destination: Address, payload: bytes, ip_id: int = 0) -> Frame:
    """One datagram."""
    addresses = b"".join(bytes(map(int, ip.split("."))) for ip, _ in (source, destination))
    head = struct.pack("!BBHHHBBH", 0x45, 0, 28 + len(payload), ip_id, 0, 64, 17, 0)
    ports = struct.pack("!HHHH", source[1], destination[1], 8 + len(payload), 0)
    return Frame(at(time_s), b"\2\0\0\0\0\2\2\0\0\0\0\1\x08\0" + head + addresses + ports + payload)


def sdp(listening: Address, formats: str = "0 8", *more: str, profile: str = "RTP/AVP") -> str:
    """A description of one audio media."""
    ip, port = listening
    lines = [
        "v=0",
        f"o=- 1 1 IN IP4 {ip}",
        "s=-",
        f"c=IN IP4 {ip}",
        "t=0 0",
        f"m=audio {port} {profile} {formats}",
    ]
    return "\r\n".join([*lines, *more, ""])


class Dialog:
    """The SIP between two addresses; frames pile up in `frames`."""

    def __init__(
        self, call_id: str = "story", a: Address = ("10.0.0.1", 5060), b: Address = ("10.0.0.2", 5060)
    ):
        self.call_id, self.a, self.b = call_id, a, b
        self.frames: list[Frame] = []

    def request(
        self,
        time_s: float,
        method: str,
        body: str = "",
        *more: str,
        cseq: int = 1,
        sender: str = "a",
        branch: str = "",
    ) -> "Dialog":
        """A request of either side."""
        return self._send(
            time_s, f"{method} sip:2000@example.net SIP/2.0", method, body, more, cseq, sender, branch
        )

    def response(
        self,
        time_s: float,
        status: int,
        body: str = "",
        *more: str,
        method: str = "INVITE",
        cseq: int = 1,
        sender: str = "b",
        branch: str = "",
    ) -> "Dialog":
        """A response, sent by b to a's requests unless said otherwise."""
        return self._send(time_s, f"SIP/2.0 {status} Said", method, body, more, cseq, sender, branch)

    def answered(self, a: str, b: str, answer_s: float = 1.0) -> "Dialog":
        """INVITE, 180, 200, ACK."""
        self.request(0.0, "INVITE", a).response(0.1, 180).response(answer_s, 200, b)
        return self.request(answer_s + 0.01, "ACK")

    def hang_up(self, time_s: float, sender: str = "a", cseq: int = 9) -> "Dialog":
        """BYE and its 200."""
        other = "b" if sender == "a" else "a"
        self.request(time_s, "BYE", cseq=cseq, sender=sender)
        return self.response(time_s + 0.02, 200, method="BYE", cseq=cseq, sender=other)

    def _send(
        self,
        time_s: float,
        first: str,
        method: str,
        body: str,
        more: Iterable[str],
        cseq: int,
        sender: str,
        branch: str,
    ) -> "Dialog":
        request = not first.startswith("SIP/2.0")
        asks = sender if request else ("b" if sender == "a" else "a")
        tagged = not (request and method == "INVITE" and cseq == 1 and asks == "a")
        caller, callee = "<sip:1000@example.net>;tag=from", "<sip:2000@example.net>" + ";tag=to" * tagged
        here, there = (caller, callee) if asks == "a" else (callee, caller)
        lines = [
            first,
            f"Via: SIP/2.0/UDP 10.9.9.9:5060;branch=z9hG4bK{branch}{asks}{cseq}{'ack' * (method == 'ACK')}",
            f"From: {here}",
            f"To: {there}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {cseq} {method}",
            *more,
        ]
        if body:
            lines.append("Content-Type: application/sdp")
        text = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", body])
        source, destination = (self.a, self.b) if sender == "a" else (self.b, self.a)
        self.frames.append(udp(time_s, source, destination, text.encode()))
        return self


def rtp(
    source: Address,
    destination: Address,
    since_s: float,
    until_s: float,
    *,
    payload_type: int = 0,
    ssrc: int = 0x11111111,
    sequence: int = 1000,
    timestamp: int = 50_000,
    size: int = 160,
    step: int = 160,
    ptime_s: float = 0.02,
) -> list[Frame]:
    """A stream without loss or jitter."""
    frames = []
    for number in range(round((until_s - since_s) / ptime_s)):
        head = struct.pack(
            "!BBHII",
            0x80,
            payload_type | (0x80 if number == 0 else 0),
            (sequence + number) & 0xFFFF,
            (timestamp + number * step) & 0xFFFFFFFF,
            ssrc,
        )
        ip_id = (ssrc ^ number) & 0xFFFF or 1
        frames.append(udp(since_s + number * ptime_s, source, destination, head + bytes(size), ip_id))
    return frames


def digit(
    source: Address,
    destination: Address,
    time_s: float,
    event: int,
    *,
    ssrc: int = 0x11111111,
    sequence: int = 0,
) -> list[Frame]:
    """One RFC 4733 event of 100 ms in six packets, the last three of which say that it ended."""
    frames = []
    for number in range(7):
        duration, over = min(number + 1, 5) * 160, number >= 4
        head = struct.pack(
            "!BBHII", 0x80, 101 | (0x80 if number == 0 else 0), sequence + number, 900_000, ssrc
        )
        body = struct.pack("!BBH", event, (0x80 if over else 0) | 10, duration)
        frames.append(
            udp(
                time_s + min(number, 4) * 0.02 + max(0, number - 4) * 0.001,
                source,
                destination,
                head + body,
                1,
            )
        )
    return frames
