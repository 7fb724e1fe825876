"""Where rows are written: standard output, or the file of -o."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


@contextlib.contextmanager
def destination(path: str | None) -> Iterator[BinaryIO]:
    """The file, made anew and closed at the end; without one, standard output. OSError."""
    if path is None:
        yield sys.stdout.buffer
        return
    with Path(path).open("wb") as out:
        yield out
