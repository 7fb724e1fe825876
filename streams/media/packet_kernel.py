"""The step of the media kernel that takes any packet: streams and windows begin and end, numbers, kinds."""

from typing import Final

from kernels import inlined
from schemas.media_windows import COLUMNS
from streams.media.loss_kernel import HISTORY_BITS, HISTORY_FULL, flush_history, shift_history
from streams.media.state import ROW
from streams.media.voice_kernel import voice
from streams.media.words import (
    AFTER,
    BASE,
    C_GAPS,
    C_ROWS,
    CLEAN,
    CUT_AT,
    EVENT,
    EXT,
    FIRST,
    FORGIVE_FROM,
    GAP_PACKETS,
    HELD,
    HELD_ARRIVAL,
    HELD_LENGTH,
    HELD_MT,
    HELD_SEQ,
    HELD_TS,
    HISTORY,
    IDLE_CUT,
    KIND,
    LAST,
    MAP,
    NOISE,
    OPEN,
    PT,
    PTIME,
    PTIME_TICKS,
    R_ACTIVE,
    R_BYTES,
    R_DELTA_MAX,
    R_DTX,
    R_DUPLICATES,
    R_END,
    R_EVENTS,
    R_EXPECTED,
    R_NOISE,
    R_PACKETS,
    R_PAYLOAD_TYPE,
    R_PTIME,
    R_REORDERED,
    R_RESTARTS,
    R_START,
    R_STRAY,
    R_WINDOW,
    STARTED,
    TICK,
    TS,
    TS_EXT,
    VIDEO,
    VOICE,
    WATCH_FROM,
    WINDOW_END,
    Ints,
)

WINDOW_US: Final = 10_000_000
GAP_US: Final = 2_000_000
MAX_DROPOUT: Final = 3000  # RFC 3550 A.1
JUMP: Final = 200
JUMP_US: Final = 1_000_000  # a larger jump in less time is a restart
FORGIVE_US: Final = 2_000_000  # so soon after a new offer a gap of the numbers is the changeover


@inlined
def begin_stream(s: Ints, b: int, arrival: int, seq: int) -> None:
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
def emit_row(s: Ints, b: int, slot: int, end: int, rows: Ints, row_slot: Ints, control: Ints) -> None:
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
def one_packet(
    s: Ints, b: int, slot: int, bins: Ints, arrival: int, seq: int, ts: int, mt: int, length: int,
    ticks_of: Ints, kind_of: Ints, rows: Ints, row_slot: Ints, gaps: Ints, control: Ints,
) -> int:  # fmt: skip
    """Any packet, the full way; 1 where it begins a new stream, with the one held where that came first."""
    if s[b + OPEN] == 0:
        if s[b + HELD]:  # it was the first packet of this stream
            s[b + HELD] = 0
            begin_stream(s, b, s[b + HELD_ARRIVAL], s[b + HELD_SEQ])
            s[b + EXT] += 1
            s[b + GAP_PACKETS] += 1
            s[b + R_START] = s[b + HELD_ARRIVAL]
            s[b + R_EXPECTED], s[b + R_PACKETS], s[b + R_BYTES] = 1, 1, s[b + HELD_LENGTH]
            pt = s[b + HELD_MT] & 0x7F
            key = s[b + MAP] * 128 + pt
            if ticks_of[key] > 0 and kind_of[key] != EVENT and kind_of[key] != NOISE:
                s[b + PT], s[b + KIND], s[b + TICK] = pt, kind_of[key], ticks_of[key]
                voice(s, b, slot, bins, s[b + HELD_ARRIVAL], s[b + EXT], s[b + HELD_TS], 1)
        else:
            begin_stream(s, b, arrival, seq)
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
            flush_history(s, b)
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
                voice(s, b, slot, bins, s[b + HELD_ARRIVAL], s[b + EXT] - 1, s[b + HELD_TS], 1)
                if mt & 0x7F == pt:
                    voice(s, b, slot, bins, arrival, s[b + EXT], ts, mt & 0x80)
            return 0
        s[b + HELD], s[b + HELD_SEQ], s[b + HELD_TS], s[b + HELD_MT] = 1, seq, ts, mt
        s[b + HELD_ARRIVAL], s[b + HELD_LENGTH] = arrival, length
        s[b + R_STRAY] += 1
        return 0
    # windows
    if arrival >= s[b + WINDOW_END]:
        passed = (arrival - s[b + WINDOW_END]) // WINDOW_US + 1
        if s[b + R_PACKETS] or s[b + R_EXPECTED]:
            emit_row(s, b, slot, min(s[b + WINDOW_END], arrival), rows, row_slot, control)
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
        flush_history(s, b)
        new_ext = ext + ahead
        s[b + HISTORY] = HISTORY_FULL
        s[b + GAP_PACKETS] -= HISTORY_BITS - 1
        s[b + EXT], s[b + BASE] = new_ext, new_ext
        s[b + R_EXPECTED] += 1
        s[b + AFTER] = 1
    elif 0 < ahead < MAX_DROPOUT:
        new_ext = ext + ahead
        s[b + R_EXPECTED] += ahead
        shift_history(s, b, ahead)
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
        voice(s, b, slot, bins, arrival, new_ext, ts, marker)
    return 0
