"""Whatever a payload or header says: no crash, no hang, no sound without bound."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from capture.audio import AudioError, Format, RtpPacket, VoiceStream, write_recording
from capture.audio.codecs import decoder_of
from capture.audio.rtp import read_rtp
from capture.bounds import AUDIO_PACKET_MS, AUDIO_RESYNC_NS
from tests.capture.audio.voices import NAMES, SECOND, START, voice

SHORT = settings(max_examples=60, deadline=None)


@pytest.mark.parametrize("name", NAMES)
@SHORT
@given(payloads=st.lists(st.binary(max_size=400), max_size=12))
def test_any_octets_are_decoded_or_refused(name: str, payloads: list[bytes]) -> None:
    decoder = decoder_of(voice(name).form)
    assert decoder is not None
    heard = decoder.decode(payloads)
    assert len(heard) == len(payloads)
    for samples in heard:
        assert samples is None or len(samples) <= decoder.rate * AUDIO_PACKET_MS // 1000


@pytest.mark.parametrize("name", NAMES)
@SHORT
@given(data=st.data())
def test_a_voice_with_flipped_bits_is_decoded_or_refused(name: str, data: st.DataObject) -> None:
    spoken = voice(name)
    payload = bytearray(data.draw(st.sampled_from(spoken.payloads)))
    for at in data.draw(st.lists(st.integers(0, 8 * len(payload) - 1), max_size=8)):
        payload[at // 8] ^= 1 << at % 8
    decoder = decoder_of(spoken.form)
    assert decoder is not None
    assert len(decoder.decode([bytes(payload), spoken.payloads[0]])) == 2


@pytest.mark.parametrize("name", NAMES)
def test_the_longest_payload_there_is(name: str) -> None:
    decoder = decoder_of(voice(name).form)
    assert decoder is not None
    for octet in (b"\x00", b"\xff", b"\x02", b"\x03"):
        (samples,) = decoder.decode([octet * 65_000])
        assert samples is None or len(samples) <= decoder.rate * AUDIO_PACKET_MS // 1000


@given(
    form=st.builds(
        Format,
        st.sampled_from(["PCMU", "L16", "SPEEX", "AMR", "ILBC", "OPUS", "RED", "G722", "CN", "?"]),
        st.integers(-1, 2**40),
        st.integers(-1, 300),
        st.text(max_size=20),
    )
)
@SHORT
def test_any_terms_have_a_decoder_or_none(form: Format) -> None:
    decoder = decoder_of(form)
    if decoder is not None:
        decoder.decode([b"", b"\x00" * 40])


_PACKETS = st.lists(
    st.builds(
        RtpPacket,
        st.integers(START, START + 30 * SECOND),
        st.integers(0, 0xFFFF),
        st.integers(0, 2**32 - 1),
        st.sampled_from([0, 3, 8, 9, 13, 96, 100]),
        st.binary(max_size=200),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(one=_PACKETS, two=_PACKETS)
def test_any_packets_make_a_recording_of_their_own_time(
    tmp_path: Path, one: list[RtpPacket], two: list[RtpPacket]
) -> None:
    formats = {96: Format("OPUS", 48_000, 2), 100: Format("RED", 8_000)}
    streams = [VoiceStream("a", 0, (0,), formats, one), VoiceStream("a", 1, (1,), formats, two)]
    try:
        recording = write_recording(tmp_path / "call.wav", streams, None, None)
    except AudioError:
        return
    assert recording.seconds <= 30 + 2 * AUDIO_RESYNC_NS / SECOND + AUDIO_PACKET_MS / 1000
    (tmp_path / "call.wav").unlink()
    assert list(tmp_path.iterdir()) == []


@given(st.binary(max_size=60), st.booleans())
def test_any_datagram_is_read_as_rtp_or_not(data: bytes, whole: bool) -> None:
    packet = read_rtp(data, 1, whole=whole)
    assert packet is None or len(packet.payload) <= len(data) - 12
