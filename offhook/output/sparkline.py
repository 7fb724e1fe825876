"""Figures over time as a row of bars."""

from collections.abc import Callable, Sequence
from typing import Final

BARS: Final = "▁▂▃▄▅▆▇"
UNKNOWN: Final = "·"


def sparkline(values: Sequence[float | None], low: float, high: float) -> str:
    """A bar a value, the lowest at `low` and below, the highest at `high` and above; `·` where it is None."""
    steps = len(BARS) / (high - low) if high > low else 0.0
    top = len(BARS) - 1
    return "".join(
        UNKNOWN if value is None else BARS[min(max(int((value - low) * steps), 0), top)] for value in values
    )


def gathered(
    values: Sequence[float | None], columns: int, worst: Callable[[list[float]], float]
) -> tuple[list[float | None], int]:
    """The values in at most so many columns, and how many stand in one; of several, the worst is shown."""
    several = -(-len(values) // max(columns, 1)) or 1
    if several == 1:
        return list(values), 1
    groups = (values[start : start + several] for start in range(0, len(values), several))
    known = ([value for value in group if value is not None] for group in groups)
    return [worst(group) if group else None for group in known], several
