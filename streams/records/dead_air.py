"""Dead air: the time in which a side had to be sending and nothing was heard of it.

Times and durations are µs. Only stretches of 2 s and more count: shorter ones are loss.
"""

from collections.abc import Iterable
from typing import Final

Span = tuple[int, int]

STRETCH_US: Final = 2_000_000


def union(spans: Iterable[Span]) -> list[Span]:
    """The same time as disjoint spans in order; empty spans are left out."""
    merged: list[Span] = []
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


def heard_spans(first: int, last: int, gaps: Iterable[Span]) -> list[Span]:
    """When a stream from `first` to `last` was heard: outside of its gaps."""
    return without((first, last), union(gaps))


def dead_air(talk: Span, heard: Iterable[Span], excused: Iterable[Span]) -> int:
    """Dead air of a side in `talk` (answer to end), heard in `heard`; `excused` are its holds and pauses.

    A stretch ends where a hold begins, and a new one may begin where the hold ends.
    """
    silent = without(talk, union([*heard, *excused]))
    return sum(until - since for since, until in silent if until - since >= STRETCH_US)


def heard_within(talk: Span, heard: Iterable[Span]) -> int:
    """How much of `talk` was heard."""
    return sum(max(min(until, talk[1]) - max(since, talk[0]), 0) for since, until in union(heard))
