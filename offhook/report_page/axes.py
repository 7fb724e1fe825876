"""Where the marks of an axis stand."""

import math


def marks(highest: float, wanted: int = 5) -> list[float]:
    """Round numbers from 0 to the highest or just above it (steps of 1, 2, 2.5 or 5 times a power of ten)."""
    if highest <= 0:
        return [0.0, 1.0]
    step = _step(highest / wanted, (1, 2, 2.5, 5, 10))
    if step < 1 and float(highest).is_integer() and highest <= wanted:
        step = 1.0
    return _marks(highest, step)


def whole_marks(highest: int, wanted: int = 5) -> list[float]:
    """The same for counts: no mark between two whole numbers."""
    highest = max(highest, 1)
    step = round(max(1.0, _step(highest / wanted, (1, 2, 5, 10))))
    return [float(mark) for mark in range(0, highest + step, step)]


def _step(least: float, factors: tuple[float, ...]) -> float:
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * factor for factor in factors if power * factor >= least * 0.999)


def _marks(highest: float, step: float) -> list[float]:
    return [round(step * n, 9) for n in range(math.ceil(highest / step - 1e-9) + 1)]


def every(count: int, at_most: int) -> int:
    """Label every n-th of so many."""
    return max(1, math.ceil(count / at_most))


def text(mark: float) -> str:
    """A mark's label: 1.5, 20, 15k."""
    if mark >= 1_000_000:
        return f"{mark / 1_000_000:g}M"
    return f"{mark / 1000:g}k" if mark >= 10_000 else f"{mark:g}"
