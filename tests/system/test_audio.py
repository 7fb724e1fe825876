"""`offhook analyze FILE --call ID --audio WAV`: generated calls and real ones, heard again."""

import os
import subprocess
import sys
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pytest

from capture.audio import Format, RtpPacket, VoiceStream, write_recording
from capture.audio.amr import NARROWBAND_BITS
from offhook import call_written
from offhook.cut import Cut, cut
from offhook.main import main
from tests.capture.audio.voices import NAMES, Voice, decode, pitch, voice
from tests.paths import CAPTURES, ROOT
from tests.system import analysed, story, wire

Samples = npt.NDArray[np.int16]

A: Final = ("10.0.0.1", 4000)
B: Final = ("10.0.0.2", 6000)
TALK_S: Final = 1.03
"""When the media of the told calls begins; they are answered 30 ms before."""


def speak(
    spoken: Voice,
    source: story.Address,
    destination: story.Address,
    *,
    since_s: float = TALK_S,
    kind: int = 96,
    ssrc: int = 1,
    lost: Sequence[int] = (),
) -> list[wire.Frame]:
    """The packets of a voice, as frames."""
    frames = []
    for n, payload in enumerate(spoken.payloads):
        at_s = since_s + n * spoken.ticks / spoken.form.clock_rate
        head = bytes([0x80, kind]) + (n + 65_520 & 0xFFFF).to_bytes(2, "big")
        head += (n * spoken.ticks - 3000 & 0xFFFFFFFF).to_bytes(4, "big") + ssrc.to_bytes(4, "big")
        if n not in lost:
            frames.append(story.udp(at_s, source, destination, head + payload, n + 1))
    return frames


def described(
    spoken: Voice, listening: story.Address, profile: str = "RTP/AVP", *more: str, kind: int = 96
) -> str:
    """The SDP that announces a voice."""
    form = spoken.form
    channels = f"/{form.channels}" if form.channels > 1 else ""
    lines = [f"a=rtpmap:{kind} {form.codec}/{form.clock_rate}{channels}"]
    lines += [f"a=fmtp:{kind} {form.fmtp}"] if form.fmtp else []
    return story.sdp(
        listening, f"{kind} 101", *lines, "a=rtpmap:101 telephone-event/8000", *more, profile=profile
    )


def told(path: Path, name: str, *, profile: str = "RTP/AVP", more: Sequence[str] = ()) -> Path:
    """A call of one codec, in which the caller says 440 Hz and the callee 880 Hz for a second."""
    caller, callee = voice(name, 440), voice(name, 880)
    dialog = story.Dialog().answered(
        described(caller, A, profile, *more), described(callee, B, profile, *more)
    )
    frames = speak(caller, A, B) + speak(callee, B, A, ssrc=2)
    end_s = TALK_S + len(caller.payloads) * caller.ticks / caller.form.clock_rate
    dialog.hang_up(end_s)
    return wire.write(path, [*dialog.frames, *frames])


def heard(capture: Path, call: str, tmp_path: Path) -> tuple[int, Samples]:
    """What the command writes for a call: its rate and samples (frames, 2)."""
    target = tmp_path / "call.wav"
    assert main(["analyze", str(capture), "--call", call, "--audio", str(target)]) == 0
    with wave.open(str(target)) as sound:
        samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2").reshape(-1, 2)
        return sound.getframerate(), samples


@pytest.mark.parametrize("name", NAMES)
def test_a_generated_call_of_every_codec(tmp_path: Path, name: str) -> None:
    """Each side is what PyAV decodes of its frames, and the whole as long as the call."""
    rate, sound = heard(told(tmp_path / "call.pcap", name), "story", tmp_path)
    caller, callee = voice(name, 440), voice(name, 880)
    assert rate == caller.rate
    start = round(0.03 * rate)
    seconds = 0.03 + len(caller.payloads) * caller.ticks / caller.form.clock_rate
    assert len(sound) == pytest.approx(seconds * rate, abs=2)
    for side, spoken in enumerate((caller, callee)):
        samples = spoken.samples[: len(sound) - start]
        np.testing.assert_array_equal(sound[start : start + len(samples), side], samples)
        assert not sound[:start, side].any()
    if not name.startswith("ILBC"):
        assert pitch(sound[start:, 0], rate) == pytest.approx(440, abs=5)
        assert pitch(sound[start:, 1], rate) == pytest.approx(880, abs=5)


