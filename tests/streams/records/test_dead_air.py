"""Spans of time."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from streams.records.dead_air import STRETCH_US, dead_air, heard_within, union, without

SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=8)


@given(SPANS)
def test_union_covers_the_same_moments(spans: list[tuple[int, int]]) -> None:
    merged = union(spans)
    covered = {moment for since, until in spans for moment in range(since, until)}
    assert {moment for since, until in merged for moment in range(since, until)} == covered
    assert all(one[1] < two[0] for one, two in pairwise(merged))


@given(st.integers(0, 30), st.integers(30, 60), SPANS)
def test_without_leaves_the_rest(since: int, until: int, spans: list[tuple[int, int]]) -> None:
    left = without((since, until), union(spans))
    covered = {moment for start, stop in spans for moment in range(start, stop)}
    assert {m for start, stop in left for m in range(start, stop)} == set(range(since, until)) - covered


def test_stretches_under_two_seconds_are_no_dead_air() -> None:
    second = 1_000_000
    talk = (0, 20 * second)
    heard = [(0, 5 * second), (5 * second + STRETCH_US - 1, 10 * second), (12 * second, 18 * second)]
    assert dead_air(talk, heard, []) == 4 * second  # 10 to 12 and 18 to 20
    assert dead_air(talk, heard, [(18 * second, 19 * second)]) == 2 * second
    assert heard_within(talk, heard) == 19 * second - STRETCH_US + 1 - 3 * second
