"""Steps of the dissector over flows: their key, their place in the table, probation, rows.

The table holds tag << 32 | slot + 1 at `tag & mask` or in the next free entry behind; the words of a flow,
of what probation keeps and of a row are those of capture/layout.py.
"""

from typing import Final

from capture.bounds import EVICTION_SAMPLE, FLOW_IDLE_US, FLOW_PROBES, PROBATION_IDLE_US, PROBATION_KEPT
from capture.layout import (
    C_DISORDER,
    C_DISORDER_ROW,
    C_FLUSHED,
    C_HAND,
    C_SLOTS,
    C_SLOTS_MAX,
    C_TABLED,
    COUNT_FLOWS_EVICTED,
    F_ADDRESS,
    F_ADDRESS_2,
    F_COPIES,
    F_FIRST_META,
    F_INFO,
    F_KEPT,
    F_LAST,
    F_PORTS,
    F_RECENT,
    F_SENT_META,
    F_TAG,
    FLAG_IPV6,
    FLAG_KIND,
    FLAG_PASSED,
    FLOW_WORDS,
    KEPT_ARRIVAL,
    KEPT_HEAD,
    KEPT_LENGTH,
    KEPT_SMALL,
    KEPT_WORDS,
    ROW_ARRIVAL,
    ROW_HEAD,
    ROW_KEY,
    ROW_SLOT,
    ROW_SMALL,
    ROW_WORDS,
)
from kernels import Array, I, U, inlined, prefetch, seldom
from kernels.octets import u32

FIRST_MIX: Final = -0x61C8864680B583EB  # odd, from splitmix64
SECOND_MIX: Final = -0x3D4D51C2D82B14B1
LOW_31: Final = (1 << 31) - 1
LOW_32: Final = (1 << 32) - 1
LOW_48: Final = (1 << 48) - 1
COPY_SHIFT: Final = 8
COPY_TICKS: Final = 39  # 10 ms in steps of 256 µs
TICKS_PER_MS: Final = 96  # the fastest RTP clock, with some room
TICKS_FREE: Final = 192_000  # 2 s of it
AHEAD: Final = 16
"""Frames whose flows are fetched at once."""

NO_SLOT: Final = -1
REFUSED: Final = -2


@inlined
def ipv4_addresses(b: Array, p: int) -> int:
    """Source and destination of an IPv4 head, in wire order."""
    value: int = (
        I(b[U(p + 12)]) | I(b[U(p + 13)]) << 8 | I(b[U(p + 14)]) << 16 | I(b[U(p + 15)]) << 24
        | I(b[U(p + 16)]) << 32 | I(b[U(p + 17)]) << 40
        | I(b[U(p + 18)]) << 48 | I(b[U(p + 19)]) << 56
    )  # fmt: skip
    return value


@inlined
def half_address(b: Array, at: int) -> int:
    """Eight octets of an IPv6 address, in wire order."""
    value = I(0)
    for j in range(8):
        value |= I(b[U(at + j)]) << (j << 3)
    return int(value)


@inlined
def mixed_ipv6(k0: int, k1: int, k2: int, k3: int, seed: int) -> int:
    """What the addresses of IPv6 give to the tag."""
    mixed = ((k1 ^ seed) * FIRST_MIX ^ k2) * SECOND_MIX
    mixed = ((mixed ^ (mixed >> 31)) ^ k3) * FIRST_MIX
    return (mixed ^ (mixed >> 29) ^ k0) * FIRST_MIX


@inlined
def tag_of(mixed: int, port_word: int) -> int:
    """The tag of a flow: 31 bits of a hash that nobody can foresee who does not know the seed."""
    mixed = (mixed ^ (mixed >> 32) ^ port_word) * SECOND_MIX
    return ((mixed >> 32) ^ mixed) & LOW_31


