"""Text that a database can hold: UTF-8 without the broken characters of the wire."""

import re
from typing import Any

_SURROGATES = re.compile("[\ud800-\udfff]")


def readable(value: Any) -> Any:
    """The value, and all it holds, with broken characters (lone surrogates) as U+FFFD."""
    if isinstance(value, str):
        return _SURROGATES.sub("\ufffd", value)
    if isinstance(value, list | tuple):
        return [readable(item) for item in value]
    if isinstance(value, dict):
        return {readable(key): readable(item) for key, item in value.items()}
    return value
