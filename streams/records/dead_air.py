"""Dead air: the time in which a side had to be sending and nothing was heard of it.

Times and durations are µs. Only stretches of 2 s and more count: shorter ones are loss.
"""

from collections.abc import Iterable, Sequence
from typing import Final

Span = tuple[int, int]

STRETCH_US: Final = 2_000_000


def union(spans: Iterable[Span]) -> list[Span]:
    """The same time as disjoint spans in order; empty spans are left out."""
    merged: list[Span] = []
    spans = list(spans)
    if len(spans) == 1 and spans[0][1] > spans[0][0]:
        return spans
    for since, until in sorted(span for span in spans if span[1] > span[0]):
        if merged and since <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], until))
        else:
            merged.append((since, until))
    return merged


def without(span: Span, covered: Iterable[Span]) -> list[Span]:
    """What is left of `span` outside of `covered` (disjoint, in order)."""
    since, end = span
    left = []
    for start, stop in covered:
        if stop <= since:
            continue
        if start >= end:
            break
        if start > since:
            left.append((since, start))
        since = stop
    if since < end:
        left.append((since, end))
    return left


def heard_spans(first: int, last: int, gaps: Sequence[Span]) -> list[Span]:
    """When a stream from `first` to `last` was heard: outside of its gaps."""
    return without((first, last), union(gaps)) if gaps else [(first, last)]


def dead_air(talk: Span, heard: Sequence[Span], excused: Sequence[Span]) -> int:
    """Dead air of a side in `talk` (answer to end), heard in `heard` (disjoint); `excused` are the holds.

    A stretch ends where a hold begins, and a new one may begin where the hold ends.
    """
    silent = without(talk, union([*heard, *excused]) if excused else heard)
    return sum([until - since for since, until in silent if until - since >= STRETCH_US])


def heard_within(talk: Span, heard: Sequence[Span]) -> int:
    """How much of `talk` was heard; `heard` is disjoint."""
    begin, end = talk
    return sum([max(min(until, end) - max(since, begin), 0) for since, until in heard])
