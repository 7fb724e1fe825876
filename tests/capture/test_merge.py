"""Merging: a split put together again is the original; ties keep the order of the files."""

import io
import itertools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capture.block import Block
from capture.files import open_capture
from capture.merge import merge
from tests.capture.writers import Frame, calls_like, frames_of, pcap, pcapng

START = 1_700_000_000_000_000_000


def expected(files: list[list[Frame]]) -> list[Frame]:
    """The definition, plainly: sort by (latest time so far in its file, file); sorting is stable."""
    keyed = [
        (latest, number, frame)
        for number, frames in enumerate(files)
        for latest, frame in zip(itertools.accumulate((f.time_ns for f in frames), max), frames, strict=True)
    ]
    return [frame for _, _, frame in sorted(keyed, key=lambda row: row[:2])]


def as_files(files: list[list[Frame]], folder: Path, write: object = pcap) -> list[Path]:
    paths = [folder / f"{number}.pcap" for number in range(len(files))]
    for path, frames in zip(paths, files, strict=True):
        path.write_bytes(pcapng(frames) if write is pcapng else pcap(frames))
    return paths


MARKED = st.lists(
    st.lists(st.tuples(st.integers(0, 40), st.sampled_from([1, 113])), max_size=40), min_size=1, max_size=5
)


@given(MARKED, st.booleans())
@settings(max_examples=150, deadline=None)
def test_merging_is_a_stable_sort_by_running_time(rows: list[list[tuple[int, int]]], streams: bool) -> None:
    files = [
        [
            Frame(START + time * 1000, f"{file}:{number}".encode(), 9, link_type)
            for number, (time, link_type) in enumerate(frames)
        ]
        for file, frames in enumerate(rows)
    ]
    sources = [open_capture(io.BytesIO(pcapng(frames))) for frames in files]
    if not streams:
        sources = [InBlocks(frames, 1 + number) for number, frames in enumerate(files)]  # type: ignore[misc]
    assert frames_of(merge(sources)) == expected(files)


class InBlocks:
    """Frames as a source of blocks of a few frames each, whose buffers are overwritten once they are done."""

    def __init__(self, frames: list[Frame], size: int) -> None:
        self.warnings: list[str] = []
        self.bytes_done = 0
        self.bytes_total: int | None = None
        self._frames, self._size = frames, size

    def __iter__(self) -> Iterator[Block]:
        for kind, run in itertools.groupby(self._frames, key=lambda frame: frame.link_type):
            frames = list(run)
            for at in range(0, len(frames), self._size):
                (block,) = open_capture(io.BytesIO(pcap(frames[at : at + self._size], link_type=kind)))
                block.buffer = block.buffer.copy()
                yield block
                block.buffer[:] = 0xEE

    def first_time_ns(self) -> int | None:
        return self._frames[0].time_ns if self._frames and self._size % 2 else None

    block_bytes_max = 0


@given(st.lists(st.integers(0, 3), min_size=300, max_size=300), st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_a_split_put_together_is_the_original(owners: list[int], files: int) -> None:
    frames = calls_like(300)
    parts: list[list[Frame]] = [[] for _ in range(files)]
    for frame, owner in zip(frames, owners, strict=True):
        parts[owner % files].append(frame)
    merged = merge([open_capture(io.BytesIO(pcap(part))) for part in parts])
    assert frames_of(merged) == frames


def test_large_overlapping_files(tmp_path: Path) -> None:
    frames = calls_like(60_000)
    paths = as_files([frames[0::3], frames[1::3], frames[2::3]], tmp_path)
    source = merge([open_capture(path) for path in paths])
    total = sum(path.stat().st_size for path in paths)
    assert source.bytes_total == total
    assert frames_of(source) == frames
    assert source.bytes_done == total


def test_rotated_files_are_handed_on_untouched(tmp_path: Path) -> None:
    """In any order given: every block is the file's own, over its own bytes; files are opened when due."""
    frames = calls_like(3000)
    paths = as_files([frames[at : at + 100] for at in range(0, 3000, 100)], tmp_path)
    opened: list[Path] = []

    class Watched:
        def __init__(self, path: Path) -> None:
            self._source = open_capture(path)
            self.path, self.warnings = path, self._source.warnings
            self.bytes_done, self.bytes_total = 0, self._source.bytes_total
            self.block_bytes_max, self.first_time_ns = 0, self._source.first_time_ns

        def __iter__(self) -> Iterator[Block]:
            opened.append(self.path)
            return iter(self._source)

    for seen, block in enumerate(merge([Watched(path) for path in reversed(paths)]), 1):
        assert len(opened) == seen
        assert block.buffer.base is not None  # the mapping, not a copy
        assert len(block.offset) == 100
    assert opened == paths


def test_a_stream_takes_part(tmp_path: Path) -> None:
    frames = calls_like(1000)
    (path,) = as_files([frames[:500]], tmp_path)
    stream = io.BytesIO(pcap(frames[500:]))
    source = merge([open_capture(stream), open_capture(path)])
    assert source.bytes_total is None
    assert frames_of(source) == frames


def test_damage_and_warnings_are_passed_on() -> None:
    frames = calls_like(100)
    hurt = pcap(frames[:50]) + b"\xff" * 99
    source = merge([open_capture(io.BytesIO(hurt)), open_capture(io.BytesIO(pcap(frames[50:])))])
    assert frames_of(source) == frames
    assert len(source.warnings) == 1
    assert source.damaged == 1  # type: ignore[attr-defined]


def test_one_source_is_itself_and_none_is_empty() -> None:
    source = open_capture(io.BytesIO(pcap([])))
    assert merge([source]) is source
    assert list(merge([])) == []


MEASURE = """
import resource, sys
from capture.files import open_capture
from capture.merge import merge
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
paths = sys.argv[1:]
list(open_capture(paths[0]))
before = peak()
frames = sum(len(block.offset) for block in merge([open_capture(path) for path in paths[1:]]))
print(frames, peak() - before)
"""


@pytest.mark.parametrize("overlapping", [1, 2])
def test_memory_does_not_grow_with_the_file(overlapping: int, tmp_path: Path) -> None:
    """A file of 300 MB, and two of them interleaved, within 60 MB."""
    frames = calls_like(1000)
    records = pcap(frames)[24:]
    small, large = tmp_path / "small.pcap", tmp_path / "large.pcap"
    small.write_bytes(pcap(frames))
    with large.open("wb") as file:
        file.write(pcap([]))
        for _ in range(300_000_000 // len(records)):
            file.write(records)
    script = [sys.executable, "-c", MEASURE, str(small), *[str(large)] * overlapping]
    root = Path(__file__).parents[2]
    out = subprocess.run(script, capture_output=True, text=True, check=True, cwd=root).stdout
    count, grown_mb = map(int, out.split())
    assert count == 300_000_000 // len(records) * 1000 * overlapping
    assert grown_mb < 60
