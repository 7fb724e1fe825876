"""RTP figures computed plainly from frames on the wire, to compare with: RFC 3550 A.1, A.3, A.8."""

from collections.abc import Iterable
from itertools import groupby, pairwise
from typing import NamedTuple

from tests.system.wire import Frame


class Figures(NamedTuple):
    """One stream of a generated capture (20 ms, 8000 Hz)."""

    packets: int
    duplicates: int
    expected: int
    lost: int
    runs: list[int]  # of exactly 1, 2 … 9, and 10 and more missing packets
    first_us: int
    last_us: int
    jitter_mean_ms: float
    jitter_max_ms: float
    delta_max_ms: float


def figures(frames: Iterable[Frame]) -> dict[int, Figures]:
    """The figures of every SSRC."""
    flows: dict[int, list[Frame]] = {}
    for frame in sorted(frames, key=lambda each: each.time_us):
        if not frame.sip:
            flows.setdefault(frame.ssrc, []).append(frame)
    return {ssrc: _figures(flow) for ssrc, flow in flows.items()}


def _figures(flow: list[Frame]) -> Figures:
    seen: list[int] = []
    jitter = total = highest = 0.0
    transit: float | None = None
    updates = 0
    base = flow[0].sequence
    first_timestamp = flow[0].timestamp
    known: set[int] = set()
    for frame in flow:
        sequence = base + _signed(frame.sequence - base, 16)
        if sequence in known:
            continue
        known.add(sequence)
        seen.append(sequence)
        now = frame.time_us / 1000 - _signed(frame.timestamp - first_timestamp, 32) / 8
        if transit is not None and not frame.marker:  # a marked one begins anew
            jitter += (abs(now - transit) - jitter) / 16
            total, updates, highest = total + jitter, updates + 1, max(highest, jitter)
        transit = now
    lowest, top = min(seen), max(seen)
    missing = sorted(set(range(lowest, top + 1)) - known)
    runs = [0] * 10
    for _, run in groupby(enumerate(missing), key=lambda pair: pair[1] - pair[0]):
        runs[min(sum(1 for _ in run), 10) - 1] += 1
    times = [frame.time_us for frame in flow]
    return Figures(
        packets=len(seen),
        duplicates=len(flow) - len(seen),
        expected=top - lowest + 1,
        lost=len(missing),
        runs=runs,
        first_us=times[0],
        last_us=times[-1],
        jitter_mean_ms=total / updates,
        jitter_max_ms=highest,
        delta_max_ms=max((after - before) / 1000 for before, after in pairwise(times)),
    )


def _signed(value: int, bits: int) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value
