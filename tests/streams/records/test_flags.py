"""Every flag is explained."""

from streams.dialogs import call as dialogs
from streams.records import flags
from tests.streams.records.calls import Stream, answered, record


def test_every_flag_has_its_words() -> None:
    ours = {value for name, value in vars(flags).items() if name.isupper() and isinstance(value, str)}
    assert ours == set(flags.MEANINGS)
    assert dialogs.START_NOT_SEEN in flags.MEANINGS


def test_a_stream_that_changes_its_payload_type_is_a_change_of_codec() -> None:
    changes = Stream("a", last_payload_type=0)
    assert record(answered(), changes, Stream("b", number=3)).flags == ["codec-change"]
    unknown = Stream("a", last_payload_type=99)
    assert record(answered(), unknown, Stream("b", number=3)).flags == []


def test_a_change_of_codec_and_a_restart_are_flagged() -> None:
    first = Stream("a", 0, 20)
    second = Stream("a", 20, 40, number=2, payload_type=0, info={"encrypted": True})
    found = record(answered(), first, second, Stream("b", number=3))
    assert found.flags == ["codec-change", "encrypted"]
    assert found.encrypted_media
