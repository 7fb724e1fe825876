"""Captures that a cut can walk more than once."""

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from capture.errors import CaptureError
from offhook.pipeline import STDIN


@contextlib.contextmanager
def rereadable(paths: Sequence[str]) -> Iterator[list[str]]:
    """The paths, where pipes and standard input have been read into temporary files, gone afterwards.

    Raises CaptureError where that fails.
    """
    with contextlib.ExitStack() as stack:
        yield [_kept(path, stack) if path == STDIN or _is_stream(path) else path for path in paths]


def _is_stream(path: str) -> bool:
    try:
        return Path(path).exists() and not Path(path).is_file()
    except (OSError, ValueError):
        return False  # opening it will tell


def _kept(path: str, stack: contextlib.ExitStack) -> str:
    name = "standard input" if path == STDIN else path
    try:
        file = stack.enter_context(tempfile.NamedTemporaryFile(prefix="offhook-"))
        source = sys.stdin.buffer if path == STDIN else stack.enter_context(Path(path).open("rb"))
        shutil.copyfileobj(source, file)
        file.flush()
    except OSError as error:
        raise CaptureError(f"{name}: cannot be kept while it is read: {error.strerror}") from error
    return file.name
