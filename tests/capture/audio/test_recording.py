"""A call's streams as a WAV: each side on its channel, at its time, once."""

import shutil
from collections.abc import Iterable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from capture.audio import AudioError, Format, Recording, RtpPacket, VoiceStream, write_recording
from tests.capture.audio.listening import Stereo, later, listen, plain, stream
from tests.capture.audio.voices import NAMES, SECOND, START, TONES, pitch, tone, voice

MS = SECOND // 1000


def record(
    tmp_path: Path, streams: Iterable[VoiceStream], begin: int | None = None, end: int | None = None
) -> tuple[Recording, Stereo]:
    path = tmp_path / "call.wav"
    recording = write_recording(path, list(streams), begin, end)
    rate, sound = listen(path)
    assert (rate, len(sound)) == (recording.rate, recording.frames)
    assert recording.begin_ns <= START
    return recording, sound


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_is_written_as_pyav_decodes_it(tmp_path: Path, name: str) -> None:
    spoken = voice(name)
    recording, sound = record(tmp_path, [stream(spoken)])
    assert recording.rate == spoken.rate
    np.testing.assert_array_equal(sound[:, 0], spoken.samples[: len(sound)])
    assert abs(len(sound) - len(spoken.samples)) <= spoken.rate // 1000
    assert not sound[:, 1].any()
    assert recording.notes == ()


@pytest.mark.parametrize("name", TONES)
def test_each_side_is_on_its_channel(tmp_path: Path, name: str) -> None:
    recording, sound = record(
        tmp_path, [stream(voice(name, 880), "b"), stream(voice(name, 440), "a", start_ns=START + 7 * MS)]
    )
    assert pitch(sound[:, 0], recording.rate) == pytest.approx(440, abs=5)
    assert pitch(sound[:, 1], recording.rate) == pytest.approx(880, abs=5)


def test_codecs_of_several_rates_are_heard_at_the_highest(tmp_path: Path) -> None:
    recording, sound = record(tmp_path, [stream(voice("PCMU", 440)), stream(voice("OPUS", 880), "b")])
    assert recording.rate == 48_000
    assert abs(len(sound) - 48_000) <= 960
    left = sound[:, 0].astype(float)
    wanted = 8000 * np.sin(2 * np.pi * 440 * np.arange(len(left)) / 48_000)
    middle = slice(4_800, 43_200)
    assert np.abs(left[middle] - wanted[middle]).max() < 400  # µ-law's steps
    assert pitch(sound[:, 1], 48_000) == pytest.approx(880, abs=3)


def test_lost_packets_are_silence_where_they_were(tmp_path: Path) -> None:
    spoken = voice("PCMU")
    packets = [each for n, each in enumerate(spoken.packets()) if not 10 <= n < 15]
    _, sound = record(tmp_path, [stream(spoken, packets=packets)])
    expected = spoken.samples.copy()
    expected[1600:2400] = 0
    np.testing.assert_array_equal(sound[:, 0], expected)


@pytest.mark.parametrize("name", ["PCMU", "AMR", "OPUS"])
def test_losses_keep_the_time_of_all_else(tmp_path: Path, name: str) -> None:
    spoken = voice(name)
    packets = [each for n, each in enumerate(spoken.packets()) if n % 10 != 5]
    recording, sound = record(tmp_path, [stream(spoken, packets=packets)])
    assert abs(len(sound) - len(spoken.samples)) <= recording.rate // 50
    size = recording.rate // 50
    assert not sound[5 * size : 6 * size].any()
    assert sound[4 * size : 5 * size].any() and sound[6 * size : 7 * size].any()


def test_late_reordered_and_repeated_packets_change_nothing(tmp_path: Path) -> None:
    spoken = voice("G722")
    packets = spoken.packets()
    jittered = [
        msgspec.structs.replace(each, arrival_ns=each.arrival_ns + (n * 37 % 90) * MS)
        for n, each in enumerate(packets)
    ]
    arrived = sorted([*jittered, *later(jittered[3:30], 4 * MS)], key=lambda each: each.arrival_ns)
    assert arrived != jittered
    _, sound = record(tmp_path, [stream(spoken, packets=arrived)])
    np.testing.assert_array_equal(sound[: len(spoken.samples), 0], spoken.samples)


