"""A phone that registers, as a sensor hears it; and the calls stage driven over what it says."""

from typing import Self

from schemas.clock import END_OF_CAPTURE
from schemas.registrations import Registration
from schemas.sip_messages import SipBatch, SipPacket
from streams.calls import Calls
from streams.stage import Input
from tests.streams.builder import ACCOUNT, SENSOR, SITE, Address, packed, us

PHONE: Address = ("192.0.2.10", 5060)
REGISTRAR: Address = ("198.51.100.1", 5060)
PROXY: Address = ("198.51.100.9", 5060)


class Phone:
    """Each method says one message at a time in seconds and returns the phone."""

    def __init__(self, user: str = "1001", *, method: str = "REGISTER", call_id: str = "reg1@phone") -> None:
        self.user, self.method, self.call_id = user, method, call_id
        self.address, self.contact = PHONE, f"sip:{user}@{PHONE[0]}:{PHONE[1]}"
        self.said: list[SipPacket] = []

    def asks(
        self, at: float, cseq: int, *, expires: int | None = 3600, nonce: str = "", binds: bool = True,
        branch: str = "", path: tuple[Address, Address] | None = None,
    ) -> Self:  # fmt: skip
        """A request."""
        src, dst = path or (self.address, REGISTRAR)
        lines = [f"{self.method} sip:example.org SIP/2.0", *self._head(cseq, branch, src)]
        lines += [f"Contact: <{self.contact}>"] if binds else []
        lines += [] if expires is None else [f"Expires: {expires}"]
        lines += (
            [f'Authorization: Digest username="{self.user}", nonce="{nonce}", response="x"'] if nonce else []
        )
        return self._say(at, [*lines, "User-Agent: Desk/1.0"], src, dst)

    def hears(
        self, at: float, cseq: int, status: int, *, reason: str = "Whatever", granted: int | None = None,
        nonce: str = "", stale: bool = False, branch: str = "", path: tuple[Address, Address] | None = None,
    ) -> Self:  # fmt: skip
        """An answer to a request; `path` as the request's."""
        src, dst = path or (self.address, REGISTRAR)
        lines = [f"SIP/2.0 {status} {reason}", *self._head(cseq, branch, src)]
        lines += [] if granted is None else [f"Contact: <{self.contact}>;expires={granted}"]
        words = ", stale=true" if stale else ""
        lines += [f'WWW-Authenticate: Digest realm="r", nonce="{nonce}"{words}'] if nonce else []
        return self._say(at, [*lines, "Server: Registrar/2"], dst, src)

    def _head(self, cseq: int, branch: str, via: Address) -> list[str]:
        return [
            f"Via: SIP/2.0/UDP {via[0]}:{via[1]};branch={branch or f'z9hG4bK{via[0]}{cseq}'}",
            f"From: <sip:{self.user}@example.org>;tag=1",
            f"To: <sip:{self.user}@example.org>",
            f"Call-ID: {self.call_id}",
            f"CSeq: {cseq} {self.method}",
        ]

    def _say(self, at: float, lines: list[str], src: Address, dst: Address) -> Self:
        raw = ("\r\n".join(lines) + "\r\nContent-Length: 0\r\n\r\n").encode()
        self.said.append(
            SipPacket(us(at), packed(src[0]), src[1], packed(dst[0]), dst[1], "udp", 0, 64, -1, raw)
        )
        return self

    def rows(self, until: float | None = None) -> list[Registration]:
        """The last version of each row, at the end of the capture (`until`: its last packet's time)."""
        newest = {row.registration_id: row for row in run(self.said, until)}
        assert all(row.complete for row in newest.values())
        return list(newest.values())

    def row(self, until: float | None = None) -> Registration:
        """The only row."""
        (row,) = self.rows(until)
        return row


def run(said: list[SipPacket], until: float | None = None, stage: Calls | None = None) -> list[Registration]:
    """All versions of all rows, in their order."""
    stage = stage or Calls(0)
    last_us = us(until) if until is not None else said[-1].time_us
    batches = [
        SipBatch(ACCOUNT, SITE, SENSOR, last_us + 1, sorted(said, key=lambda packet: packet.time_us)),
        SipBatch(ACCOUNT, SITE, SENSOR, END_OF_CAPTURE, []),
    ]
    facts = [fact for batch in batches for fact in stage.step([Input("sip.messages", batch)])]
    return [fact.value for fact in facts if fact.topic == "registrations"]
