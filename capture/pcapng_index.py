"""The kernel that walks pcapng blocks: where each frame lies, its lengths, its time and link type.

draft-ietf-opsawg-pcapng: every block is type, total length, body, total length again. Packets are in
enhanced (6), simple (3) and obsolete (2) packet blocks; section headers and interface descriptions are left
to the caller; other blocks are passed over.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from capture import bounds, index_state
from kernels import compiled, inlined, seldom
from kernels.octets import u32_of

Bytes: TypeAlias = NDArray[np.uint8]
Ints: TypeAlias = NDArray[np.int64]
Ints32: TypeAlias = NDArray[np.int32]

BLOCK_MAX = bounds.PCAPNG_BLOCK_MAX
CAPTURED_MAX = bounds.CAPTURED_MAX
WINDOW_DONE = index_state.WINDOW_DONE
SHORT = index_state.SHORT
DAMAGED = index_state.DAMAGED
BLOCK_OF_INTEREST = index_state.BLOCK_OF_INTEREST
BAD_PACKET = index_state.BAD_PACKET
POSITION = index_state.POSITION
STATUS = index_state.STATUS
LAST_TIME = index_state.LAST_TIME
TOUCHED = index_state.TOUCHED

SECTION = 0x0A0D0D0A
INTERFACE = 1
OBSOLETE_PACKET = 2
SIMPLE_PACKET = 3
NAMES = 4
STATISTICS = 5  # of an interface
ENHANCED_PACKET = 6
JOURNAL = 9
SECRETS = 10
CUSTOM = 0xBAD
CUSTOM_NOT_COPIED = 0x40000BAD
BYTE_ORDER = 0x1A2B3C4D

# A row of the interface table: link type, snap length, how ticks become ns, the factor for that, offset (ns).
LINK_TYPE = 0
SNAPLEN = 1
TICKS = 2
FACTOR = 3
OFFSET_NS = 4
INTERFACE_SLOTS = 5

TICKS_TIMES = 0  # ns = ticks * factor
TICKS_DIVIDED = 1  # ns = ticks // factor
TICKS_BINARY = 2  # ticks of 2**-factor seconds

TIME_MAX = 2**62  # ns; the year 2116: a time beyond is nonsense, and must not overflow in sums
INT32_MAX = 2**31 - 1
AHEAD = 16_384  # bytes touched at once before the walk
CACHE_LINE = 64


@inlined
def _nanoseconds(high: int, low: int, kind: int, factor: int, offset_ns: int) -> int:
    """ns since the epoch of a 64-bit tick count, exact, held within [0, TIME_MAX]."""
    if kind == TICKS_BINARY:
        if factor <= 32:
            second = (high << (32 - factor)) + (low >> factor)
            fraction = low & ((1 << factor) - 1)
            part = fraction * 1000000000 >> factor
        else:
            over = factor - 32
            second = high >> over
            part = ((high & ((1 << over) - 1)) * 1000000000 + (low * 1000000000 >> 32)) >> over
        if second > TIME_MAX // 1000000000:
            return TIME_MAX
        time = second * 1000000000 + part
    else:
        ticks = high * 4294967296 + low  # negative from 2**63 on
        if kind == TICKS_TIMES:
            time = TIME_MAX if ticks < 0 or ticks > TIME_MAX // factor else ticks * factor
        else:
            # In two halves, because today's 10**-10 s do not fit a signed number (factor < 2**31).
            time = (high // factor << 32) + ((high % factor << 32) + low) // factor
    return min(max(time + offset_ns, 0), TIME_MAX)


@seldom
def _looks_whole(buffer: Bytes, at: int, end: int, final: int, big: int) -> int:
    """Whether a block of a known type stands here: 1 yes, 0 no, -1 needs bytes that are not there yet."""
    if at + 12 > end:
        return 0 if final else -1
    kind = u32_of(buffer, at, big)
    order = big
    if kind == SECTION:
        if at + 16 > end:
            return 0 if final else -1
        if u32_of(buffer, at + 8, 0) == BYTE_ORDER:
            order = 0
        elif u32_of(buffer, at + 8, 1) == BYTE_ORDER:
            order = 1
        else:
            return 0
    elif not INTERFACE <= kind <= ENHANCED_PACKET and kind not in (
        JOURNAL,
        SECRETS,
        CUSTOM,
        CUSTOM_NOT_COPIED,
    ):
        return 0
    length = u32_of(buffer, at + 4, order)
    if length < 12 or length > BLOCK_MAX or length % 4 != 0:
        return 0
    if at + length > end:
        return 0 if final else -1
    return 1 if u32_of(buffer, at + length - 4, order) == length else 0


@compiled(
    "int64(uint8[::1], int64, int64, int64, int64, int64, int64, int64[::1], int64, int64[::1], int32[::1],"
    " int32[::1], int64[::1], int64[::1], int64[::1])"
)
def index_pcapng(
    buffer: Bytes,
    at: int,
    stop: int,
    end: int,
    final: int,
    big: int,
    search: int,
    interfaces: Ints,
    interface_count: int,
    offset: Ints,
    captured: Ints32,
    original: Ints32,
    time_ns: Ints,
    link_type: Ints,
    state: Ints,
) -> int:
    """Index the packet blocks from `at` up to `stop`; returns how many frames the columns now hold.

    `end`: where the bytes end, `final` 1 if nothing follows them; `big` 1 in a big-endian section; `search`
    1: only look for the next whole block at or after `at`; `interfaces`: INTERFACE_SLOTS values each.
    state: see index_state; but for WINDOW_DONE, state[POSITION] is the block that stopped the walk.
    """
    last = state[LAST_TIME]
    count = 0
    status = WINDOW_DONE
    touched = at - 1
    seen = 0
    while search != 0 and at < end:
        whole = _looks_whole(buffer, at, end, final, big)
        if whole < 0:
            status = SHORT
        if whole != 0:
            break
        at += 1
    while search == 0 and count < offset.shape[0] and at < stop:
        if at < 0 or at + 12 > end:
            status = SHORT
            break
        if at > touched:  # in order, for the processor's prefetch: the walk alone waits for every record
            limit = min(touched + AHEAD, end)
            for line in range(touched, limit, CACHE_LINE):
                seen += buffer[line]
            touched = limit
        kind = u32_of(buffer, at, big)
        if kind == SECTION:  # may change the byte order: the caller judges its length
            status = BLOCK_OF_INTEREST
            break
        length = u32_of(buffer, at + 4, big)
        if length < 12 or length > BLOCK_MAX or length % 4 != 0:
            status = DAMAGED
            break
        if at + length > end:
            status = SHORT
            break
        if u32_of(buffer, at + length - 4, big) != length:
            status = DAMAGED
            break
        if kind in (ENHANCED_PACKET, OBSOLETE_PACKET):
            if length < 32:
                status = BAD_PACKET
                break
            size = u32_of(buffer, at + 20, big)
            if kind == ENHANCED_PACKET:
                interface = u32_of(buffer, at + 8, big)
            elif big != 0:
                interface = buffer[at + 8] * 256 + buffer[at + 9]
            else:
                interface = buffer[at + 9] * 256 + buffer[at + 8]
            if size > length - 32 or size > CAPTURED_MAX or interface >= interface_count:
                status = BAD_PACKET
                break
            row = interface * INTERFACE_SLOTS
            last = _nanoseconds(
                u32_of(buffer, at + 12, big),
                u32_of(buffer, at + 16, big),
                interfaces[row + TICKS],
                interfaces[row + FACTOR],
                interfaces[row + OFFSET_NS],
            )
            offset[count] = at + 28
            captured[count] = size
            original[count] = min(u32_of(buffer, at + 24, big), INT32_MAX)
            time_ns[count] = last
            link_type[count] = interfaces[row + LINK_TYPE]
            count += 1
        elif kind == SIMPLE_PACKET:
            if length < 16 or interface_count == 0:
                status = BAD_PACKET
                break
            wire = u32_of(buffer, at + 8, big)
            size = min(wire, length - 16)
            if interfaces[SNAPLEN] > 0:
                size = min(size, interfaces[SNAPLEN])
            if size > CAPTURED_MAX:
                status = BAD_PACKET
                break
            offset[count] = at + 12
            captured[count] = size
            original[count] = min(wire, INT32_MAX)
            time_ns[count] = max(last, 0)  # it carries none: that of the packet before
            link_type[count] = interfaces[LINK_TYPE]
            count += 1
        elif kind in (INTERFACE, STATISTICS):
            status = BLOCK_OF_INTEREST
            break
        at += length
    state[POSITION] = at
    state[STATUS] = status
    state[LAST_TIME] = last
    state[TOUCHED] = seen
    return count