def test_silence_suppression_is_heard_as_long_as_it_was(tmp_path: Path) -> None:
    spoken = voice("PCMA")
    packets = spoken.packets()
    after = [
        msgspec.structs.replace(
            each, arrival_ns=each.arrival_ns + 3 * SECOND, timestamp=each.timestamp + 24_000
        )
        for each in packets[25:]
    ]
    _, sound = record(tmp_path, [stream(spoken, packets=packets[:25] + after)])
    np.testing.assert_array_equal(sound[:4000, 0], spoken.samples[:4000])
    assert not sound[4000:28_000, 0].any()
    np.testing.assert_array_equal(sound[28_000:, 0], spoken.samples[4000:])


def test_comfort_noise_and_events_are_silent_and_nothing_to_speak_of(tmp_path: Path) -> None:
    spoken = voice("PCMU")
    packets = spoken.packets()
    packets[10] = msgspec.structs.replace(packets[10], payload_type=13, payload=b"\x40")
    packets[11] = msgspec.structs.replace(packets[11], payload_type=101, payload=b"\x05\x0a\x00\xa0")
    formats = {96: spoken.form, 101: Format("TELEPHONE-EVENT", 8000)}
    recording, sound = record(tmp_path, [VoiceStream("a", 0, (0,), formats, packets)])
    expected = spoken.samples.copy()
    expected[1600:1920] = 0
    np.testing.assert_array_equal(sound[:, 0], expected)
    assert recording.notes == ()


def test_a_codec_that_changes_in_the_middle(tmp_path: Path) -> None:
    first, second = voice("PCMU", 440), voice("G729", 880)
    packets = first.packets()[:25] + second.packets(START, kind=97)[25:]
    formats = {96: first.form, 97: second.form}
    recording, sound = record(tmp_path, [VoiceStream("b", 0, (0,), formats, packets)])
    assert recording.rate == 8000
    np.testing.assert_array_equal(sound[:4000, 1], first.samples[:4000])
    assert pitch(sound[4400:, 1], 8000) == pytest.approx(880, abs=5)


def test_redundant_packets_are_heard_once(tmp_path: Path) -> None:
    spoken = voice("PCMU")
    packets, before = [], b""
    for each in spoken.packets():
        head = bytes([0x80 | 96, 160 >> 6, (160 << 2 & 0xFF) | len(before) >> 8, len(before) & 0xFF])
        payload = (head if before else b"") + b"\x60" + before + each.payload
        packets.append(msgspec.structs.replace(each, payload_type=100, payload=payload))
        before = each.payload
    formats = {96: spoken.form, 100: Format("RED", 8000)}
    _, sound = record(tmp_path, [VoiceStream("a", 0, (0,), formats, packets)])
    np.testing.assert_array_equal(sound[:, 0], spoken.samples)


def test_streams_of_a_side_follow_each_other(tmp_path: Path) -> None:
    """Early media, then the answer: two streams of the callee."""
    ringing = stream(voice("PCMA", 880), "b", rank=(0, 0, 1))
    talking = stream(voice("PCMU", 440), "b", start_ns=START + 5 * SECOND, rank=(1, 0, 2))
    _, sound = record(tmp_path, [ringing, talking], START + 5 * SECOND, START + 6 * SECOND)
    np.testing.assert_array_equal(sound[:8000, 1], voice("PCMA", 880).samples)
    assert not sound[8000:40_000].any()
    np.testing.assert_array_equal(sound[40_000:, 1], voice("PCMU", 440).samples)


def test_the_last_hop_is_heard_alone(tmp_path: Path) -> None:
    """The same voice before and behind a relay that transcodes, 4 ms apart."""
    before = stream(voice("PCMU", 440), hop=0, rank=(1, 0, 0))
    behind = stream(voice("PCMA", 880), hop=1, rank=(1, 1, 1), start_ns=START + 4 * MS)
    path = tmp_path / "call.wav"
    recording = write_recording(path, [before, behind], None, None)
    _, sound = listen(path)
    np.testing.assert_array_equal(sound[-8000:, 0], voice("PCMA", 880).samples)
    assert recording.frames - 8000 <= 32
    assert not sound[:-8000].any()


