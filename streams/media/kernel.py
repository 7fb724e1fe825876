"""One pass over packets grouped by flow: RFC 3550 figures, loss runs, three playout buffers, windows.

Everything is integers, so that the same packets give the same rows whatever the batches. The playout
buffers are those of docs/differences.md, "Playout buffers". A packet in sequence that no buffer can tell
from the one before it takes the short loop; every other packet takes `_one_packet`.
"""

from typing import Any

from kernels import compiled, inlined
from schemas.media_windows import COLUMNS as _COLUMNS
from schemas.media_windows import W
from streams.media.state import BINS as _BINS
from streams.media.state import NEVER as _NEVER
from streams.media.state import ROW as _ROW
from streams.media.state import WORDS as _WORDS
from streams.media.state import Kind, S

# ruff: noqa: E501
# fmt: off
COLUMNS, BINS, NEVER, ROW, WORDS = int(_COLUMNS), int(_BINS), int(_NEVER), int(_ROW), int(_WORDS)
OPEN, MAP, CUT_AT, WATCH_FROM, IDLE_CUT = int(S.OPEN), int(S.MAP), int(S.CUT_AT), int(S.WATCH_FROM), int(S.IDLE_CUT)
EXT, BASE, HISTORY, RUN = int(S.EXT), int(S.BASE), int(S.HISTORY), int(S.RUN)
GAP_PACKETS, BURST_LOST = int(S.GAP_PACKETS), int(S.BURST_LOST)
HELD, HELD_SEQ, HELD_TS, HELD_MT = int(S.HELD), int(S.HELD_SEQ), int(S.HELD_TS), int(S.HELD_MT)
HELD_ARRIVAL, HELD_LENGTH = int(S.HELD_ARRIVAL), int(S.HELD_LENGTH)
LAST, PT, KIND, TICK, TS = int(S.LAST), int(S.PT), int(S.KIND), int(S.TICK), int(S.TS)
TS_ARRIVAL, TS_EXT, J16, AFTER = int(S.TS_ARRIVAL), int(S.TS_EXT), int(S.J16), int(S.AFTER)
PTIME_TICKS, PTIME = int(S.PTIME_TICKS), int(S.PTIME)
CANDIDATE, CANDIDATE_COUNT, CANDIDATE_EXT = int(S.CANDIDATE), int(S.CANDIDATE_COUNT), int(S.CANDIDATE_EXT)
CLEAN, K, X, TICK_BASE, XMIN, XMAX = int(S.CLEAN), int(S.K), int(S.X), int(S.TICK_BASE), int(S.XMIN), int(S.XMAX)
ANCHOR_1, ANCHOR_2, ANCHOR_3, HEAD_3 = int(S.ANCHOR_1), int(S.ANCHOR_2), int(S.ANCHOR_3), int(S.HEAD_3)
MASK_3, RUN_3 = int(S.MASK_3), int(S.RUN_3)
DELAY, CHANGED, QUANTILE, ABOVE, TOTAL = int(S.DELAY), int(S.CHANGED), int(S.QUANTILE), int(S.ABOVE), int(S.TOTAL)
FIRST, WINDOW_END, KMAX, STARTED = int(S.FIRST), int(S.WINDOW_END), int(S.KMAX), int(S.STARTED)
FORGIVE_FROM, LOWEST = int(S.FORGIVE_FROM), int(S.LOWEST)
HOLE, HOLE_END, HOLE_DUE = int(S.HOLE), int(S.HOLE_END), int(S.HOLE_DUE)
R_WINDOW, R_START, R_END, R_PACKETS = ROW + W.WINDOW, ROW + W.START, ROW + W.END, ROW + W.PACKETS
R_EXPECTED, R_DUPLICATES, R_REORDERED, R_STRAY = ROW + W.EXPECTED, ROW + W.DUPLICATES, ROW + W.REORDERED, ROW + W.STRAY
R_JITTER_SUM, R_JITTER_COUNT, R_JITTER_MAX = ROW + W.JITTER_SUM, ROW + W.JITTER_COUNT, ROW + W.JITTER_MAX
R_DELTA_MAX, R_PAYLOAD_TYPE, R_PTIME = ROW + W.DELTA_MAX, ROW + W.PAYLOAD_TYPE, ROW + W.PTIME
R_NOISE, R_EVENTS, R_BYTES = ROW + W.COMFORT_NOISE, ROW + W.EVENTS, ROW + W.BYTES
R_LOST_1, R_LOST_3, R_DISCARDED_2 = ROW + W.LOST_1, ROW + W.LOST_3, ROW + W.DISCARDED_2
R_RUN_1, R_DELAY_0 = ROW + W.RUN_1, ROW + W.DELAY_0
R_C11, R_C13, R_C14, R_C22, R_C23, R_C33 = ROW + W.C11, ROW + W.C13, ROW + W.C14, ROW + W.C22, ROW + W.C23, ROW + W.C33
R_RESTARTS, R_DTX, R_ACTIVE = ROW + W.RESTARTS, ROW + W.DTX, ROW + W.ACTIVE
UNKNOWN, VOICE, EVENT, NOISE, VIDEO = int(Kind.UNKNOWN), int(Kind.VOICE), int(Kind.EVENT), int(Kind.NOISE), int(Kind.VIDEO)
# fmt: on

