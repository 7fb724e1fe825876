"""What one SIP message costs: parsing it, and the dialogs reducer. Prints µs a message.

Run: python -m benchmarks.dialogs [CALLS]
"""

import gc
import sys
import time

from protocols import sip
from schemas.clock import END_OF_CAPTURE
from schemas.sip_messages import SipBatch, SipPacket
from streams.dialogs import site as site_module
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


def main(calls: int = 20_000) -> None:
    """Time parsing alone, then parsing and reducing; the difference is the reducer."""
    packets = [packet for n in range(calls) for packet in ordinary_call(n, 1_700_000_000_000_000 + n * 5_000)]
    packets.sort(key=lambda packet: packet.time_us)
    gc.collect()
    gc.freeze()
    begin = time.process_time()
    parsed = [sip.parse(packet.raw) for packet in packets]
    parse_s = time.process_time() - begin
    # the reducer alone: messages are parsed before, and handed over by their octets
    ready = {id(packet.raw): message for packet, message in zip(packets, parsed, strict=True)}

    class Parsed:
        @staticmethod
        def parse(raw: bytes) -> sip.SipMessage:
            return ready[id(raw)]

    both_s, peak = _run(packets)
    site_module.sip = Parsed  # type: ignore[assignment]
    reduce_s, _ = _run(packets)
    site_module.sip = sip
    count = len(packets)
    print(f"messages {count}, calls open at most {peak}")
    print(f"parse            {parse_s / count * 1e6:6.2f} us a message")
    print(f"reduce           {reduce_s / count * 1e6:6.2f} us a message")
    print(f"parse and reduce {both_s / count * 1e6:6.2f} us a message")


def _run(packets: list[SipPacket]) -> tuple[float, int]:
    dialogs = Dialogs(0, CallSettings())
    peak = 0
    begin = time.process_time()
    for at in range(0, len(packets), BATCH):
        part = packets[at : at + BATCH]
        dialogs.apply(SipBatch("acme", "hq", "s1", part[-1].time_us, part))
        for call in dialogs.advance().changed:
            if call.closed:
                dialogs.forget(call.cdr_id)
        peak = max(peak, len(dialogs.calls))
    dialogs.apply(SipBatch("acme", "hq", "s1", END_OF_CAPTURE, []))
    dialogs.advance()
    return time.process_time() - begin, peak


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
