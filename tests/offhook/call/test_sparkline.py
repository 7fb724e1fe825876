"""Bars over time."""

from hypothesis import given
from hypothesis import strategies as st

from offhook.output.sparkline import BARS, UNKNOWN, gathered, sparkline

FIGURES = st.lists(st.none() | st.floats(0, 100), max_size=200)


def test_bars_of_a_scale() -> None:
    assert sparkline([0, 1, 2, None, 6, 7, 99, -1], 0, 7) == "▁▂▃·▇▇▇▁"


@given(FIGURES)
def test_higher_is_never_lower(values: list[float | None]) -> None:
    bars = sparkline(values, 0, 50)
    assert len(bars) == len(values)
    known = sorted(
        (value, BARS.index(bar)) for value, bar in zip(values, bars, strict=True) if value is not None
    )
    assert [level for _, level in known] == sorted(level for _, level in known)
    assert [bar == UNKNOWN for bar in bars] == [value is None for value in values]


@given(FIGURES, st.integers(1, 80))
def test_gathering_keeps_the_worst_and_fits(values: list[float | None], columns: int) -> None:
    shown, several = gathered(values, columns, max)
    assert len(shown) <= columns
    assert len(values) <= len(shown) * several < len(values) + several
    known = [value for value in values if value is not None]
    assert max((value for value in shown if value is not None), default=None) == max(known, default=None)
