"""What ClickHouse says, in one line."""

import re
from typing import Final

from offhook.errors import CommandError

ERROR_CHARACTERS: Final = 400
"""Longest message shown; a syntax error goes on with every word that could have come."""

_FORM: Final = re.compile(r"Code: (\d+)\. (?:DB::Exception: )?(.*)", re.DOTALL)
_TAIL: Final = re.compile(r"\s*\(version [^)]*\)|\s*\(for url [^)]*\)|\s*\([A-Z_]{3,}\)\.?\s*\Z")


READ_ONLY: Final = 164
"""ClickHouse's code where a statement would change something."""


class QueryError(CommandError):
    """The store refused a statement."""


def in_one_line(message: str) -> str:
    """ClickHouse's first line, with the error's code."""
    code = ""
    while found := _FORM.search(message):  # an error may be wrapped in another
        code, message = found[1], found[2]
    line = message.strip().split("\n")[0]
    while (shorter := _TAIL.sub("", line)) != line:
        line = shorter
    line = re.sub(r"\s*Expected one of: .*", "", line).rstrip(" .:")
    if len(line) > ERROR_CHARACTERS:
        line = line[:ERROR_CHARACTERS] + "…"
    return f"ClickHouse: {line} (code {code})" if code else f"ClickHouse: {line}"
