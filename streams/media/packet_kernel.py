"""The step of the media kernel that takes any packet: whose it is, its number, its time, its kind."""

from typing import Final

from kernels import inlined
from streams.media.loss_kernel import HISTORY_BITS
from streams.media.restart_kernel import begin_with_held, hold, restart
from streams.media.sequence_kernel import MAX_DROPOUT, place
from streams.media.voice_kernel import voice
from streams.media.window_kernel import GAP_US, begin_stream, change_window
from streams.media.words import (
    AFTER,
    C_GAPS,
    CLEAN,
    CUT_AT,
    EVENT,
    EXT,
    HELD,
    HELD_SEQ,
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
    R_EVENTS,
    R_NOISE,
    R_PACKETS,
    R_START,
    R_STRAY,
    STARTED,
    TICK,
    TS,
    TS_EXT,
    UNKNOWN,
    VIDEO,
    VOICE,
    WATCH_FROM,
    WINDOW_END,
    Ints,
)

JUMP: Final = 200
JUMP_US: Final = 1_000_000  # a larger jump in less time is a restart
MARKED: Final = 1 << 32  # added to the timestamp that is kept, where its packet had the marker


@inlined
def suppressed(s: Ints, b: int, ts: int, delta: int) -> bool:
    """Whether the sender's clock went on while it was silent: silence suppression."""
    media: int = (((ts - s[b + TS]) & 0xFFFFFFFF) * s[b + TICK]) // 4_096_000
    return abs(media - delta) <= delta // 4


@inlined
def note_silence(slot: int, last: int, arrival: int, explained: int, gaps: Ints, control: Ints) -> None:
    """Append a gap of the arrivals."""
    n = control[C_GAPS]
    gaps[4 * n], gaps[4 * n + 1], gaps[4 * n + 2], gaps[4 * n + 3] = slot, last, arrival, explained
    control[C_GAPS] = n + 1


@inlined
def change_type(s: Ints, b: int, payload_type: int, kind: int, ticks: int) -> None:
    """The payload type or its clock is another: timing begins anew."""
    if s[b + PT] >= 0:
        if ticks != s[b + TICK]:
            s[b + TS_EXT] = 0
        s[b + STARTED], s[b + PTIME_TICKS], s[b + CLEAN] = 0, 0, 0
    s[b + PT], s[b + KIND], s[b + TICK] = payload_type, kind, ticks


@inlined
def one_packet(
    s: Ints, b: int, slot: int, bins: Ints, arrival: int, seq: int, ts: int, mt: int, length: int,
    ticks_of: Ints, kind_of: Ints, rows: Ints, row_slot: Ints, gaps: Ints, control: Ints,
) -> int:  # fmt: skip
    """Any packet, the full way; 1 where it begins a new stream, with the one held where that came first."""
    if s[b + OPEN] == 0:
        if s[b + HELD]:
            begin_with_held(s, b, slot, bins, ticks_of, kind_of)
        else:
            begin_stream(s, b, arrival, seq)
    elif arrival > s[b + CUT_AT] or arrival - s[b + LAST] > s[b + IDLE_CUT]:
        s[b + HELD] = 0
        return 1
    ext, last = s[b + EXT], s[b + LAST]
    ahead, delta = (seq - ext) & 0xFFFF, arrival - last
    if delta >= GAP_US and arrival >= s[b + WATCH_FROM]:
        s[b + HELD] = 0
        return 1
    # a number that is far off
    far = MAX_DROPOUT <= ahead <= 65536 - HISTORY_BITS
    if far or (JUMP < ahead < MAX_DROPOUT and delta < JUMP_US):
        if s[b + HELD] == 0 or seq != (s[b + HELD_SEQ] + 1) & 0xFFFF:
            hold(s, b, arrival, seq, ts, mt, length)
            return 0
        s[b + R_STRAY] -= 1
        if arrival >= s[b + WATCH_FROM]:
            return 1
        restart(s, b, slot, bins, arrival, ts, mt, length, ticks_of, kind_of)
        return 0
    # its window, its number
    if arrival >= s[b + WINDOW_END]:
        change_window(s, b, slot, arrival, rows, row_slot, control)
    number = place(s, b, arrival, ahead)
    if number < 0:
        s[b + R_DUPLICATES] += 1
        return 0
    if s[b + R_PACKETS] == 0:
        s[b + R_START] = arrival
    s[b + R_PACKETS] += 1
    s[b + R_BYTES] += length
    s[b + HELD] = 0
    # the time since the one before
    payload_type, marked = mt & 0x7F, mt & 0x80
    # of two in a row the second one tells of no pause: some senders mark every packet
    marker = 0 if ahead == 1 and s[b + TS] >= MARKED and s[b + TS_EXT] == ext else marked
    key = s[b + MAP] * 128 + payload_type
    kind = kind_of[key]
    pauses = kind not in (VIDEO, UNKNOWN)
    explained = s[b + AFTER] == 2 or (marker != 0 and pauses and ahead == 1)
    in_sequence = kind == VOICE and ahead == 1 and payload_type == s[b + PT] and s[b + TS_EXT] == ext
    if in_sequence and 0 < 2 * s[b + PTIME] < delta and suppressed(s, b, ts, delta):
        explained = True
        s[b + R_DTX] = max(s[b + R_DTX], 1 if delta >= GAP_US else 2)
    if delta >= GAP_US:
        note_silence(slot, last, arrival, 1 if explained else 0, gaps, control)
    elif delta > 0:
        s[b + R_ACTIVE] += delta
    if not explained:
        s[b + R_DELTA_MAX] = max(s[b + R_DELTA_MAX], delta)
    s[b + LAST] = max(arrival, last)
    # what it is
    if kind == EVENT:
        s[b + R_EVENTS] += 1
        s[b + AFTER] = max(s[b + AFTER], 1)
        return 0
    if kind == NOISE:
        s[b + R_NOISE] += 1
        s[b + R_DTX] = 2
        s[b + AFTER] = 2
        return 0
    if payload_type != s[b + PT] or ticks_of[key] != s[b + TICK]:
        change_type(s, b, payload_type, kind, ticks_of[key])
    if s[b + TICK] > 0:
        voice(s, b, slot, bins, arrival, number, ts, marker)
        s[b + TS] = ts + marked * (MARKED >> 7)
    return 0
