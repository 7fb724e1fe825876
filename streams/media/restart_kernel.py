"""Steps of the media kernel where a number is far off.

The packet is held: where the next one's number follows on it, the two begin a restart, or a stream.
"""

from kernels import inlined
from streams.media.loss_kernel import HISTORY_BITS, HISTORY_FULL, flush_history
from streams.media.voice_kernel import voice
from streams.media.window_kernel import GAP_US, begin_stream
from streams.media.words import (
    BASE,
    CLEAN,
    EVENT,
    EXT,
    GAP_PACKETS,
    HELD,
    HELD_ARRIVAL,
    HELD_LENGTH,
    HELD_MT,
    HELD_SEQ,
    HELD_TS,
    HISTORY,
    KIND,
    LAST,
    MAP,
    NOISE,
    PT,
    PTIME_TICKS,
    R_ACTIVE,
    R_BYTES,
    R_EXPECTED,
    R_PACKETS,
    R_RESTARTS,
    R_START,
    R_STRAY,
    STARTED,
    TICK,
    TS_EXT,
    Ints,
)


@inlined
def take_held(s: Ints, b: int, slot: int, bins: Ints, ext: int, ticks_of: Ints, kind_of: Ints) -> bool:
    """Measure the packet held, number `ext`, the first of its stream or of a restart; False where it is no
    media that has a clock."""
    payload_type = s[b + HELD_MT] & 0x7F
    key = s[b + MAP] * 128 + payload_type
    if ticks_of[key] <= 0 or kind_of[key] == EVENT or kind_of[key] == NOISE:
        return False
    s[b + PT], s[b + KIND], s[b + TICK] = payload_type, kind_of[key], ticks_of[key]
    voice(s, b, slot, bins, s[b + HELD_ARRIVAL], ext, s[b + HELD_TS], 1)
    return True


@inlined
def begin_with_held(s: Ints, b: int, slot: int, bins: Ints, ticks_of: Ints, kind_of: Ints) -> None:
    """The packet held was the first of a new stream, before the one in hand."""
    s[b + HELD] = 0
    begin_stream(s, b, s[b + HELD_ARRIVAL], s[b + HELD_SEQ])
    s[b + EXT] += 1
    s[b + GAP_PACKETS] += 1
    s[b + R_START] = s[b + HELD_ARRIVAL]
    s[b + R_EXPECTED], s[b + R_PACKETS], s[b + R_BYTES] = 1, 1, s[b + HELD_LENGTH]
    take_held(s, b, slot, bins, s[b + EXT], ticks_of, kind_of)


@inlined
def hold(s: Ints, b: int, arrival: int, seq: int, ts: int, mt: int, length: int) -> None:
    """Keep a packet whose number is far off: astray, unless the next one's number follows on it."""
    s[b + HELD], s[b + HELD_SEQ], s[b + HELD_TS], s[b + HELD_MT] = 1, seq, ts, mt
    s[b + HELD_ARRIVAL], s[b + HELD_LENGTH] = arrival, length
    s[b + R_STRAY] += 1


@inlined
def restart(
    s: Ints, b: int, slot: int, bins: Ints, arrival: int, ts: int, mt: int, length: int,
    ticks_of: Ints, kind_of: Ints,
) -> None:  # fmt: skip
    """The sender began anew: the packet held and the one in hand are the first of other numbers."""
    s[b + HELD] = 0
    flush_history(s, b)
    s[b + R_RESTARTS] += 1
    s[b + R_EXPECTED] += 2
    s[b + R_PACKETS] += 2
    s[b + R_BYTES] += s[b + HELD_LENGTH] + length
    s[b + R_ACTIVE] += min(max(arrival - s[b + LAST], 0), GAP_US)
    epoch = (s[b + EXT] | 0xFFFF) + 1 + 65536
    s[b + HISTORY] = HISTORY_FULL
    s[b + GAP_PACKETS] -= HISTORY_BITS - 2
    s[b + EXT] = epoch + s[b + HELD_SEQ] + 1
    s[b + BASE] = epoch + s[b + HELD_SEQ]
    s[b + TS_EXT] = 0
    s[b + STARTED], s[b + PTIME_TICKS], s[b + CLEAN] = 0, 0, 0
    s[b + LAST] = arrival
    same_type = mt & 0x7F == s[b + HELD_MT] & 0x7F
    if take_held(s, b, slot, bins, s[b + EXT] - 1, ticks_of, kind_of) and same_type:
        voice(s, b, slot, bins, arrival, s[b + EXT], ts, mt & 0x80)
