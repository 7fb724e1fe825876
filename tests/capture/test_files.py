"""Captures of every flavour give exactly the frames that were written, or that tshark reads."""

import functools
import gzip
import io
import subprocess
from pathlib import Path

import lz4.frame
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from capture.files import CaptureError, open_capture
from tests.capture.writers import (
    Frame,
    block,
    calls_like,
    enhanced,
    frames_of,
    interface,
    obsolete,
    option,
    pcap,
    pcapng,
    section,
    simple,
    ticks,
)
from tests.paths import CAPTURES, OWN_CAPTURES

ORDERS = st.sampled_from("<>")
TIMES = st.integers(1_600_000_000, 1_600_050_000).flatmap(
    lambda second: st.integers(0, 999_999).map(lambda micro: second * 1_000_000_000 + micro * 1000)
)
FRAMES = st.lists(
    st.builds(
        lambda time_ns, data, more: Frame(time_ns, data, len(data) + more),
        TIMES,
        st.binary(min_size=1, max_size=90),
        st.integers(0, 2000),
    ),
    max_size=30,
)


def read(data: bytes) -> list[Frame]:
    source = open_capture(io.BytesIO(data))
    frames = frames_of(source)
    assert source.warnings == []
    assert source.damaged == 0
    return frames


@given(FRAMES, ORDERS, st.sampled_from([0xA1B2C3D4, 0xA1B23C4D, 0xA1B2CD34]), st.integers(0, 300))
@settings(max_examples=100, deadline=None)
def test_pcap_round_trip(frames: list[Frame], order: str, magic: int, link_type: int) -> None:
    assert read(pcap(frames, magic, order, link_type)) == [f._replace(link_type=link_type) for f in frames]


@given(FRAMES, ORDERS, st.lists(st.sampled_from([1, 101, 113]), min_size=30, max_size=30))
@settings(max_examples=100, deadline=None)
def test_pcapng_round_trip(frames: list[Frame], order: str, link_types: list[int]) -> None:
    frames = [f._replace(link_type=kind) for f, kind in zip(frames, link_types, strict=False)]
    assert read(pcapng(frames, order)) == frames


@given(TIMES, st.integers(0, 999), ORDERS, st.sampled_from([3, 6, 9, 10, 0x80 | 10, 0x80 | 20, 0x80 | 31]))
@settings(max_examples=100, deadline=None)
def test_pcapng_clocks_of_any_resolution(time_ns: int, more_ns: int, order: str, tsresol: int) -> None:
    time_ns += more_ns
    count = ticks(time_ns, tsresol, 500)
    data = section(order) + interface(order, 1, tsresol, 500)
    data += enhanced(order, 0, count, Frame(0, b"abc", 3))
    per_second = 2 ** (tsresol & 0x7F) if tsresol & 0x80 else 10**tsresol
    assert read(data)[0].time_ns == count * 1_000_000_000 // per_second + 500_000_000_000


@pytest.mark.parametrize("resolution", [0x80 | 32, 0x80 | 33, 0x80 | 63, 0xFF, 19, 30, 127, 0, 0x80])
@pytest.mark.parametrize("count", [0, 1, 2**31, 2**63 - 1, 2**63, 2**64 - 1])
@pytest.mark.parametrize("offset", [-(2**63), 0, 2**63 - 1])
def test_no_clock_overflows(resolution: int, count: int, offset: int) -> None:
    data = section() + interface("<", 1, resolution, offset) + enhanced("<", 0, count, Frame(0, b"abc", 3))
    assert 0 <= read(data)[0].time_ns <= 2**62


def test_binary_clock_is_exact() -> None:
    count = (1_700_000_000 << 33) + 0x1_2345_6789
    data = section() + interface("<", 1, 0x80 | 33) + enhanced("<", 0, count, Frame(0, b"abc", 3))
    assert read(data)[0].time_ns == count * 1_000_000_000 >> 33


