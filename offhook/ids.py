"""How a call is named: by its Call-ID or cdr_id, or the beginning of either."""

from collections.abc import Sequence
from typing import Final

LEAST: Final = 6
"""Characters of an id that may stand for the whole."""

SHORT: Final = 8
"""Characters of a cdr_id that tables show."""

SHOWN: Final = 3
"""Ids named where a beginning has several."""


def none_named(text: str, where: str) -> str:
    """What is said where there is no such call."""
    said = f"no call with the Call-ID or cdr_id {text!a} in {where}"
    return f"{said}; of a beginning give {LEAST} characters or more" if 0 < len(text) < LEAST else said


def several_named(text: str, found: Sequence[str], *, more: bool = False) -> str:
    """What is said where several ids begin so; `more`: there are others than those found."""
    some = ", ".join(map(repr, found[:SHOWN]))
    count = f"{'more than ' if more else ''}{len(found)}"
    return f"{text!a} is the beginning of {count} ids: {some} ...; give more of it"