def test_losses_are_silent_where_they_were(tmp_path: Path) -> None:
    spoken = voice("PCMA")
    dialog = story.Dialog().answered(described(spoken, A), described(spoken, B)).hang_up(3.0)
    capture = wire.write(tmp_path / "call.pcap", [*dialog.frames, *speak(spoken, A, B, lost=range(20, 25))])
    rate, sound = heard(capture, "story", tmp_path)
    expected = spoken.samples.copy()
    expected[20 * 160 : 25 * 160] = 0
    start = round(0.03 * rate)
    np.testing.assert_array_equal(sound[start : start + 8000, 0], expected)
    assert len(sound) == 2 * 8000  # from the answer to the BYE
    assert not sound[start + 8000 :].any()


def test_early_media_and_a_new_offer_are_heard_one_after_another(tmp_path: Path) -> None:
    ringing, first, second = voice("PCMU", 880), voice("PCMU", 440), voice("G722", 880)
    dialog = story.Dialog()
    dialog.request(0.0, "INVITE", described(first, A)).response(0.2, 183, described(first, B))
    dialog.response(2.0, 200, described(first, B)).request(2.01, "ACK")
    dialog.request(3.5, "INVITE", described(second, A, kind=97), cseq=2)
    dialog.response(3.6, 200, described(second, B, kind=97), cseq=2).request(3.61, "ACK", cseq=2).hang_up(5.0)
    frames = speak(ringing, B, A, since_s=0.5, ssrc=7)
    frames += speak(first, B, A, since_s=2.1, ssrc=8) + speak(second, B, A, since_s=3.7, ssrc=9, kind=97)
    rate, sound = heard(wire.write(tmp_path / "call.pcap", [*dialog.frames, *frames]), "story", tmp_path)
    assert rate == 16_000
    callee = sound[:, 1]
    assert len(callee) == round(4.5 * rate)
    assert pitch(callee[:rate], rate) == pytest.approx(880, abs=3)
    assert not callee[round(1.05 * rate) : round(1.55 * rate)].any()
    assert pitch(callee[round(1.6 * rate) : round(2.6 * rate)], rate) == pytest.approx(440, abs=3)
    np.testing.assert_array_equal(callee[round(3.2 * rate) :][: len(second.samples)], second.samples)
    assert not sound[:, 0].any()


def test_both_hops_of_a_relay_are_heard_once(tmp_path: Path) -> None:
    spoken = voice("PCMU")
    relay, inner = ("10.0.0.9", 5060), ("10.0.0.9", 8000)
    before = story.Dialog(b=relay).answered(described(spoken, A), described(spoken, inner))
    behind = story.Dialog(a=relay)
    behind.request(0.05, "INVITE", described(spoken, ("10.0.0.9", 8002))).response(0.08, 180)
    behind.response(0.95, 200, described(spoken, B)).request(1.02, "ACK")
    before.hang_up(2.03)
    behind.hang_up(2.04)
    frames = speak(spoken, A, inner) + speak(spoken, ("10.0.0.9", 8002), B, since_s=TALK_S + 0.005, ssrc=5)
    capture = wire.write(tmp_path / "call.pcap", [*before.frames, *behind.frames, *frames])
    rate, sound = heard(capture, "story", tmp_path)
    sounding = np.flatnonzero(sound[:, 0])
    assert sounding[-1] - sounding[0] < 8000
    assert pitch(sound[sounding[0] : sounding[-1], 0], rate) == pytest.approx(440, abs=3)


def offhook(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    command = [sys.executable, "-m", "offhook.main", *arguments]
    surroundings = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env=surroundings, stdin=subprocess.DEVNULL
    )


@pytest.mark.parametrize(
    ("profile", "more"),
    [
        ("RTP/SAVP", ["a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj"]),
        ("UDP/TLS/RTP/SAVPF", ["a=fingerprint:sha-256 " + ":".join(["AB"] * 32)]),
    ],
)
def test_srtp_is_said_and_never_heard(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], profile: str, more: list[str]
) -> None:
    capture = told(tmp_path / "call.pcap", "PCMU", profile=profile, more=more)
    target = tmp_path / "call.wav"
    assert main(["analyze", str(capture), "--call", "story", "--audio", str(target)]) == 1
    said = capfd.readouterr().err.splitlines()
    assert said == ["offhook: no sound of story: side a and b: encrypted (SRTP): no sound without keys"]
    assert not target.exists()


