"""Generated calls whose truth is known: every field of every record."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from schemas.cdr import CallRecord, StreamRecord
from tests.paths import TOOLS
from tests.system import analysed, reference, wire

Truth = dict[str, Any]

SCHEDULE_S: Final = 2e-6
"""The generators cut times to microseconds."""


def generate(tool: str, path: Path, options: str) -> Path:
    command = [sys.executable, str(TOOLS / tool), *options.split(), "--out", str(path)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return path


def by_ssrc(call: CallRecord) -> dict[int, StreamRecord]:
    found = {stream.ssrc: stream for stream in call.streams}
    assert len(found) == len(call.streams)
    return found


def hold_stream(stream: StreamRecord, figures: reference.Figures) -> None:
    """Every figure of a stream against the plain computation."""
    assert (stream.packets, stream.duplicates) == (figures.packets, figures.duplicates)
    assert (stream.expected, stream.lost) == (figures.expected, figures.lost)
    assert stream.loss == pytest.approx(100 * figures.lost / figures.expected, abs=5e-5)
    assert stream.loss_runs == figures.runs
    assert (stream.first_time, stream.last_time) == (figures.first_us, figures.last_us)
    assert stream.jitter_mean_ms == pytest.approx(figures.jitter_mean_ms, abs=2e-3)
    assert stream.jitter_max_ms == pytest.approx(figures.jitter_max_ms, abs=2e-3)
    assert (stream.capture_copies, stream.restarts) == (0, 0)
    assert sum(stream.delay_hist) > 0
    assert (stream.ptime_ms, stream.clock_rate) == (20.0, 8000)
    assert (stream.media, stream.encrypted, stream.early, stream.shared) == ("audio", False, False, False)
    assert (stream.matched_by, stream.hop, stream.dscp, stream.vlan) == ("sdp-destination", 0, 46, None)


def hold_sides(call: CallRecord) -> None:
    """The sides' figures are those of the one stream that each has."""
    for side in "ab":
        (stream,) = (each for each in call.streams if each.side == side)
        for name, expected in {
            "codec": stream.codec,
            "ptime_{}_ms": stream.ptime_ms,
            "packets": stream.packets,
            "lost": stream.lost,
            "loss": stream.loss,
            "jitter_{}_ms": stream.jitter_mean_ms,
            "mos": stream.mos,
            "mos_{}_min": stream.mos_min,
            "first_rtp_time": stream.first_time,
            "dscp_rtp": stream.dscp,
        }.items():
            field = name.format(side) if "{}" in name else f"{name}_{side}"
            assert getattr(call, field) == expected, field
        assert getattr(call, f"dead_air_{side}") == 0.0
        assert getattr(call, f"lost_after_last_{side}") is None
    assert call.mos == min(call.mos_a or 0.0, call.mos_b or 0.0)


@pytest.mark.parametrize(
    "options", ["--loss 2", "--loss 2 --jitter-ms 5", "--loss 2 --jitter-ms 20", "--loss 12"]
)
def test_every_field_of_generated_calls(options: str, tmp_path: Path) -> None:
    path = generate("gen_calls.py", tmp_path / "calls.pcap", f"--calls 40 --seconds 15 {options}")
    truth = json.loads((tmp_path / "calls.pcap.truth.json").read_text())
    on_the_wire = reference.figures(wire.read(path))
    result = analysed.calls(path)
    assert len(result.calls) == result.summary.calls == len(truth["calls"]) == 40
    assert result.summary.streams == 80
    assert result.summary.counters["rtp"] == truth["rtp_packets"]
    assert result.summary.counters["sip"] == truth["sip_packets"]
    for made in truth["calls"]:
        call = result.call(made["call_id"])
        hold_made(call, made)
        streams = by_ssrc(call)
        for stream in made["streams"]:
            found = streams.pop(stream["ssrc"])
            hold_stream(found, on_the_wire[stream["ssrc"]])
            assert f"{found.src_ip}:{found.src_port}" == stream["src"]
            assert f"{found.dst_ip}:{found.dst_port}" == stream["dst"]
            assert (found.expected, found.lost) == (stream["sent"], stream["lost"])
            assert (found.codec, found.payload_type) == ("PCMU", 0)
            assert found.side == ("a" if found.src_ip == call.src_ip else "b")
        assert streams == {}
        hold_sides(call)


