"""Calls written as a story: SIP messages with times, as sensors would have captured them."""

import socket
from collections.abc import Iterable
from typing import Any, Self

from schemas.clock import END_OF_CAPTURE
from schemas.sip_messages import SipBatch, SipPacket

ACCOUNT, SITE, SENSOR = "acme", "hq", "s1"

START_US = 1_700_000_000_000_000
"""Time 0 of every story."""

Address = tuple[str, int]

A: Address = ("10.0.0.1", 5060)
P: Address = ("10.0.0.5", 5060)
B: Address = ("10.0.0.2", 5060)


def us(seconds: float) -> int:
    """Packet time of a moment of the story."""
    return START_US + round(seconds * 1_000_000)


def describe(
    port: int,
    ip: str = "192.0.2.1",
    *,
    codecs: str = "0 8",
    direction: str = "",
    more: str = "",
    connection: str | None = None,
) -> str:
    """A session description with one audio media."""
    attribute = f"a={direction}\r\n" if direction else ""
    return (
        f"v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {connection or ip}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP {codecs}\r\na=ptime:20\r\n{attribute}{more}"
    )


def packed(ip: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in ip else socket.AF_INET, ip)


class CallBuilder:
    """One call; each method says one message at a time in seconds and returns the builder.

    `by` is who sends it (a or b); `path` the addresses it is heard between, in the sender's direction
    (default: the caller's and the callee's own).
    """

    def __init__(
        self,
        call_id: str = "c1@example.com",
        *,
        from_tag: str = "caller-tag",
        to_tag: str = "callee-tag",
        caller: str = "1001",
        callee: str = "2002",
        a: Address = A,
        b: Address = B,
        sensor: str = SENSOR,
        transport: str = "udp",
    ) -> None:
        self.call_id, self.from_tag, self.to_tag = call_id, from_tag, to_tag
        self.caller, self.callee = caller, callee
        self.a, self.b = a, b
        self.sensor, self.transport = sensor, transport
        self.heard: list[tuple[str, SipPacket]] = []

    # one message

    def request(
        self,
        method: str,
        at: float,
        *,
        by: str = "a",
        cseq: int = 1,
        branch: str | None = None,
        to_tag: str | None = "",
        sdp: str | None = None,
        body: str | None = None,
        content_type: str = "application/sdp",
        headers: dict[str, str] | None = None,
        path: tuple[Address, Address] | None = None,
        sensor: str | None = None,
    ) -> Self:
        """`to_tag`: "" none, None the callee's."""
        src, dst = path or ((self.a, self.b) if by == "a" else (self.b, self.a))
        remote = self.to_tag if to_tag is None else to_tag
        lines = [f"{method} sip:{self.callee if by == 'a' else self.caller}@example.com SIP/2.0"]
        branch = branch or f"z9hG4bK-{self.call_id}-{by}-{method}-{cseq}-{src[0]}"
        return self._say(lines, at, by, remote, cseq, method, branch, src, src, dst, sdp or body,
                         content_type, headers, sensor)  # fmt: skip

    def response(
        self,
        status: int,
        at: float,
        *,
        to: str = "INVITE",
        reason: str = "",
        by: str = "b",
        cseq: int = 1,
        branch: str | None = None,
        to_tag: str | None = None,
        sdp: str | None = None,
        headers: dict[str, str] | None = None,
        path: tuple[Address, Address] | None = None,
        sensor: str | None = None,
    ) -> Self:
        """A response to the other side's request `to`; it goes back the way the request came."""
        src, dst = path or ((self.a, self.b) if by == "a" else (self.b, self.a))
        lines = [f"SIP/2.0 {status} {reason or _REASONS.get(status, 'Something')}"]
        asker = "a" if by == "b" else "b"
        remote = self.to_tag if to_tag is None else to_tag
        branch = branch or f"z9hG4bK-{self.call_id}-{asker}-{to}-{cseq}-{dst[0]}"
        return self._say(lines, at, asker, remote, cseq, to, branch, dst, src, dst, sdp,
                         "application/sdp", headers, sensor)  # fmt: skip

    def _say(
        self,
        lines: list[str],
        at: float,
        asker: str,
        to_tag: str,
        cseq: int,
        method: str,
        branch: str,
        via: Address,
        src: Address,
        dst: Address,
        body: str | None,
        content_type: str,
        headers: dict[str, str] | None,
        sensor: str | None,
    ) -> Self:
        caller = f'"Caller {self.caller}" <sip:{self.caller}@a.example.com>' + _tag(self.from_tag)
        callee = f"<sip:{self.callee}@b.example.com>" + _tag(to_tag)
        from_, to = (caller, callee) if asker == "a" else (callee, caller)
        lines += [
            f"Via: SIP/2.0/UDP {via[0]}:{via[1]};branch={branch}",
            "Max-Forwards: 70",
            f"From: {from_}",
            f"To: {to}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {cseq} {method}",
        ]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        if body:
            lines.append(f"Content-Type: {content_type}")
        lines.append(f"Content-Length: {len(body.encode()) if body else 0}")
        raw = ("\r\n".join(lines) + "\r\n\r\n" + (body or "")).encode()
        self.heard.append(
            (
                sensor or self.sensor,
                SipPacket(
                    us(at), packed(src[0]), src[1], packed(dst[0]), dst[1], self.transport, 24, 64, -1, raw
                ),
            )
        )
        return self

    # what calls are made of

    def invite(self, at: float = 0.0, sdp: str | None = "offer", **more: Any) -> Self:
        """The INVITE, with the caller's usual session description unless told."""
        return self.request("INVITE", at, sdp=describe(20000) if sdp == "offer" else sdp, **more)

    def trying(self, at: float = 0.01, **more: Any) -> Self:
        return self.response(100, at, to_tag="", **more)

    def ringing(self, at: float = 0.5, status: int = 180, **more: Any) -> Self:
        return self.response(status, at, **more)

    def ok(self, at: float = 1.0, sdp: str | None = "answer", **more: Any) -> Self:
        """The 200 of the INVITE, with the callee's usual session description unless told."""
        answer = describe(30000, "192.0.2.2") if sdp == "answer" else sdp
        return self.response(200, at, sdp=answer, **more)

    def ack(self, at: float = 1.01, **more: Any) -> Self:
        """The ACK of a 2xx: a transaction of its own."""
        return self.request("ACK", at, **{"to_tag": None, **more})

    def ack_failure(self, at: float, cseq: int = 1, **more: Any) -> Self:
        """The ACK of a failure: part of the INVITE's transaction."""
        via = more["path"][0][0] if "path" in more else self.a[0]
        branch = f"z9hG4bK-{self.call_id}-a-INVITE-{cseq}-{via}"
        return self.request("ACK", at, **{"to_tag": None, "cseq": cseq, "branch": branch, **more})

    def bye(self, at: float = 11.0, by: str = "a", cseq: int = 2, **more: Any) -> Self:
        return self.request("BYE", at, by=by, **{"to_tag": None, "cseq": cseq, **more})

    def bye_ok(self, at: float = 11.02, by: str = "b", cseq: int = 2, **more: Any) -> Self:
        return self.response(200, at, to="BYE", by=by, cseq=cseq, **more)

    def cancel(self, at: float = 2.0, cseq: int = 1, **more: Any) -> Self:
        branch = f"z9hG4bK-{self.call_id}-a-INVITE-{cseq}-{self.a[0]}"
        return self.request("CANCEL", at, **{"branch": branch, "cseq": cseq, **more})

    def answered(self, at: float = 1.0) -> Self:
        """INVITE, 100, 180, 200, ACK."""
        return self.invite(0).trying(0.01).ringing(at / 2).ok(at).ack(at + 0.01)

    def again(self, at: float, **other: Any) -> Self:
        """The last message once more, at another time (and by another sensor, between others)."""
        sensor, packet = self.heard[-1]
        fields = {name: getattr(packet, name) for name in packet.__struct_fields__} | {"time_us": us(at)}
        if "path" in other:
            (fields["src_ip"], fields["src_port"]), (fields["dst_ip"], fields["dst_port"]) = [
                (packed(ip), port) for ip, port in other["path"]
            ]
        self.heard.append((other.get("sensor", sensor), SipPacket(**fields)))
        return self

    # what sensors make of it

    def batches(self, **more: Any) -> list[SipBatch]:
        return batches(self.heard, **more)


