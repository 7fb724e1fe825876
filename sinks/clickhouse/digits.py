"""A number's first and last digits, which indexes of `cdr` know (migrations/m0001_records.py).

`caller_starts` and `callee_starts` hold the beginnings of a number in these lengths, without a leading `+`;
`caller_end` and `callee_end` its last characters. A pattern is looked up by the longest of them that it
has: where the index says that a granule has no such number, none of its rows match.
"""

from typing import Final

NUMBERS: Final = ("caller", "callee")

STARTS: Final = (1, 2, 3, 4, 5, 6, 7, 8, 10)
"""Lengths, in bytes. Each costs as much as there are different ones: the short ones nothing."""

END: Final = 5
"""One length is enough: hardly a granule has the same five digits twice."""


def columns() -> str:
    """The definitions of the columns, which take no place: their indexes alone are stored."""
    defined = []
    for number in NUMBERS:
        known = f"trim(LEADING '+' FROM ifNull({number}, ''))"
        starts = ", ".join(f"left({known}, {size})" for size in STARTS)
        defined.append(f"{number}_starts Array(String) ALIAS [{starts}]")
        defined.append(f"{number}_end String ALIAS right(ifNull({number}, ''), {END})")
    return ",\n    ".join(defined)


def indexes() -> str:
    """The definitions of their indexes; one granule in fifty is read in vain."""
    return ",\n    ".join(
        f"INDEX by_{number}_{part} {number}_{part} TYPE bloom_filter(0.02) GRANULARITY 1"
        for number in NUMBERS
        for part in ("starts", "end")
    )


def known_start(pattern: str) -> str | None:
    """What the starts of every number have that begins with `pattern`; None where that cannot be told."""
    bare = pattern.lstrip("+")
    if not bare or not bare.isascii():  # a length is in bytes: it could cut a character in two
        return None
    return bare[: max(size for size in STARTS if size <= len(bare))]


def known_end(pattern: str) -> str | None:
    """The end of every number that ends with `pattern`; None where that cannot be told."""
    return pattern[-END:] if len(pattern) >= END and pattern.isascii() else None
