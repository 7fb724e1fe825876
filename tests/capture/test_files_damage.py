"""Damage costs the frames that it hit, not the ones before and after; nothing crashes, hangs or grows."""

import gzip
import io
import random
from pathlib import Path

import lz4.frame
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from capture.bounds import WARNINGS_MAX
from capture.files import CaptureError, CaptureSource, open_capture
from tests.capture.writers import Frame, calls_like, frames_of, pcap, pcap_header, pcap_record, pcapng
from tests.paths import OWN_CAPTURES

FRAMES = calls_like(200)


def read(data: bytes) -> tuple[list[Frame], CaptureSource]:
    source = open_capture(io.BytesIO(data))
    return frames_of(source), source


def trickled(data: bytes, step: int) -> list[Frame]:
    """What the same bytes give when they come in small pieces."""

    class Trickle(io.RawIOBase):
        at = 0

        def readinto(self, into: memoryview) -> int:  # type: ignore[override]
            piece = data[self.at : self.at + min(step, len(into))]
            into[: len(piece)] = piece
            self.at += len(piece)
            return len(piece)

    return frames_of(open_capture(Trickle()))  # type: ignore[arg-type]


def record_starts(write: object) -> list[int]:
    """Where each of FRAMES starts in the file, and where the last one ends."""
    make = pcap if write is pcap else pcapng
    return [len(make(FRAMES[:count])) for count in range(1, len(FRAMES) + 1)]


@pytest.mark.parametrize("write", [pcap, pcapng])
@given(place=st.integers(0, 10**6), flip=st.integers(1, 255))
@settings(max_examples=150, deadline=None)
def test_one_flipped_byte_costs_at_most_two_frames(write: object, place: int, flip: int) -> None:
    make = pcap if write is pcap else pcapng
    data = bytearray(make(FRAMES))
    begin = len(make([])) if write is pcap else len(make(FRAMES[:1])) - len(FRAMES[0].data)
    place = begin + place % (len(data) - begin)
    data[place] ^= flip
    got, source = read(bytes(data))
    kept = set(FRAMES) & set(got)
    assert len(kept) >= len(FRAMES) - 2
    assert [frame for frame in got if frame in kept] == [frame for frame in FRAMES if frame in kept]
    assert len(got) <= len(FRAMES)
    assert source.damaged == len(source.warnings) <= 2
    assert trickled(bytes(data), 1000) == got


