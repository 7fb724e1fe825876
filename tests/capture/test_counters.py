"""Every counter has a name of its own and says what it counts."""

from capture import layout
from capture.counters import DISCARDS, KINDS, MEANING, PACKETS
from tests.capture.listening import sensor


def test_every_counter_is_explained() -> None:
    counters = sensor().counters
    assert counters.keys() == MEANING.keys()
    assert all(MEANING.values())
    assert counters.keys() >= KINDS


def test_every_place_of_the_kernel_is_named_once() -> None:
    named = sorted([*PACKETS, *DISCARDS, layout.COUNT_FLOWS])
    assert named == list(range(layout.COUNTERS))
