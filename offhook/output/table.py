"""`--format table`: aligned text, coloured and fitted on a terminal, whole and plain in a pipe."""

from typing import BinaryIO, Final

from offhook.bounds import CELL_WIDTH, TABLE_ROWS_HELD
from offhook.output.paint import Paint
from offhook.output.summary import summary_lines
from offhook.output.views import Column, View
from offhook.output.writer import Row
from offhook.report import Shown, Summary
from offhook.text import fit, width
from offhook.times import Clock

_GAP: Final = "  "

Cells = tuple[str, ...]


class Table:
    """Writes rows of one kind, and the report under them.

    Rows of files are kept until the end, up to TABLE_ROWS_HELD, to sort them by time and to measure the
    columns; from there on, and for a reader who follows (`live`), rows go out as they come.
    """

    def __init__(self, out: BinaryIO, view: View, clock: Clock, paint: Paint, *, live: bool) -> None:
        """`paint.columns` is the terminal's width, None where lines may have any length."""
        self._out, self._view, self._clock, self._paint, self._live = out, view, clock, paint, live
        self._held: list[tuple[int, int, Cells, dict[int, str]]] = []
        self._widths: list[tuple[int, int]] | None = None  # (column's number, width) of the columns shown
        self._rows = 0

    def write(self, row: Row) -> None:
        """Write the row, or keep it until the columns are laid out."""
        cells = self._view.cells(row, self._clock)
        styles = self._view.styles(row) if self._paint.colour else {}
        self._rows += 1
        if self._widths is not None:
            self._line(cells, styles)
        elif self._live:
            self._lay_out([])
            self._line(cells, styles)
        else:
            self._held.append((self._view.order(row), self._rows, cells, styles))
            if len(self._held) >= TABLE_ROWS_HELD:
                self._release()
        if self._live:
            self._out.flush()

    def finish(self, summary: Summary, shown: Shown) -> None:
        """Write the rows kept, the legend and the report."""
        self.finish_rows()
        for line in summary_lines(summary, shown, self._clock):
            self._print(self._paint.styled(line, "bold") if not line.startswith(" ") else line)
        self._out.flush()

    def finish_rows(self) -> None:
        """Write the rows kept and the legend."""
        if self._held:
            self._release()
        if self._rows:
            self._print("")
            self._print(self._paint.wrap(self._view.legend))
        self._out.flush()

    def _release(self) -> None:
        self._held.sort()
        self._lay_out([cells for _, _, cells, _ in self._held])
        for _, _, cells, styles in self._held:
            self._line(cells, styles)
        self._held.clear()

    def _lay_out(self, rows: list[Cells]) -> None:
        columns = self._view.columns
        widths = [self._measure(column, number, rows) for number, column in enumerate(columns)]
        self._widths = narrowed(columns, widths, self._paint.columns)
        header = [fit(columns[n].title, w, right=columns[n].right) for n, w in self._widths]
        self._print(self._paint.styled(_GAP.join(header).rstrip(), "bold"))

    @staticmethod
    def _measure(column: Column, number: int, rows: list[Cells]) -> int:
        widest = max((width(cells[number]) for cells in rows), default=column.live)
        return max(len(column.title), min(widest, CELL_WIDTH))

    def _line(self, cells: Cells, styles: dict[int, str]) -> None:
        assert self._widths is not None
        columns, whole = self._view.columns, self._paint.columns is None
        texts = []
        for number, size in self._widths:
            text = cells[number]
            if len(text) <= size and text.isascii():
                text = text.rjust(size) if columns[number].right else text.ljust(size)
            elif not whole or width(text) <= size:
                text = fit(text, size, right=columns[number].right)
            texts.append(self._paint.styled(text, styles[number]) if number in styles else text)
        self._print(_GAP.join(texts).rstrip())

    def _print(self, line: str) -> None:
        self._out.write((line + "\n").encode("utf-8", "replace"))


def narrowed(columns: tuple[Column, ...], widths: list[int], terminal: int | None) -> list[tuple[int, int]]:
    """(number, width) of the columns that fit: free text is cut first, then the least wanted columns go."""
    shown = dict(enumerate(widths))
    if terminal is None:
        return list(shown.items())
    while (over := _line_width(shown) - terminal) > 0:
        free = [n for n in shown if columns[n].free and shown[n] > columns[n].narrowest]
        if sum(shown[n] - columns[n].narrowest for n in free) >= over:
            _cut(shown, {n: columns[n].narrowest for n in free}, over)
            break
        if len(shown) == 1:
            break
        del shown[min(shown, key=lambda n: (columns[n].keep, -n))]
    return list(shown.items())


def _line_width(shown: dict[int, int]) -> int:
    return sum(shown.values()) + len(_GAP) * (len(shown) - 1)


def _cut(shown: dict[int, int], narrowest: dict[int, int], over: int) -> None:
    """Take `over` columns away from those that have most to give."""
    for _ in range(over):
        shown[max(narrowest, key=lambda n: shown[n] - narrowest[n])] -= 1
