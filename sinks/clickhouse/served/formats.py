"""ClickHouse's formats as an answer needs them: the content type, and how chunks become one body."""

from collections.abc import Callable, Mapping
from typing import Final

DEFAULT: Final = "TabSeparated"

_TYPES: Final[Mapping[str, str]] = {
    "tabseparated": "text/tab-separated-values; charset=UTF-8",
    "tsv": "text/tab-separated-values; charset=UTF-8",
    "csv": "text/csv; charset=UTF-8; header=absent",
    "csvwithnames": "text/csv; charset=UTF-8; header=present",
    "json": "application/json; charset=UTF-8",
    "jsoncompact": "application/json; charset=UTF-8",
    "jsonstrings": "application/json; charset=UTF-8",
    "jsoneachrow": "application/x-ndjson; charset=UTF-8",
    "native": "application/octet-stream",
    "rowbinary": "application/octet-stream",
    "rowbinarywithnames": "application/octet-stream",
    "rowbinarywithnamesandtypes": "application/octet-stream",
    "parquet": "application/octet-stream",
    "arrow": "application/octet-stream",
    "orc": "application/octet-stream",
    "xml": "application/xml; charset=UTF-8",
}


def content_type(format_name: str) -> str:
    """HTTP's name of a format."""
    name = format_name.lower()
    if name in _TYPES:
        return _TYPES[name]
    if name.startswith(("tabseparated", "tsv")):
        return _TYPES["tsv"]
    return "text/plain; charset=UTF-8"


def _lines(count: int) -> Callable[[bytes], int]:
    def end(chunk: bytes) -> int:
        at = 0
        for _ in range(count):
            at = chunk.index(b"\n", at) + 1
        return at

    return end


def _strings(times: int) -> Callable[[bytes], int]:
    """RowBinary's head: the number of columns, then as many names, and types."""

    def end(chunk: bytes) -> int:
        columns, at = _varint(chunk, 0)
        for _ in range(columns * times):
            size, at = _varint(chunk, at)
            at += size
        return at

    return end


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


_HEADS: Final[Mapping[str, Callable[[bytes], int] | None]] = {
    **dict.fromkeys(("native", "rowbinary", "csv", "tabseparated", "tsv", "tabseparatedraw", "tsvraw")),
    **dict.fromkeys(("raw", "lineasstring", "tskv", "jsoneachrow", "jsonlines", "ndjson")),
    **dict.fromkeys(("jsoncompacteachrow", "jsonstringseachrow", "jsoncompactstringseachrow")),
    **dict.fromkeys(("tabseparatedwithnames", "tsvwithnames", "jsoncompacteachrowwithnames"), _lines(1)),
    **dict.fromkeys(("tabseparatedwithnamesandtypes", "tsvwithnamesandtypes"), _lines(2)),
    "jsoncompacteachrowwithnamesandtypes": _lines(2),
    "rowbinarywithnames": _strings(1),
    "rowbinarywithnamesandtypes": _strings(2),
}
"""The formats whose chunks follow each other, and where the head ends that the engine gives each of them."""


def streamable(format_name: str) -> bool:
    """Whether an answer in this format can be sent in chunks."""
    return format_name.lower() in _HEADS


class Joiner:
    """Makes one body of the chunks of an answer."""

    def __init__(self, format_name: str) -> None:
        """For a format that is `streamable`."""
        self._end = _HEADS[format_name.lower()]
        self._cut: int | None = None

    def join(self, chunk: bytes) -> bytes:
        """The chunk as it goes out: every one but the first without its head."""
        if self._end is None or not chunk:
            return chunk
        if self._cut is None:
            self._cut = self._end(chunk)
            return chunk
        return chunk[self._cut :]