def hold_made(call: CallRecord, made: Truth) -> None:
    """What gen_calls.py says of a call, and what it always writes."""
    number = int(made["call_id"].split("-")[1])
    caller_ip = made["call_id"].split("@")[1]
    assert (call.caller, call.callee) == (made["from"], made["to"])
    assert (call.caller_name, call.callee_name) == (f"User {number}", None)
    assert (call.caller_domain, call.callee_domain) == (caller_ip, "172.16.0.1")
    assert call.request_uri == f"sip:{made['to']}@172.16.0.1"
    assert (call.from_tag, call.to_tag) == (f"f{number:x}", f"t{number:x}")
    assert (call.src_ip, call.src_port, call.dst_ip, call.dst_port) == (caller_ip, 5060, "172.16.0.1", 5060)
    assert (call.transport, call.vlan, call.proxies) == ("udp", None, [])
    assert (call.dscp_sip_a, call.dscp_sip_b) == (26, 26)
    for field, time in {
        "start": made["start"],
        "invite_time": made["start"],
        "ringing_time": made["start"] + 0.12,
        "answer_time": made["answer"],
        "bye_time": made["end"],
        "end_time": made["end"],
    }.items():
        assert getattr(call, field) / 1e6 == pytest.approx(time, abs=SCHEDULE_S), field
    for field, duration in {
        "duration": made["end"] + 0.01 - made["start"],
        "connect_duration": made["end"] - made["answer"],
        "pdd": 0.12,
        "post_bye_delay": 0.01,
    }.items():
        assert getattr(call, field) == pytest.approx(duration, abs=2 * SCHEDULE_S), field
    assert call.response_time_100_ms == pytest.approx(4.0, abs=0.002)
    assert call.response_time_ms == pytest.approx(120.0, abs=0.002)
    assert (call.outcome, call.response_code, call.response_reason) == ("answered", 200, "OK")
    assert (call.hung_up_by, call.bye_code, call.end_reason) == ("caller", 3, "bye")
    assert (call.reason_q850_cause, call.reason_sip_cause) == (16, None)
    assert call.reason_text == "Normal call clearing"
    assert (call.user_agent_caller, call.user_agent_callee) == ("h3gen/1.0", None)
    assert (call.invite_retransmissions, call.sip_messages, len(call.sip_events)) == (0, 7, 7)
    assert (call.one_way, call.encrypted_media, call.t38, call.capture_drops) == (None, False, False, 0)
    assert (call.flags, call.dtmf, call.hold, call.related) == ([], [], [], [])
    assert (call.version, call.complete, call.sip_events_omitted) == (1, True, 0)


def golden(tmp_path: Path, options: str) -> tuple[list[CallRecord], dict[int, reference.Figures]]:
    path = generate("gen_golden.py", tmp_path / "golden.pcap", f"--seconds 12 --rate 5 --seed 7 {options}")
    calls = sorted(analysed.calls(path).calls, key=lambda call: call.start)
    for number, call in enumerate(calls):
        assert call.start / 1e6 == pytest.approx(1_700_000_000 + number / 5, abs=SCHEDULE_S)
        assert (call.caller, call.callee) == (f"1{number:07d}", f"2{number:07d}")
        assert (call.user_agent_caller, call.user_agent_callee) == ("gen-a/1.0", "gen-b/1.0")
        assert call.pdd == pytest.approx(0.1, abs=SCHEDULE_S)
    return calls, reference.figures(wire.read(path))