def _tag(tag: str) -> str:
    return f";tag={tag}" if tag else ""


_REASONS = {100: "Trying", 180: "Ringing", 183: "Session Progress", 200: "OK", 401: "Unauthorized",
            407: "Proxy Authentication Required", 486: "Busy Here", 487: "Request Terminated"}  # fmt: skip


def batches(
    heard: Iterable[tuple[str, SipPacket]],
    *,
    size: int = 1,
    until: float | None = None,
    end: bool = True,
    account: str = ACCOUNT,
    site: str = SITE,
) -> list[SipBatch]:
    """Batches in time order, `size` messages each; then a watermark at `until`, then the end of capture."""
    ordered = sorted(heard, key=lambda each: each[1].time_us)
    sensors = list(dict.fromkeys(sensor for sensor, _ in ordered))
    made: list[SipBatch] = []
    for at in range(0, len(ordered), size):
        part = ordered[at : at + size]
        clock = part[-1][1].time_us
        for sensor in sensors:
            mine = [packet for heard_by, packet in part if heard_by == sensor]
            made.append(SipBatch(account, site, sensor, clock, mine))
    if until is not None:
        made += [SipBatch(account, site, sensor, us(until), []) for sensor in sensors]
    if end:
        made += [SipBatch(account, site, sensor, END_OF_CAPTURE, []) for sensor in sensors]
    return made
