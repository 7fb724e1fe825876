"""A stereo WAV of 16 bits, written where sound is and left empty (a hole in the file) where none is."""

import errno
import os
import shutil
import struct
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from capture.bounds import AUDIO_BYTES_MAX

CHANNELS: Final = 2
FRAME: Final = 2 * CHANNELS
"""Bytes of one sample of both channels."""

_HEAD: Final = struct.Struct("<4sI4s4sIHHIIHH4sI")
_PCM: Final = 1


def frames_max() -> int:
    """How many samples a channel may have."""
    return AUDIO_BYTES_MAX // FRAME


def create(path: Path, rate: int, frames: int, sounding: int) -> npt.NDArray[np.int16]:
    """A silent WAV; returns its samples, (frames, 2), to be written to.

    Raises OSError, also where the disk has no room for `sounding` frames: a write to a mapped file could
    not say so.
    """
    size = frames * FRAME
    if shutil.disk_usage(path.parent).free < min(size, sounding * FRAME):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    head = _HEAD.pack(
        b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, _PCM, CHANNELS, rate, rate * FRAME, FRAME, 16, b"data", size
    )
    with path.open("wb") as out:
        out.write(head)
        out.truncate(len(head) + size)
    if not frames:
        return np.zeros((0, CHANNELS), np.int16)
    return np.memmap(path, "<i2", "r+", offset=len(head), shape=(frames, CHANNELS))
