"""Steps of the media kernel that hand a voice packet to the three playout buffers."""

from kernels import inlined
from streams.media.buffers_kernel import (
    DEPTH_1,
    DEPTH_2,
    FAR_1,
    FAR_2,
    JUMP_1,
    JUMP_2,
    LATE_1,
    LATE_2,
    MARGIN_US,
    MASK_SLOTS,
    MAX_RUN,
    insert_fixed,
    play_adaptive,
    play_fixed,
    sample_transit,
)
from streams.media.clean_kernel import see_clean, write_out
from streams.media.state import BINS
from streams.media.words import (
    ANCHOR_1,
    CHANGED,
    CLEAN,
    DELAY,
    HEAD_3,
    KMAX,
    MASK_3,
    PTIME,
    R_DISCARDED_2,
    R_LOST_1,
    STARTED,
    TICK_BASE,
    TOTAL,
    Ints,
    K,
    X,
)


@inlined
def anchor_all(s: Ints, b: int, k: int, x: int) -> None:
    """All buffers begin with slot k, transit x: a pause is no loss."""
    for buffer in range(3):
        anchor_at = b + ANCHOR_1 + 4 * buffer
        s[anchor_at] = x
        s[anchor_at + 1] = k
        s[anchor_at + 2] = 1
        s[anchor_at + 3] = 0
    s[b + CLEAN] = 0
    s[b + K] = k
    s[b + KMAX] = k
    s[b + X] = x


@inlined
def start_playout(s: Ints, b: int, slot: int, bins: Ints, arrival: int) -> None:
    """Packet 0: slot 0, and the phase of the playout clock."""
    for n in range(BINS):
        bins[slot * BINS + n] = 0
    s[b + TOTAL] = 0
    s[b + TICK_BASE] = arrival
    anchor_all(s, b, 0, arrival)
    s[b + DELAY] = MARGIN_US
    s[b + CHANGED] = arrival
    s[b + STARTED] = 1
    sample_transit(s, b, slot, bins, arrival)


@inlined
def put_off(s: Ints, b: int, arrival: int, us: int) -> None:
    """Slots from here on are due so much later: the packet before lasted longer than a slot."""
    ptime, base = s[b + PTIME], s[b + TICK_BASE]
    write_out(s, b, base + ((arrival - base) // ptime) * ptime)
    for buffer in range(3):
        s[b + ANCHOR_1 + 4 * buffer] += us


@inlined
def playout(s: Ints, b: int, slot: int, bins: Ints, arrival: int, k: int, anew: int, missing: int) -> None:
    """One voice packet of slot k through the three buffers; `anew`: it ends a pause."""
    ptime, base = s[b + PTIME], s[b + TICK_BASE]
    tick = base + ((arrival - base) // ptime) * ptime
    x = arrival - k * ptime
    write_out(s, b, tick)
    if anew:
        if missing > 0:
            for buffer in range(3):
                s[b + R_LOST_1 + 2 * buffer] += missing
                s[b + R_LOST_1 + 2 * buffer + 1] += 1
        # deliver what is held, forget the open runs
        for buffer in range(3):
            anchor_at = b + ANCHOR_1 + 4 * buffer
            mask, run = s[anchor_at + 2], s[anchor_at + 3]
            while mask:
                if mask & 1:
                    if 0 < run < MAX_RUN:
                        s[b + R_LOST_1 + 2 * buffer] += run
                        s[b + R_LOST_1 + 2 * buffer + 1] += 1
                    run = 0
                else:
                    run += 1
                mask >>= 1
        # the histogram goes on relative to the new anchor, so that a new base delay is no jitter
        for n in range(BINS):
            bins[slot * BINS + n] = 0
        s[b + TOTAL] = 0
        anchor_all(s, b, k, x)
        sample_transit(s, b, slot, bins, x)
        s[b + CHANGED] = arrival
        return
    play_fixed(s, b, 0, DEPTH_1, tick)
    play_fixed(s, b, 1, DEPTH_2, tick)
    play_adaptive(s, b, tick)
    insert_fixed(s, b, 0, k, x, DEPTH_1, LATE_1, FAR_1, JUMP_1)
    s[b + R_DISCARDED_2] += insert_fixed(s, b, 1, k, x, DEPTH_2, LATE_2, FAR_2, JUMP_2)
    sample_transit(s, b, slot, bins, x)
    ahead = k - s[b + HEAD_3]
    if 0 <= ahead < MASK_SLOTS:
        s[b + MASK_3] |= 1 << ahead
    s[b + K] = k
    s[b + X] = x
    s[b + KMAX] = max(s[b + KMAX], k)
    see_clean(s, b)
