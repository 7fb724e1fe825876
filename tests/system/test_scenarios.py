"""Calls as engineers meet them, told packet by packet, through the whole product."""

from pathlib import Path
from typing import Final

import pytest
from msgspec.structs import replace

from capture.settings import CaptureSettings
from offhook.settings import Settings
from schemas.cdr import CallRecord
from tests.system import analysed, wire
from tests.system.story import Address, Dialog, at, digit, rtp, sdp
from tests.system.wire import Frame

A: Final[Address] = ("10.0.0.1", 4000)
B: Final[Address] = ("10.0.0.2", 6000)
VOICE_A, VOICE_B = 0xA, 0xB


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    return tmp_path / "story.pcap"


def heard(capture: Path, *parts: list[Frame], settings: Settings | None = None) -> CallRecord:
    """The one call of a capture."""
    wire.write(capture, [frame for part in parts for frame in part])
    return analysed.calls(capture, settings=settings).only()


def both(since_s: float, until_s: float, size: int = 160, payload_type: int = 0) -> list[Frame]:
    """Both voices."""
    to_b = rtp(A, B, since_s, until_s, ssrc=VOICE_A, size=size, payload_type=payload_type)
    return to_b + rtp(B, A, since_s, until_s, ssrc=VOICE_B, size=size, payload_type=payload_type)


def on_hold() -> Dialog:
    """A holds from 10 to 20, and hangs up at 30."""
    dialog = Dialog().answered(sdp(A), sdp(B))
    dialog.request(10, "INVITE", sdp(A, "0 8", "a=sendonly"), cseq=2)
    dialog.response(10.1, 200, sdp(B, "0 8", "a=recvonly"), cseq=2).request(10.2, "ACK", cseq=2)
    dialog.request(20, "INVITE", sdp(A), cseq=3).response(20.1, 200, sdp(B), cseq=3)
    return dialog.request(20.2, "ACK", cseq=3).hang_up(30)


def test_silence_on_hold_is_neither_loss_nor_dead_air(capture: Path) -> None:
    voices = rtp(A, B, 1.1, 10.1, ssrc=VOICE_A) + rtp(B, A, 1.1, 10.1, ssrc=VOICE_B)
    for source, destination, ssrc in ((A, B, VOICE_A), (B, A, VOICE_B)):
        later = {"ssrc": ssrc, "sequence": 1450, "timestamp": 50_000 + 160 * 955}
        voices += rtp(source, destination, 20.2, 30, **later)
    call = heard(capture, on_hold().frames, voices)
    assert [(hold.side, hold.since, hold.until) for hold in call.hold] == [("a", at(10), at(20))]
    assert (call.dead_air_a, call.dead_air_b, call.one_way) == (0.0, 0.0, None)
    assert (call.packets_a, call.packets_b, call.lost_a, call.lost_b) == (940, 940, 0, 0)
    assert (call.mos_a_min or 0) > 4.4
    assert call.flags == []


def test_dead_air_after_a_hold(capture: Path) -> None:
    voices = rtp(A, B, 1.1, 10.1, ssrc=VOICE_A) + rtp(B, A, 1.1, 30, ssrc=VOICE_B)
    voices += rtp(A, B, 20.2, 24, ssrc=VOICE_A, sequence=1450, timestamp=50_000 + 160 * 955)
    call = heard(capture, on_hold().frames, voices)
    assert call.dead_air_a == pytest.approx(6.02, abs=1e-3)
    assert call.lost_after_last_a == 300
    assert call.flags == ["dead-air-a"]


def test_early_media_of_a_call_that_failed(capture: Path) -> None:
    dialog = (
        Dialog().request(0, "INVITE", sdp(A)).response(0.2, 183, sdp(B)).response(8, 486).request(8.01, "ACK")
    )
    call = heard(capture, dialog.frames, rtp(B, A, 0.25, 8, ssrc=VOICE_B))
    assert (call.outcome, call.response_code, call.bye_code, call.duration) == ("rejected", 486, 0, 8.0)
    assert (call.packets_b, call.codec_b, call.mos_a) == (388, "PCMU", None)
    assert [stream.early for stream in call.streams] == [True]
    assert (call.dead_air_a, call.one_way) == (None, None)


def test_media_that_comes_before_its_announcement(capture: Path) -> None:
    dialog = Dialog().request(0, "INVITE", sdp(A)).response(0.2, 183, sdp(B)).response(8, 200, sdp(B))
    dialog.request(8.01, "ACK").hang_up(20, "b")
    call = heard(capture, dialog.frames, rtp(B, A, 0.15, 20, ssrc=VOICE_B), rtp(A, B, 8.1, 20, ssrc=VOICE_A))
    assert (call.outcome, call.hung_up_by, call.pdd) == ("answered", "callee", 0.2)
    assert (call.packets_a, call.packets_b) == (595, 992)
    assert call.first_rtp_time_b == at(0.15)


