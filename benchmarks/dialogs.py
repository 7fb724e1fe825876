"""What one SIP message costs: reading it, and the dialogs reducer. Prints µs a message.

Run: python -m benchmarks.dialogs [CALLS [ROUNDS]]
"""

import gc
import sys
import time
from collections.abc import Callable
from unittest.mock import patch

from protocols import sdp, sip
from protocols.sip import SipMessage
from schemas.clock import END_OF_CAPTURE
from schemas.sip_messages import SipBatch, SipPacket
from streams.dialogs import site
from streams.dialogs.reading import read_usual
from streams.dialogs.reducer import Dialogs
from streams.settings import CallSettings

BATCH = 500

SDP = (
    "v=0\r\no=- {n} 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0 8 101\r\n"
    "a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
    "a=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n"
)


def ordinary_call(n: int, start_us: int) -> list[SipPacket]:
    """INVITE 100 180 200 ACK BYE 200, as phones send them."""
    a, b = (10 << 24 | n).to_bytes(4, "big"), b"\xac\x10\x00\x01"
    caller = f'"Alice {n}" <sip:+4930{n:07d}@pbx.example.com>;tag=as{n:08x}'
    callee = f"<sip:+4989{n:07d}@carrier.example.net>"
    tag = f";tag=to{n:08x}"

    def say(
        at_us: int, first: str, of_b: bool, cseq: str, branch: str, to: str, extra: str = "", body: str = ""
    ) -> SipPacket:
        text = (
            f"{first}\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK{branch}{n:08x};rport\r\n"
            f"Max-Forwards: 70\r\nFrom: {caller}\r\nTo: {to}\r\nCall-ID: {n:08x}5f2c1a@10.0.0.1\r\n"
            f"CSeq: {cseq}\r\nContact: <sip:alice@10.0.0.1:5060>\r\nUser-Agent: Phone/1.0\r\n"
            f"Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY\r\n{extra}"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()
        src, dst = (b, a) if of_b else (a, b)
        return SipPacket(start_us + at_us, src, 5060, dst, 5060, "udp", 24, 64, -1, text)

    uri = f"sip:+4989{n:07d}@carrier.example.net SIP/2.0"
    sdp = "Content-Type: application/sdp\r\n"
    offer = SDP.format(n=n, ip="10.0.0.1", port=10000 + n % 20000 * 2)
    answer = SDP.format(n=n, ip="172.16.1.1", port=10001 + n % 20000 * 2)
    second = 1_000_000
    return [
        say(0, "INVITE " + uri, False, "1 INVITE", "a", callee, sdp, offer),
        say(20_000, "SIP/2.0 100 Trying", True, "1 INVITE", "a", callee),
        say(second, "SIP/2.0 180 Ringing", True, "1 INVITE", "a", callee + tag),
        say(5 * second, "SIP/2.0 200 OK", True, "1 INVITE", "a", callee + tag, sdp, answer),
        say(5 * second + 9_000, "ACK " + uri, False, "1 ACK", "b", callee + tag),
        say(25 * second, "BYE " + uri, False, "2 BYE", "c", callee + tag),
        say(25 * second + 9_000, "SIP/2.0 200 OK", True, "2 BYE", "c", callee + tag),
    ]


def main(calls: int = 300, rounds: int = 40) -> None:
    """Best of several rounds: reading alone, one by one and at once, the reducer on messages that have been
    read, and all together."""
    packets = [packet for n in range(calls) for packet in ordinary_call(n, 1_700_000_000_000_000 + n * 5_000)]
    packets.sort(key=lambda packet: packet.time_us)
    ready = {id(packet.raw): sip.parse(packet.raw) for packet in packets}
    gc.collect()
    gc.freeze()
    raws = [packet.raw for packet in packets]

    def known(raws: list[bytes]) -> list[SipMessage | None]:
        return [ready[id(raw)] for raw in raws]

    parse_s = read_s = reduce_s = both_s = float("inf")
    for _ in range(rounds):
        parse_s = min(parse_s, _timed(lambda: [sip.parse(raw) for raw in raws]))
        read_s = min(
            read_s, _timed(lambda: [read_usual(raws[at : at + 256]) for at in range(0, len(raws), 256)])
        )
        both_s = min(both_s, _timed(lambda: _run(packets)))
        with patch.object(site, "read_usual", known):
            reduce_s = min(reduce_s, _timed(lambda: _run(packets)))
    figures = {"parse": parse_s, "read at once": read_s, "reduce": reduce_s, "read and reduce": both_s}
    for name, spent in figures.items():
        print(f"{name:18} {spent / len(packets) * 1e6:6.2f} us a message")


def _timed(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


def _run(packets: list[SipPacket]) -> None:
    """All messages in batches; descriptions are parsed anew, as they would be."""
    sdp.parse.__globals__["_cached"].cache_clear()
    dialogs = Dialogs(0, CallSettings())
    for at in range(0, len(packets), BATCH):
        part = packets[at : at + BATCH]
        dialogs.apply(SipBatch("acme", "hq", "s1", part[-1].time_us, part))
        for call in dialogs.advance().changed:
            if call.closed:
                dialogs.forget(call.cdr_id)
    dialogs.apply(SipBatch("acme", "hq", "s1", END_OF_CAPTURE, []))
    dialogs.advance()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
