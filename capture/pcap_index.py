"""The kernel that walks pcap records: where each frame lies, its lengths and its time.

Record head: seconds, fraction, captured length, length on the wire, 4 bytes each (16 bytes; 24 in the
"modified" format of patched libpcaps). draft-ietf-opsawg-pcap, section 5.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from capture import bounds, index_state
from kernels import compiled, seldom
from kernels.octets import u32_of

Bytes: TypeAlias = NDArray[np.uint8]
Ints: TypeAlias = NDArray[np.int64]
Ints32: TypeAlias = NDArray[np.int32]

CAPTURED_MAX = bounds.CAPTURED_MAX
WIRE_MAX = bounds.WIRE_MAX
CLOCK_NEAR_S = bounds.CLOCK_NEAR_S
WINDOW_DONE = index_state.WINDOW_DONE
SHORT = index_state.SHORT
DAMAGED = index_state.DAMAGED
POSITION = index_state.POSITION
STATUS = index_state.STATUS
LAST_TIME = index_state.LAST_TIME
TOUCHED = index_state.TOUCHED
LAST_START = index_state.LAST_START

INT32_MAX = 2**31 - 1
AHEAD = 16_384  # bytes touched at once before the walk
CACHE_LINE = 64
CHAIN = 3  # records in a row that must look right where one alone is doubted

REFUSED = 0  # verdicts of `_judge`
BELIEVED = 1
BELIEVED_WITH_CLOCK = 2  # and the next record agrees with its time
UNDECIDED = 3  # needs bytes that are not there yet


@seldom
def _judge(
    buffer: Bytes, at: int, end: int, final: int, big: int, unit: int, head: int, last: int, strict: int
) -> int:
    """Whether a record stands at `at`, judged by it and the records that would follow.

    Not strict (in sequence): of every record of the chain the lengths or the time must make sense. Strict
    (searching): both must, and a chain that the end of the input cuts short must start near `last`.
    """
    first = previous = last
    clock = BELIEVED
    fair = 0  # of the record before: good lengths and a good fraction
    for step in range(CHAIN):
        if at + head > end:
            if final == 0:
                return UNDECIDED
            if step == 0 or (strict != 0 and last >= 0 and abs(first - last) > CLOCK_NEAR_S):
                return REFUSED
            if step == 1 and at > end and (fair == 0 or (strict != 0 and last < 0)):  # cut off, and doubtful
                return REFUSED
            return clock
        second = u32_of(buffer, at, big)
        length = u32_of(buffer, at + 8, big)
        wire = u32_of(buffer, at + 12, big)
        if length > CAPTURED_MAX or (wire == 0 and length == 0):
            return REFUSED
        fraction_good = u32_of(buffer, at + 4, big) < unit
        length_good = length <= wire <= WIRE_MAX
        near = previous < 0 or abs(second - previous) <= CLOCK_NEAR_S
        if strict != 0:
            if not (length_good and length > 0 and fraction_good and (near or step == 0)):
                return REFUSED
        elif not ((length_good and length > 0) or (fraction_good and near)):
            return REFUSED
        fair = 1 if length_good and fraction_good else 0
        if step == 0:
            first = second
        elif near:
            clock = BELIEVED_WITH_CLOCK
        previous = second
        at += head + length
    return clock


@compiled(
    "int64(uint8[::1], int64, int64, int64, int64, int64, int64, int64, int64, int64[::1], int32[::1],"
    " int32[::1], int64[::1], int64[::1])"
)
def index_pcap(
    buffer: Bytes,
    at: int,
    stop: int,
    end: int,
    final: int,
    big: int,
    unit: int,
    head: int,
    search: int,
    offset: Ints,
    captured: Ints32,
    original: Ints32,
    time_ns: Ints,
    state: Ints,
) -> int:
    """Index the records from `at` up to `stop`; returns how many frames the columns now hold.

    `end`: where the bytes end, `final` 1 if nothing follows them; `big` 1 for big-endian heads of `head`
    bytes; `unit` fractions a second; `search` 1: first look for the next record at or after `at`.
    state: see index_state. Not walked to the end because of SHORT or DAMAGED, state[POSITION] is the record.
    """
    scale = 1000000000 // unit
    last = state[LAST_TIME]
    start = -1
    count = 0
    status = WINDOW_DONE
    touched = at - 1
    seen = 0
    if search != 0:
        while at < end:
            verdict = _judge(buffer, at, end, final, big, unit, head, last, 1)
            if verdict == UNDECIDED:
                state[POSITION] = at
                state[STATUS] = SHORT
                return 0
            if verdict != REFUSED:
                last = -1
                break
            at += 1
        state[POSITION] = at
        state[LAST_TIME] = last
        state[STATUS] = WINDOW_DONE
        return 0
    while count < offset.shape[0] and at < stop:
        if at < 0 or at + head > end:
            status = SHORT
            break
        if at > touched:  # in order, for the processor's prefetch: the walk alone waits for every record
            limit = min(touched + AHEAD, end)
            for line in range(touched, limit, CACHE_LINE):
                seen += buffer[line]
            touched = limit
        second = u32_of(buffer, at, big)
        fraction = u32_of(buffer, at + 4, big)
        length = u32_of(buffer, at + 8, big)
        wire = u32_of(buffer, at + 12, big)
        if (
            0 < length <= CAPTURED_MAX
            and length <= wire <= WIRE_MAX
            and fraction < unit
            and (last < 0 or abs(second - last) <= CLOCK_NEAR_S)
        ):
            if at + head + length > end:
                status = SHORT
                break
            last = second
        else:
            verdict = _judge(buffer, at, end, final, big, unit, head, last, 0)
            if verdict == UNDECIDED:
                status = SHORT
                break
            if verdict == REFUSED:
                status = DAMAGED
                break
            if at + head + length > end:
                status = SHORT
                break
            if verdict == BELIEVED_WITH_CLOCK:
                last = second
        offset[count] = at + head
        captured[count] = length
        original[count] = min(wire, INT32_MAX)
        time_ns[count] = second * 1000000000 + fraction * scale
        start = at
        at += head + length
        count += 1
    state[POSITION] = at
    state[STATUS] = status
    state[LAST_TIME] = last
    state[TOUCHED] = seen
    if start >= 0:
        state[LAST_START] = start
    return count
