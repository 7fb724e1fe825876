"""Makes a small capture whose truth is known: fifty calls, good and bad, between phones and a gateway.

`python -m offhook.demo FOLDER` writes `calls.pcap` and `truth.json`. The same packets every time.
"""

import json
import random
import struct
import sys
from dataclasses import asdict, dataclass, field, replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final

BEGIN_US: Final = 1_790_000_000_000_000
"""2026-09-21T14:13:20Z."""

SECOND: Final = 1_000_000
PTIME: Final = 20_000
PROXY: Final = "172.16.0.1"
SILENCE: Final = b"\xff" * 160
"""20 ms of PCMU silence."""

_PCAP_HEAD: Final = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 1)
_ETHERNET: Final = bytes.fromhex("020000000002 020000000001 0800")


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens in one call. Losses are shares of packets, `stop_*` the second of silence from then on."""

    kind: str
    status: int = 200
    ring_s: float = 2.0
    talk_s: float = 12.0
    loss_a: float = 0.0
    loss_b: float = 0.0
    burst: int = 1
    jitter_ms: float = 0.0
    stop_a: float | None = None
    stop_b: float | None = None
    challenge: bool = False
    media: bool = True


@dataclass(slots=True)
class Truth:
    """What an analysis of the capture has to find for one call."""

    call_id: str
    kind: str
    caller: str
    callee: str
    outcome: str
    response_code: int
    packets_a: int | None = None
    packets_b: int | None = None
    lost_a: int | None = None
    lost_b: int | None = None
    one_way: str | None = None


PLANS: Final[tuple[tuple[int, Plan], ...]] = (
    (24, Plan("good")),
    (4, Plan("good, after a password was asked for", challenge=True)),
    (4, Plan("3 % lost on the way from the caller", loss_a=0.03)),
    (3, Plan("8 % lost in bursts on the way to the caller", loss_b=0.08, burst=4)),
    (3, Plan("jitter", jitter_ms=12.0)),
    (2, Plan("one-way: the callee is never heard", stop_b=0.0)),
    (2, Plan("dead air: the caller falls silent", stop_a=6.0)),
    (4, Plan("busy", status=486)),
    (2, Plan("not found", status=404, ring_s=0.0)),
    (2, Plan("cancelled", status=487, ring_s=8.0)),
)


@dataclass(slots=True)
class Capture:
    """Frames in the making."""

    frames: list[tuple[int, bytes]] = field(default_factory=list)
    ip_id: int = 0

    def udp(self, time_us: int, source: tuple[str, int], target: tuple[str, int], payload: bytes) -> None:
        """Add one UDP datagram in an Ethernet frame."""
        self.ip_id = (self.ip_id + 1) & 0xFFFF
        addresses = IPv4Address(source[0]).packed + IPv4Address(target[0]).packed
        fields = (0x45, 0xB8, 28 + len(payload), self.ip_id, 0x4000, 64, 17, 0)
        head = struct.pack("!BBHHHBBH", *fields) + addresses
        head = head[:10] + struct.pack("!H", _checksum(head)) + head[12:]
        ports = struct.pack("!HHHH", source[1], target[1], 8 + len(payload), 0)
        self.frames.append((time_us, _ETHERNET + head + ports + payload))

    def save(self, path: Path) -> None:
        """Write a pcap file in time order."""
        self.frames.sort(key=lambda frame: frame[0])
        with path.open("wb") as out:
            out.write(_PCAP_HEAD)
            for time_us, frame in self.frames:
                second, fraction = divmod(time_us, SECOND)
                out.write(struct.pack("<IIII", second, fraction, len(frame), len(frame)) + frame)


@dataclass(frozen=True, slots=True)
class Ends:
    """Who talks to whom, and where."""

    number: int
    caller: str
    callee: str
    phone: str
    gateway: str
    phone_port: int
    gateway_port: int

    @property
    def call_id(self) -> str:
        """Of the whole call."""
        return f"demo-{self.number:03d}@{self.phone}"


def build(seed: int = 7) -> tuple[Capture, list[Truth]]:
    """The capture, and the truth about each of its calls in order of their starts."""
    rng = random.Random(seed)
    plans = [plan for count, plan in PLANS for _ in range(count)]
    rng.shuffle(plans)
    capture, truths = Capture(), []
    for number, plan in enumerate(plans):
        ends = Ends(
            number=number,
            caller=f"1202555{rng.randrange(10_000):04d}",
            callee=f"420234{rng.randrange(1_000_000):06d}",
            phone=f"10.0.{number // 25}.{10 + number % 25}",
            gateway=f"172.16.1.{10 + number % 4}",
            phone_port=20_000 + 2 * number,
            gateway_port=30_000 + 2 * number,
        )
        begin = BEGIN_US + int(number * 1.3 * SECOND) + rng.randrange(300_000)
        talk = replace(plan, talk_s=plan.talk_s + rng.randrange(6))
        truths.append(_call(capture, begin, ends, talk, rng))
    return capture, truths


def _call(capture: Capture, begin: int, ends: Ends, plan: Plan, rng: random.Random) -> Truth:
    say = _Dialog(capture, ends)
    now = begin
    if plan.challenge:
        say.request(now, "INVITE", 1, sdp=True)
        say.response(now + 20_000, 401, "Unauthorized", 1)
        say.request(now + 30_000, "ACK", 1, tagged=True, of_invite=True)
        now += 40_000
    cseq = 2 if plan.challenge else 1
    say.request(now, "INVITE", cseq, sdp=True)
    say.response(now + 15_000, 100, "Trying", cseq)
    if plan.ring_s:
        say.response(now + 400_000, 180, "Ringing", cseq)
    final = now + 400_000 + int(plan.ring_s * SECOND)
    truth = Truth(ends.call_id, plan.kind, ends.caller, ends.callee, _outcome(plan.status), plan.status)
    if plan.status != 200:
        _fail(say, final, plan.status, cseq)
        return truth
    say.response(final, 200, "OK", cseq, sdp=True)
    say.request(final + 20_000, "ACK", cseq, tagged=True)
    talk_until = final + 40_000 + int(plan.talk_s * SECOND)
    _talk(capture, final + 40_000, ends, plan, rng, truth)
    say.request(talk_until, "BYE", cseq + 1, tagged=True)
    say.response(talk_until + 20_000, 200, "OK", cseq + 1, method="BYE")
    return truth


def _outcome(status: int) -> str:
    return {200: "answered", 487: "cancelled"}.get(status, "rejected")


def _fail(say: "_Dialog", time_us: int, status: int, cseq: int) -> None:
    if status == 487:
        say.request(time_us, "CANCEL", cseq, of_invite=True)
        say.response(time_us + 10_000, 200, "OK", cseq, method="CANCEL")
        time_us += 20_000
    reason = {486: "Busy Here", 404: "Not Found", 487: "Request Terminated"}[status]
    say.response(time_us, status, reason, cseq)
    say.request(time_us + 20_000, "ACK", cseq, tagged=True, of_invite=True)


def _talk(capture: Capture, begin: int, ends: Ends, plan: Plan, rng: random.Random, truth: Truth) -> None:
    phone, gateway = (ends.phone, ends.phone_port), (ends.gateway, ends.gateway_port)
    for side, source, target, loss, stop in (
        ("a", phone, gateway, plan.loss_a, plan.stop_a),
        ("b", gateway, phone, plan.loss_b, plan.stop_b),
    ):
        seconds = plan.talk_s - 0.1 if stop is None else stop
        sent = int(seconds * SECOND) // PTIME
        heard = _survivors(sent, loss, plan.burst, rng)
        _stream(capture, begin, (source, target), heard, plan.jitter_ms, rng)
        if sent:
            setattr(truth, f"packets_{side}", len(heard))
            setattr(truth, f"lost_{side}", sent - len(heard))
        else:
            truth.one_way = side


def _survivors(sent: int, loss: float, burst: int, rng: random.Random) -> list[int]:
    """Which packets arrive; the first and the last always, so that the loss can be told from the rest."""
    lost: set[int] = set()
    for number in range(1, sent - 1):
        if rng.random() < loss / burst:
            lost.update(range(number, min(number + burst, sent - 1)))
    return [number for number in range(sent) if number not in lost]


def _stream(
    capture: Capture,
    begin: int,
    path: tuple[tuple[str, int], tuple[str, int]],
    heard: list[int],
    jitter_ms: float,
    rng: random.Random,
) -> None:
    ssrc, sequence, timestamp = rng.getrandbits(32), rng.getrandbits(16), rng.getrandbits(32)
    offset = rng.randrange(PTIME)
    for number in heard:
        delay = int(min(abs(rng.gauss(0, jitter_ms)), 19.0) * 1000) if jitter_ms else 0
        marker_and_type = 0x80 if number == 0 else 0
        header = (
            0x80,
            marker_and_type,
            (sequence + number) & 0xFFFF,
            (timestamp + 160 * number) & 0xFFFFFFFF,
        )
        packet = struct.pack("!BBHII", *header, ssrc) + SILENCE
        capture.udp(begin + offset + number * PTIME + delay, *path, packet)


class _Dialog:
    """The SIP messages between the phone and the proxy."""

    def __init__(self, capture: Capture, ends: Ends) -> None:
        self._capture, self._ends = capture, ends

    def request(
        self,
        time_us: int,
        method: str,
        cseq: int,
        *,
        sdp: bool = False,
        tagged: bool = False,
        of_invite: bool = False,
    ) -> None:
        """From the phone to the proxy; `of_invite`: in the INVITE's transaction (RFC 3261 9.1, 17.1.1.3)."""
        ends = self._ends
        lines = [
            f"{method} sip:{ends.callee}@example.net SIP/2.0",
            *self._headers(method, cseq, tagged=tagged, of_invite=of_invite),
        ]
        lines += ["Max-Forwards: 70", "User-Agent: DeskPhone/4.2"]
        body = _sdp(ends.phone, ends.phone_port) if sdp else ""
        self._send(time_us, (ends.phone, 5060), (PROXY, 5060), lines, body)

    def response(
        self, time_us: int, status: int, reason: str, cseq: int, *, sdp: bool = False, method: str = "INVITE"
    ) -> None:
        """From the proxy to the phone."""
        ends = self._ends
        lines = [
            f"SIP/2.0 {status} {reason}",
            *self._headers(method, cseq, tagged=status > 100, of_invite=method == "CANCEL"),
        ]
        if status == 401:
            lines.append('WWW-Authenticate: Digest realm="example.net", nonce="7f3a", algorithm=MD5')
        body = _sdp(ends.gateway, ends.gateway_port) if sdp else ""
        self._send(time_us, (PROXY, 5060), (ends.phone, 5060), [*lines, "Server: Gateway/9"], body)

    def _headers(self, method: str, cseq: int, *, tagged: bool, of_invite: bool) -> list[str]:
        ends = self._ends
        branch = f"z9hG4bK-{ends.number}-{cseq}-{'INVITE' if of_invite else method}"
        return [
            f"Via: SIP/2.0/UDP {ends.phone}:5060;branch={branch}",
            f"From: <sip:{ends.caller}@example.org>;tag=from{ends.number}",
            f"To: <sip:{ends.callee}@example.net>{f';tag=to{ends.number}' if tagged else ''}",
            f"Call-ID: {ends.call_id}",
            f"CSeq: {cseq} {method}",
            f"Contact: <sip:{ends.caller}@{ends.phone}:5060>",
        ]

    def _send(
        self, time_us: int, source: tuple[str, int], target: tuple[str, int], lines: list[str], body: str
    ) -> None:
        if body:
            lines = [*lines, "Content-Type: application/sdp"]
        text = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", body])
        self._capture.udp(time_us, source, target, text.encode())


def _sdp(address: str, port: int) -> str:
    lines = (
        "v=0",
        f"o=- {port} 1 IN IP4 {address}",
        "s=call",
        f"c=IN IP4 {address}",
        "t=0 0",
        f"m=audio {port} RTP/AVP 0",
        "a=rtpmap:0 PCMU/8000",
        "a=ptime:20",
        "a=sendrecv",
        "",
    )
    return "\r\n".join(lines)


def _checksum(header: bytes) -> int:
    total: int = sum(struct.unpack("!10H", header))
    total = (total & 0xFFFF) + (total >> 16)
    return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF


def main(arguments: list[str] | None = None) -> int:
    """Write the capture and its truth into the folder named."""
    folder = Path((arguments or sys.argv[1:])[0])
    folder.mkdir(parents=True, exist_ok=True)
    capture, truths = build()
    capture.save(folder / "calls.pcap")
    (folder / "truth.json").write_text(json.dumps([asdict(truth) for truth in truths], indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
