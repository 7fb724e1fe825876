"""Writes the pages of calls where they are read: a terminal, or a pipe."""

import os
import sys
from collections.abc import Sequence
from typing import BinaryIO, Final

from offhook.bounds import CALL_RECORDS
from offhook.output.call.lines import Line, render
from offhook.output.call.page import page
from offhook.output.call.story import CallStory
from offhook.output.paint import Paint
from offhook.times import Clock

PIPE_COLUMNS: Final = 100
"""Width where there is no terminal."""

COLUMNS_LEAST: Final = 40
COLUMNS_MOST: Final = 240


class Viewer:
    """Shows calls fitted and coloured on a terminal, plain and 100 columns wide in a pipe (texts of
    messages: as wide as they are).

    Where the encoding has no lines and arrows, TERM is dumb, or `ascii_only`: in ASCII.
    """

    def __init__(self, clock: Clock, *, with_texts: bool, ascii_only: bool, opens: Sequence[str]) -> None:
        """`opens`: the words of the command that shows another call, the last one right before its id."""
        self._clock, self._with_texts, self._opens = clock, with_texts, opens
        self._paint = Paint.of(sys.stdout)
        self._encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        self._ascii = ascii_only or not _draws_lines(self._encoding) or os.environ.get("TERM") == "dumb"
        self.columns = _columns(self._paint)

    def show(self, stories: Sequence[CallStory], out: BinaryIO) -> None:
        """Write a page a call, one after another."""
        for number, story in enumerate(stories[:CALL_RECORDS]):
            if number:
                self._write([("─" * self.columns, "dim")], out)
            for line in page(
                story,
                self.columns,
                self._clock,
                with_texts=self._with_texts,
                whole_texts=self._paint.columns is None,
                opens=self._opens,
            ):
                self._write(line, out)
        if len(stories) > CALL_RECORDS:
            self._write(
                [(f"and {len(stories) - CALL_RECORDS:,} more calls with this Call-ID", "yellow")], out
            )
        out.flush()

    def _write(self, line: Line, out: BinaryIO) -> None:
        text = render(line, self._paint, ascii_only=self._ascii)
        out.write((text + "\n").encode(self._encoding, "replace"))


def _columns(paint: Paint) -> int:
    """The terminal's width; in a pipe $COLUMNS, else 100."""
    said = os.environ.get("COLUMNS", "")
    columns = paint.columns or (int(said) if said.isdecimal() and len(said) < 5 else PIPE_COLUMNS)
    return min(max(columns, COLUMNS_LEAST), COLUMNS_MOST)


def _draws_lines(encoding: str) -> bool:
    try:
        "│─►▁█→".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
