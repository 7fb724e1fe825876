"""Text from the wire made safe for a terminal and for a spreadsheet, and measured in terminal columns."""

import re
import unicodedata

_FORMULA = frozenset("=+-@\t\r")
_SURROGATES = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    """Replace control characters, direction overrides and broken characters by `?`."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "?" for c in text)


def unformula(text: str) -> str:
    """Put `'` before text that a spreadsheet would take for a formula (OWASP, CSV injection)."""
    return "'" + text if text and text[0] in _FORMULA else text


def without_surrogates(text: str) -> str:
    """Replace broken characters, which no encoding can carry, by U+FFFD."""
    return _SURROGATES.sub("\ufffd", text)


def width(text: str) -> int:
    """Columns of a terminal that clean text takes."""
    if text.isascii():
        return len(text)
    return sum(_columns(character) for character in text)


def fit(text: str, columns: int, *, right: bool = False) -> str:
    """Clean text in exactly so many columns: padded, or cut with an ellipsis."""
    if text.isascii() and len(text) <= columns:
        return text.rjust(columns) if right else text.ljust(columns)
    text = cut(text, columns)
    space = " " * (columns - width(text))
    return space + text if right else text + space


def cut(text: str, columns: int) -> str:
    """Clean text in at most so many columns, cut with an ellipsis."""
    if width(text) <= columns:
        return text
    kept, used = [], 0
    for character in text:
        used += _columns(character)
        if used > columns - 1:
            break
        kept.append(character)
    return "".join(kept) + "…"


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
