"""What a pcapng's statistics say of packets that were not captured is told in one line, and is no damage."""

import io
import struct

import pytest

from capture.files import open_capture
from tests.capture.writers import Frame, block, frames_of, option, pcapng

FRAMES = [Frame(1_700_000_000_000_000_000 + n, bytes([n] * 60), 60) for n in range(3)]


def count(order: str, code: int, value: int) -> bytes:
    return option(order, code, struct.pack(order + "Q", value))


def statistics(order: str, interface: int, *options: bytes) -> bytes:
    """An interface statistics block (draft-ietf-opsawg-pcapng, 4.6)."""
    head = struct.pack(order + "III", interface, 0, 0)
    return block(order, 5, head + b"".join(options) + option(order, 0, b""))


@pytest.mark.parametrize("order", "<>")
def test_drops_are_told_and_every_frame_is_read(order: str) -> None:
    told = statistics(order, 0, count(order, 4, 5000), count(order, 5, 1200), count(order, 7, 34))
    more = pcapng(FRAMES, order)
    source = open_capture(io.BytesIO(pcapng(FRAMES, order) + told + told + more))
    assert frames_of(source) == FRAMES + FRAMES
    (line,) = source.warnings
    assert "1,234 packets were dropped when it was captured" in line
    assert source.damaged == 0


def test_statistics_without_drops_say_nothing() -> None:
    none = statistics("<", 0, count("<", 4, 3), count("<", 5, 0))
    unknown = statistics("<", 7, count("<", 5, 9))  # of an interface that there is not
    source = open_capture(io.BytesIO(pcapng(FRAMES) + none + unknown + block("<", 5, bytes(12))))
    assert frames_of(source) == FRAMES
    assert source.warnings == []


def test_statistics_that_are_cut_short_are_damage() -> None:
    source = open_capture(io.BytesIO(pcapng(FRAMES) + block("<", 5, bytes(8)) + pcapng(FRAMES)))
    assert frames_of(source) == FRAMES + FRAMES
    assert source.damaged == 1