def test_what_decoders_complain_about_does_not_reach_the_terminal(tmp_path: Path) -> None:
    """Payloads of noise in a codec that reports every bad frame; one line says what came of them."""
    spoken = voice("G729")
    broken = spoken._replace(payloads=spoken.payloads[:20] + [b"\xff" * 7] * 30)
    dialog = story.Dialog().answered(described(spoken, A), described(spoken, B)).hang_up(2.5)
    capture = wire.write(tmp_path / "call.pcap", [*dialog.frames, *speak(broken, A, B)])
    target = tmp_path / "call.wav"
    done = offhook("analyze", str(capture), "--call", "story", "--audio", str(target))
    assert done.returncode == 0 and done.stdout == ""
    first, second = done.stderr.splitlines()
    assert first == "offhook: side a: 30 of 50 packets of G729 could not be decoded: silence"
    assert second.startswith(f"offhook: {target}: 1.50 s at 8000 Hz")
    assert sorted(tmp_path.iterdir()) == sorted([capture, target])


def test_without_pyav_one_line_says_how_to_get_it(tmp_path: Path) -> None:
    (tmp_path / "av.py").write_text("raise ModuleNotFoundError(\"No module named 'av'\", name='av')\n")
    capture = told(tmp_path / "call.pcap", "PCMU")
    done = offhook(
        "analyze", str(capture), "--call", "story", "--audio", str(tmp_path / "call.wav"),
        PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}",
    )  # fmt: skip
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "PyAV" in line and "pip install 'offhook[audio]'" in line


def test_sound_and_capture_are_written_out_of_one_cut(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    capture = told(tmp_path / "call.pcap", "PCMU")
    made: list[object] = []

    def counted(*arguments: Any) -> Cut:
        made.append(arguments)
        return cut(*arguments)

    monkeypatch.setattr(call_written, "cut", counted)
    wav, pcap = tmp_path / "one.wav", tmp_path / "one.pcap"
    wanted = ["--call", "story", "--audio", str(wav), "-o", str(pcap)]
    assert main(["analyze", str(capture), *wanted]) == 0
    assert [line.split(":")[1].strip() for line in capfd.readouterr().err.splitlines()] == [
        str(pcap),
        str(wav),
    ]
    assert len(made) == 1
    monkeypatch.undo()
    for source in (capture, pcap):
        heard(source, "story", tmp_path)
        assert (tmp_path / "call.wav").read_bytes() == wav.read_bytes()


def test_a_call_without_a_sound_is_still_cut_out(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    capture = wire.write(
        tmp_path / "call.pcap", story.Dialog().request(0.0, "INVITE").response(0.3, 486).frames
    )
    wav, pcap = tmp_path / "one.wav", tmp_path / "one.pcap"
    wanted = ["--call", "story", "--audio", str(wav), "-o", str(pcap)]
    assert main(["analyze", str(capture), *wanted]) == 1
    assert "no sound" in capfd.readouterr().err
    assert pcap.stat().st_size and not wav.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--audio", "{out}"], 2, "--call"),
        (["--call", "nobody", "--audio", "{out}"], 1, "nobody"),
        (["--call", "story", "--audio", "{capture}"], 2, "cannot be written"),
        (["--call", "story", "--audio", "{out}/no/such/folder.wav"], 1, "No such file"),
        (["--call", "story", "--audio", "/dev/null"], 2, "no file"),
    ],
)
def test_mistakes_are_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], arguments: list[str], code: int, said: str
) -> None:
    capture = told(tmp_path / "call.pcap", "PCMU")
    filled = [each.format(out=tmp_path / "call.wav", capture=capture) for each in arguments]
    before = capture.read_bytes()
    assert main(["analyze", str(capture), *filled]) == code
    (line,) = capfd.readouterr().err.splitlines()
    assert said in line
    assert capture.read_bytes() == before


