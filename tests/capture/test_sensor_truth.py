"""Generated calls, of which everything is known: every packet and message is there, in order."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.capture.listening import Heard, listen_to
from tests.paths import TOOLS

Truth = dict[str, Any]


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> tuple[Heard, Truth]:
    folder = tmp_path_factory.mktemp("calls")
    capture, truth = folder / "calls.pcap", folder / "truth.json"
    command = [sys.executable, str(TOOLS / "gen_calls.py"), "--calls", "60", "--seconds", "6"]
    command += ["--loss", "2", "--jitter-ms", "30", "--out", str(capture), "--truth", str(truth)]
    subprocess.run(command, check=True, capture_output=True)
    return listen_to(capture), json.loads(Path(truth).read_text())


def test_counts_every_packet(calls: tuple[Heard, Truth]) -> None:
    heard, truth = calls
    assert heard.counters == {"rtp": truth["rtp_packets"], "sip": truth["sip_packets"]}
    assert len(heard.sip) == truth["sip_packets"]


def test_finds_every_stream_with_its_packets(calls: tuple[Heard, Truth]) -> None:
    heard, truth = calls
    expected = {
        (stream["src"], stream["dst"], stream["ssrc"]): stream["sent"] - stream["lost"]
        for call in truth["calls"]
        for stream in call["streams"]
    }
    found = {
        (f"{s.src_ip}:{s.src_port}", f"{s.dst_ip}:{s.dst_port}", s.ssrc): packets
        for s, packets in heard.packets_by_stream().items()
    }
    assert found == expected


def test_packets_of_a_flow_are_those_sent(calls: tuple[Heard, Truth]) -> None:
    heard, truth = calls
    sent = {
        stream["ssrc"]: (stream["seq0"], stream["ts0"])
        for call in truth["calls"]
        for stream in call["streams"]
    }
    for flow in heard.flows.values():
        sequence, timestamp = sent[flow.stream.ssrc]
        arrivals = [packet[0] for packet in flow.packets]
        assert arrivals == sorted(arrivals)
        for _, seq, ts, marker_type, length in flow.packets:
            number = (seq - sequence) & 0xFFFF
            assert (ts - timestamp) & 0xFFFFFFFF == 160 * number
            assert (marker_type & 0x7F, length) == (0, 160)


def test_messages_are_whole_and_in_order(calls: tuple[Heard, Truth]) -> None:
    heard, truth = calls
    times = [message.time_us for message in heard.sip]
    assert times == sorted(times)
    for call in truth["calls"]:
        own = [m.raw for m in heard.sip if f"Call-ID: {call['call_id']}\r\n".encode() in m.raw]
        assert [raw.split(b" ")[0] for raw in own] == [
            b"INVITE", b"SIP/2.0", b"SIP/2.0", b"SIP/2.0", b"ACK", b"BYE", b"SIP/2.0",
        ]  # fmt: skip
