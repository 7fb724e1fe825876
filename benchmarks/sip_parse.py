"""µs a SIP message for parsing, URI pieces, SDP and masking, beside dpkt.sip and sipmessage.

    python benchmarks/sip_parse.py [--calls 2000]

The messages are those of ordinary calls: INVITE with SDP, 100, 180, 200 with SDP, ACK, BYE, 200. Each
figure is CPU time, the best of several rounds over all of them, so that what a cache saves here is what it
would save in a capture of as many calls.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import dpkt
import sipmessage

from protocols import sdp, sip
from protocols.secrets import mask_secrets
from protocols.sip import uri

ROUNDS = 7


def session_description(ip: str, port: int, number: int) -> str:
    lines = ["v=0", f"o=- {number} {number} IN IP4 {ip}", "s=-", f"c=IN IP4 {ip}", "t=0 0"]
    lines += [f"m=audio {port} RTP/AVP 0 8 101", "a=rtpmap:0 PCMU/8000", "a=rtpmap:8 PCMA/8000"]
    lines += ["a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-16", "a=ptime:20", "a=sendrecv", ""]
    return "\r\n".join(lines)


def call(number: int) -> list[bytes]:
    """The seven messages of one call."""
    phone, proxy = f"10.0.{number >> 8 & 255}.{number & 255}", "172.16.0.1"
    caller, callee = f"+1202{5550000 + number}", f"+1303{5000000 + number * 7919 % 4999999}"
    branch = f"z9hG4bK{number:x}{number * 2654435761 & 0xFFFFFFFF:08x}"

    def message(first: str, cseq: str, branch: str, tag: bool, body: str = "", *more: str) -> bytes:
        lines = [first, f"Via: SIP/2.0/UDP {phone}:5060;branch={branch};rport", "Max-Forwards: 70"]
        lines += [f'From: "User {number}" <sip:{caller}@{phone}>;tag=f{number:x}']
        lines += [f"To: <sip:{callee}@{proxy}>" + (f";tag=t{number:x}" if tag else "")]
        lines += [
            f"Call-ID: 1-{number:06d}-{number * 40503 & 0xFFFFFFFF:08x}@{phone}",
            f"CSeq: {cseq}",
            *more,
        ]
        lines += ["Content-Type: application/sdp"] if body else []
        return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", body]).encode()

    own, other = f"Contact: <sip:{caller}@{phone}:5060>", f"Contact: <sip:{callee}@{proxy}:5060>"
    allow = "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, PRACK, INFO, REFER, NOTIFY"
    agent, supported = "User-Agent: bench/1.0", "Supported: replaces, timer, 100rel"
    reason = 'Reason: Q.850;cause=16;text="Normal call clearing"'
    offer, answer = session_description(phone, 20000, number), session_description(proxy, 10000, number)
    request = f"sip:{callee}@{proxy} SIP/2.0"
    return [
        message("INVITE " + request, "1 INVITE", branch, False, offer, own, allow, agent, supported),
        message("SIP/2.0 100 Trying", "1 INVITE", branch, False),
        message("SIP/2.0 180 Ringing", "1 INVITE", branch, True, "", other),
        message("SIP/2.0 200 OK", "1 INVITE", branch, True, answer, other, allow),
        message("ACK " + request, "1 ACK", branch + "a", True),
        message("BYE " + request, "2 BYE", branch + "b", True, "", reason),
        message("SIP/2.0 200 OK", "2 BYE", branch + "b", True),
    ]


def microseconds(function: Callable[[Any], object], values: list[Any]) -> float:
    """CPU time of one call of `function`, the best round."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time_ns()
        for value in values:
            function(value)
        best = min(best, time.process_time_ns() - start)
    return best / len(values) / 1000


def dpkt_parse(data: bytes) -> object:
    return dpkt.sip.Response(data) if data.startswith(b"SIP/") else dpkt.sip.Request(data)


def parties(message: sip.SipMessage) -> object:
    """From and To in pieces, without the cache."""
    return uri.name_addr(message.header("from") or ""), uri.name_addr(message.header("to") or "")


def their_parties(message: sipmessage.Message) -> object:
    return message.from_address.uri.user, message.to_address.uri.user


def report(name: str, own: float, others: Iterable[tuple[str, float]] = ()) -> None:
    beside = "".join(f"   {other} {cost:7.2f} ({cost / own:.1f} times ours)" for other, cost in others)
    print(f"{name:32}{own:7.2f} µs{beside}")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--calls", type=int, default=2000)
    raws = [raw for number in range(arguments.parse_args().calls) for raw in call(number)]
    some = raws[: 7 * 200]  # the libraries are slow
    messages = [sip.parse(raw) for raw in raws]
    theirs = [sipmessage.Message.parse(raw) for raw in some]
    bodies = [message.body for message in messages if message.body]
    print(f"{len(raws)} messages, {len(bodies)} session descriptions; best of {ROUNDS} rounds")
    parse = microseconds(sip.parse, raws)
    report(
        "parse",
        parse,
        [
            ("dpkt", microseconds(dpkt_parse, some)),
            ("sipmessage", microseconds(sipmessage.Message.parse, some)),
        ],
    )
    report(
        "From and To in pieces",
        microseconds(parties, messages),
        [("sipmessage", microseconds(their_parties, theirs))],
    )
    report(
        "From and To in pieces, cached", microseconds(lambda message: (message.from_, message.to), messages)
    )
    report("SDP", microseconds(sdp.parse, bodies))
    report("looks_like_sip", microseconds(sip.looks_like_sip, raws))
    report("call_id_of", microseconds(sip.call_id_of, raws))
    report("mask_secrets, nothing to mask", microseconds(mask_secrets, raws))
    report("problems", microseconds(lambda message: message.problems, messages[: 7 * 200]))


if __name__ == "__main__":
    main()