def test_of_several_calls_with_one_call_id_the_one_asked_for_is_heard(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Two From tags: by Call-ID the one that was heard most, with a line about it; by cdr_id that one."""
    spoken = voice("PCMU")
    first = story.Dialog().answered(described(spoken, A), described(spoken, B)).hang_up(2.03)
    there = ("10.0.0.3", 7000)
    second = story.Dialog(b=("10.0.0.3", 5060))
    second.request(5.0, "INVITE", described(spoken, ("10.0.0.1", 4100)))
    second.response(6.0, 200, described(spoken, there)).request(6.01, "ACK").hang_up(7.03)
    renamed = [each._replace(data=each.data.replace(b"tag=from", b"tag=more")) for each in second.frames]
    frames = speak(spoken, A, B) + speak(spoken, B, A, ssrc=2)
    frames += speak(voice("PCMU", 880), ("10.0.0.1", 4100), there, since_s=6.03, ssrc=3)
    capture = wire.write(tmp_path / "call.pcap", [*first.frames, *renamed, *frames])
    both = {call.from_tag: call for call in analysed.calls(capture).calls}
    rate, sound = heard(capture, "story", tmp_path)
    assert pitch(sound[rate // 10 :, 0], rate) == pytest.approx(440, abs=3)
    assert f"1 more with this Call-ID: this is {both['from'].cdr_id}" in capfd.readouterr().err
    rate, sound = heard(capture, both["more"].cdr_id, tmp_path)
    assert pitch(sound[rate // 10 :, 0], rate) == pytest.approx(880, abs=3)


REAL: Final = {
    # capture, Call-ID: side a's SSRC, side b's, FFmpeg's decoder, its rate, RTP's clock
    ("zongbingwang_pcapApplication__data_yate.pcap", "1954728783@222.20.58.184:50961"): (
        0x31B2E02D, 0x32556BF0, "pcm_mulaw", 8000, 8000,
    ),
    ("zongbingwang_pcapApplication__data_MagicJack+_short_call.pcap", "C5570127C1A6A1ABF7ED"): (
        0x2A173650, 0x31BE1E0E, "pcm_mulaw", 8000, 8000,
    ),
    ("MichalCab_ISA__hist0_i_was_called_by_another_pc.pcap", "459017895"): (
        0x6615AA11, 0x22BAE656, "pcm_alaw", 8000, 8000,
    ),
    ("MichalCab_ISA__sip.pcap", "681270918"): (0x369CC75D, 0x71EC036B, "pcm_alaw", 8000, 8000),
    ("Magum23_mtaa-sip__video_call.pcapng", "azmde0Djf-"): (
        0x82D26BEB, 0xE486CA6E, "libopus", 48000, 48000,
    ),
    ("linklayer/aol_moloch__tests_pcap_gtp-iphone.pcap", "zTHDK1uOm6wLihi3m15p"): (
        0xA2FF620F, 0x6399BBC1, "libopencore_amrnb", 8000, 8000,
    ),
}  # fmt: skip
"""Real calls."""


def amr_frame(payload: bytes) -> bytes:
    """The one frame of a bandwidth-efficient payload (RFC 4867 4.3), as files have it."""
    bits = "".join(f"{octet:08b}" for octet in payload)
    kind = int(bits[5:9], 2)
    speech = bits[10 : 10 + NARROWBAND_BITS[kind]]
    octets = -(-len(speech) // 8)
    return bytes([kind << 3 | 4]) + int(speech.ljust(8 * octets, "0"), 2).to_bytes(octets, "big")


def tshark_packets(capture: Path, ssrc: int) -> list[tuple[int, int, int, bytes]]:
    """Sequence, timestamp, arrival in ns and payload of each packet, as tshark dissects them."""
    command = [
        "tshark",
        "-n",
        "-r",
        str(capture),
        "--enable-heuristic",
        "rtp_udp",
        "-Y",
        f"rtp.ssrc == {ssrc} && !icmpv6",
    ]
    command += ["-T", "fields"]
    for field in ("rtp.seq", "rtp.timestamp", "frame.time_epoch", "rtp.payload"):
        command += ["-e", field]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = []
    for line in shown.splitlines():
        sequence, timestamp, epoch, payload = line.split("\t")
        second, _, fraction = epoch.partition(".")
        arrival = int(second) * 10**9 + int(fraction.ljust(9, "0"))
        found.append((int(sequence), int(timestamp), arrival, bytes.fromhex(payload)))
    return found


@pytest.mark.parametrize(("name", "call_id"), REAL)
def test_a_real_call_sounds_as_pyav_decodes_what_tshark_sees(tmp_path: Path, name: str, call_id: str) -> None:
    *sources, decoder, rate, clock = REAL[name, call_id]
    (call,) = [one for one in analysed.calls(CAPTURES / name).calls if one.call_id.startswith(call_id)]
    packets = [tshark_packets(CAPTURES / name, ssrc) for ssrc in sources]
    assert call.answer_time is not None
    begin = min([call.answer_time * 1000, *(side[0][2] for side in packets)])
    heard_rate, sound = heard(CAPTURES / name, call.call_id, tmp_path)
    assert heard_rate == rate
    end = max([call.end_time * 1000, *(side[-1][2] for side in packets)])
    assert len(sound) / rate == pytest.approx((end - begin) / 1e9, abs=0.15)
    for channel, side in enumerate(packets):
        _, first, arrival, _ = side[0]
        payloads = [payload for *_, payload in side]
        if decoder == "libopencore_amrnb":
            payloads = [amr_frame(payload) for payload in payloads]
        samples = decode(decoder, rate, payloads)
        size = len(samples) // len(payloads)
        expected = np.zeros(len(sound) + 10 * rate, np.int16)
        start = round((arrival - begin) * rate / 1e9)
        for n, (_, timestamp, _, _) in enumerate(side):
            at = start + (timestamp - first & 0xFFFFFFFF) * rate // clock
            expected[at : at + size] = samples[n * size : (n + 1) * size]
        np.testing.assert_array_equal(sound[:, channel], expected[: len(sound)])
        assert sound[:, channel].any()


MEDIA_ALONE: Final = {
    # capture: SSRC, payload type, format, FFmpeg's decoder, its rate, the codec's frame in octets (0: all)
    "ntop_nDPI__tests_cfgs_default_pcap_stun_classic.pcap": (
        0x3AA6D922, 18, Format("G729", 8000), "g729", 8000, 10,
    ),
    "signalwire_freeswitch__tests_unit_pcap_milliwatt.pcmu.rtp.pcap": (
        0x61DCF074, 0, Format("PCMU", 8000), "pcm_mulaw", 8000, 0,
    ),
    "asterisk_testsuite__tests_codecs_opus_fec_16_bit_48khz_60_fec_dropped.pcapng": (
        0x3760BFAA, 107, Format("OPUS", 48000, 2), "libopus", 48000, 0,
    ),
}  # fmt: skip
"""Captures without signalling."""


@pytest.mark.parametrize("name", MEDIA_ALONE)
def test_real_media_sounds_as_pyav_decodes_its_frames(tmp_path: Path, name: str) -> None:
    """Through the room's own face; the last one has lost packets, which are silence."""
    ssrc, kind, form, decoder, rate, frame = MEDIA_ALONE[name]
    found = tshark_packets(CAPTURES / name, ssrc)
    sent = [RtpPacket(arrival, number, time, kind, payload) for number, time, arrival, payload in found]
    write_recording(tmp_path / "call.wav", [VoiceStream("b", 0, (0,), {kind: form}, sent)], None, None)
    with wave.open(str(tmp_path / "call.wav")) as written:
        sound = np.frombuffer(written.readframes(written.getnframes()), "<i2").reshape(-1, 2)[:, 1]
    size = frame or max(len(packet.payload) for packet in sent)
    frames = [each.payload[at : at + size] for each in sent for at in range(0, len(each.payload), size)]
    samples = decode(decoder, rate, frames)
    each = len(samples) // len(sent)
    expected = np.zeros(len(sound), np.int16)
    for n, packet in enumerate(sent):
        at = (packet.timestamp - sent[0].timestamp & 0xFFFFFFFF) * rate // form.clock_rate
        expected[at : at + each] = samples[n * each : (n + 1) * each]
    np.testing.assert_array_equal(sound, expected)
    span = (sent[-1].timestamp - sent[0].timestamp & 0xFFFFFFFF) * rate // form.clock_rate
    assert len(sound) == span + each
    missing = sent[-1].sequence - sent[0].sequence + 1 - len(sent)
    assert missing == (29 if "dropped" in name else 0)


def test_a_real_tone_is_heard(tmp_path: Path) -> None:
    """A milliwatt: 1004 Hz at 0 dBm0."""
    name = "signalwire_freeswitch__tests_unit_pcap_milliwatt.pcmu.rtp.pcap"
    found = tshark_packets(CAPTURES / name, MEDIA_ALONE[name][0])
    sent = [RtpPacket(arrival, number, time, 0, payload) for number, time, arrival, payload in found]
    write_recording(tmp_path / "call.wav", [VoiceStream("a", 0, (0,), {}, sent)], None, None)
    with wave.open(str(tmp_path / "call.wav")) as written:
        sound = np.frombuffer(written.readframes(written.getnframes()), "<i2").reshape(-1, 2)
    assert pitch(sound[:, 0], 8000) == pytest.approx(1004, abs=5)
