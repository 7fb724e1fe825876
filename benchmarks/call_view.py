"""A call's page for the terminal: how long drawing it takes, at its longest.

Run: python -m benchmarks.call_view [--runs N]

A record as full as one gets: 256 SIP messages through three hops with session descriptions, 32 streams of an
hour with quality over time; and a plain call of seven messages. In this process, the least of some runs.
"""

import argparse
import time
from typing import Final

from msgspec.structs import replace

from offhook.output.call.lines import render
from offhook.output.call.page import page
from offhook.output.call.story import CallStory
from offhook.output.paint import Paint
from offhook.times import Clock
from schemas.sip_messages import SipPacket
from tests.offhook.fakes import CALL, EVENT, STREAM, T0, WINDOW

LIMIT_MS: Final = 50.0
HOSTS: Final = [f"10.0.0.{number}" for number in range(4)]
OPENS: Final = ("offhook", "analyze", "x.pcap", "--call=")

TEXT: Final = (
    b"INVITE sip:1@example.net SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK%d\r\n"
    b"From: <sip:2@example.net>;tag=a\r\nTo: <sip:1@example.net>\r\nCall-ID: abc@10.0.0.1\r\n"
    b"CSeq: 1 INVITE\r\n"
    b"Content-Type: application/sdp\r\n\r\nv=0\r\no=- %d 1 IN IP4 10.0.0.1\r\nc=IN IP4 10.0.0.1\r\n"
    b"m=audio 4000 RTP/AVP 0 8 18 101\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\na=sendrecv\r\n"
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", 1)[0])
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    for name, story in (("seven messages", CallStory(CALL)), ("as full as it gets", fullest())):
        for columns in (60, 100, 200):
            lines, ms = drawn(story, columns, runs)
            met = "met" if ms <= LIMIT_MS else "MISSED"
            print(
                f"{name:18} {columns:3} columns {lines:5} lines {ms:6.1f} ms (asked: {LIMIT_MS:.0f}: {met})"
            )


def drawn(story: CallStory, columns: int, runs: int) -> tuple[int, float]:
    """Lines of the page, and the least milliseconds of CPU that drawing it in colour took."""
    paint, least = Paint(columns, colour=True), float("inf")
    lines: list[str] = []
    for _ in range(runs):
        began = time.process_time()
        shown = page(story, columns, Clock(), with_texts=False, opens=OPENS)
        lines = [render(line, paint, ascii_only=False) for line in shown]
        least = min(least, time.process_time() - began)
    return len(lines), least * 1000


def fullest() -> CallStory:
    """As many messages and streams as a record holds."""
    events, packets = [], []
    for number in range(256):
        source, target = HOSTS[number % 3], HOSTS[number % 3 + 1]
        event = replace(EVENT, time=T0 + number * 20_000, src_ip=source, dst_ip=target, hop=number % 3)
        events.append(event)
        addresses = [bytes(map(int, ip.split("."))) for ip in (source, target)]
        raw = TEXT % (number, number)
        packets.append(SipPacket(event.time, addresses[0], 5060, addresses[1], 5060, "udp", 0, 64, -1, raw))
    streams = [replace(STREAM, stream_id=f"{number:016x}") for number in range(32)]
    windows = [
        replace(WINDOW, stream_id=stream.stream_id, window=number)
        for stream in streams
        for number in range(360)
    ]
    record = replace(CALL, sip_events=events, sip_events_omitted=9, streams=streams)
    return CallStory(record, windows, packets)


if __name__ == "__main__":
    main()
