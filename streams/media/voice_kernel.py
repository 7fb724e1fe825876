"""The step of the media kernel for a packet with a known clock: RFC 3550 jitter, packet time, playout."""

from typing import Final

from kernels import inlined
from streams.media.playout_kernel import playout, put_off, start_playout
from streams.media.words import (
    AFTER,
    CANDIDATE,
    CANDIDATE_COUNT,
    CANDIDATE_EXT,
    J16,
    KIND,
    KMAX,
    PTIME,
    PTIME_TICKS,
    R_DELAY_0,
    R_JITTER_COUNT,
    R_JITTER_MAX,
    R_JITTER_SUM,
    STARTED,
    TICK,
    TS,
    TS_ARRIVAL,
    TS_EXT,
    VOICE,
    Ints,
    K,
)

PAUSE_US: Final = 1_000_000
WRONG_TIMESTAMP_NS: Final = 10_000_000_000


@inlined
def another_length(ticks: int, others: int) -> bool:
    """Whether a packet lasts longer or shorter by over a sixteenth: some senders' alternate by a tick."""
    return abs(ticks - others) * 16 > others


@inlined
def voice(s: Ints, b: int, slot: int, bins: Ints, arrival: int, ext: int, ts: int, marker: int) -> None:
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
                start_playout(s, b, slot, bins, s[b + TS_ARRIVAL])
            elif another_length(ticks, s[b + PTIME_TICKS]):
                if not another_length(ticks, s[b + CANDIDATE]) and s[b + CANDIDATE_EXT] == ext - 1:
                    s[b + CANDIDATE_COUNT] += 1
                else:
                    s[b + CANDIDATE], s[b + CANDIDATE_COUNT] = ticks, 1
                s[b + CANDIDATE_EXT] = ext
                if s[b + CANDIDATE_COUNT] >= 3:
                    s[b + CANDIDATE_COUNT] = 0
                    s[b + PTIME_TICKS], s[b + PTIME] = ticks, us
                    start_playout(s, b, slot, bins, s[b + TS_ARRIVAL])
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
                playout(s, b, slot, bins, arrival, k, 1, lost)
            elif not wrong:
                uneven = ticks - slots * ptime_ticks
                if uneven != 0:
                    put_off(s, b, arrival, (uneven * tick_q) // 4_096_000)
                playout(s, b, slot, bins, arrival, k, 0, 0)
    s[b + TS], s[b + TS_ARRIVAL], s[b + TS_EXT], s[b + AFTER] = ts, arrival, ext, 0
