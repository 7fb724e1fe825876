"""What kind of SQL statement a user wrote, without parsing SQL: first word, own FORMAT, ways to write.

ClickHouse itself refuses writing (readonly = 1) but for INTO OUTFILE, which the embedded engine does as a
client would; so that one is looked for here.
"""

import re
from typing import Final

_SKIPPED: Final = re.compile(
    r"""--[^\n]*|\#[!\ ][^\n]*|/\*.*?(?:\*/|\Z)        # comments
    |'(?:[^'\\]|\\.|'')*(?:'|\Z)                       # text
    |"(?:[^"\\]|\\.|"")*(?:"|\Z)|`(?:[^`\\]|\\.|``)*(?:`|\Z)  # names
    """,
    re.DOTALL | re.VERBOSE,
)
_OUTFILE: Final = re.compile(r"\bINTO\s+OUTFILE\b", re.IGNORECASE)
_FORMAT: Final = re.compile(r"\bFORMAT\s+[A-Za-z]\w*(?:\s+SETTINGS\b.*)?\s*\Z", re.IGNORECASE | re.DOTALL)
_SETTINGS: Final = re.compile(
    r"\bSETTINGS\s+((?:\w+\s*=\s*[\w.+-]+\s*,\s*)*\w+\s*=\s*[\w.+-]+)(?:\s+FORMAT\s+\w+)?\s*\Z", re.IGNORECASE
)
_READS: Final = frozenset(
    {"SELECT", "WITH", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS", "CHECK", "FROM"}
)


def without_end(statement: str) -> str:
    """The statement without spaces around it and without semicolons at its end."""
    return statement.strip().rstrip("; \t\r\n")


def has_rows(statement: str) -> bool:
    """Whether it answers with rows."""
    words = re.findall(r"\w+", _bare(statement)[:1000])
    return bool(words) and words[0].upper() in _READS


def is_select(statement: str) -> bool:
    """Whether it can stand in brackets as a sub-query."""
    words = re.findall(r"\w+", _bare(statement)[:1000])
    return bool(words) and words[0].upper() in {"SELECT", "WITH"}


def has_format(statement: str) -> bool:
    """Whether it names its output format itself."""
    return _FORMAT.search(_bare(statement)) is not None


def settings(statement: str) -> dict[str, str]:
    """Names and values of the SETTINGS clause at its end, where they are numbers and words."""
    found = _SETTINGS.search(_bare(statement))
    if found is None:
        return {}
    return dict(re.findall(r"(\w+)\s*=\s*([\w.+-]+)", found[1]))


def is_several(statement: str) -> bool:
    """Whether there are more statements than one."""
    return ";" in _bare(statement)


def writes_file(statement: str) -> bool:
    """Whether it asks for INTO OUTFILE."""
    return _OUTFILE.search(_bare(statement)) is not None


def _bare(statement: str) -> str:
    """Without comments, text and quoted names, which leave a space."""
    return _SKIPPED.sub(lambda found: " '' " if found[0][0] in "'\"`" else " ", statement)
