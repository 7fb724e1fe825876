"""Values of a statement, which travel beside it and are never pasted into it."""

from datetime import UTC, datetime
from typing import Any, Final

_EARLIEST: Final = 0
_LATEST: Final = int(datetime(2149, 6, 6, tzinfo=UTC).timestamp()) * 1_000_000
"""What a Date holds, by which calls are partitioned; beyond it engines do not agree on the order."""


class Parameters:
    """Collects values and gives the placeholders that stand for them: {p0:String}."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self._known: dict[tuple[str, str], str] = {}

    def text(self, value: str) -> str:
        """A placeholder of type String."""
        return self._add(value, "String")

    def texts(self, values: list[str]) -> str:
        """A placeholder of type Array(String)."""
        return self._add(values, "Array(String)")

    def whole(self, value: int) -> str:
        """A placeholder of type Int64."""
        return self._add(value, "Int64")

    def number(self, value: float) -> str:
        """A placeholder of type Float64."""
        return self._add(repr(float(value)), "Float64")

    def time(self, time_us: int) -> str:
        """A time in µs as DateTime64(6); the nearest that can be stored."""
        stored = min(max(time_us, _EARLIEST), _LATEST)
        return f"fromUnixTimestamp64Micro({self.whole(stored)}, 'UTC')"

    def _add(self, value: Any, kind: str) -> str:
        """The same value of the same type travels once."""
        known = self._known.setdefault((kind, repr(value)), f"p{len(self.values)}")
        self.values[known] = value
        return f"{{{known}:{kind}}}"