def test_a_caller_behind_nat(capture: Path) -> None:
    outside = ("203.0.113.9", 40_000)
    dialog = Dialog(a=("203.0.113.9", 1024)).answered(sdp(("192.168.1.5", 4000)), sdp(B)).hang_up(20)
    voices = rtp(outside, B, 1.1, 20, ssrc=VOICE_A) + rtp(B, outside, 1.15, 20, ssrc=VOICE_B)
    call = heard(capture, dialog.frames, voices)
    assert {stream.side: stream.matched_by for stream in call.streams} == {
        "a": "sdp-destination",
        "b": "sdp-source",
    }
    assert (call.packets_a, call.packets_b, call.one_way) == (945, 942, None)


def test_srtp(capture: Path) -> None:
    key = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
    dialog = (
        Dialog()
        .answered(sdp(A, "0", key, profile="RTP/SAVP"), sdp(B, "0", key, profile="RTP/SAVP"))
        .hang_up(12)
    )
    call = heard(capture, dialog.frames, both(1.1, 12, size=170))
    assert (call.encrypted_media, call.flags) == (True, ["encrypted"])
    assert all(stream.encrypted for stream in call.streams)
    assert (call.codec_a, call.lost_a, call.mos_a) == ("PCMU", 0, call.mos_b)


@pytest.mark.parametrize(("kept", "shown"), [(False, "X"), (True, "5")])
def test_a_digit_between_words_and_an_ssrc_that_changes(kept: bool, shown: str, capture: Path) -> None:
    events = "a=rtpmap:101 telephone-event/8000"
    dialog = Dialog().answered(sdp(A, "0 101", events), sdp(B, "0 101", events)).hang_up(20)
    voice = rtp(A, B, 1.1, 8, ssrc=VOICE_A) + digit(A, B, 8.0, 5, ssrc=VOICE_A, sequence=1345)
    voice += rtp(A, B, 8.14, 14, ssrc=VOICE_A, sequence=1352, timestamp=50_000 + 160 * 352)
    voice += rtp(A, B, 14, 20, ssrc=0xAA)
    settings = replace(Settings(), capture=CaptureSettings(keep_digits=kept))
    call = heard(capture, dialog.frames, voice, rtp(B, A, 1.1, 20, ssrc=VOICE_B), settings=settings)
    assert [(event.side, event.digit, event.duration_ms, event.source) for event in call.dtmf] == [
        ("a", shown, 100, "rfc4733")
    ]
    assert (call.packets_a, call.lost_a, call.loss_a) == (645 + 300, 0, 0.0)
    assert {stream.ssrc for stream in call.streams} == {VOICE_A, VOICE_B, 0xAA}
    assert call.dead_air_a == 0.0
    assert (call.mos_a or 0) > 4.4


def test_a_port_used_again_by_the_next_call(capture: Path) -> None:
    one = Dialog("one").answered(sdp(A), sdp(B)).hang_up(10)
    two = Dialog("two").request(11, "INVITE", sdp(A)).response(11.1, 180).response(12, 200, sdp(B))
    two.request(12.01, "ACK").hang_up(20)
    voices = both(1.1, 10) + rtp(A, B, 12.1, 20, ssrc=0xC) + rtp(B, A, 12.1, 20, ssrc=0xD)
    wire.write(capture, one.frames + two.frames + voices)
    calls = analysed.calls(capture)
    assert {stream.ssrc for stream in calls.call("one").streams} == {VOICE_A, VOICE_B}
    assert {stream.ssrc for stream in calls.call("two").streams} == {0xC, 0xD}
    assert not any(stream.shared for call in calls.calls for stream in call.streams)


def test_a_codec_that_changes_by_re_invite(capture: Path) -> None:
    dialog = Dialog().answered(sdp(A, "0"), sdp(B, "0"))
    dialog.request(6, "INVITE", sdp(A, "18"), cseq=2).response(6.1, 200, sdp(B, "18"), cseq=2)
    dialog.request(6.12, "ACK", cseq=2).hang_up(20)
    voices = both(1.1, 6.1)
    for source, destination, ssrc in ((A, B, VOICE_A), (B, A, VOICE_B)):
        voices += rtp(
            source, destination, 6.1, 20, ssrc=ssrc, sequence=1250, timestamp=90_000, payload_type=18, size=20
        )
    call = heard(capture, dialog.frames, voices)
    assert (call.codec_a, call.codec_b) == ("G729", "G729")  # which was heard for longer
    assert (call.packets_a, call.lost_a, call.lost_b) == (250 + 695, 0, 0)
    assert 4.0 < (call.mos_a or 0) < 4.3


