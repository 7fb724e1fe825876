"""Lines of styled text in terminal columns: put side by side, wrapped at words, in ASCII where need be."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final

from offhook.output.paint import Paint
from offhook.text import clean, cut
from offhook.text import width as text_width

Span = tuple[str, str]
"""Text, and its style (a name of rich, "" for none); text of the wire is made safe by `render`."""

Line = Sequence[Span]

NO_BREAK: Final = "\u00a0"
"""A space at which no line ends."""

_ASCII: Final = str.maketrans(
    {
        "│": "|", "─": "-", "┄": "~", "═": "=", "┼": "+", "┐": ".", "╪": "+",
        "►": ">", "◄": "<", "→": ">", "←": "<", "…": ".", "·": "-", "µ": "u", "×": "x", "–": "-",
        "▁": "_", "▂": ".", "▃": ":", "▄": ";", "▅": "+", "▆": "*", "▇": "#",
    }
)  # fmt: skip


_NARROW: Final = re.compile("[ -~│─┄═►◄→…·µ×▁-█]*\\Z")
"""Text that is certainly a column a character: what pages are made of."""


def width(text: str) -> int:
    """Columns of a terminal that text takes."""
    return len(text) if _NARROW.match(text) else text_width(text)


class Row:
    """One line as a canvas: text is put at a column and covers what was there."""

    def __init__(self, columns: int) -> None:
        self._cells = [" "] * columns  # "" behind a character two columns wide
        self._styles = [""] * columns

    def copy(self) -> "Row":
        """A row of its own with the same text."""
        row = Row(0)
        row._cells, row._styles = self._cells.copy(), self._styles.copy()
        return row

    def put(self, column: int, text: str, style: str = "") -> None:
        """Put text at a column; what passes the edge is cut."""
        cells, styles = self._cells, self._styles
        if _NARROW.match(text) and column + len(text) <= len(cells):
            end = column + len(text)
            cells[column:end], styles[column:end] = text, [style] * len(text)
            return
        for character in cut(text, len(cells) - column) if column < len(cells) else "":
            size = width(character)
            if size == 0:
                if column:
                    cells[column - 1] += character
                continue
            cells[column], styles[column] = character, style
            if size == 2:
                cells[column + 1], styles[column + 1] = "", style
            column += size

    def spans(self) -> Line:
        """The row without the spaces at its end."""
        spans: list[Span] = []
        at = 0
        for style, run in groupby(self._styles):
            end = at + len(list(run))
            spans.append(("".join(self._cells[at:end]), style))
            at = end
        while spans and not spans[-1][0].rstrip(" "):
            spans.pop()
        if spans:
            spans[-1] = spans[-1][0].rstrip(" "), spans[-1][1]
        return spans


def line_width(line: Line) -> int:
    """Columns that a line takes."""
    return sum(width(text) for text, _ in line)


def wrap(spans: Iterable[Span], columns: int, *, indent: int = 0, first: int = 0) -> Iterator[Line]:
    """Words in lines of at most so many columns, indented by `first`, then by `indent`."""
    line: list[Span] = [(" " * first, "")]
    used, fresh = first, True
    for text, style in _words(spans, columns - max(indent, first)):
        space = 0 if fresh else 1
        if not fresh and used + space + width(text) > columns:
            yield line
            line, used, space = [(" " * indent, "")], indent, 0
        piece = " " * space + text
        if not fresh and line[-1][1] == style:
            line[-1] = line[-1][0] + piece, style
        else:
            line.append((piece, style))
        used += space + width(text)
        fresh = False
    if not fresh:
        yield line


def _words(spans: Iterable[Span], longest: int) -> Iterator[Span]:
    """The words of the spans, those that fit no line in pieces."""
    longest = max(longest, 2)
    for text, style in spans:
        for word in filter(None, text.split(" ")):
            yield from ((piece, style) for piece in pieces(word, longest))


def pieces(text: str, longest: int) -> Iterator[str]:
    """The text in pieces of at most so many columns (at least 2); one piece of text without any."""
    if width(text) <= longest:
        yield text
        return
    start, used = 0, 0
    for end, character in enumerate(text):
        size = width(character)
        if used + size > longest:
            yield text[start:end]
            start, used = end, 0
        used += size
    yield text[start:]


def render(line: Line, paint: Paint, *, ascii_only: bool) -> str:
    """The line as text with the terminal's codes; what the wire put into it loses its control characters."""
    line = [(clean(text.replace(NO_BREAK, " ")), style) for text, style in line]
    if ascii_only:
        line = [(to_ascii(text), style) for text, style in line]
    last = len(line) - 1
    return "".join(
        paint.styled(text.rstrip() if number == last else text, style)
        for number, (text, style) in enumerate(line)
    )


def to_ascii(text: str) -> str:
    """The text of the same width in ASCII: lines and arrows by their likes, the rest as `?`."""
    if text.isascii():
        return text
    return "".join(c if c.isascii() else "?" * width(c) for c in text.translate(_ASCII))