@seldom
def fetch_flows(
    b: Array, offset: Array, captured: Array, at: int, n: int, seed: int,
    table: Array, flows: Array, mask: int,
) -> None:  # fmt: skip
    """Fetch what the next frames' flows lie in, so that the walk need not wait for memory a frame at a time.

    Looks at what is plainly UDP over IPv4 over Ethernet alone; a wrong guess costs nothing but the fetch.
    """
    stop = min(at + AHEAD, n)
    for frame in range(at, stop):
        later = offset[U(min(frame + 2 * AHEAD, n - 1))]
        prefetch(b, U(later + 14))
        prefetch(b, U(later + 53))
        p = offset[U(frame)] + 14
        if captured[U(frame)] >= 54 and b[U(p)] == 0x45:
            port_word = u32(b, p + 20) << 32 | u32(b, p + 36)
            tag = tag_of((ipv4_addresses(b, p) ^ seed) * FIRST_MIX, port_word)
            entry = table[U(tag & mask)]
            if entry:
                prefetch(flows, U(((entry & LOW_32) - 1) * FLOW_WORDS))


@inlined
def find_flow(
    table: Array, flows: Array, mask: int, tag: int,
    k0: int, k1: int, k2: int, k3: int, port_word: int, kind: int,
) -> int:  # fmt: skip
    """The slot of a flow; NO_SLOT where it is new, REFUSED where it would lie too far behind its place."""
    probes = 0
    j = tag & mask
    while True:
        entry = table[U(j)]
        if entry == 0:
            return NO_SLOT
        if entry >> 32 == tag:
            slot = (entry & LOW_32) - 1
            base = slot * FLOW_WORDS
            if (
                flows[U(base + F_ADDRESS)] == k0
                and flows[U(base + F_PORTS)] == port_word
                and flows[U(base + F_INFO)] & FLAG_KIND == kind
                and (kind & FLAG_IPV6 == 0 or (
                    flows[U(base + F_ADDRESS_2)] == k1
                    and flows[U(base + F_ADDRESS_2 + 1)] == k2
                    and flows[U(base + F_ADDRESS_2 + 2)] == k3
                ))
            ):  # fmt: skip
                return int(slot)
        j = (j + 1) & mask
        probes += 1
        if probes > FLOW_PROBES:
            return REFUSED


@seldom
def make_room(table: Array, flows: Array, mask: int, tag: int, key: int, counters: Array, c: Array) -> int:
    """A slot for a new flow, in the table by its tag: a free one, or that of a flow long silent; where all
    are in use that of one long silent among some, else REFUSED."""
    used = c[C_SLOTS]
    full = 1 if used >= c[C_SLOTS_MAX] else 0
    look = min(used, EVICTION_SAMPLE if full else 2)
    oldest = I(1) << 62
    victim = I(-1)
    hand = c[C_HAND]
    for _ in range(look):
        hand = hand + 1 if hand + 1 < used else 0
        last = flows[U(hand * FLOW_WORDS + F_LAST)]
        idle = PROBATION_IDLE_US
        if flows[U(hand * FLOW_WORDS + F_INFO)] & FLAG_PASSED:
            if last > c[C_FLUSHED] or flows[U(hand * FLOW_WORDS + F_COPIES)] != 0:
                continue  # its rows are still held
            idle = FLOW_IDLE_US
        if key - last > idle:
            victim = hand
            full = 0
            break
        if full:
            rank = last + idle  # probation goes first
            if rank < oldest:
                oldest = rank
                victim = hand
    c[C_HAND] = hand
    slot = victim
    if victim < 0:
        if full:
            return REFUSED
        slot = used
        c[C_SLOTS] = used + 1
    else:
        if full:
            counters[COUNT_FLOWS_EVICTED] += 1
        take_out(table, mask, flows[U(victim * FLOW_WORDS + F_TAG)], victim)
        c[C_TABLED] -= 1
    j = tag & mask
    while table[U(j)] != 0:
        j = (j + 1) & mask
    table[U(j)] = tag << 32 | (slot + 1)
    c[C_TABLED] += 1
    return int(slot)


@inlined
def take_out(table: Array, mask: int, tag: int, slot: int) -> None:
    """Take a flow out of the table: entries behind it move up where they may."""
    j = tag & mask
    while table[U(j)] != (tag << 32 | (slot + 1)):
        j = (j + 1) & mask
    hole = j
    while True:
        j = (j + 1) & mask
        entry = table[U(j)]
        if entry == 0:
            break
        if ((j - (entry >> 32)) & mask) >= ((j - hole) & mask):
            table[U(hole)] = entry
            hole = j
    table[U(hole)] = 0


