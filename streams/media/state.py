"""The state of one stream as int64 words: what spans windows, then the window row being filled."""

from enum import IntEnum
from typing import Final

from schemas.media_windows import COLUMNS


class S:
    """Words of a slot. Times are µs of packet time, `_NS` nanoseconds, slots k count packet times.

    Plain numbers, no enum: they are named many times a flow, and Python 3.11 takes 0.1 µs to name a member.
    """

    OPEN = 0  # 1 while a stream lives here
    MAP = 1  # payload map
    CUT_AT = 2  # packets after this begin a new stream
    WATCH_FROM = 3  # from here on a break of the flow begins a new stream
    IDLE_CUT = 4  # a pause longer than this begins a new stream
    # sequence numbers
    EXT = 5  # highest extended sequence number
    BASE = 6  # lowest one counted
    HISTORY = 7  # bit b: EXT - b was received
    RUN = 8  # missing numbers that left the history in a row
    GAP_PACKETS = 9  # RFC 3611 `pkt`
    BURST_LOST = 10  # RFC 3611 `lost`
    HELD = 11  # 1: the packet below awaits a second one that agrees (RFC 3550 A.1)
    HELD_SEQ = 12
    HELD_TS = 13
    HELD_MT = 14
    HELD_ARRIVAL = 15
    HELD_LENGTH = 16
    # timing
    LAST = 17  # arrival of the last packet
    PT = 18  # payload type of the last voice packet, -1 none
    KIND = 19  # its Kind
    TICK = 20  # ns << 12 per timestamp unit, 0 unknown
    TS = 21  # timestamp of the last voice packet, 2**32 more where it had the marker
    TS_ARRIVAL = 22  # its arrival
    TS_EXT = 23  # its extended sequence number
    J16 = 24  # RFC 3550 A.8 jitter, ns * 16
    AFTER = 25  # 1: comfort noise or an event came after the last voice packet
    # packet time
    PTIME_TICKS = 26  # 0 until two packets in sequence told it
    PTIME = 27  # µs
    CANDIDATE = 28
    CANDIDATE_COUNT = 29
    CANDIDATE_EXT = 30
    # playout, all buffers
    CLEAN = 31  # 1: every slot up to K is in, but for one hole: heads, masks and runs are not kept
    K = 32  # slot of the newest voice packet
    X = 33  # its transit: arrival - K * PTIME
    TICK_BASE = 34  # arrival of packet 0: phase of the playout clock
    XMIN = 35  # a packet in sequence with XMIN <= x < XMAX changes nothing in any buffer
    XMAX = 36
    ANCHOR_1 = 37
    HEAD_1 = 38
    MASK_1 = 39
    RUN_1 = 40
    ANCHOR_2 = 41
    HEAD_2 = 42
    MASK_2 = 43
    RUN_2 = 44
    ANCHOR_3 = 45
    HEAD_3 = 46
    MASK_3 = 47
    RUN_3 = 48
    DELAY = 49  # C: the adaptive buffer's delay
    CHANGED = 50  # time of its last change
    QUANTILE = 51  # bin of the 97th percentile
    ABOVE = 52  # samples in this bin and higher
    TOTAL = 53  # samples
    # windows
    FIRST = 54  # first packet of the stream
    WINDOW_END = 55
    KMAX = 56  # newest slot held or played
    STARTED = 57  # 1: packet 0 of the playout is known
    FORGIVE_FROM = 58  # a gap of the numbers just after this is no loss, 0 none
    ONE_WAY = 59  # half the mean round trip that RTCP told, µs; not the kernel's
    LOWEST = 60  # lowest bin with samples
    # a hole in clean buffers: their run is 1 until they play past it, then 0
    HOLE = 61  # first slot that is missing
    HOLE_END = 62  # first one after it
    HOLE_DUE = 63  # when the next buffer plays past it, NEVER where none will


ROW: Final = 64
"""Where the window row begins in a slot."""

WORDS: Final = ROW + 64
"""Words of a slot."""

BINS: Final = 64
"""Bins of the adaptive buffer's delay histogram, uint16 each, beside the words."""

assert ROW + COLUMNS <= WORDS


class Kind(IntEnum):
    """What a payload type carries."""

    UNKNOWN = 0
    VOICE = 1
    EVENT = 2
    NOISE = 3
    VIDEO = 4
    OTHER = 5


NEVER: Final = 2**62
"""A time that does not come."""