WINDOW_US = 10_000_000
GAP_US = 2_000_000
PAUSE_US = 1_000_000
HISTORY_BITS = 62
HISTORY_FULL = (1 << 62) - 1
MAX_DROPOUT = 3000  # RFC 3550 A.1
JUMP, JUMP_US = 200, 1_000_000  # a larger jump in less time is a restart
FORGIVE_US = 2_000_000  # so soon after a new offer a gap of the numbers is the changeover
GMIN = 16  # RFC 3611 4.7.2
MAX_RUN = 1024  # a longer run in a playout buffer is a pause
WRONG_TIMESTAMP_NS = 10_000_000_000
BIN_FROM_US, BIN_SHIFT = -262_144, 14  # 64 bins of 16.384 ms
MARGIN_US, GROW_US, SHRINK_US, SHRINK_EMPTY_US, SPAN_US = 40_000, 40_000, 500_000, 80_000, 500_000
DEPTH_1, LATE_1, FAR_1, JUMP_1 = 50_000, 140_000, 120_000, 160_000
DEPTH_2, LATE_2, FAR_2, JUMP_2 = 200_000, 360_000, 200_000, 280_000
MASK_SLOTS = 62

# what `control` says
C_RANGE, C_POSITION, C_ROWS, C_GAPS, C_CUTS = 0, 1, 2, 3, 4
DONE, FULL = 0, 1

Ints = Any
"""int64[::1] to numba, a plain array to Python."""


@inlined
def _run_ended(s: Ints, b: int, run: int) -> None:
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
def _shift(s: Ints, b: int, steps: int) -> None:
    """Move the history up by `steps` numbers, all but the newest of them missing."""
    for step in range(steps):
        history = s[b + HISTORY]
        if (history >> (HISTORY_BITS - 1)) & 1:
            if s[b + RUN] > 0:
                _run_ended(s, b, s[b + RUN])
                s[b + RUN] = 0
            s[b + GAP_PACKETS] += 1
        else:
            s[b + RUN] += 1
        s[b + HISTORY] = ((history << 1) & HISTORY_FULL) | (1 if step == steps - 1 else 0)


@inlined
def _flush_history(s: Ints, b: int) -> None:
    """Let every number leave the history: the stream ended or began anew."""
    history = s[b + HISTORY]
    for bit in range(HISTORY_BITS - 1, -1, -1):
        if (history >> bit) & 1:
            if s[b + RUN] > 0:
                _run_ended(s, b, s[b + RUN])
                s[b + RUN] = 0
            s[b + GAP_PACKETS] += 1
        else:
            s[b + RUN] += 1


@inlined
def _emit_row(s: Ints, b: int, slot: int, end: int, rows: Ints, row_slot: Ints, control: Ints) -> None:
    """Append the window row of the slot and begin the next part."""
    n = control[C_ROWS]
    row = b + ROW
    s[b + R_END] = end
    if s[b + R_START] == 0:
        s[b + R_START] = end
    s[b + R_PTIME] = s[b + PTIME]
    s[b + R_PAYLOAD_TYPE] = s[b + PT]
    for c in range(COLUMNS):
        rows[n * COLUMNS + c] = s[row + c]
        if c >= 2:
            s[row + c] = 0
    row_slot[n] = slot
    control[C_ROWS] = n + 1


@inlined
def _play_fixed(s: Ints, b: int, buffer: int, depth: int, tick: int) -> None:
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
def _top(mask: int) -> int:
    """Number of the highest bit set; the mask is not 0."""
    n = -1
    while mask:
        mask >>= 1
        n += 1
    return n


