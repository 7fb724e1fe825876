"""Files whose packets are not in order of time: appended captures, interfaces one after the other."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capture.bounds import BLOCK_FRAMES_MAX
from capture.files import open_capture
from capture.reorder import in_order
from tests.capture.writers import Frame, frames_of, pcap, pcapng

START = 1_700_000_000_000_000_000
SECOND = 1_000_000_000
ETHERNET, COOKED = 1, 113


def frames(times: list[float], link_type: int = ETHERNET) -> list[Frame]:
    """A frame at each of these seconds after START, its number as its bytes."""
    return [
        Frame(START + int(time * 1_000_000) * 1000, b"%d" % number, 60, link_type)
        for number, time in enumerate(times)
    ]


def by_time(given: list[Frame]) -> list[Frame]:
    return sorted(given, key=lambda frame: frame.time_ns)


def read(path: Path, written: bytes) -> tuple[list[Frame], list[str]]:
    path.write_bytes(written)
    source = in_order(open_capture(path))
    return frames_of(source), source.warnings


@given(
    st.lists(st.tuples(st.integers(0, 5_000), st.sampled_from([ETHERNET, COOKED])), min_size=1, max_size=60)
)
@settings(max_examples=60, deadline=None)
def test_what_goes_back_by_over_a_second_is_read_in_order(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, int]]
) -> None:
    given = [
        Frame(START + at * 10_000_000, b"%d" % number, 9, kind) for number, (at, kind) in enumerate(rows)
    ]
    found, warnings = read(tmp_path_factory.mktemp("made") / "made.pcapng", pcapng(given))
    newest, back = 0, 0
    for frame in given:
        newest = max(newest, frame.time_ns)
        back = max(back, newest - frame.time_ns)
    assert found == (by_time(given) if back > SECOND else given)
    assert bool(warnings) == (back > SECOND)


def test_it_is_said_how_many_packets_and_how_far(tmp_path: Path) -> None:
    signalling, media = [0.0, 0.1, 1.0, 100.0], [1.02 + n / 50 for n in range(4_900)]
    given = frames(signalling + media)
    found, warnings = read(tmp_path / "appended.pcap", pcap(given))
    assert found == by_time(given)
    assert warnings == [
        f"{tmp_path}/appended.pcap: not in order of time: 4,899 packets are up to 99.0 s older than one"
        " before; read in order"
    ]


def test_a_few_packets_of_another_minute_are_no_bad_times_where_others_are_near(tmp_path: Path) -> None:
    given = frames([0.0, 0.1, 200.0, 200.1, *(n / 50 for n in range(10_100))])
    found, _ = read(tmp_path / "appended.pcap", pcap(given))
    assert found == by_time(given)


def test_a_single_bad_time_moves_nothing(tmp_path: Path) -> None:
    given = frames([*(n / 50 for n in range(100)), 86_400.0, *(2 + n / 50 for n in range(100))])
    path = tmp_path / "bad.pcap"
    path.write_bytes(pcap(given))
    source = open_capture(path)
    assert in_order(source) is source


def test_more_packets_than_a_block_holds(tmp_path: Path) -> None:
    half = BLOCK_FRAMES_MAX + 10
    given = frames([n / 1000 for n in range(half)] + [n / 1000 + 0.0005 for n in range(half)])
    found, _ = read(tmp_path / "long.pcap", pcap(given))
    assert found == by_time(given)


def test_it_can_be_read_again(tmp_path: Path) -> None:
    path = tmp_path / "again.pcap"
    path.write_bytes(pcap(frames([5.0, 6.0, 1.0, 2.0])))
    source = in_order(open_capture(path))
    assert frames_of(source) == frames_of(source)


def test_what_is_packed_or_large_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, packed = tmp_path / "plain.pcap", tmp_path / "packed.pcap.gz"
    plain.write_bytes(pcap(frames([5.0, 6.0, 1.0, 2.0])))
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    source = open_capture(packed)
    assert in_order(source) is source
    monkeypatch.setattr("capture.reorder.ORDER_BYTES_MAX", 10)
    source = open_capture(plain)
    assert in_order(source) is source
