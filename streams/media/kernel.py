"""One pass over packets grouped by flow: RFC 3550 figures, loss runs, three playout buffers, windows.

Everything is integers, so that the same packets give the same rows whatever the batches. A packet in sequence
that no playout buffer can tell from the one before it takes the short loop; every other packet takes
`one_packet`.
"""

from typing import Final

from kernels import compiled
from streams.media.buffers_kernel import BIN_FROM_US, BIN_SHIFT, MASK_SLOTS
from streams.media.clean_kernel import play_hole
from streams.media.loss_kernel import HISTORY_BITS, HISTORY_FULL, flush_history, run_ended
from streams.media.packet_kernel import one_packet
from streams.media.state import BINS, NEVER, ROW, WORDS
from streams.media.voice_kernel import PAUSE_US
from streams.media.window_kernel import emit_row
from streams.media.words import (
    ABOVE,
    AFTER,
    ANCHOR_3,
    C_CUTS,
    C_GAPS,
    C_POSITION,
    C_RANGE,
    C_ROWS,
    CLEAN,
    CUT_AT,
    EXT,
    FORGIVE_FROM,
    GAP_PACKETS,
    HELD,
    HISTORY,
    HOLE,
    HOLE_DUE,
    IDLE_CUT,
    J16,
    KMAX,
    LAST,
    LOWEST,
    OPEN,
    PT,
    PTIME,
    PTIME_TICKS,
    QUANTILE,
    R_ACTIVE,
    R_BYTES,
    R_DELAY_0,
    R_DELTA_MAX,
    R_DUPLICATES,
    R_EXPECTED,
    R_JITTER_COUNT,
    R_JITTER_MAX,
    R_JITTER_SUM,
    R_PACKETS,
    R_RUN_1,
    R_START,
    R_STRAY,
    RUN,
    TICK,
    TOTAL,
    TS,
    TS_ARRIVAL,
    TS_EXT,
    WINDOW_END,
    XMAX,
    XMIN,
    Ints,
    K,
    X,
)

DONE: Final = 0
FULL: Final = 1


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
                        run_ended(s, b, run)
                        run, kept_from = 0, i
                    history = ((history << 1) & HISTORY_FULL) | 1
                    if arrival >= due:
                        due = play_hole(s, b, arrival)
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
            cut = one_packet(
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
            flush_history(s, b)
        if s[b + R_PACKETS] or s[b + R_DUPLICATES] or s[b + R_STRAY] or s[b + R_RUN_1] or flush:
            emit_row(s, b, slot, s[b + LAST], rows, row_slot, control)
            s[b + ROW + 1] += 1
        if flush:
            s[b + OPEN] = 0
    return DONE
