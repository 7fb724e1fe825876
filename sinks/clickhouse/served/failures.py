"""What a request is told when it fails: ClickHouse's code and text, and the HTTP status that goes with it."""

import re
from collections.abc import Mapping
from typing import Final

SYNTAX_ERROR: Final = 62
UNKNOWN_DATABASE: Final = 81
UNKNOWN_SETTING: Final = 115
TIMEOUT_EXCEEDED: Final = 159
READONLY: Final = 164
TOO_MANY_QUERIES: Final = 202
BAD_ARGUMENTS: Final = 36
CANNOT_DECOMPRESS: Final = 271
SESSION_IS_LOCKED: Final = 373
QUERY_IS_TOO_LARGE: Final = 307
ACCESS_DENIED: Final = 497
AUTHENTICATION_FAILED: Final = 516

NAMES: Final[Mapping[int, str]] = {
    SYNTAX_ERROR: "SYNTAX_ERROR",
    UNKNOWN_DATABASE: "UNKNOWN_DATABASE",
    UNKNOWN_SETTING: "UNKNOWN_SETTING",
    TIMEOUT_EXCEEDED: "TIMEOUT_EXCEEDED",
    READONLY: "READONLY",
    TOO_MANY_QUERIES: "TOO_MANY_SIMULTANEOUS_QUERIES",
    BAD_ARGUMENTS: "BAD_ARGUMENTS",
    CANNOT_DECOMPRESS: "CANNOT_DECOMPRESS",
    SESSION_IS_LOCKED: "SESSION_IS_LOCKED",
    QUERY_IS_TOO_LARGE: "QUERY_IS_TOO_LARGE",
    ACCESS_DENIED: "ACCESS_DENIED",
    AUTHENTICATION_FAILED: "AUTHENTICATION_FAILED",
}

_STATUS: Final[Mapping[int, int]] = {
    **dict.fromkeys((6, 26, 27, 36, 38, 41, 42, 43, 53, 62, 70, 72, 117, 130, 271, 377, 427, 441, 456), 400),
    **dict.fromkeys((164, 192, 193, 291, 452, 497, 512, 516), 403),
    **dict.fromkeys((16, 46, 47, 48, 50, 56, 60, 63, 73, 78, 81, 115, 137), 404),
    TIMEOUT_EXCEEDED: 408,
    307: 413,
    SESSION_IS_LOCKED: 423,
    TOO_MANY_QUERIES: 503,
    210: 503,
}
"""As ClickHouse's own handler maps them (exceptionCodeToHTTPStatus.cpp); 403 for what is denied."""

_CODE: Final = re.compile(r"Code: (\d+)\.")
_AGAIN: Final = re.compile(
    r"Code: \d+\. DB::Exception: (?=Code: \d+\. DB::Exception: )|Streaming query failed: "
)


class RequestError(Exception):
    """The request cannot be answered. `code` is ClickHouse's."""

    def __init__(self, code: int, text: str) -> None:
        """`text`: what is wrong and what to do, in one line."""
        name = f" ({NAMES[code]})" if code in NAMES and not text.startswith("Code: ") else ""
        super().__init__(text if text.startswith("Code: ") else f"Code: {code}. DB::Exception: {text}{name}")
        self.code = code

    @property
    def status(self) -> int:
        """HTTP's."""
        return _STATUS.get(self.code, 500)


def engine_error(error: RuntimeError, mark: str = "") -> RequestError:
    """What the engine said, with its code, without the mark we gave the query."""
    text = _AGAIN.sub("", str(error).replace(f"{mark} ", "") if mark else str(error)).strip()
    found = _CODE.search(text)
    code = int(found[1]) if found else 1002  # UNKNOWN_EXCEPTION
    return RequestError(code, text if found else f"Code: {code}. DB::Exception: {text}")