@pytest.mark.parametrize(
    "options", ["--loss 5", "--loss 5 --burst 4", "--jitter-ms 40", "--loss 2 --jitter-ms 20"]
)
def test_bursts_and_jitter_of_both_sides(options: str, tmp_path: Path) -> None:
    calls, on_the_wire = golden(tmp_path, f"--calls 20 {options}")
    assert len(calls) == 20
    for call in calls:
        assert (call.outcome, call.bye_code, call.hung_up_by) == ("answered", 3, "caller")
        assert call.duration == pytest.approx(13.09, abs=2 * SCHEDULE_S)
        assert call.connect_duration == pytest.approx(12.06, abs=2 * SCHEDULE_S)
        assert len(call.streams) == 2
        for ssrc, stream in by_ssrc(call).items():
            hold_stream(stream, on_the_wire[ssrc])
            assert (stream.codec, stream.payload_type) == ("PCMA", 8)
        if "jitter" not in options:
            hold_sides(call)


def test_one_side_lossy(tmp_path: Path) -> None:
    calls, on_the_wire = golden(tmp_path, "--calls 10 --loss 20 --loss-dir a")
    for call in calls:
        assert (call.lost_b, call.loss_b) == (0, 0.0)
        assert call.lost_a
        a = next(stream for stream in call.streams if stream.side == "a")
        assert call.lost_a == on_the_wire[a.ssrc].lost
        assert call.mos == call.mos_a
        assert (call.mos_a or 0) < 4.0 < (call.mos_b or 0)


def test_a_side_that_sends_three_packets_is_one_way(tmp_path: Path) -> None:
    calls, _ = golden(tmp_path, "--calls 10 --loss 100 --loss-dir b")
    for call in calls:
        assert (call.packets_a, call.packets_b) == (600, 3)
        assert (call.lost_a, call.lost_b) == (0, 0)
        assert call.one_way == "b"
        assert call.dead_air_a == 0.0
        # from its third packet, 40.1 ms after the first, to the BYE
        assert call.dead_air_b == pytest.approx(12.02 - 0.0401, abs=1e-4)
        assert call.lost_after_last_b == 597  # of 600, three were heard
        assert call.lost_after_last_a is None
        assert call.mos_b == pytest.approx(1.0, abs=0.05)
        assert call.mos_b_min == 1.0
        assert call.mos == call.mos_b


def test_rejected_calls(tmp_path: Path) -> None:
    calls, _ = golden(tmp_path, "--calls 10 --no-answer-pct 100")
    assert len(calls) == 10
    for call in calls:
        assert (call.outcome, call.response_code, call.response_reason) == ("rejected", 486, "Busy Here")
        assert (call.bye_code, call.hung_up_by, call.end_reason) == (0, None, "failure")
        assert (call.answer_time, call.bye_time, call.connect_duration) == (None, None, None)
        assert call.duration == pytest.approx(1.0, abs=SCHEDULE_S)
        assert (call.mos, call.mos_a, call.mos_b, call.codec_a, call.packets_a) == (None,) * 5
        assert (call.dead_air_a, call.one_way, call.lost_after_last_a) == (None, None, None)
        assert (call.streams, call.sip_messages) == ([], 5)


def test_calls_without_rtp_have_no_score(tmp_path: Path) -> None:
    calls, _ = golden(tmp_path, "--calls 10 --no-rtp")
    assert len(calls) == 10
    for call in calls:
        assert (call.outcome, call.bye_code) == ("answered", 3)
        assert call.duration == pytest.approx(13.09, abs=2 * SCHEDULE_S)
        for side in "ab":
            for field in ("codec", "packets", "lost", "loss", "mos", "first_rtp_time", "lost_after_last"):
                assert getattr(call, f"{field}_{side}") is None, field
        assert (call.mos, call.mos_a_min, call.one_way) == (None, None, None)
        assert call.flags == ["no-rtp"]
        assert call.streams == []
