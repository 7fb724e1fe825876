"""Captures that a cut can walk more than once."""

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from capture.errors import CaptureError
from offhook.stdin_end import STDIN


@contextlib.contextmanager
def rereadable(paths: Sequence[str]) -> Iterator[list[str]]:
    """The paths, where pipes and standard input have been read into temporary files, gone afterwards.

    Raises CaptureError where that fails.
    """
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(_kept(path)) if _is_stream(path) else path for path in paths]


def _is_stream(path: str) -> bool:
    if path == STDIN:
        return True
    try:
        return Path(path).exists() and not Path(path).is_file()
    except (OSError, ValueError):
        return False  # opening it will tell


@contextlib.contextmanager
def _kept(path: str) -> Iterator[str]:
    with tempfile.NamedTemporaryFile(prefix="offhook-") as file:
        try:
            if path == STDIN:
                shutil.copyfileobj(sys.stdin.buffer, file)
            else:
                with Path(path).open("rb") as source:
                    shutil.copyfileobj(source, file)
            file.flush()
        except OSError as error:
            name = "standard input" if path == STDIN else path
            raise CaptureError(f"{name}: cannot be kept while it is read: {error.strerror}") from error
        yield file.name
