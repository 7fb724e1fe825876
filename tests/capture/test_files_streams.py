"""Pipes: frames come out as soon as they are in, whatever the size of the writes."""

import gzip
import io
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import lz4.frame
import pytest
import zstandard

from capture.block import Block
from capture.files import CaptureError, open_capture
from tests.capture.writers import (
    calls_like,
    enhanced,
    frames_of,
    interface,
    pcap,
    pcap_header,
    pcap_record,
    section,
)
from tests.capture.writers import pcapng as write_pcapng

FRAMES = calls_like(600)


@contextmanager
def piped(write: Callable[[int], None]) -> Iterator[BinaryIO]:
    """The reading end of a pipe that `write` fills from another thread."""
    reading, writing = os.pipe()

    def run() -> None:
        write(writing)
        os.close(writing)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        with os.fdopen(reading, "rb") as stream:
            yield stream
    finally:
        thread.join()


def in_pieces(data: bytes, size: int) -> Callable[[int], None]:
    def write(descriptor: int) -> None:
        for at in range(0, len(data), size):
            os.write(descriptor, data[at : at + size])

    return write


@pytest.mark.parametrize("size", [1, 17, 4096])
@pytest.mark.parametrize("make", [pcap, write_pcapng])
def test_small_writes(make: Callable[..., bytes], size: int) -> None:
    frames = FRAMES[:60] if size == 1 else FRAMES
    with piped(in_pieces(make(frames), size)) as stream:
        source = open_capture(stream)
        assert source.bytes_total is None
        assert frames_of(source) == frames
        assert source.warnings == []
        assert source.bytes_done == len(make(frames))


@pytest.mark.parametrize("unbuffered", [True, False])
@pytest.mark.parametrize("kind", ["pcap", "pcapng"])
def test_each_frame_comes_out_before_the_next_is_written(kind: str, unbuffered: bool) -> None:
    """The writer waits for the reader: a source that gathered more first would never end."""
    head = pcap_header() if kind == "pcap" else section() + interface("<", 1, 9)
    go_on = threading.Semaphore(1)

    def write(descriptor: int) -> None:
        os.write(descriptor, head)
        for frame in FRAMES[:20]:
            go_on.acquire()
            record = pcap_record(frame) if kind == "pcap" else enhanced("<", 0, frame.time_ns, frame)
            os.write(descriptor, record)

    with piped(write) as stream:
        seen = 0
        for block in open_capture(stream.raw if unbuffered else stream):  # type: ignore[attr-defined]
            assert len(block.offset) == 1
            seen += 1
            go_on.release()
    assert seen == 20


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_a_flushed_compressed_stream_comes_out_at_once(kind: str) -> None:
    go_on = threading.Semaphore(1)

    def write(descriptor: int) -> None:
        out = os.fdopen(descriptor, "wb", buffering=0, closefd=False)
        if kind == "gzip":
            packed: BinaryIO = gzip.GzipFile(fileobj=out, mode="wb")  # type: ignore[assignment]
        else:
            packed = zstandard.ZstdCompressor().stream_writer(out, closefd=False)  # type: ignore[assignment]
        packed.write(pcap_header())
        for frame in FRAMES[:10]:
            go_on.acquire()
            packed.write(pcap_record(frame))
            packed.flush()
        packed.close()

    seen = 0
    with piped(write) as stream:
        for block in open_capture(stream):
            seen += len(block.offset)
            go_on.release()
    assert seen == 10


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress, lz4.frame.compress])
def test_compressed_pipes(compress: Callable[[bytes], bytes]) -> None:
    with piped(
        in_pieces(compress(pcap(FRAMES)) + compress(b"".join(map(pcap_record, FRAMES))), 999)
    ) as stream:
        assert frames_of(open_capture(stream)) == FRAMES * 2


def test_named_pipes_and_redirected_files(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    thread = threading.Thread(target=lambda: fifo.write_bytes(pcap(FRAMES)))
    thread.start()
    assert frames_of(open_capture(fifo)) == FRAMES
    thread.join()
    path = tmp_path / "redirected"
    path.write_bytes(b"prefix" + pcap(FRAMES))
    with path.open("rb") as stream:
        stream.seek(6)
        assert frames_of(open_capture(stream)) == FRAMES


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(pcap(FRAMES))))
    source = open_capture("-", sensor="edge1")
    assert source.name == "standard input"
    assert source.sensor == "edge1"
    assert frames_of(source) == FRAMES


def test_a_stream_is_read_once() -> None:
    source = open_capture(io.BytesIO(pcap(FRAMES)))
    assert frames_of(source) == FRAMES
    with pytest.raises(CaptureError, match="only once"):
        frames_of(source)


def test_a_stream_that_fails_says_where() -> None:
    class Broken(io.RawIOBase):
        data = pcap(FRAMES)[:1000]

        def readinto(self, into: memoryview) -> int:  # type: ignore[override]
            if not self.data:
                raise OSError(5, "Input/output error")
            size = min(len(into), len(self.data), 100)
            piece, self.data = self.data[:size], self.data[size:]
            into[:size] = piece
            return size

    with pytest.raises(CaptureError, match=r"byte 1000.*Input/output error"):
        frames_of(open_capture(Broken()))  # type: ignore[arg-type]


def test_a_large_unknown_block_in_a_pipe_is_passed_over() -> None:
    frames = FRAMES[:5]
    big = (0x77777777).to_bytes(4, "little") + (9_000_012).to_bytes(4, "little")
    big += bytes(9_000_000) + (9_000_012).to_bytes(4, "little")
    data = write_pcapng(frames)
    with piped(in_pieces(data + big + data, 60_000)) as stream:
        assert frames_of(open_capture(stream)) == frames * 2


def test_a_file_cut_while_it_is_read_ends_with_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "rotated.pcap"
    path.write_bytes(pcap(FRAMES * 10))
    source = open_capture(path)
    blocks: list[Block] = []
    for block in source:
        if not blocks:
            os.truncate(path, 100)
        blocks.append(block)
    assert len(blocks) == 1
    assert "cut" in source.warnings[0]
