"""The captures of a run, of which some may be missing."""

import sys
from collections.abc import Sequence
from typing import Final

from capture.block import Source
from capture.errors import CaptureError
from capture.files import open_capture
from capture.merge import merge
from capture.reorder import in_order
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


def say_unread(unread: Sequence[str]) -> None:
    """Tell the user which captures are missing in what follows."""
    for line in unread:
        print(f"offhook: {clean(line)}; the others are read without it", file=sys.stderr, flush=True)