def test_a_new_source_ends_the_old_one_where_both_send(tmp_path: Path) -> None:
    old = stream(voice("PCMU", 440), rank=(1, 0, START))
    new = stream(voice("PCMU", 880), start_ns=START + SECOND // 2, rank=(1, 0, START + SECOND // 2))
    _, sound = record(tmp_path, [old, new])
    np.testing.assert_array_equal(sound[:4000, 0], voice("PCMU", 440).samples[:4000])
    np.testing.assert_array_equal(sound[4000:, 0], voice("PCMU", 880).samples)


def test_it_lasts_from_the_answer_to_the_end(tmp_path: Path) -> None:
    spoken = stream(voice("PCMU"))
    recording, sound = record(tmp_path, [spoken], START - SECOND, START + 3 * SECOND)
    assert recording.seconds == 4.0
    assert not sound[:8000].any() and sound[8000:16_000, 0].any() and not sound[16_000:].any()


def test_a_jump_of_hours_makes_no_hours_of_silence(tmp_path: Path) -> None:
    spoken = voice("PCMU")
    packets = [
        msgspec.structs.replace(each, timestamp=(each.timestamp + (n > 20) * 2_000_000_000) & 0xFFFFFFFF)
        for n, each in enumerate(spoken.packets())
    ]
    recording, sound = record(tmp_path, [stream(spoken, packets=packets)])
    assert recording.seconds == pytest.approx(1.0, abs=0.02)
    np.testing.assert_array_equal(sound[:, 0], spoken.samples[: len(sound)])


def test_what_exceeds_a_wav_is_left_out_and_said(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    recording = write_recording(path, [stream(voice("PCMU"))], START, START + 10**7 * SECOND)
    assert recording.frames * 4 < 2**32
    assert any("the rest is left out" in note for note in recording.notes)
    assert path.stat().st_blocks * 512 < 2**24  # holes, not zeros


def test_a_side_that_cannot_be_decoded_is_silent_and_said(tmp_path: Path) -> None:
    packets = voice("PCMU").packets(kind=97)
    strange = VoiceStream("b", 0, (0,), {97: Format("EVS", 16000)}, packets)
    recording, sound = record(tmp_path, [stream(voice("PCMU")), strange])
    assert recording.notes == ("side b: 50 of 50 packets of EVS could not be decoded: silence",)
    assert sound[:, 0].any() and not sound[:, 1].any()


def test_an_encrypted_side_is_said_and_silent(tmp_path: Path) -> None:
    recording, sound = record(tmp_path, [stream(voice("PCMU")), stream(voice("PCMA"), "b", encrypted=True)])
    assert recording.notes == ("side b: encrypted (SRTP): no sound without keys",)
    assert sound[:, 0].any() and not sound[:, 1].any()


@pytest.mark.parametrize(
    ("streams", "why"),
    [
        ([], "no audio was captured"),
        ([stream(voice("PCMU"), encrypted=True)], r"encrypted \(SRTP\)"),
        ([VoiceStream("a", 0, (0,), {96: Format("EVS", 16000)}, voice("PCMU").packets())], "EVS"),
        ([VoiceStream("a", 0, (0,), {96: Format("GSM", 8000)}, [RtpPacket(START, 1, 1, 96, b"x")])], "GSM"),
    ],
    ids=["nothing", "encrypted", "no decoder", "damaged"],
)
def test_where_there_is_nothing_to_hear_no_file_is_left(
    tmp_path: Path, streams: list[VoiceStream], why: str
) -> None:
    with pytest.raises(AudioError, match=why):
        write_recording(tmp_path / "call.wav", streams, None, None)
    assert list(tmp_path.iterdir()) == []


def test_a_sender_with_the_wrong_clock_is_heard_at_the_right_speed(tmp_path: Path) -> None:
    """G.722 with timestamps at 16 kHz, which RFC 3551 4.5.2 forbids and some phones send."""
    spoken = voice("G722")
    packets = [msgspec.structs.replace(each, timestamp=2 * each.timestamp) for each in spoken.packets()]
    _, sound = record(tmp_path, [stream(spoken, packets=packets)])
    np.testing.assert_array_equal(sound[:, 0], spoken.samples)


def test_long_sound_is_the_same_from_end_to_end(tmp_path: Path) -> None:
    samples = tone(8000, 440, 60.0)
    _, sound = record(tmp_path, [plain(samples)])
    np.testing.assert_array_equal(sound[:, 0], samples)


def test_a_full_disk_is_said_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    with pytest.raises(OSError, match="No space left"):
        write_recording(tmp_path / "call.wav", [stream(voice("PCMU"))], None, None)
    assert list(tmp_path.iterdir()) == []


def test_one_good_packet_among_damaged_ones_is_heard(tmp_path: Path) -> None:
    spoken = voice("GSM")
    packets = [
        msgspec.structs.replace(each, payload=each.payload if n == 9 else b"x")
        for n, each in enumerate(spoken.packets()[:10])
    ]
    recording, sound = record(tmp_path, [stream(spoken, packets=packets)])
    assert recording.notes == ("side a: 9 of 10 packets of GSM could not be decoded: silence",)
    assert len(sound) == 1600 and sound[1440:, 0].any() and not sound[:1440].any()
