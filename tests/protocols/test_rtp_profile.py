"""The static payload types of RFC 3551, table 4 and 5, and the names of codecs."""

import pytest

from protocols import rtp_profile


@pytest.mark.parametrize(
    ("number", "codec", "clock_rate", "kind"),
    [
        (0, "PCMU", 8000, "audio"),
        (3, "GSM", 8000, "audio"),
        (4, "G723", 8000, "audio"),
        (6, "DVI4", 16000, "audio"),
        (8, "PCMA", 8000, "audio"),
        (9, "G722", 8000, "audio"),
        (10, "L16", 44100, "audio"),
        (13, "CN", 8000, "audio"),
        (14, "MPA", 90000, "audio"),
        (15, "G728", 8000, "audio"),
        (17, "DVI4", 22050, "audio"),
        (18, "G729", 8000, "audio"),
        (26, "JPEG", 90000, "video"),
        (31, "H261", 90000, "video"),
        (34, "H263", 90000, "video"),
    ],
)
def test_static_types(number: int, codec: str, clock_rate: int, kind: str) -> None:
    assert rtp_profile.STATIC[number] == (codec, clock_rate, kind)


def test_numbers_that_conflict_with_rtcp_or_are_dynamic_are_not_static() -> None:
    assert not any(number >= 35 for number in rtp_profile.STATIC)
    assert {1, 2, 20, 24, 27, 29, 30} & set(rtp_profile.STATIC) == set()


@pytest.mark.parametrize(
    ("written", "codec"),
    [
        ("pcmu", "PCMU"),
        ("G.729a", "G729"),
        ("g729", "G729"),
        ("G723.1", "G723"),
        ("opus", "OPUS"),
        ("iLBC", "ILBC"),
        ("amr-wb", "AMR-WB"),
        ("speex", "SPEEX"),
        ("telephone-event", "TELEPHONE-EVENT"),
        ("red", "RED"),
        ("x-own", "X-OWN"),
    ],
)
def test_names(written: str, codec: str) -> None:
    assert rtp_profile.codec_name(written) == codec


@pytest.mark.parametrize("codec", ["TELEPHONE-EVENT", "CN", "RED", "ULPFEC", "RTX"])
def test_what_carries_no_voice(codec: str) -> None:
    assert not rtp_profile.is_voice(codec)
    assert rtp_profile.is_voice("OPUS")


def test_redundancy_carries_the_voice_codec_of_its_clock() -> None:
    announced = [("RED", 48000), ("TELEPHONE-EVENT", 48000), ("PCMU", 8000), ("OPUS", 48000), ("VP8", 90000)]
    assert rtp_profile.carried("RED", 48000, announced) == "OPUS"
    assert rtp_profile.carried("RED", 8000, announced) == "PCMU"
    assert rtp_profile.carried("RED", 1000, announced) == "RED"  # text
    assert rtp_profile.carried("RED", 90000, announced) == "RED"  # video
    assert rtp_profile.carried("PCMU", 8000, announced) == "PCMU"
