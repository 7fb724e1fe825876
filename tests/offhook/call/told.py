"""Calls told message by message, and real ones, as the view gets them."""

from pathlib import Path

from offhook import call_sources
from offhook.output.call.lines import render
from offhook.output.call.page import page
from offhook.output.call.story import CallStory
from offhook.output.paint import Paint
from offhook.pipeline import Analysis
from offhook.rows import WindowRow
from offhook.settings import Settings
from offhook.text import width
from offhook.times import Clock
from protocols import sip
from schemas.cdr import CallRecord
from schemas.sip_messages import SipBatch, SipPacket
from tests.system import wire
from tests.system.story import Address, Dialog, digit, rtp, sdp

A: Address = ("10.0.0.1", 4000)
B: Address = ("10.0.0.2", 6000)
EVENTS = "a=rtpmap:101 telephone-event/8000"
OPENS = ("offhook", "analyze", "x.pcap", "--call=")


def lines(
    story: CallStory, columns: int = 100, *, texts: bool = False, ascii_only: bool = False
) -> list[str]:
    """The page as plain text, each line held against the width."""
    shown = [
        render(line, Paint(), ascii_only=ascii_only)
        for line in page(story, columns, Clock(), with_texts=texts, opens=OPENS)
    ]
    assert [line for line in shown if width(line) > columns] == []
    return shown


def stories(capture: Path) -> list[CallStory]:
    """Every call of a capture, found in one run."""
    analysis = Analysis([str(capture)], Settings(), want=frozenset({"calls", "windows"}))
    heard: dict[str, list[SipPacket]] = {}

    def hear(batch: SipBatch) -> None:
        for packet in batch.messages:
            heard.setdefault(sip.parse(packet.raw).call_id, []).append(packet)

    analysis.on_sip = hear
    rows = list(analysis)
    windows = [row for row in rows if isinstance(row, WindowRow)]
    return [
        CallStory(
            row,
            [
                window
                for window in windows
                if window.stream_id in {stream.stream_id for stream in row.streams}
            ],
            heard[row.call_id],
        )
        for row in rows
        if isinstance(row, CallRecord)
    ]


def told(path: Path, *parts: list[wire.Frame], call_id: str = "story") -> CallStory:
    """The call of frames told in a test, through the command's own source."""
    wire.write(path, [frame for part in parts for frame in part])
    (story,), _ = call_sources.in_captures([str(path)], Settings(), call_id)
    return story


def eventful(path: Path) -> CallStory:
    """Repeated INVITE, hold, a fax offered, a digit, a transfer; the callee falls silent for good."""
    audio = sdp(A, "0 101", EVENTS)
    dialog = Dialog().request(0, "INVITE", audio).request(0.5, "INVITE", audio).response(0.6, 180)
    dialog.response(2, 200, sdp(B, "0 101", EVENTS)).request(2.01, "ACK")
    dialog.request(10, "INVITE", sdp(A, "0 101", EVENTS, "a=sendonly"), cseq=2)
    dialog.response(10.1, 200, sdp(B, "0 101", EVENTS, "a=recvonly"), cseq=2).request(10.2, "ACK", cseq=2)
    dialog.request(20, "INVITE", audio, cseq=3).response(20.1, 200, sdp(B, "0 101", EVENTS), cseq=3)
    dialog.request(20.2, "ACK", cseq=3)
    fax = audio.replace("m=audio 4000 RTP/AVP 0 101", "m=image 4000 udptl t38")
    dialog.request(50, "INVITE", fax, cseq=4).response(50.1, 488, cseq=4).request(50.2, "ACK", cseq=4)
    dialog.request(55, "REFER", "", "Refer-To: <sip:3000@example.net>", cseq=5)
    dialog.response(55.1, 202, method="REFER", cseq=5)
    dialog.request(60, "BYE", "", 'Reason: Q.850;cause=16;text="Normal"', cseq=6)
    dialog.response(60.05, 200, method="BYE", cseq=6)
    voices = rtp(A, B, 2.1, 10.1, ssrc=1) + rtp(B, A, 2.1, 10.1, ssrc=2)
    later = {"sequence": 1400, "timestamp": 50_000 + 160 * 900}
    voices += rtp(A, B, 20.2, 40, ssrc=1, **later) + rtp(B, A, 20.2, 30, ssrc=2, **later)
    voices += digit(A, B, 40.0, 5, ssrc=1, sequence=2390)
    more = {"sequence": 2397, "timestamp": 50_000 + 160 * 1900}
    voices += rtp(A, B, 40.2, 60, ssrc=1, **more)
    return told(path, dialog.frames, voices)
