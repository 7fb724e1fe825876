"""^C on a capture that comes through a pipe: what was heard so far is finished, as at the capture's end."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Final

STDIN: Final = "-"
GRACE_S: Final = 2.0
"""Whoever writes the capture gets the same ^C, writes what it still has, and ends; else it has so long."""


@contextlib.contextmanager
def ended_by_interrupt(files: Sequence[str]) -> Iterator[None]:
    """While standard input is read: the first SIGINT ends it, a second one this process."""
    if not _concerns(files):
        yield
        return
    said = "offhook: ends with what was heard; again to stop at once"

    def end_soon(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.setitimer(signal.ITIMER_REAL, GRACE_S)
        if sys.stderr.isatty():
            print(said, file=sys.stderr, flush=True)

    before = signal.signal(signal.SIGALRM, _end_now)
    signal.signal(signal.SIGINT, end_soon)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGALRM, before)


def _concerns(files: Sequence[str]) -> bool:
    """Not a terminal, which has no capture to finish; nor where somebody else decides what an interrupt does,
    such as a shell that runs us behind it."""
    return (
        STDIN in files
        and not sys.stdin.isatty()
        and threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )


def _end_now(_number: int, _frame: FrameType | None) -> None:
    """A read that waits is begun again after a signal: then of an input that has ended."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, sys.stdin.fileno())
    os.close(nothing)
