"""The captures of a run, of which some may be missing."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from capture.block import Source
from capture.errors import CaptureError
from capture.files import open_capture
from capture.merge import merge
from capture.reorder import in_order
from offhook.errors import UsageError
from offhook.stdin_end import STDIN
from offhook.text import clean

SENSOR: Final = "file"
"""Who hears a capture on the desk."""


def opened(paths: Sequence[str]) -> tuple[Source, list[str]]:
    """What can be read, merged by time, and a line for each of several that cannot.

    Raises CaptureError where nothing can.
    """
    sources, unread = readable(paths)
    return merge(sources), unread


def readable(paths: Sequence[str]) -> tuple[list[Source], list[str]]:
    """As `opened`, each file by itself, its packets in order of time."""
    sources: list[Source] = []
    unread = []
    for path in paths:
        try:
            sources.append(in_order(open_capture(path, sensor=SENSOR)))
        except CaptureError as error:
            unread.append(str(error))
    if paths and not sources:
        others = f" (and {len(unread) - 1} more cannot be read)" if len(unread) > 1 else ""
        raise CaptureError(unread[0] + others)
    return sources, unread


def refuse_overwriting(target: Path, paths: Sequence[str]) -> None:
    """Raises UsageError where what is to be written is a capture that is read."""
    for path in paths:
        if path != STDIN and target.exists() and Path(path).exists() and target.samefile(path):
            raise UsageError(f"{path} is read and cannot be written to")


def say_unread(unread: Sequence[str]) -> None:
    """Tell the user which captures are missing in what follows."""
    for line in unread:
        print(f"offhook: {clean(line)}; the others are read without it", file=sys.stderr, flush=True)
