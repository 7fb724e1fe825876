"""Values of a statement, which travel beside it and are never pasted into it."""

from typing import Any


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
        """A time in µs as DateTime64(6)."""
        return f"fromUnixTimestamp64Micro({self.whole(time_us)}, 'UTC')"

    def _add(self, value: Any, kind: str) -> str:
        """The same value of the same type travels once."""
        known = self._known.setdefault((kind, repr(value)), f"p{len(self.values)}")
        self.values[known] = value
        return f"{{{known}:{kind}}}"
