"""Colour and width of where a table goes."""

import textwrap
from typing import TYPE_CHECKING, Self, TextIO

if TYPE_CHECKING:
    from rich.style import Style


class Paint:
    """`columns` None and `colour` False outside of a terminal: whole lines, plain text."""

    def __init__(self, columns: int | None = None, *, colour: bool = False) -> None:
        """A terminal of so many columns."""
        self.columns = columns
        self.colour = colour
        self._styles: dict[str, Style] = {}

    @classmethod
    def of(cls, out: TextIO) -> Self:
        """As the stream is: rich knows its width, and whether NO_COLOR or TERM forbid colour."""
        if not out.isatty():
            return cls()
        from rich.console import Console

        console = Console(file=out)
        return cls(console.width, colour=console.color_system is not None and not console.no_color)

    def styled(self, text: str, style: str) -> str:
        """The text with terminal codes for a style of rich; the text alone without colour."""
        if not self.colour or not style or not text.strip():
            return text
        from rich.color import ColorSystem
        from rich.style import Style

        if style not in self._styles:
            self._styles[style] = Style.parse(style)
        return self._styles[style].render(text, color_system=ColorSystem.STANDARD)

    def wrap(self, text: str) -> str:
        """The text in lines of a terminal's width, at most 110."""
        return textwrap.fill(text, min(self.columns or 110, 110))