def test_sections_have_their_own_byte_order_and_interfaces() -> None:
    one, two, three = (Frame(10**18 + n, bytes([n] * 9), 9) for n in range(3))
    data = section("<") + interface("<", 1, 9) + enhanced("<", 0, one.time_ns, one)
    data += section(">") + interface(">", 101, 9) + enhanced(">", 0, two.time_ns, two)
    data += interface(">", 113, 6, snaplen=5) + obsolete(">", 1, three.time_ns // 1000, three)
    got = read(data)
    assert got == [one, two._replace(link_type=101), three._replace(time_ns=10**18, link_type=113)]


def test_simple_packets_are_cut_at_the_snap_length_and_take_the_time_before() -> None:
    first = Frame(1_700_000_000_123_456_000, b"first", 5)
    data = section() + interface(snaplen=8) + enhanced("<", 0, first.time_ns // 1000, first)
    data += simple("<", Frame(0, b"12345678", 100)) + simple("<", Frame(0, b"123", 3))
    assert read(data)[1:] == [Frame(first.time_ns, b"12345678", 100), Frame(first.time_ns, b"123", 3)]


def test_unknown_blocks_are_passed_over() -> None:
    frame = Frame(10**18, b"abc", 3)
    extra = block("<", 0x77777777, b"x" * 300_000) + block("<", 5, b"\0" * 12) + block("<", 4, b"\0" * 4)
    data = section() + extra + interface("<", 1, 9) + extra + enhanced("<", 0, frame.time_ns, frame) + extra
    assert read(data) == [frame]


def test_options_that_never_end_are_bounded() -> None:
    options = option("<", 1, b"") * 100_000 + option("<", 9, b"\x09")
    data = section() + block("<", 1, b"\1\0\0\0\0\0\0\0" + options)
    data += enhanced("<", 0, 5_000_000, Frame(0, b"abc", 3))
    assert read(data)[0].time_ns == 5_000_000_000  # the resolution behind the bound is not read: microseconds


def test_a_block_has_one_link_type_and_runs_are_not_cut() -> None:
    frames = [frame._replace(link_type=1 if n < 500 else 113) for n, frame in enumerate(calls_like(1000))]
    blocks = [(b.link_type, len(b.offset)) for b in open_capture(io.BytesIO(pcapng(frames)))]
    assert {kind: sum(n for k, n in blocks if k == kind) for kind in (1, 113)} == {1: 500, 113: 500}
    assert len(blocks) <= 4  # two runs, and the blocks of a growing window


COMPRESSIONS = {
    "gzip": gzip.compress,
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
    "lz4": lz4.frame.compress,
}


@pytest.mark.parametrize("kind", COMPRESSIONS)
@pytest.mark.parametrize("members", [1, 2, 5])
def test_compressed_and_in_several_members(kind: str, members: int, tmp_path: Path) -> None:
    frames = calls_like(4000)
    data = pcapng(frames) if members == 2 else pcap(frames)
    size = -(-len(data) // members)
    packed = b"".join(COMPRESSIONS[kind](data[at : at + size]) for at in range(0, len(data), size))
    path = tmp_path / "capture"
    path.write_bytes(packed)
    source = open_capture(path)
    assert frames_of(source) == frames
    assert source.warnings == []
    assert source.bytes_done == source.bytes_total == len(packed)
    assert frames_of(source) == frames  # a file can be walked again


@pytest.mark.parametrize("options", [{}, {"write_content_size": False}, {"write_checksum": True}])
def test_zstd_frames_of_every_head(options: dict[str, bool]) -> None:
    frames = calls_like(900)
    data = pcap(frames)
    packer = zstandard.ZstdCompressor(**options).compressobj()
    streamed = packer.compress(data) + packer.flush()
    skippable = b"\x53\x2a\x4d\x18" + (300).to_bytes(4, "little") + b"\xff" * 300
    assert read(skippable + streamed + skippable) == frames
    assert read(zstandard.ZstdCompressor(**options).compress(data)) == frames


def test_gzip_padding_is_no_damage() -> None:
    assert read(gzip.compress(pcap(calls_like(10))) + b"\0" * 512) == calls_like(10)


def test_a_bomb_is_unpacked_in_bounded_pieces() -> None:
    bomb = pcap(calls_like(3)) + bytes(50_000_000)
    for compress in COMPRESSIONS.values():
        source = open_capture(io.BytesIO(compress(bomb)))
        assert frames_of(source) == calls_like(3)
        assert source.damaged == 1


@pytest.mark.parametrize("cut", [1, 7, 15, 16, 17, 100])
@pytest.mark.parametrize("write", [pcap, pcapng])
def test_a_partial_last_record_is_no_damage(cut: int, write: object) -> None:
    data = pcap(calls_like(51)) if write is pcap else pcapng(calls_like(51))
    assert read(data[:-cut]) == calls_like(50)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"\xd4", "no capture"),
        (b"\xd4\xc3\xb2\xa1\2\0", "cut short"),
        (b"\n\r\r\n\x1c\0\0\0", "cut short"),
        (b"\n\r\r\n" + b"\x1c\0\0\0" * 8, "byte-order"),
        (b"INVITE sip:a@b SIP/2.0\r\n\r\n" * 9, "no capture"),
        (gzip.compress(b"INVITE sip:a@b SIP/2.0", mtime=0), "inside gzip"),
        (b"\x1f\x8b\x08" + b"\xff" * 50, "gzip"),
        (b"\x28\xb5\x2f\xfd" + b"\xff" * 50, "zstd"),
        (b"\x04\x22\x4d\x18" + b"\xff" * 50, "lz4"),
    ],
)
def test_what_is_no_capture_gets_one_line(data: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "thing"
    path.write_bytes(data)
    with pytest.raises(CaptureError, match=says) as caught:
        open_capture(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_cannot_be_opened_gets_one_line(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing", "nul\0byte"):
        with pytest.raises(CaptureError, match="cannot"):
            open_capture(path)


def test_an_empty_capture_gives_no_blocks() -> None:
    assert list(open_capture(io.BytesIO(pcap([])))) == []
    assert list(open_capture(io.BytesIO(section() + interface()))) == []


def test_the_first_time_is_known_beforehand(tmp_path: Path) -> None:
    path = tmp_path / "a.pcap"
    path.write_bytes(gzip.compress(pcap(calls_like(5))))
    assert open_capture(path).first_time_ns() == calls_like(1)[0].time_ns
    assert open_capture(io.BytesIO(pcap(calls_like(5)))).first_time_ns() is None


def real_captures() -> list[Path]:
    """All that mergecap takes: it refuses a file that ends in mid-record."""
    found = [*OWN_CAPTURES.iterdir(), *CAPTURES.rglob("*")]
    suffixes = {".pcap", ".pcapng", ".rtp", ".gz"}
    return sorted(path for path in found if path.suffix in suffixes and path.name != "sess6.o.rtp")


WIRETAP = {
    (0, "15"),  # BSD loopback
    (1, "1"),  # Ethernet
    (9, "4"),  # PPP
    (101, "7"),  # raw IP
    (105, "20"),  # 802.11
    (113, "25"),  # Linux cooked
    (127, "23"),  # 802.11 radiotap
    (195, "104"),  # 802.15.4
    (228, "129"),  # raw IPv4
    (229, "130"),  # raw IPv6
    (230, "127"),  # 802.15.4 without FCS
    (239, "141"),  # NFLOG
    (276, "210"),  # Linux cooked v2
}
"""LINKTYPE_* and what tshark calls the encapsulation."""


def test_real_captures_are_read_as_tshark_reads_them(tmp_path: Path) -> None:
    """Every capture: number, time to the nanosecond, both lengths and encapsulation of each frame."""
    paths = real_captures()
    assert len(paths) >= 7
    got: list[Frame] = []
    for path in paths:
        source = open_capture(path)
        got += frames_of(source)
        assert source.warnings == [], path
    want = tshark(paths, tmp_path / "all.pcapng")
    assert [f"{f.time_ns // 10**9}.{f.time_ns % 10**9:09}" for f in got] == [row[0] for row in want]
    assert [[str(f.wire), str(len(f.data))] for f in got] == [row[1:3] for row in want]
    assert {(f.link_type, row[3]) for f, row in zip(got, want, strict=True)} <= WIRETAP


def tshark(paths: list[Path], merged: Path) -> list[list[str]]:
    """Time, length, captured length and encapsulation of every frame of these files, one after the other."""
    run = functools.partial(subprocess.run, check=True, capture_output=True, text=True)
    run(["mergecap", "-a", "-w", str(merged), *map(str, paths)])
    fields = ["frame.time_epoch", "frame.len", "frame.cap_len", "frame.encap_type"]
    wanted = [word for field in fields for word in ("-e", field)]
    lines = run(["tshark", "-n", "-r", str(merged), "-T", "fields", *wanted]).stdout.splitlines()
    return [line.split("\t") for line in lines]
