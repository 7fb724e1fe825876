"""Steps of the media kernel that tell whether the playout buffers are clean: whole but for one hole.

Then a packet in sequence changes nothing in them that cannot be written out later.
"""

from kernels import inlined
from streams.media.buffers_kernel import DEPTH_1, DEPTH_2, FAR_1, FAR_2, MARGIN_US, MASK_SLOTS, wanted_delay
from streams.media.state import NEVER
from streams.media.words import (
    ANCHOR_1,
    ANCHOR_2,
    ANCHOR_3,
    CLEAN,
    DELAY,
    HOLE,
    HOLE_DUE,
    HOLE_END,
    KMAX,
    PTIME,
    R_LOST_1,
    R_REORDERED,
    TICK_BASE,
    XMAX,
    XMIN,
    Ints,
    K,
)


@inlined
def write_out(s: Ints, b: int, tick: int) -> None:
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
def hole_due(s: Ints, b: int, buffer: int) -> int:
    """When a buffer plays the slot after the hole, by the playout clock: then the hole counts as lost."""
    ptime, base = s[b + PTIME], s[b + TICK_BASE]
    depth = DEPTH_1 if buffer == 0 else (DEPTH_2 if buffer == 1 else s[b + DELAY])
    due = s[b + ANCHOR_1 + 4 * buffer] + depth + s[b + HOLE_END] * ptime
    return int(base - ((base - due) // ptime) * ptime)


@inlined
def play_hole(s: Ints, b: int, now: int) -> int:
    """Count the hole in the buffers that play past it by now; when the next will, NEVER after the last."""
    next_due = NEVER
    for buffer in range(3):
        run_at = b + ANCHOR_1 + 4 * buffer + 3
        if s[run_at] > 0:
            due = hole_due(s, b, buffer)
            if due <= now:
                s[b + R_LOST_1 + 2 * buffer] += s[b + HOLE_END] - s[b + HOLE]
                s[b + R_LOST_1 + 2 * buffer + 1] += 1
                s[run_at] = 0
            else:
                next_due = min(next_due, due)
    s[b + HOLE_DUE] = next_due
    return next_due


@inlined
def find_hole(s: Ints, b: int) -> int:
    """Whether the buffers are whole but for one hole at most, the same in all that did not play past it."""
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
            due = min(due, hole_due(s, b, buffer))
    s[b + HOLE_DUE] = due
    return 1


@inlined
def see_clean(s: Ints, b: int) -> None:
    """See whether the buffers are clean again, and how far a packet may stray without changing that."""
    if s[b + K] != s[b + KMAX]:
        return
    delay = s[b + DELAY]
    difference = wanted_delay(s, b) - delay
    if difference > 0 or difference < -MARGIN_US:
        return
    if not find_hole(s, b):
        return
    ptime = s[b + PTIME]
    s[b + CLEAN] = 1
    s[b + XMIN] = max(s[b + ANCHOR_1] + ptime - FAR_1, s[b + ANCHOR_2] + ptime - FAR_2)
    s[b + XMIN] = max(s[b + XMIN], s[b + ANCHOR_3] + delay - (MASK_SLOTS - 4) * ptime)
    s[b + XMIN] = max(s[b + XMIN], s[b + ANCHOR_2] + DEPTH_2 - (MASK_SLOTS - 4) * ptime)
    s[b + XMAX] = min(s[b + ANCHOR_1] + DEPTH_1, s[b + ANCHOR_2] + DEPTH_2)
    s[b + XMAX] = min(s[b + XMAX], s[b + ANCHOR_3] + delay)