@pytest.mark.parametrize(
    ("payload_type", "line", "step", "codec", "clock"),
    [
        (9, "", 160, "G722", 8000),  # RFC 3551 4.5.2: its clock is 8000
        (18, "", 160, "G729", 8000),
        (96, "a=rtpmap:96 opus/48000/2", 960, "OPUS", 48_000),
        (97, "a=rtpmap:97 AMR-WB/16000", 320, "AMR-WB", 16_000),
    ],
)
def test_clocks(payload_type: int, line: str, step: int, codec: str, clock: int, capture: Path) -> None:
    description = [sdp(place, str(payload_type), *filter(None, [line])) for place in (A, B)]
    dialog = Dialog().answered(*description).hang_up(12)
    voice = [
        rtp(one, two, 1.1, 12, payload_type=payload_type, step=step, ssrc=ssrc, size=60)
        for one, two, ssrc in ((A, B, VOICE_A), (B, A, VOICE_B))
    ]
    call = heard(capture, dialog.frames, *voice)
    assert (call.codec_a, call.codec_b) == (codec, codec)
    assert {(stream.clock_rate, stream.ptime_ms) for stream in call.streams} == {(clock, 20.0)}
    assert call.jitter_a_ms == pytest.approx(0.0, abs=1e-3)


def test_an_offer_in_the_answer(capture: Path) -> None:
    dialog = (
        Dialog().request(0, "INVITE").response(0.1, 180).response(1, 200, sdp(B)).request(1.02, "ACK", sdp(A))
    )
    call = heard(capture, dialog.hang_up(12, "b").frames, both(1.1, 12))
    assert (call.packets_a, call.packets_b, call.hung_up_by) == (545, 545, "callee")


FAX: Final = sdp(("10.0.0.1", 4100)).replace("m=audio 4100 RTP/AVP 0", "m=image 4100 udptl t38")


@pytest.mark.parametrize("offer", [sdp(("10.0.0.1", 4100)), FAX, sdp(A, "18")], ids=["port", "fax", "codec"])
@pytest.mark.parametrize("seconds", [0.1, 3.0])
def test_a_re_invite_that_is_refused_changes_nothing(capture: Path, offer: str, seconds: float) -> None:
    dialog = Dialog().answered(sdp(A), sdp(B))
    dialog.request(5, "INVITE", offer, cseq=2).response(5 + seconds, 488, cseq=2)
    dialog.request(5.01 + seconds, "ACK", cseq=2).request(12, "BYE", cseq=3, sender="b")
    call = heard(capture, dialog.frames, both(1.1, 12))
    assert len(call.streams) == 2
    assert (call.outcome, call.response_code, call.bye_code) == ("answered", 200, 2)
    assert (call.packets_a, call.packets_b, call.lost_b, call.dead_air_b) == (545, 545, 0, 0.0)


def test_a_call_given_up(capture: Path) -> None:
    dialog = Dialog().request(0, "INVITE", sdp(A)).response(0.1, 100).response(0.2, 180).request(5, "CANCEL")
    dialog.response(5.01, 200, method="CANCEL").response(5.02, 487).request(5.03, "ACK")
    call = heard(capture, dialog.frames)
    assert (call.outcome, call.response_code, call.bye_code, call.end_reason) == (
        "cancelled",
        487,
        0,
        "cancel",
    )
    assert (call.duration, call.connect_duration, call.mos) == (5.02, None, None)


def test_a_session_border_controller_that_relays_both_legs_of_one_call_id(capture: Path) -> None:
    outside, inside = ("10.0.0.9", 8000), ("10.0.0.9", 8002)
    far = Dialog(b=("10.0.0.9", 5060)).answered(sdp(A), sdp(outside)).hang_up(12)
    near = Dialog(a=("10.0.0.9", 5060)).request(0.005, "INVITE", sdp(inside), branch="p")
    near.response(0.095, 180, branch="p").response(0.99, 200, sdp(B), branch="p").request(
        1.015, "ACK", branch="p"
    )
    near.request(12.005, "BYE", cseq=9, branch="p").response(12.015, 200, method="BYE", cseq=9, branch="p")
    voices = rtp(A, outside, 1.1, 12, ssrc=VOICE_A) + rtp(inside, B, 1.101, 12.001, ssrc=VOICE_A)
    voices += rtp(B, inside, 1.1, 12, ssrc=VOICE_B) + rtp(outside, A, 1.101, 12.001, ssrc=VOICE_B)
    call = heard(capture, far.frames, near.frames, voices)
    assert (call.sip_messages, call.proxies, call.invite_retransmissions) == (6, ["10.0.0.2"], 0)
    assert [
        (stream.side, stream.hop) for stream in sorted(call.streams, key=lambda s: (s.side or "", s.hop or 0))
    ] == [
        ("a", 0),
        ("a", 1),
        ("b", 0),
        ("b", 1),
    ]
    assert (call.packets_a, call.packets_b) == (545, 545)  # a leg once, not twice


def test_a_long_call_without_rtp_is_one_call(capture: Path) -> None:
    dialog = Dialog().answered(sdp(A), sdp(B)).hang_up(1800.0)
    call = heard(capture, dialog.frames)
    assert (call.outcome, call.bye_code, call.duration) == ("answered", 3, 1800.02)
