"""`--format csv`: a header and a line a row, safe to open in a spreadsheet (RFC 4180, UTF-8)."""

import csv
from operator import attrgetter
from typing import Any, BinaryIO

import msgspec

from offhook.output.json_lines import with_times
from offhook.output.writer import Row
from offhook.report import Shown, Summary
from offhook.text import clean, unformula

CHILDREN = frozenset({"sip_events", "dtmf", "hold", "streams", "rtcp"})
"""Fields with rows of their own; `--rows streams` and JSON have them."""


class CsvRows:
    """Writes rows to a byte stream as they come; the header comes first, even without rows."""

    def __init__(self, out: BinaryIO, kind: type[msgspec.Struct], *, flush: bool) -> None:
        """`kind` is the type of all rows; `flush` writes each line through at once."""
        self._out, self._flush = out, flush
        self._writer = csv.writer(_Encoded(out), lineterminator="\r\n")
        self._names = [name for name in kind.__struct_fields__ if name not in CHILDREN]
        self._values = attrgetter(*self._names)
        self._writer.writerow(self._names)

    def write(self, row: Row) -> None:
        """Write one line."""
        values = self._values(with_times(row, children=False))
        self._writer.writerow([_cell(value) for value in values])
        if self._flush:
            self._out.flush()

    def finish(self, summary: Summary, shown: Shown) -> None:
        """CSV carries rows alone."""


class _Encoded:
    """A text file over a byte stream it does not own."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out

    def write(self, text: str) -> int:
        return self._out.write(text.encode("utf-8", "replace"))


def _cell(value: Any) -> Any:
    """Text made safe, numbers as they are, lists separated by spaces, nothing for unknown."""
    kind = type(value)
    if value is None or kind is int or kind is float:
        return value
    if kind is str:
        return value if value.isalnum() else unformula(clean(value))
    if kind is bool:
        return "true" if value else "false"
    if kind is list:
        return unformula(clean(" ".join(item if isinstance(item, str) else _json(item) for item in value)))
    return _json(value) if value else ""


def _json(value: Any) -> str:
    return clean(msgspec.json.encode(value).decode())