@inlined
def _insert_fixed(
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
    newest = _top(mask)
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
def _sample(s: Ints, b: int, slot: int, bins: Ints, x: int) -> None:
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
def _target(s: Ints, b: int) -> int:
    """The delay the adaptive buffer wants: 97th percentile of the transits and a margin, at most 500 ms
    over the least transit."""
    quantile = s[b + QUANTILE]
    half = 1 << (BIN_SHIFT - 1)
    wanted = BIN_FROM_US + (quantile << BIN_SHIFT) + half + MARGIN_US
    highest = BIN_FROM_US + (s[b + LOWEST] << BIN_SHIFT) + half + SPAN_US
    return int(min(wanted, highest))


@inlined
def _play_adaptive(s: Ints, b: int, tick: int) -> None:
    """Play the adaptive buffer up to the playout clock, growing and shrinking its delay on the way."""
    ptime, base = s[b + PTIME], s[b + TICK_BASE]
    head, mask, run, delay = s[b + HEAD_3], s[b + MASK_3], s[b + RUN_3], s[b + DELAY]
    target = _target(s, b)
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


@inlined
def _dirty(s: Ints, b: int, tick: int) -> None:
    """Write out heads, masks and runs, which are not kept while every buffer is clean.

    A buffer that waits for the slot after the hole stays there: it is played, and the hole counted, next.
    """
    if s[b + CLEAN] == 0:
        return
    ptime, newest = s[b + PTIME], s[b + K]
    for buffer in range(3):
        anchor_at = b + ANCHOR_1 + 4 * buffer
        depth = DEPTH_1 if buffer == 0 else (DEPTH_2 if buffer == 1 else s[b + DELAY])
        head = min((tick - s[anchor_at] - depth) // ptime + 1, newest + 1)
        head = max(head, newest - MASK_SLOTS + 2, s[anchor_at + 1])
        missing, run = 0, 0
        if s[anchor_at + 3] > 0:
            head = min(head, s[b + HOLE_END])
            hole = max(head, s[b + HOLE])
            missing, run = (1 << (s[b + HOLE_END] - head)) - (1 << (hole - head)), hole - s[b + HOLE]
        s[anchor_at + 1] = head
        held = newest - head + 1
        s[anchor_at + 2] = ((1 << held) - 1 if held > 0 else 0) - missing
        s[anchor_at + 3] = run
    s[b + CLEAN] = 0


@inlined
def _hole_due(s: Ints, b: int, buffer: int) -> int:
    """When a buffer plays the slot after the hole, by the playout clock: then the hole counts as lost."""
    ptime, base = s[b + PTIME], s[b + TICK_BASE]
    depth = DEPTH_1 if buffer == 0 else (DEPTH_2 if buffer == 1 else s[b + DELAY])
    due = s[b + ANCHOR_1 + 4 * buffer] + depth + s[b + HOLE_END] * ptime
    return int(base - ((base - due) // ptime) * ptime)


@inlined
def _play_hole(s: Ints, b: int, now: int) -> int:
    """Count the hole in the buffers that play past it by now; when the next one will, NEVER after the last."""
    next_due = NEVER
    for buffer in range(3):
        run_at = b + ANCHOR_1 + 4 * buffer + 3
        if s[run_at] > 0:
            due = _hole_due(s, b, buffer)
            if due <= now:
                s[b + R_LOST_1 + 2 * buffer] += s[b + HOLE_END] - s[b + HOLE]
                s[b + R_LOST_1 + 2 * buffer + 1] += 1
                s[run_at] = 0
            else:
                next_due = min(next_due, due)
    s[b + HOLE_DUE] = next_due
    return next_due


@inlined
def _find_hole(s: Ints, b: int) -> int:
    """See whether the buffers are whole but for one hole at most, the same in all that did not play past it."""
    newest = s[b + K]
    first = newest - MASK_SLOTS + 3  # bit 0 of `missing`
    missing, whole_from = 0, NEVER
    for buffer in range(3):
        anchor_at = b + ANCHOR_1 + 4 * buffer
        head, run = s[anchor_at + 1], s[anchor_at + 3]
        if head > newest + 1 or head - run < first:
            return 0
        here = ((1 << (newest + 1 - head)) - 1) & ~s[anchor_at + 2]
        if here == 0 and run == 0:
            whole_from = min(whole_from, head)
            continue
        here = (here << (head - first)) + (((1 << run) - 1) << (head - run - first))
        if missing not in (0, here):
            return 0
        missing = here
    if missing == 0:
        s[b + HOLE_DUE] = NEVER
        return 1
    top = 1 << (newest - first)
    hole_end = newest + 1
    while missing & top == 0:
        missing <<= 1
        hole_end -= 1
    if hole_end > newest or hole_end > whole_from:
        return 0
    if hole_end == newest and s[b + R_REORDERED] > 0:  # what is missing may come next
        return 0
    hole = hole_end
    while missing & top:
        missing <<= 1
        hole -= 1
    if missing & (top - 1):  # a second one
        return 0
    s[b + HOLE], s[b + HOLE_END] = hole, hole_end
    due = NEVER
    for buffer in range(3):
        anchor_at = b + ANCHOR_1 + 4 * buffer
        if s[anchor_at + 1] < hole_end or s[anchor_at + 3] > 0:
            s[anchor_at + 3] = 1
            due = min(due, _hole_due(s, b, buffer))
    s[b + HOLE_DUE] = due
    return 1


@inlined
def _clean(s: Ints, b: int) -> None:
    """See whether the buffers are clean again, and how far a packet may stray without changing that."""
    if s[b + K] != s[b + KMAX]:
        return
    delay = s[b + DELAY]
    difference = _target(s, b) - delay
    if difference > 0 or difference < -MARGIN_US:
        return
    if not _find_hole(s, b):
        return
    ptime = s[b + PTIME]
    s[b + CLEAN] = 1
    s[b + XMIN] = max(s[b + ANCHOR_1] + ptime - FAR_1, s[b + ANCHOR_2] + ptime - FAR_2)
    s[b + XMIN] = max(s[b + XMIN], s[b + ANCHOR_3] + delay - (MASK_SLOTS - 4) * ptime)
    s[b + XMIN] = max(s[b + XMIN], s[b + ANCHOR_2] + DEPTH_2 - (MASK_SLOTS - 4) * ptime)
    s[b + XMAX] = min(s[b + ANCHOR_1] + DEPTH_1, s[b + ANCHOR_2] + DEPTH_2)
    s[b + XMAX] = min(s[b + XMAX], s[b + ANCHOR_3] + delay)


@inlined
def _anchor_all(s: Ints, b: int, k: int, x: int) -> None:
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
def _start_playout(s: Ints, b: int, slot: int, bins: Ints, arrival: int) -> None:
    """Packet 0: slot 0, and the phase of the playout clock."""
    for n in range(BINS):
        bins[slot * BINS + n] = 0
    s[b + TOTAL] = 0
    s[b + TICK_BASE] = arrival
    _anchor_all(s, b, 0, arrival)
    s[b + DELAY] = MARGIN_US
    s[b + CHANGED] = arrival
    s[b + STARTED] = 1
    _sample(s, b, slot, bins, arrival)


@inlined
def _playout(s: Ints, b: int, slot: int, bins: Ints, arrival: int, k: int, anew: int, missing: int) -> None:
    """One voice packet of slot k through the three buffers; `anew`: it ends a pause."""
    ptime, base = s[b + PTIME], s[b + TICK_BASE]
    tick = base + ((arrival - base) // ptime) * ptime
    x = arrival - k * ptime
    _dirty(s, b, tick)
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
        _anchor_all(s, b, k, x)
        _sample(s, b, slot, bins, x)
        s[b + CHANGED] = arrival
        return
    _play_fixed(s, b, 0, DEPTH_1, tick)
    _play_fixed(s, b, 1, DEPTH_2, tick)
    _play_adaptive(s, b, tick)
    _insert_fixed(s, b, 0, k, x, DEPTH_1, LATE_1, FAR_1, JUMP_1)
    s[b + R_DISCARDED_2] += _insert_fixed(s, b, 1, k, x, DEPTH_2, LATE_2, FAR_2, JUMP_2)
    _sample(s, b, slot, bins, x)
    ahead = k - s[b + HEAD_3]
    if 0 <= ahead < MASK_SLOTS:
        s[b + MASK_3] |= 1 << ahead
    s[b + K] = k
    s[b + X] = x
    s[b + KMAX] = max(s[b + KMAX], k)
    _clean(s, b)


@inlined
def _begin_stream(s: Ints, b: int, arrival: int, seq: int) -> None:
    """First packet of a stream; the slot is zero but for MAP, CUT_AT, WATCH_FROM, IDLE_CUT and HELD."""
    s[b + OPEN] = 1
    s[b + FIRST] = arrival
    s[b + WINDOW_END] = arrival + WINDOW_US
    s[b + EXT] = seq + 65536 - 1
    s[b + BASE] = seq + 65536
    s[b + HISTORY] = HISTORY_FULL
    s[b + GAP_PACKETS] = -HISTORY_BITS
    s[b + PT] = -1
    s[b + LAST] = arrival


@inlined
def _voice(s: Ints, b: int, slot: int, bins: Ints, arrival: int, ext: int, ts: int, marker: int) -> None:
    """Jitter, delay variation and playout of one packet with a known clock."""
    tick_q = s[b + TICK]
    is_voice = s[b + KIND] == VOICE
    reference = s[b + TS_EXT]
    if reference == 0:  # nothing to compare with yet
        s[b + TS], s[b + TS_ARRIVAL], s[b + TS_EXT], s[b + AFTER] = ts, arrival, ext, 0
        return
    ticks = (ts - s[b + TS]) & 0xFFFFFFFF
    if ticks >= 0x80000000:
        ticks -= 0x100000000
    apart = (arrival - s[b + TS_ARRIVAL]) * 1000
    steps = ext - reference
    difference = abs(apart - ((ticks * tick_q) >> 12))
    wrong = difference > WRONG_TIMESTAMP_NS
    if not wrong and not (marker and is_voice):
        s[b + J16] += difference - ((s[b + J16] + 8) >> 4)
        jitter = s[b + J16] >> 4
        s[b + R_JITTER_SUM] += jitter
        s[b + R_JITTER_COUNT] += 1
        s[b + R_JITTER_MAX] = max(s[b + R_JITTER_MAX], jitter)
        ms = difference // 1_000_000
        if ms < 50:
            bin_ = 0
        elif ms < 70:
            bin_ = 1
        elif ms < 90:
            bin_ = 2
        elif ms < 120:
            bin_ = 3
        elif ms < 150:
            bin_ = 4
        elif ms < 200:
            bin_ = 5
        elif ms < 300:
            bin_ = 6
        else:
            bin_ = 7
        s[b + R_DELAY_0 + bin_] += 1
    if is_voice:
        us = (ticks * tick_q + 2_048_000) // 4_096_000
        if steps == 1 and not marker and s[b + AFTER] == 0 and 2_500 <= us <= 200_000:
            if s[b + PTIME_TICKS] == 0:
                s[b + PTIME_TICKS], s[b + PTIME] = ticks, us
                _start_playout(s, b, slot, bins, s[b + TS_ARRIVAL])
            elif ticks != s[b + PTIME_TICKS]:
                if s[b + CANDIDATE] == ticks and s[b + CANDIDATE_EXT] == ext - 1:
                    s[b + CANDIDATE_COUNT] += 1
                else:
                    s[b + CANDIDATE], s[b + CANDIDATE_COUNT] = ticks, 1
                s[b + CANDIDATE_EXT] = ext
                if s[b + CANDIDATE_COUNT] >= 3:
                    s[b + CANDIDATE_COUNT] = 0
                    s[b + PTIME_TICKS], s[b + PTIME] = ticks, us
                    _start_playout(s, b, slot, bins, s[b + TS_ARRIVAL])
        if s[b + STARTED]:
            ptime_ticks = s[b + PTIME_TICKS]
            slots = (ticks + ptime_ticks // 2) // ptime_ticks
            k = s[b + K] + slots
            pause = marker != 0 or s[b + AFTER] != 0 or slots != steps or wrong
            pause = pause or (apart > PAUSE_US * 1000 and steps == 1)
            if steps > 0 and pause:
                lost = steps - 1 if s[b + AFTER] == 0 else 0
                if slots < 1 or wrong:
                    k = s[b + KMAX] + max(steps, 1)
                _playout(s, b, slot, bins, arrival, k, 1, lost)
            elif not wrong:
                _playout(s, b, slot, bins, arrival, k, 0, 0)
    s[b + TS], s[b + TS_ARRIVAL], s[b + TS_EXT], s[b + AFTER] = ts, arrival, ext, 0


@inlined
def _one_packet(
    s: Ints, b: int, slot: int, bins: Ints, arrival: int, seq: int, ts: int, mt: int, length: int,
    ticks_of: Ints, kind_of: Ints, rows: Ints, row_slot: Ints, gaps: Ints, control: Ints,
) -> int:  # fmt: skip
    """Any packet, the full way; 1 where it begins a new stream, with the packet held where that came first."""
    if s[b + OPEN] == 0:
        if s[b + HELD]:  # it was the first packet of this stream
            s[b + HELD] = 0
            _begin_stream(s, b, s[b + HELD_ARRIVAL], s[b + HELD_SEQ])
            s[b + EXT] += 1
            s[b + GAP_PACKETS] += 1
            s[b + R_START] = s[b + HELD_ARRIVAL]
            s[b + R_EXPECTED], s[b + R_PACKETS], s[b + R_BYTES] = 1, 1, s[b + HELD_LENGTH]
            pt = s[b + HELD_MT] & 0x7F
            key = s[b + MAP] * 128 + pt
            if ticks_of[key] > 0 and kind_of[key] != EVENT and kind_of[key] != NOISE:
                s[b + PT], s[b + KIND], s[b + TICK] = pt, kind_of[key], ticks_of[key]
                _voice(s, b, slot, bins, s[b + HELD_ARRIVAL], s[b + EXT], s[b + HELD_TS], 1)
        else:
            _begin_stream(s, b, arrival, seq)
    elif arrival > s[b + CUT_AT] or arrival - s[b + LAST] > s[b + IDLE_CUT]:
        s[b + HELD] = 0
        return 1
    ext = s[b + EXT]
    ahead = (seq - ext) & 0xFFFF
    last = s[b + LAST]
    delta = arrival - last
    if delta >= GAP_US and arrival >= s[b + WATCH_FROM]:
        s[b + HELD] = 0
        return 1
    restart = ahead >= MAX_DROPOUT and ahead <= 65536 - HISTORY_BITS
    restart = restart or (JUMP < ahead < MAX_DROPOUT and delta < JUMP_US)
    if restart:
        if s[b + HELD] == 1 and seq == (s[b + HELD_SEQ] + 1) & 0xFFFF:
            s[b + R_STRAY] -= 1
            if arrival >= s[b + WATCH_FROM]:
                return 1
            s[b + HELD] = 0
            _flush_history(s, b)
            s[b + R_RESTARTS] += 1
            s[b + R_EXPECTED] += 2
            s[b + R_PACKETS] += 2
            s[b + R_BYTES] += s[b + HELD_LENGTH] + length
            s[b + R_ACTIVE] += min(max(delta, 0), GAP_US)
            epoch = (ext | 0xFFFF) + 1 + 65536
            s[b + HISTORY] = HISTORY_FULL
            s[b + GAP_PACKETS] -= HISTORY_BITS - 2
            s[b + EXT] = epoch + s[b + HELD_SEQ] + 1
            s[b + BASE] = epoch + s[b + HELD_SEQ]
            s[b + TS_EXT] = 0
            s[b + STARTED], s[b + PTIME_TICKS], s[b + CLEAN] = 0, 0, 0
            s[b + LAST] = arrival
            pt = s[b + HELD_MT] & 0x7F
            key = s[b + MAP] * 128 + pt
            if ticks_of[key] > 0 and kind_of[key] != EVENT and kind_of[key] != NOISE:
                s[b + PT], s[b + KIND], s[b + TICK] = pt, kind_of[key], ticks_of[key]
                _voice(s, b, slot, bins, s[b + HELD_ARRIVAL], s[b + EXT] - 1, s[b + HELD_TS], 1)
                if mt & 0x7F == pt:
                    _voice(s, b, slot, bins, arrival, s[b + EXT], ts, mt & 0x80)
            return 0
        s[b + HELD], s[b + HELD_SEQ], s[b + HELD_TS], s[b + HELD_MT] = 1, seq, ts, mt
        s[b + HELD_ARRIVAL], s[b + HELD_LENGTH] = arrival, length
        s[b + R_STRAY] += 1
        return 0
    # windows
    if arrival >= s[b + WINDOW_END]:
        passed = (arrival - s[b + WINDOW_END]) // WINDOW_US + 1
        if s[b + R_PACKETS] or s[b + R_EXPECTED]:
            _emit_row(s, b, slot, min(s[b + WINDOW_END], arrival), rows, row_slot, control)
        s[b + R_WINDOW] += passed
        s[b + R_WINDOW + 1] = 0
        s[b + WINDOW_END] += passed * WINDOW_US
    # sequence
    new_ext = ext
    if ahead == 0:
        s[b + R_DUPLICATES] += 1
        return 0
    forgive = s[b + FORGIVE_FROM] > 0 and arrival >= s[b + FORGIVE_FROM]
    if forgive:
        forgive = arrival < s[b + FORGIVE_FROM] + FORGIVE_US
        s[b + FORGIVE_FROM] = 0
    if forgive and 1 < ahead < MAX_DROPOUT:
        _flush_history(s, b)
        new_ext = ext + ahead
        s[b + HISTORY] = HISTORY_FULL
        s[b + GAP_PACKETS] -= HISTORY_BITS - 1
        s[b + EXT], s[b + BASE] = new_ext, new_ext
        s[b + R_EXPECTED] += 1
        s[b + AFTER] = 1
    elif 0 < ahead < MAX_DROPOUT:
        new_ext = ext + ahead
        s[b + R_EXPECTED] += ahead
        _shift(s, b, ahead)
        s[b + EXT] = new_ext
    else:
        back = 65536 - ahead
        new_ext = ext - back
        if new_ext < s[b + BASE]:
            for number in range(new_ext + 1, s[b + BASE]):
                s[b + HISTORY] &= ~(1 << (ext - number))
            s[b + R_EXPECTED] += s[b + BASE] - new_ext
            s[b + BASE] = new_ext
        elif (s[b + HISTORY] >> back) & 1:
            s[b + R_DUPLICATES] += 1
            return 0
        else:
            s[b + HISTORY] |= 1 << back
        s[b + R_REORDERED] += 1
    if s[b + R_PACKETS] == 0:
        s[b + R_START] = arrival
    s[b + R_PACKETS] += 1
    s[b + R_BYTES] += length
    if s[b + HELD]:
        s[b + HELD] = 0
    # what the packet is
    pt, marker = mt & 0x7F, mt & 0x80
    key = s[b + MAP] * 128 + pt
    kind = kind_of[key]
    explained = s[b + AFTER] == 2 or (marker != 0 and kind != VIDEO and ahead == 1)
    in_sequence = kind == VOICE and ahead == 1 and pt == s[b + PT] and s[b + TS_EXT] == ext
    if in_sequence and 0 < 2 * s[b + PTIME] < delta:
        media = (((ts - s[b + TS]) & 0xFFFFFFFF) * s[b + TICK]) // 4_096_000
        if abs(media - delta) <= delta // 4:  # the sender's clock went on: silence suppression
            explained = True
            s[b + R_DTX] = max(s[b + R_DTX], 1 if delta >= GAP_US else 2)
    if delta >= GAP_US:
        n = control[C_GAPS]
        gaps[4 * n], gaps[4 * n + 1], gaps[4 * n + 2], gaps[4 * n + 3] = (
            slot,
            last,
            arrival,
            1 if explained else 0,
        )
        control[C_GAPS] = n + 1
    elif delta > 0:
        s[b + R_ACTIVE] += delta
    if not explained:
        s[b + R_DELTA_MAX] = max(s[b + R_DELTA_MAX], delta)
    s[b + LAST] = max(arrival, last)
    if kind == EVENT:
        s[b + R_EVENTS] += 1
        s[b + AFTER] = max(s[b + AFTER], 1)
        return 0
    if kind == NOISE:
        s[b + R_NOISE] += 1
        s[b + R_DTX] = 2
        s[b + AFTER] = 2
        return 0
    if pt != s[b + PT] or ticks_of[key] != s[b + TICK]:
        if s[b + PT] >= 0 and ticks_of[key] != s[b + TICK]:
            s[b + TS_EXT] = 0
        if s[b + PT] >= 0:
            s[b + STARTED], s[b + PTIME_TICKS], s[b + CLEAN] = 0, 0, 0
        s[b + PT], s[b + KIND], s[b + TICK] = pt, kind, ticks_of[key]
    if s[b + TICK] > 0:
        _voice(s, b, slot, bins, arrival, new_ext, ts, marker)
    return 0


@compiled(
    "int64(int64[::1], uint16[::1], int64[::1], uint16[::1], uint32[::1], uint8[::1], uint16[::1],"
    " int64[::1], int64[::1], int64[::1], int64, int64[::1], int64[::1],"
    " int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64)"
)
def measure(
    s: Ints, bins: Ints, arrivals: Ints, seqs: Ints, stamps: Ints, types: Ints, lengths: Ints,
    range_slot: Ints, range_start: Ints, range_stop: Ints, ranges: int, ticks_of: Ints, kind_of: Ints,
    rows: Ints, row_slot: Ints, gaps: Ints, cuts: Ints, control: Ints, short_way: int,
) -> int:  # fmt: skip
    """Apply the packets of each range to its slot.

    `s`: slots of WORDS int64; `bins`: slots of BINS uint16. Packet columns as in rtp_packets.RtpBatch.
    `range_slot`, `range_start`, `range_stop` (ranges,): which packets belong to which slot.
    `ticks_of`, `kind_of` (maps * 128): ns << 12 per timestamp unit and Kind of a payload type.
    `rows` (n * COLUMNS), `row_slot` (n,): finished window rows. `gaps` (4 n): slot, from, to, explained.
    `cuts` (2 ranges): range and position where a new stream begins; that range is left there.
    `control`: range and position to begin at, then the numbers of rows, gaps and cuts, all written back.
    `short_way` 0 takes every packet the full way (for tests). Returns DONE, or FULL: empty the outputs
    and call again.
    """
    room_rows = row_slot.shape[0] - 2
    room_gaps = gaps.shape[0] // 4 - 1
    first, position = control[C_RANGE], control[C_POSITION]
    for r in range(first, ranges):
        slot = range_slot[r]
        b = slot * WORDS
        at = slot * BINS
        i = max(range_start[r], position)
        position = 0
        stop = range_stop[r]
        while i < stop:
            if short_way and s[b + CLEAN] == 1 and s[b + AFTER] == 0 and s[b + TS_EXT] == s[b + EXT]:
                # the short way: the state of one flow in registers, no calls
                last, ts = s[b + LAST], s[b + TS]
                ext, history, run = s[b + EXT], s[b + HISTORY], s[b + RUN]
                j16, x = s[b + J16], s[b + X]
                jitter_sum, jitter_max, delta_max = (
                    s[b + R_JITTER_SUM],
                    s[b + R_JITTER_MAX],
                    s[b + R_DELTA_MAX],
                )
                pt, ptime, ptime_ticks = s[b + PT], s[b + PTIME], s[b + PTIME_TICKS]
                exact = (ptime_ticks * s[b + TICK]) >> 12
                xmin, xmax, anchor = s[b + XMIN], s[b + XMAX], s[b + ANCHOR_3]
                quantile, above, total = s[b + QUANTILE], s[b + ABOVE], s[b + TOTAL]
                lowest = s[b + LOWEST]
                limit = min(s[b + WINDOW_END], s[b + CUT_AT] + 1)
                if s[b + FORGIVE_FROM] > 0:
                    limit = min(limit, s[b + FORGIVE_FROM])
                idle = min(s[b + IDLE_CUT], PAUSE_US)
                until, due = stop, s[b + HOLE_DUE]
                if due < NEVER:  # while all of the hole fits the masks
                    until = min(stop, i + MASK_SLOTS - 2 - (s[b + K] - s[b + HOLE]))
                size = 0
                begun = i
                active = last
                kept_from = i  # since then numbers left the history that had been received
                while i < until:
                    arrival = arrivals[i]
                    delta = arrival - last
                    wanted = (ext + 1) & 0xFFFF
                    stamp = (ts + ptime_ticks) & 0xFFFFFFFF
                    if seqs[i] != wanted or types[i] != pt or stamps[i] != stamp:
                        break
                    if arrival >= limit or delta < 0 or delta >= idle:
                        break
                    new_x = x + delta - ptime
                    if new_x < xmin or new_x >= xmax or total >= 1024:
                        break
                    bin_ = (new_x - anchor - BIN_FROM_US) >> BIN_SHIFT
                    if (
                        bin_ < lowest
                        or bin_ > quantile
                        or (bin_ < quantile and above * 100 <= 3 * (total + 1))
                    ):
                        break
                    difference = abs(delta * 1000 - exact)
                    if difference >= 50_000_000:
                        break
                    j16 += difference - ((j16 + 8) >> 4)
                    jitter = j16 >> 4
                    jitter_sum += jitter
                    jitter_max = max(jitter_max, jitter)
                    delta_max = max(delta_max, delta)
                    bins[at + bin_] += 1
                    total += 1
                    if bin_ == quantile:
                        above += 1
                    ext += 1
                    if history >> (HISTORY_BITS - 1) == 0:
                        run += 1
                        kept_from += 1
                    elif run > 0:
                        s[b + GAP_PACKETS] += i - kept_from
                        _run_ended(s, b, run)
                        run, kept_from = 0, i
                    history = ((history << 1) & HISTORY_FULL) | 1
                    if arrival >= due:
                        due = _play_hole(s, b, arrival)
                    size += lengths[i]
                    x, last, ts = new_x, arrival, stamp
                    i += 1
                n = i - begun
                if n > 0:
                    if s[b + R_PACKETS] == 0:
                        s[b + R_START] = arrivals[begun]
                    s[b + LAST], s[b + TS], s[b + EXT] = last, ts, ext
                    s[b + HISTORY], s[b + RUN] = history, run
                    s[b + TS_ARRIVAL], s[b + TS_EXT] = last, ext
                    s[b + J16], s[b + X] = j16, x
                    s[b + R_JITTER_SUM], s[b + R_JITTER_MAX], s[b + R_DELTA_MAX] = (
                        jitter_sum,
                        jitter_max,
                        delta_max,
                    )
                    s[b + ABOVE], s[b + TOTAL] = above, total
                    s[b + K] += n
                    s[b + KMAX] += n
                    s[b + GAP_PACKETS] += i - kept_from
                    s[b + R_PACKETS] += n
                    s[b + R_EXPECTED] += n
                    s[b + R_JITTER_COUNT] += n
                    s[b + R_DELAY_0] += n
                    s[b + R_BYTES] += size
                    s[b + R_ACTIVE] += last - active
                    s[b + HELD] = 0
                if i >= stop:
                    break
            if control[C_ROWS] >= room_rows or control[C_GAPS] >= room_gaps:
                control[C_RANGE], control[C_POSITION] = r, i
                return FULL
            cut = _one_packet(
                s, b, slot, bins, arrivals[i], int(seqs[i]), int(stamps[i]), int(types[i]), int(lengths[i]),
                ticks_of, kind_of, rows, row_slot, gaps, control,
            )  # fmt: skip
            if cut:
                n = control[C_CUTS]
                cuts[2 * n], cuts[2 * n + 1] = r, i
                control[C_CUTS] = n + 1
                break
            i += 1
    control[C_RANGE], control[C_POSITION] = ranges, 0
    return DONE


@compiled("int64(int64[::1], int64[::1], int64, int64, int64[::1], int64[::1], int64[::1])")
def finish(s: Ints, slots: Ints, count: int, flush: int, rows: Ints, row_slot: Ints, control: Ints) -> int:
    """Emit the open rows of `count` slots; with `flush` their streams end, else the window goes on as a
    further part. `rows` must have room for `count`."""
    for n in range(count):
        slot = slots[n]
        b = slot * WORDS
        if s[b + OPEN] == 0:
            continue
        if flush:
            _flush_history(s, b)
        if s[b + R_PACKETS] or s[b + R_DUPLICATES] or s[b + R_STRAY] or s[b + R_RUN_1] or flush:
            _emit_row(s, b, slot, s[b + LAST], rows, row_slot, control)
            s[b + ROW + 1] += 1
        if flush:
            s[b + OPEN] = 0
    return DONE
