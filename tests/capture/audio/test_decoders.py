"""Every codec: what we decode of payloads is what PyAV decodes of the same frames."""

import random

import numpy as np
import pytest

from capture.audio import Format
from capture.audio.amr import NARROWBAND_BITS
from capture.audio.codecs import decoder_of
from tests.capture.audio.voices import NAMES, TONES, amr_payload, decode, encode, pitch, tone, voice


@pytest.mark.parametrize("name", NAMES)
def test_a_payload_sounds_as_its_frames_do(name: str) -> None:
    spoken = voice(name)
    decoder = decoder_of(spoken.form)
    assert decoder is not None and decoder.rate == spoken.rate
    heard = decoder.decode(spoken.payloads)
    assert all(part is not None for part in heard)
    np.testing.assert_array_equal(
        np.concatenate([part for part in heard if part is not None]), spoken.samples
    )


@pytest.mark.parametrize("name", NAMES)
def test_packets_decoded_one_by_one_sound_the_same(name: str) -> None:
    spoken = voice(name)
    decoder = decoder_of(spoken.form)
    assert decoder is not None
    heard = [decoder.decode([payload])[0] for payload in spoken.payloads]
    np.testing.assert_array_equal(
        np.concatenate([part for part in heard if part is not None]), spoken.samples
    )


@pytest.mark.parametrize("hz", [440, 880])
@pytest.mark.parametrize("name", TONES)
def test_a_tone_keeps_its_pitch(name: str, hz: int) -> None:
    spoken = voice(name, hz)
    assert pitch(spoken.samples, spoken.rate) == pytest.approx(hz, abs=3)


def test_amr_is_read_in_the_form_it_has_where_the_terms_say_nothing() -> None:
    aligned = voice("AMR, octet-aligned")
    decoder = decoder_of(Format("AMR", 8000))
    assert decoder is not None
    heard = decoder.decode(aligned.payloads)
    np.testing.assert_array_equal(
        np.concatenate([part for part in heard if part is not None]), aligned.samples
    )


def test_amr_frames_that_were_not_sent_leave_the_others_in_their_place() -> None:
    frames = encode("libopencore_amrnb", 8000, tone(8000, 440), bit_rate=12200)
    group = [frames[0], b"\x7c", frames[1]]  # 15: no data
    payload = amr_payload(group, NARROWBAND_BITS, aligned=False)
    decoder = decoder_of(Format("AMR", 8000))
    assert decoder is not None
    (heard,) = decoder.decode([payload])
    assert heard is not None
    np.testing.assert_array_equal(heard, decode("libopencore_amrnb", 8000, group))
    assert len(heard) == 3 * 160


def test_amr_with_checksums() -> None:
    frames = encode("libopencore_amrnb", 8000, tone(8000, 440), bit_rate=12200)[:2]
    plain = amr_payload(frames, NARROWBAND_BITS, aligned=True)
    decoder = decoder_of(Format("AMR", 8000, 1, "crc=1"))
    assert decoder is not None
    (heard,) = decoder.decode([plain[:3] + b"\x12\x34" + plain[3:]])
    assert heard is not None
    np.testing.assert_array_equal(heard, decode("libopencore_amrnb", 8000, frames))


def test_g729_silence_description_is_silent_and_takes_its_time() -> None:
    spoken = voice("G729")
    decoder = decoder_of(spoken.form)
    assert decoder is not None
    speech, silence = decoder.decode([spoken.payloads[0] + b"\x12\x34", b"\x12\x34"])
    assert speech is not None and silence is not None
    np.testing.assert_array_equal(speech[:160], spoken.samples[:160])
    assert not speech[160:].any() and len(speech) == 240
    assert not silence.any() and len(silence) == 80


def test_g723_frames_of_every_size_in_one_payload() -> None:
    high = encode("g723_1", 8000, tone(8000, 440), bit_rate=6300)[0]
    randomly = random.Random(3)
    low = bytes([0x55]) + randomly.randbytes(19)  # 5.3 kbit/s: the two low bits are 1
    sid = b"\x02\x10\x20\x30"
    decoder = decoder_of(Format("G723", 8000))
    assert decoder is not None
    (heard,) = decoder.decode([high + low + sid])
    assert heard is not None
    np.testing.assert_array_equal(heard, decode("g723_1", 8000, [high, low, sid]))


def test_ilbc_takes_the_mode_of_each_payload() -> None:
    short, long = voice("ILBC, 20 ms"), voice("ILBC, 30 ms")
    decoder = decoder_of(Format("ILBC", 8000))
    assert decoder is not None
    parts = decoder.decode([short.payloads[0], long.payloads[0], short.payloads[1]])
    assert [len(part) for part in parts if part is not None] == [160, 240, 160]


def test_stereo_is_mixed() -> None:
    left, right = tone(8000, 440), np.zeros(8000, np.int16)
    payload = np.stack([left, right], axis=1).astype(">i2").tobytes()
    decoder = decoder_of(Format("L16", 8000, 2))
    assert decoder is not None
    (heard,) = decoder.decode([payload])
    assert heard is not None
    np.testing.assert_array_equal(heard, (left.astype(np.int32) / 2).astype(np.int16))


@pytest.mark.parametrize("name", ["EVS", "G728", "X-NEW", "", "H264"])
def test_a_codec_without_decoder_has_none(name: str) -> None:
    assert decoder_of(Format(name, 8000)) is None


def test_a_damaged_payload_is_none_and_the_next_is_heard() -> None:
    for name in ("GSM", "G729", "AMR", "OPUS", "PCMU"):
        spoken = voice(name)
        decoder = decoder_of(spoken.form)
        assert decoder is not None
        damaged = b"" if name in ("PCMU", "OPUS") else spoken.payloads[0][:7]
        first, second = decoder.decode([damaged, spoken.payloads[0]])
        assert first is None
        assert second is not None and len(second)
