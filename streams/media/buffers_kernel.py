"""Steps of the media kernel for one playout buffer: two of fixed delay, one that adapts.

They are those of docs/differences.md, "Playout buffers". A buffer holds a bit for each slot from its head on.
"""

from typing import Final

from kernels import inlined
from streams.media.state import BINS
from streams.media.words import (
    ABOVE,
    ANCHOR_1,
    ANCHOR_3,
    CHANGED,
    DELAY,
    HEAD_3,
    KMAX,
    LOWEST,
    MASK_3,
    PTIME,
    QUANTILE,
    R_LOST_1,
    R_LOST_3,
    RUN_3,
    TICK_BASE,
    TOTAL,
    Ints,
)

MAX_RUN: Final = 1024  # a longer run in a playout buffer is a pause
BIN_FROM_US: Final = -262_144
BIN_SHIFT: Final = 14  # 64 bins of 16.384 ms
MARGIN_US: Final = 40_000
GROW_US: Final = 40_000
SHRINK_US: Final = 500_000
SHRINK_EMPTY_US: Final = 80_000
SPAN_US: Final = 500_000
DEPTH_1, LATE_1, FAR_1, JUMP_1 = 50_000, 140_000, 120_000, 160_000
DEPTH_2, LATE_2, FAR_2, JUMP_2 = 200_000, 360_000, 200_000, 280_000
MASK_SLOTS: Final = 62


@inlined
def play_fixed(s: Ints, b: int, buffer: int, depth: int, tick: int) -> None:
    """Play a fixed buffer up to the playout clock `tick`."""
    anchor_at = b + ANCHOR_1 + 4 * buffer
    ptime = s[b + PTIME]
    head, mask, run = s[anchor_at + 1], s[anchor_at + 2], s[anchor_at + 3]
    until = (tick - s[anchor_at] - depth) // ptime + 1
    lost_at = b + R_LOST_1 + 2 * buffer
    while head < until:
        if mask == 0:
            run += until - head
            head = until
            break
        if mask & 1:
            if run > 0:
                if run < MAX_RUN:
                    s[lost_at] += run
                    s[lost_at + 1] += 1
                run = 0
        else:
            run += 1
        mask >>= 1
        head += 1
    s[anchor_at + 1], s[anchor_at + 2], s[anchor_at + 3] = head, mask, run


@inlined
def highest_bit(mask: int) -> int:
    """Number of the highest bit set; the mask is not 0."""
    n = -1
    while mask:
        mask >>= 1
        n += 1
    return n


@inlined
def insert_fixed(
    s: Ints, b: int, buffer: int, k: int, x: int, depth: int, late: int, far: int, jump: int
) -> int:
    """Put slot k into a fixed buffer; 1 where the packet is discarded."""
    anchor_at = b + ANCHOR_1 + 4 * buffer
    ptime = s[b + PTIME]
    head, mask = s[anchor_at + 1], s[anchor_at + 2]
    ahead = k - head
    if 0 <= ahead < MASK_SLOTS and ahead * ptime <= depth + far:
        s[anchor_at + 2] = mask | (1 << ahead)
        return 0
    if mask == 0:
        s[anchor_at] = x
        s[anchor_at + 1] = k
        s[anchor_at + 2] = 1
        return 0
    newest = highest_bit(mask)
    off = (k - (head + newest + 1)) * ptime
    if off <= -late or off >= jump:
        shift = k - (head + newest + 1)
        s[anchor_at] -= shift * ptime
        s[anchor_at + 1] = head + shift
        if newest + 1 < MASK_SLOTS:
            s[anchor_at + 2] = mask | (1 << (newest + 1))
        return 0
    return 1


@inlined
def sample_transit(s: Ints, b: int, slot: int, bins: Ints, x: int) -> None:
    """Add a transit to the adaptive buffer's histogram and keep its 97th percentile."""
    at = slot * BINS
    bin_ = (x - s[b + ANCHOR_3] - BIN_FROM_US) >> BIN_SHIFT
    bin_ = min(max(bin_, 0), BINS - 1)
    halved = s[b + TOTAL] >= 1024
    if halved:
        total = 0
        for n in range(BINS - 1, -1, -1):
            bins[at + n] = bins[at + n] >> 1
            total += bins[at + n]
            if bins[at + n]:
                s[b + LOWEST] = n
        s[b + TOTAL] = total
    bins[at + bin_] += 1
    s[b + TOTAL] += 1
    total = s[b + TOTAL]
    if total == 1 or bin_ < s[b + LOWEST]:
        s[b + LOWEST] = bin_
    if total > 1 and not halved:  # where the percentile cannot have moved
        if bin_ == s[b + QUANTILE]:
            s[b + ABOVE] += 1
            return
        if bin_ < s[b + QUANTILE] and s[b + ABOVE] * 100 > 3 * total:
            return
    above, quantile = 0, 0
    for n in range(BINS - 1, -1, -1):
        above += bins[at + n]
        if above * 100 > 3 * total:
            quantile = n
            break
    s[b + QUANTILE] = quantile
    s[b + ABOVE] = above


@inlined
def wanted_delay(s: Ints, b: int) -> int:
    """The delay the adaptive buffer wants: 97th percentile of the transits and a margin, at most 500 ms
    over the least transit."""
    quantile = s[b + QUANTILE]
    half = 1 << (BIN_SHIFT - 1)
    wanted = BIN_FROM_US + (quantile << BIN_SHIFT) + half + MARGIN_US
    highest = BIN_FROM_US + (s[b + LOWEST] << BIN_SHIFT) + half + SPAN_US
    return int(min(wanted, highest))


@inlined
def play_adaptive(s: Ints, b: int, tick: int) -> None:
    """Play the adaptive buffer up to the playout clock, growing and shrinking its delay on the way."""
    ptime, base = s[b + PTIME], s[b + TICK_BASE]
    head, mask, run, delay = s[b + HEAD_3], s[b + MASK_3], s[b + RUN_3], s[b + DELAY]
    target = wanted_delay(s, b)
    while True:
        due = s[b + ANCHOR_3] + head * ptime + delay
        if due > tick:
            break
        now = base - ((base - due) // ptime) * ptime
        if now > tick:
            break
        if mask == 0 and head > s[b + KMAX]:
            behind = (tick - due) // ptime + 1
            run += behind
            head += behind
            break
        difference = target - delay
        since = now - s[b + CHANGED]
        held = 0
        if difference > 0 and since < GROW_US:
            rest = mask
            while rest:
                held += rest & 1
                rest >>= 1
        if difference > 0 and (since >= GROW_US or difference > held * ptime):
            delay += ptime
            run += 1
            s[b + CHANGED] = now
        elif difference < -MARGIN_US and since >= (SHRINK_US if mask & 1 else SHRINK_EMPTY_US):
            delay -= ptime
            mask >>= 1
            head += 1
            s[b + CHANGED] = now
        else:
            if mask & 1:
                if run > 0:
                    if run < MAX_RUN:
                        s[b + R_LOST_3] += run
                        s[b + R_LOST_3 + 1] += 1
                    run = 0
            else:
                run += 1
            mask >>= 1
            head += 1
    s[b + HEAD_3], s[b + MASK_3], s[b + RUN_3], s[b + DELAY] = head, mask, run, delay