@pytest.mark.parametrize("write", [pcap, pcapng])
@given(
    at=st.integers(5, 150),
    within=st.integers(0, 200),
    garbage=st.one_of(st.binary(max_size=3000), st.integers(1, 70_000).map(bytes)),
    gone=st.integers(0, 2000),
)
@settings(max_examples=100, deadline=None)
def test_garbage_in_the_middle(write: object, at: int, within: int, garbage: bytes, gone: int) -> None:
    make = pcap if write is pcap else pcapng
    data = make(FRAMES)
    place = len(make(FRAMES[:at])) + within
    got, source = read(data[:place] + garbage + data[place + gone :])
    first_lost = at + within // 76  # the shortest record
    after = at + 1 + -(-(within + gone) // 76)
    assert got[:at] == FRAMES[:at]
    assert got[-len(FRAMES) + after + 2 :] == FRAMES[after + 2 :]
    assert first_lost <= len(FRAMES)
    assert source.damaged == len(source.warnings) <= 4


@pytest.mark.parametrize("write", [pcap, pcapng])
def test_the_warning_says_where_and_how_much(write: object, tmp_path: Path) -> None:
    make = pcap if write is pcap else pcapng
    place = len(make(FRAMES[:100]))
    path = tmp_path / "hurt.pcap"
    path.write_bytes(make(FRAMES)[:place] + b"\xff" * 1000 + make(FRAMES)[place:])
    source = open_capture(path)
    assert frames_of(source) == FRAMES
    assert source.damaged == 1
    (line,) = source.warnings
    assert line.startswith(f"{path}: damaged at byte {place}: ")
    assert line.endswith("1000 bytes skipped")


def test_a_length_that_swallows_others_gives_them_back() -> None:
    """Of a snapped capture, where the length on the wire does not betray a wrong captured length."""
    snapped = [Frame(frame.time_ns, frame.data[:40], 1500) for frame in FRAMES]
    data = bytearray(pcap(snapped))
    place = len(pcap(snapped[:50])) + 8
    data[place + 1] = 4  # 40 bytes become 1064
    got, source = read(bytes(data))
    assert [frame for frame in got if frame in snapped] == snapped[:50] + snapped[51:]
    assert source.damaged == 1


def test_zeros_at_the_end_are_no_packets() -> None:
    got, source = read(pcap(FRAMES) + bytes(100_000))
    assert got == FRAMES
    assert source.damaged == 1
    assert source.warnings[0].endswith("100000 bytes skipped")


def test_two_captures_glued_together() -> None:
    got, source = read(pcap(FRAMES) + pcap(FRAMES))
    assert got == FRAMES * 2
    assert source.damaged == 1


def test_a_clock_step_is_no_damage() -> None:
    later = [frame._replace(time_ns=frame.time_ns + 10**17) for frame in FRAMES]
    for frames in (
        FRAMES + later,
        later + FRAMES,
        [f for pair in zip(FRAMES, later, strict=True) for f in pair],
    ):
        got, source = read(pcap(frames))
        assert got == frames
        assert source.warnings == []


@pytest.mark.parametrize("wire", [0, 1, 2**32 - 1])
def test_odd_but_consistent_lengths_are_no_damage(wire: int) -> None:
    """Writers exist that never fill in the length on the wire."""
    frames = [frame._replace(wire=wire) for frame in FRAMES]
    got, source = read(pcap(frames))
    assert [frame.data for frame in got] == [frame.data for frame in frames]
    assert source.warnings == []


def test_warnings_are_bounded() -> None:
    records = [pcap_record(frame) for frame in FRAMES[:8]]
    data = (
        pcap_header()
        + b"".join(records[n % 8] + b"\xff" * 30 for n in range(0))
        + b"".join(b"".join(records) + b"\xff" * 30 for _ in range(500))
    )
    got, source = read(data)
    assert got == FRAMES[:8] * 500
    assert source.damaged == 500
    assert len(source.warnings) == WARNINGS_MAX + 1
    assert "400 more" in source.warnings[-1]


def test_packets_of_an_undescribed_interface_are_counted() -> None:
    data = bytearray(pcapng(FRAMES[:3]))
    place = bytes(data).index(b"\x06\0\0\0") + 8
    data[place] = 7
    got, source = read(bytes(data))
    assert got == FRAMES[1:3]
    assert source.damaged == 1


@pytest.mark.parametrize("kind", ["gzip", "zstd", "lz4"])
def test_truncated_compressed_data(kind: str) -> None:
    frames = calls_like(5000)
    compress = {
        "gzip": gzip.compress,
        "zstd": zstandard.ZstdCompressor().compress,
        "lz4": lambda data: lz4.frame.compress(data, block_size=lz4.frame.BLOCKSIZE_MAX64KB),
    }[kind]
    packed = compress(pcap(frames))
    got, source = read(packed[: len(packed) // 2])
    assert len(got) > 2000
    assert got == frames[: len(got)]
    assert source.damaged == 1
    assert f"the {kind} data is cut short" in source.warnings[0]


@pytest.mark.parametrize("kind", ["gzip", "zstd", "lz4"])
def test_corrupted_compressed_data(kind: str) -> None:
    frames = calls_like(5000)
    compress = {
        "gzip": gzip.compress,
        "zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
        "lz4": lambda data: lz4.frame.compress(
            data, block_size=lz4.frame.BLOCKSIZE_MAX64KB, block_checksum=True
        ),
    }[kind]
    packed = bytearray(compress(pcap(frames)))
    for place in range(len(packed) // 2, len(packed) // 2 + 4000):
        packed[place] ^= 0x55
    got, source = read(bytes(packed))
    same = sum(1 for a, b in zip(got, frames, strict=False) if a == b)
    assert same > 2000
    assert source.damaged >= 1


def test_thousands_of_damaged_files() -> None:
    """Real captures with bytes flipped, cut out and put in: whatever comes, it comes and ends."""
    rng = random.Random(3)
    seeds = [path.read_bytes()[:30_000] for path in sorted(OWN_CAPTURES.iterdir()) if "cap" in path.suffix]
    seeds += [gzip.compress(seeds[0]), zstandard.compress(seeds[0]), lz4.frame.compress(seeds[0])]
    for _ in range(3000):
        data = bytearray(rng.choice(seeds))
        for _ in range(rng.choice([1, 1, 3, 20, 200])):
            place = rng.randrange(len(data) or 1)
            action = rng.randrange(4)
            if action == 0:
                data[place : place + rng.randrange(50)] = b""
            elif action == 1:
                data[place:place] = rng.randbytes(rng.randrange(50))
            else:
                data[place : place + 1] = rng.randbytes(1)
        try:
            got, source = read(bytes(data))
        except CaptureError as error:
            assert "\n" not in str(error)
            continue
        assert len(got) <= len(data) * 10 // 16 or source.damaged
        assert len(source.warnings) <= WARNINGS_MAX + 1
