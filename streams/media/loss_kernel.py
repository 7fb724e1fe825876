"""Steps of the media kernel over sequence numbers: which of the last 62 came, runs of missing ones, bursts.

A number counts as lost when it leaves the history without having come.
"""

from typing import Final

from kernels import inlined
from streams.media.words import (
    BURST_LOST,
    GAP_PACKETS,
    HISTORY,
    R_C11,
    R_C13,
    R_C14,
    R_C22,
    R_C23,
    R_C33,
    R_RUN_1,
    RUN,
    Ints,
)

HISTORY_BITS: Final = 62
HISTORY_FULL: Final = (1 << 62) - 1
GMIN: Final = 16  # RFC 3611 4.7.2


@inlined
def run_ended(s: Ints, b: int, run: int) -> None:
    """A run of finally missing packets ended: histogram, RFC 3611 bursts."""
    s[b + R_RUN_1 + min(run, 10) - 1] += 1
    for _ in range(run):
        packets = s[b + GAP_PACKETS]
        if packets >= GMIN:
            if s[b + BURST_LOST] == 1:
                s[b + R_C14] += 1
            else:
                s[b + R_C13] += 1
            s[b + BURST_LOST] = 1
            s[b + R_C11] += packets
        else:
            s[b + BURST_LOST] += 1
            if packets == 0:
                s[b + R_C33] += 1
            else:
                s[b + R_C23] += 1
                s[b + R_C22] += packets - 1
        s[b + GAP_PACKETS] = 0


@inlined
def shift_history(s: Ints, b: int, steps: int) -> None:
    """Move the history up by `steps` numbers, all but the newest of them missing."""
    for step in range(steps):
        history = s[b + HISTORY]
        if (history >> (HISTORY_BITS - 1)) & 1:
            if s[b + RUN] > 0:
                run_ended(s, b, s[b + RUN])
                s[b + RUN] = 0
            s[b + GAP_PACKETS] += 1
        else:
            s[b + RUN] += 1
        s[b + HISTORY] = ((history << 1) & HISTORY_FULL) | (1 if step == steps - 1 else 0)


@inlined
def flush_history(s: Ints, b: int) -> None:
    """Let every number leave the history: the stream ended or began anew."""
    history = s[b + HISTORY]
    for bit in range(HISTORY_BITS - 1, -1, -1):
        if (history >> bit) & 1:
            if s[b + RUN] > 0:
                run_ended(s, b, s[b + RUN])
                s[b + RUN] = 0
            s[b + GAP_PACKETS] += 1
        else:
            s[b + RUN] += 1