@seldom
def begin_flow(
    flows: Array, base: int, tag: int, key: int, meta: int,
    k0: int, k1: int, k2: int, k3: int, port_word: int, kind: int,
) -> None:  # fmt: skip
    """Write the words of a flow that nothing is known of yet."""
    for j in range(FLOW_WORDS):
        flows[U(base + j)] = 0
    flows[U(base + F_ADDRESS)] = k0
    flows[U(base + F_ADDRESS_2)] = k1
    flows[U(base + F_ADDRESS_2 + 1)] = k2
    flows[U(base + F_ADDRESS_2 + 2)] = k3
    flows[U(base + F_PORTS)] = port_word
    flows[U(base + F_INFO)] = kind
    flows[U(base + F_LAST)] = key
    flows[U(base + F_FIRST_META)] = meta
    flows[U(base + F_SENT_META)] = -1
    flows[U(base + F_TAG)] = tag


@inlined
def is_copy(flows: Array, base: int, t: int, timestamp: int, sequence: int, identity: int) -> bool:
    """Whether it is a mirrored copy: sequence, timestamp and identity of a packet heard at once before.

    `identity`: IPv4 id, without one the UDP checksum, 0 where it has neither.
    """
    recent = base + F_RECENT + (sequence & 3)
    mark = (t >> COPY_SHIFT) << 48 | (timestamp & 0xFFFF) << 32 | sequence << 16 | identity
    known = flows[U(recent)]
    if (known ^ mark) & LOW_48 == 0 and identity != 0:
        apart = ((mark >> 48) - (known >> 48)) & 0xFFFF
        if apart <= COPY_TICKS or apart >= 0x10000 - COPY_TICKS:
            return True
    flows[U(recent)] = mark
    return False


@inlined
def passes(flows: Array, kept: Array, base: int, slot: int, t: int, timestamp: int, sequence: int) -> bool:
    """Whether a packet ends probation (RFC 3550 A.1): it and one that is kept are two numbers in sequence, in
    either order, on a clock that can be."""
    found = False
    for m in range(flows[U(base + F_KEPT)]):
        k = (slot * PROBATION_KEPT + m) * KEPT_WORDS
        before = kept[U(k + KEPT_HEAD)]
        apart = (sequence - (before >> 16)) & 0xFFFF
        if apart in (1, 0xFFFF):
            ticks = (timestamp - (before >> 32)) & LOW_32
            if ticks > LOW_31:
                ticks = LOW_32 + 1 - ticks
            if ticks <= TICKS_FREE + (abs(t - kept[U(k + KEPT_ARRIVAL)]) // 1000) * TICKS_PER_MS:
                found = True
    return found


@seldom
def keep_packet(
    flows: Array, kept: Array, base: int, slot: int, t: int, row_head: int, row_length: int, small: int
) -> None:
    """Keep a packet of a flow in probation, in place of the first one where all places are taken."""
    kept_count = flows[U(base + F_KEPT)]
    first = slot * (PROBATION_KEPT * KEPT_WORDS)
    if kept_count == PROBATION_KEPT:
        for j in range((PROBATION_KEPT - 1) * KEPT_WORDS):
            kept[U(first + j)] = kept[U(first + KEPT_WORDS + j)]
        kept_count -= 1
    k = first + kept_count * KEPT_WORDS
    kept[U(k + KEPT_ARRIVAL)] = t
    kept[U(k + KEPT_HEAD)] = row_head
    kept[U(k + KEPT_LENGTH)] = row_length
    kept[U(k + KEPT_SMALL)] = small
    flows[U(base + F_KEPT)] = kept_count + 1


@inlined
def put_row(
    rows: Array, rows_mask: int, row: int, key: int, t: int, head: int, slot_word: int, small: int,
    last_key: int, c: Array,
) -> int:  # fmt: skip
    """Write row number `row`; returns the largest key so far, and notes where this one lags behind it."""
    r = (row & rows_mask) * ROW_WORDS
    rows[U(r + ROW_KEY)] = key
    rows[U(r + ROW_ARRIVAL)] = t
    rows[U(r + ROW_HEAD)] = head
    rows[U(r + ROW_SLOT)] = slot_word
    rows[U(r + ROW_SMALL)] = small
    if key >= last_key:
        return key
    c[C_DISORDER] = max(c[C_DISORDER], last_key - key)
    c[C_DISORDER_ROW] = row
    return last_key
