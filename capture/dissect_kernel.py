"""The walk through a block of frames: headers, kind of datagram, RTP into rows of known flows.

One pass, one kernel, no call inside the loop: each stage is commented instead. What the walk cannot finish
it leaves to others: it stops for the slow path at fragments, tunnels and streams, and notes SIP and RTCP.
"""
# ruff: noqa: PLR1714, PLR1730, SIM102, SIM108, SIM109  (plain comparisons compile to the shortest code)

from typing import Any

import numpy as np

from capture.bounds import (
    BATCH_ROWS,
    BATCH_US,
    EVICTION_SAMPLE,
    EXTENSION_HEADERS_MAX,
    FLOW_IDLE_US,
    FLOW_PROBES,
    NOTES_MAX,
    PROBATION_IDLE_US,
    PROBATION_KEPT,
)
from capture.layout import (
    C_ASK,
    C_ASK_PORTS,
    C_CLOCK,
    C_DISORDER,
    C_DISORDER_ROW,
    C_FLOW,
    C_FLUSH_AT,
    C_FLUSHED,
    C_FRAMES,
    C_HAND,
    C_HEAD,
    C_HINT_PORTS,
    C_HINTS,
    C_INNER,
    C_LAST_KEY,
    C_LINK,
    C_LIVE,
    C_NEXT,
    C_NOTES,
    C_ROWS_END,
    C_ROWS_MASK,
    C_ROWS_NEW,
    C_ROWS_START,
    C_SEED,
    C_SLOTS,
    C_SLOTS_MAX,
    C_SORT_BUFFER,
    C_TABLE_MASK,
    C_TABLED,
    COUNT_COPIES,
    COUNT_DTLS,
    COUNT_EMPTY_UDP,
    COUNT_FLOWS,
    COUNT_FLOWS_EVICTED,
    COUNT_FLOWS_REFUSED,
    COUNT_MALFORMED,
    COUNT_MISORDERED,
    COUNT_NOT_IP,
    COUNT_NOT_UDP,
    COUNT_OTHER_TCP,
    COUNT_OTHER_UDP,
    COUNT_RTCP,
    COUNT_RTP,
    COUNT_SLOW,
    COUNT_STUN,
    COUNT_TRUNCATED,
    COUNT_TURN,
    COUNT_UDPTL,
    COUNT_UNCONFIRMED,
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
    FLAG_UDPTL,
    FLOW_WORDS,
    H_PORT,
    HINT_WORDS,
    KEPT_ARRIVAL,
    KEPT_HEAD,
    KEPT_LENGTH,
    KEPT_SMALL,
    KEPT_WORDS,
    META_SHIFT,
    N_ARRIVAL,
    N_CAPTURED,
    N_IP,
    N_IPV6,
    N_KEY,
    N_KIND,
    N_META,
    N_PAYLOAD,
    N_PORTS,
    N_WIRE,
    NOTE_OFFER,
    NOTE_RTCP,
    NOTE_SIP,
    NOTE_SIP_PORT,
    NOTE_WORDS,
    NUMBER_SHIFT,
    ROW_ARRIVAL,
    ROW_HEAD,
    ROW_KEY,
    ROW_SLOT,
    ROW_SMALL,
    ROW_WORDS,
    SLOT_BITS,
    STOP_DONE,
    STOP_FLUSH,
    STOP_NOTES,
    STOP_OFFER,
    STOP_ROWS,
    STOP_SLOW,
    STOP_TABLE,
)
from kernels import compiled, inlined, prefetch

U: Any = np.uint64  # an unsigned index costs no wrap-around check
I: Any = np.int64  # noqa: E741 (a byte has to be widened before it is shifted)

Array = Any
"""A C-contiguous 1-D array."""

LINK_NULL, LINK_ETHERNET, LINK_RAW, LINK_RAW_12, LINK_RAW_14 = 0, 1, 101, 12, 14
LINK_LOOP, LINK_SLL, LINK_IPV4, LINK_IPV6, LINK_SLL2 = 108, 113, 228, 229, 276
IPV4, IPV6 = 0x0800, 0x86DD
SLOW, NOT_IP, TRUNCATED, MALFORMED, DONE = -1, -2, -3, -4, -5

FIRST_MIX, SECOND_MIX = -0x61C8864680B583EB, -0x3D4D51C2D82B14B1  # odd, from splitmix64
LOW_31, LOW_32, LOW_48 = (1 << 31) - 1, (1 << 32) - 1, (1 << 48) - 1
META_MASK = LOW_32 ^ 7
COPY_SHIFT, COPY_TICKS = 8, 39  # 10 ms in steps of 256 µs
GAP_US = 8_000_000  # less than the shortest idle time: a forgotten flow has no rows held
TICKS_PER_MS = 96  # the fastest RTP clock, with some room
TICKS_FREE = 192_000  # 2 s of it

# what SIP begins with: four bytes of a method (RFC 3261, 3262, 3265, 3311, 3428, 3515, 3903, 6086) or of SIP/
AHEAD = 16
"""Frames whose flows are fetched at once."""

INVITE, ACK, BYE, CANCEL, REGISTER = 0x494E5649, 0x41434B20, 0x42594520, 0x43414E43, 0x52454749
OPTIONS, PRACK, SUBSCRIBE, NOTIFY, PUBLISH = 0x4F505449, 0x50524143, 0x53554253, 0x4E4F5449, 0x5055424C
INFO, REFER, MESSAGE, UPDATE, STATUS = 0x494E464F, 0x52454645, 0x4D455353, 0x55504441, 0x5349502F
GET = 0x47455420  # WebSocket


@inlined
def fetch_flows(
    b: Array,
    offset: Array,
    captured: Array,
    at: int,
    n: int,
    seed: int,
    table: Array,
    flows: Array,
    mask: int,
) -> None:
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
            k0 = (
                I(b[U(p + 12)]) | I(b[U(p + 13)]) << 8 | I(b[U(p + 14)]) << 16 | I(b[U(p + 15)]) << 24
                | I(b[U(p + 16)]) << 32 | I(b[U(p + 17)]) << 40
                | I(b[U(p + 18)]) << 48 | I(b[U(p + 19)]) << 56
            )  # fmt: skip
            ports = (
                I(b[U(p + 20)]) << 24 | I(b[U(p + 21)]) << 16 | I(b[U(p + 22)]) << 8 | I(b[U(p + 23)])
            ) << 32
            ssrc = I(b[U(p + 36)]) << 24 | I(b[U(p + 37)]) << 16 | I(b[U(p + 38)]) << 8 | I(b[U(p + 39)])
            mixed = (k0 ^ seed) * FIRST_MIX
            mixed = (mixed ^ (mixed >> 32) ^ (ports | ssrc)) * SECOND_MIX
            entry = table[U(((mixed >> 32) ^ mixed) & LOW_31 & mask)]
            if entry:
                prefetch(flows, U(((entry & LOW_32) - 1) * FLOW_WORDS))


@compiled(
    "int64(uint8[::1], int64[::1], int32[::1], int32[::1], int64[::1], uint8[::1], int64[::1], int64[::1],"
    " int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1])"
)
def walk(
    b: Array,
    offset: Array,
    captured: Array,
    original: Array,
    time_ns: Array,
    ports: Array,
    table: Array,
    flows: Array,
    live: Array,
    kept: Array,
    rows: Array,
    notes: Array,
    hints: Array,
    counters: Array,
    c: Array,
) -> int:
    """Walk frames from c[C_NEXT] on; returns why it stopped, with the state in `c` (capture/layout.py).

    `b`, `offset`, `captured`, `original`, `time_ns` are a Block's. `ports` (65536,): bit 0 on SIP ports,
    bit 1 at src ^ dst port of TCP connections of interest.
    """
    n, link, inner = c[C_FRAMES], c[C_LINK], c[C_INNER]
    clock, head, flush_due = c[C_CLOCK], c[C_HEAD], c[C_FLUSH_AT] + BATCH_US
    rows_end, last_key, noted, mask = c[C_ROWS_END], c[C_LAST_KEY], c[C_NOTES], c[C_TABLE_MASK]
    rows_first = rows_end
    sort_buffer = c[C_SORT_BUFFER]
    rows_mask = c[C_ROWS_MASK]
    rows_full = c[C_ROWS_START] + rows_mask - PROBATION_KEPT
    rows_stop = min(rows_full, rows_end + BATCH_ROWS - c[C_ROWS_NEW])
    seed, hint_count, hint_ports = c[C_SEED], c[C_HINTS], c[C_HINT_PORTS]
    rtp = 0
    stop = STOP_DONE
    i = c[C_NEXT]
    fetched = i
    while i < n:
        if stop != STOP_DONE:
            break
        if rows_end >= rows_stop:
            stop = STOP_ROWS if rows_stop == rows_full else STOP_FLUSH
            break
        if i >= fetched:
            fetch_flows(b, offset, captured, i, n, seed, table, flows, mask)
            fetched = i + AHEAD
        at = U(i)
        # -- order: place in the sensor's order, running maximum of packet time
        t = I(U(time_ns[at] + 500) // U(1000))
        floor = clock - sort_buffer
        if head < clock:  # set back: nothing is sorted until time has caught up
            floor = clock
        key = t
        if t < floor:
            key = floor
        if t > clock:
            if t - clock > GAP_US:
                clock = t
                if t > head:
                    head = t
                stop = STOP_FLUSH
                break
            clock = t
        if t > head:
            head = t
            if t > flush_due:
                stop = STOP_FLUSH
        elif t < head - sort_buffer:
            counters[COUNT_MISORDERED] += 1
        i += 1
        o = offset[at]
        limit = o + captured[at]
        wire_end = o + original[at]

        # -- link layer: `proto` the EtherType (or why not), `p` what follows
        vlan = 0
        proto = SLOW
        p = o
        if link == LINK_ETHERNET:
            p = o + 14
            if p > limit:
                proto = TRUNCATED
            else:
                proto = I(b[U(o + 12)]) << 8 | I(b[U(o + 13)])
        elif link == LINK_SLL:
            p = o + 16
            if p > limit:
                proto = TRUNCATED
            else:
                proto = I(b[U(o + 14)]) << 8 | I(b[U(o + 15)])
        elif link == LINK_SLL2:
            p = o + 20
            if p > limit:
                proto = TRUNCATED
            else:
                proto = I(b[U(o)]) << 8 | I(b[U(o + 1)])
        elif (
            link == LINK_RAW or link == LINK_RAW_12 or link == LINK_RAW_14
            or link == LINK_IPV4 or link == LINK_IPV6
        ):  # fmt: skip
            if p >= limit:
                proto = TRUNCATED
            elif b[U(p)] >> 4 == 4:
                proto = IPV4
            elif b[U(p)] >> 4 == 6:
                proto = IPV6
            else:
                proto = MALFORMED
        elif link == LINK_NULL or link == LINK_LOOP:
            p = o + 4  # the address family, in either byte order; the version nibble says the same
            if p >= limit:
                proto = TRUNCATED
            elif b[U(p)] >> 4 == 4:
                proto = IPV4
            elif b[U(p)] >> 4 == 6:
                proto = IPV6
            else:
                proto = NOT_IP

        # -- tags: VLAN, MPLS, PPPoE
        layers = 0
        while proto != IPV4 and proto != IPV6 and proto >= 0:
            layers += 1
            if layers > EXTENSION_HEADERS_MAX:
                proto = SLOW
            elif proto == 0x8100 or proto == 0x88A8 or proto == 0x9100 or proto == 0x9200:
                if p + 4 > limit:
                    proto = TRUNCATED
                else:
                    vlan = ((I(b[U(p)]) << 8 | I(b[U(p + 1)])) & 0xFFF) + 1
                    proto = I(b[U(p + 2)]) << 8 | I(b[U(p + 3)])
                    p += 4
            elif proto == 0x8847 or proto == 0x8848:
                if p + 5 > limit:
                    proto = TRUNCATED
                else:
                    p += 4
                    if b[U(p - 2)] & 1:  # bottom of the stack
                        version = b[U(p)] >> 4
                        proto = IPV4 if version == 4 else (IPV6 if version == 6 else SLOW)
            elif proto == 0x8864:
                if p + 8 > limit:
                    proto = TRUNCATED
                else:
                    ppp = I(b[U(p + 6)]) << 8 | I(b[U(p + 7)])
                    proto = IPV4 if ppp == 0x0021 else (IPV6 if ppp == 0x0057 else SLOW)
                    p += 8
            elif proto == 0x0806 or proto == 0x88CC or proto == 0x888E or proto == 0x8863 or proto == 0x9000:
                proto = NOT_IP
            else:
                proto = SLOW

        # -- IP: `q` the transport header, `end` the end of the datagram on the wire
        transport = DONE
        q = p
        end = wire_end
        meta = 0
        ip_id = 0
        if proto == IPV4:
            if p + 20 > limit:
                proto = TRUNCATED
            else:
                q = p + ((I(b[U(p)]) & 15) << 2)
                total = I(b[U(p + 2)]) << 8 | I(b[U(p + 3)])
                if b[U(p)] >> 4 != 4 or q < p + 20 or (0 < total < q - p):
                    proto = MALFORMED
                else:
                    if total > 0 and p + total < wire_end:  # 0: not yet cut by the network card
                        end = p + total
                    transport = I(b[U(p + 9)])
                    ip_id = I(b[U(p + 4)]) << 8 | I(b[U(p + 5)])
                    meta = I(b[U(p + 1)]) >> 2 | I(b[U(p + 8)]) << 8 | vlan << 16
                    if (I(b[U(p + 6)]) << 8 | I(b[U(p + 7)])) & 0x3FFF:
                        transport = SLOW
        elif proto == IPV6:
            if p + 40 > limit:
                proto = TRUNCATED
            elif b[U(p)] >> 4 != 6:
                proto = MALFORMED
            else:
                total = I(b[U(p + 4)]) << 8 | I(b[U(p + 5)])
                if total > 0 and p + 40 + total < wire_end:  # 0: a jumbogram, or not yet cut
                    end = p + 40 + total
                transport = I(b[U(p + 6)])
                meta = (I(b[U(p)]) & 15) << 2 | I(b[U(p + 1)]) >> 6 | I(b[U(p + 7)]) << 8 | vlan << 16
                q = p + 40
                layers = 0
                while True:
                    if transport == 0 or transport == 43 or transport == 60 or transport == 135:
                        if q + 8 > limit:
                            proto = TRUNCATED
                            break
                        transport = I(b[U(q)])
                        q += (I(b[U(q + 1)]) << 3) + 8
                    elif transport == 44:  # an atomic fragment (RFC 6946) is whole
                        if q + 8 > limit:
                            proto = TRUNCATED
                            break
                        if (I(b[U(q + 2)]) << 8 | I(b[U(q + 3)])) & 0xFFF9:
                            transport = SLOW
                            break
                        transport = I(b[U(q)])
                        q += 8
                    else:
                        break
                    layers += 1
                    if layers > EXTENSION_HEADERS_MAX:
                        transport = SLOW
                        break

        if proto < 0:
            if proto == SLOW:
                transport = SLOW
            else:
                transport = DONE
                if proto == TRUNCATED:
                    counters[COUNT_TRUNCATED] += 1
                elif proto == MALFORMED:
                    counters[COUNT_MALFORMED] += 1
                else:
                    counters[COUNT_NOT_IP] += 1

        # -- transport: UDP goes on below
        if transport != 17:
            if transport == 6:
                if q + 20 > limit:
                    counters[COUNT_TRUNCATED] += 1
                    continue
                sport = I(b[U(q)]) << 8 | I(b[U(q + 1)])
                dport = I(b[U(q + 2)]) << 8 | I(b[U(q + 3)])
                if (ports[U(sport)] | ports[U(dport)]) & 1 or ports[U(sport ^ dport)] & 2:
                    transport = SLOW
                else:
                    pay = q + ((I(b[U(q + 12)]) >> 4) << 2)
                    if pay + 4 <= limit and pay + 4 <= end:
                        word = (
                            I(b[U(pay)]) << 24 | I(b[U(pay + 1)]) << 16
                            | I(b[U(pay + 2)]) << 8 | I(b[U(pay + 3)])
                        )  # fmt: skip
                        if (
                            word == STATUS or word == INVITE or word == ACK or word == BYE or word == CANCEL
                            or word == REGISTER or word == OPTIONS or word == PRACK or word == SUBSCRIBE
                            or word == NOTIFY or word == PUBLISH or word == INFO or word == REFER
                            or word == MESSAGE or word == UPDATE or word == GET
                        ):  # fmt: skip
                            transport = SLOW
                            c[C_ASK] = p  # a new connection of interest?
                            c[C_ASK_PORTS] = sport << 16 | dport
                if transport == 6:
                    counters[COUNT_OTHER_TCP] += 1
            elif transport == 132:
                if q + 4 <= limit:
                    sport = I(b[U(q)]) << 8 | I(b[U(q + 1)])
                    dport = I(b[U(q + 2)]) << 8 | I(b[U(q + 3)])
                    if (ports[U(sport)] | ports[U(dport)]) & 1:
                        transport = SLOW
            elif (
                transport == 4 or transport == 41 or transport == 47 or transport == 51
                or transport == 94 or transport == 97 or transport == 137 or transport == 143
            ):  # fmt: skip
                transport = SLOW
            if transport == SLOW and inner == 0:
                counters[COUNT_SLOW] += 1
                stop = STOP_SLOW
            elif transport >= 0 and transport != 6:
                counters[COUNT_NOT_UDP] += 1
            continue

        # -- UDP: `pay` the payload, `size` its bytes on the wire, `have` its captured bytes
        pay = q + 8
        if pay > limit:
            counters[COUNT_TRUNCATED] += 1
            continue
        size = (I(b[U(q + 4)]) << 8 | I(b[U(q + 5)])) - 8
        if size == -8:
            size = end - pay
        if size < 0 or pay + size > end:
            counters[COUNT_MALFORMED] += 1
            continue
        have = min(limit - pay, size)
        sport = I(b[U(q)]) << 8 | I(b[U(q + 1)])
        dport = I(b[U(q + 2)]) << 8 | I(b[U(q + 3)])
        if have < 1:
            counters[COUNT_EMPTY_UDP] += 1
            continue
        first = I(b[U(pay)])
        ipv6 = 1 if proto == IPV6 else 0

        # -- UDPTL only where SDP announced it
        hinted = 0
        if hint_count > 0 and ((hint_ports >> (dport & 63)) | (hint_ports >> (sport & 63))) & 1:
            for h in range(hint_count):
                hint_port = hints[U(h * HINT_WORDS + H_PORT)]
                for side in range(2):
                    if hint_port == (dport << 1 | ipv6 if side == 0 else sport << 1 | ipv6):
                        width = 4 + 12 * ipv6
                        a = p + 12 - 4 * ipv6
                        if side == 0:
                            a += width
                        same = 1
                        for j in range(width):
                            known = hints[U(h * HINT_WORDS + (j >> 3))] >> ((j & 7) << 3)
                            if known & 255 != I(b[U(a + j)]):
                                same = 0
                        hinted |= same
            if (ports[U(sport)] | ports[U(dport)]) & 1 or have < 4 or I(b[U(pay + 2)]) + 3 > size:
                hinted = 0

        # -- what the datagram is (RFC 7983, RFC 5761 4)
        note = 0
        if first >> 6 != 2:
            word = 0
            if have >= 4:
                word = I(b[U(pay)]) << 24 | I(b[U(pay + 1)]) << 16 | I(b[U(pay + 2)]) << 8 | I(b[U(pay + 3)])
            if (
                word == STATUS or word == INVITE or word == ACK or word == BYE or word == CANCEL
                or word == REGISTER or word == OPTIONS or word == PRACK or word == SUBSCRIBE
                or word == NOTIFY or word == PUBLISH or word == INFO or word == REFER
                or word == MESSAGE or word == UPDATE
            ):  # fmt: skip
                note = NOTE_SIP
            elif first < 4 and have >= 8 and size >= 20 and (
                (b[U(pay + 4)] == 0x21 and b[U(pay + 5)] == 0x12
                 and b[U(pay + 6)] == 0xA4 and b[U(pay + 7)] == 0x42)
                or ((word & 0xFFFF) + 20 == size and (word >> 16) & 0xFEEC == 0 and (word >> 16) & 0x3 != 0)
            ):  # fmt: skip
                counters[COUNT_STUN] += 1
                continue
            elif hinted:
                pass
            elif (
                20 <= first < 64 and have >= 3 and size >= 13
                and b[U(pay + 1)] == 0xFE and b[U(pay + 2)] >= 0xFD
            ):  # fmt: skip
                counters[COUNT_DTLS] += 1
                continue
            elif inner == 0 and have >= 8 and (
                (first & 8 != 0 and (dport == 4789 or (dport == 8472 and b[U(pay + 7)] == 0)))
                or (dport == 4790 and first & 0xF0 == 0 and first & 12 != 0)
                or (dport == 6081 and first >> 6 == 0 and b[U(pay + 7)] == 0)
                or ((dport == 2152 or sport == 2152) and first >> 4 == 3 and b[U(pay + 1)] == 255)
                or ((dport == 3544 or sport == 3544)
                    and (first >> 4 == 6 or (first == 0 and b[U(pay + 1)] < 2)))
                or ((dport == 1701 or sport == 1701) and (word >> 16) & 0x800F == 2)
                or (dport == 37008 and first == 1)
                or dport == 6635
                or dport == 4754
            ):  # fmt: skip
                counters[COUNT_SLOW] += 1
                stop = STOP_SLOW
                continue
            elif (ports[U(sport)] | ports[U(dport)]) & 1:
                note = NOTE_SIP_PORT
            elif 64 <= first < 80 and have >= 4 and (word & 0xFFFF) + 4 <= size:
                counters[COUNT_TURN] += 1
                continue
            else:
                counters[COUNT_OTHER_UDP] += 1
                continue
        elif first >> 6 == 2 and have >= 8 and 192 <= b[U(pay + 1)] <= 223:
            kind = I(b[U(pay + 1)])
            words = I(b[U(pay + 2)]) << 8 | I(b[U(pay + 3)])
            if (200 <= kind <= 213 or 192 <= kind <= 195) and (words + 1) * 4 <= size and (
                words >= (6 if kind == 200 else 1)
            ):  # fmt: skip
                note = NOTE_RTCP
                counters[COUNT_RTCP] += 1
        if note != 0:
            k = noted * NOTE_WORDS
            notes[U(k + N_KIND)] = note
            notes[U(k + N_PAYLOAD)] = pay
            notes[U(k + N_CAPTURED)] = have
            notes[U(k + N_WIRE)] = size
            notes[U(k + N_IP)] = p
            notes[U(k + N_IPV6)] = ipv6
            notes[U(k + N_META)] = meta
            notes[U(k + N_PORTS)] = sport << 16 | dport
            notes[U(k + N_ARRIVAL)] = t
            notes[U(k + N_KEY)] = key
            noted += 1
            if noted >= NOTES_MAX:
                stop = STOP_NOTES
            if note == NOTE_SIP:  # does it offer UDPTL? Its receivers have to be known for the next frame
                run = 0
                for j in range(pay, pay + have):
                    letter = b[U(j)] | 32
                    if letter == 0x75:  # u
                        run = 1
                    elif run == 1 and letter == 0x64:  # d
                        run = 2
                    elif run == 2 and letter == 0x70:  # p
                        run = 3
                    elif run == 3 and letter == 0x74:  # t
                        run = 4
                    elif run == 4 and letter == 0x6C:  # l
                        notes[U(k + N_KIND)] = NOTE_OFFER
                        stop = STOP_OFFER
                        break
                    else:
                        run = 0
            continue

        # -- RTP by its form (RFC 3550 5.1), UDPTL by its hint
        udptl = 0
        ssrc = 0
        timestamp = 0
        marker_type = 0
        length = size
        header = I(0)
        if first >> 6 == 2 and have >= 12:
            marker_type = I(b[U(pay + 1)])
            payload_type = marker_type & 127
            header = 12 + ((first & 15) << 2)
            if first & 16 and have >= header + 4:
                header += 4 + ((I(b[U(pay + header + 2)]) << 8 | I(b[U(pay + header + 3)])) << 2)
            length = size - header
            if inner == 0 and (  # tunnels that may begin as RTP does: VXLAN with group policy, GRE, MPLS
                (first & 8 != 0 and (dport == 4789 or (dport == 8472 and b[U(pay + 7)] == 0)))
                or (dport == 4754 and marker_type == 0
                    and (b[U(pay + 2)] == 8 or b[U(pay + 2)] == 0x65 or b[U(pay + 2)] >> 4 == 8))
                or dport == 6635
            ):  # fmt: skip
                counters[COUNT_SLOW] += 1
                stop = STOP_SLOW
                continue
            if (72 <= payload_type <= 76) or length < 0 or sport == 53 or dport == 53:
                if hinted == 0:
                    counters[COUNT_OTHER_UDP] += 1
                    continue
                udptl = 1
            if first & 32 and have == size and 0 < b[U(pay + size - 1)] <= length:
                length -= I(b[U(pay + size - 1)])
            sequence = I(b[U(pay + 2)]) << 8 | I(b[U(pay + 3)])
            timestamp = (
                I(b[U(pay + 4)]) << 24 | I(b[U(pay + 5)]) << 16 | I(b[U(pay + 6)]) << 8 | I(b[U(pay + 7)])
            )
            ssrc = (
                I(b[U(pay + 8)]) << 24 | I(b[U(pay + 9)]) << 16 | I(b[U(pay + 10)]) << 8 | I(b[U(pay + 11)])
            )
        elif hinted:
            udptl = 1
        else:
            counters[COUNT_OTHER_UDP] += 1
            continue
        if udptl:
            sequence = I(b[U(pay)]) << 8 | I(b[U(pay + 1)])
            ssrc = 0
            timestamp = 0
            marker_type = 0
            length = size

        # -- the flow's key and hash
        k1 = k2 = k3 = I(0)
        port_word = (
            I(b[U(q)]) << 24 | I(b[U(q + 1)]) << 16 | I(b[U(q + 2)]) << 8 | I(b[U(q + 3)])
        ) << 32 | ssrc
        if ipv6:
            k0 = I(0)
            for j in range(8):
                k0 |= I(b[U(p + 8 + j)]) << (j << 3)
                k1 |= I(b[U(p + 16 + j)]) << (j << 3)
                k2 |= I(b[U(p + 24 + j)]) << (j << 3)
                k3 |= I(b[U(p + 32 + j)]) << (j << 3)
            mixed = ((k1 ^ seed) * FIRST_MIX ^ k2) * SECOND_MIX
            mixed = ((mixed ^ (mixed >> 31)) ^ k3) * FIRST_MIX
            mixed = (mixed ^ (mixed >> 29) ^ k0) * FIRST_MIX
        else:
            k0 = (
                I(b[U(p + 12)]) | I(b[U(p + 13)]) << 8 | I(b[U(p + 14)]) << 16 | I(b[U(p + 15)]) << 24
                | I(b[U(p + 16)]) << 32 | I(b[U(p + 17)]) << 40
                | I(b[U(p + 18)]) << 48 | I(b[U(p + 19)]) << 56
            )  # fmt: skip
            mixed = (k0 ^ seed) * FIRST_MIX
        mixed = (mixed ^ (mixed >> 32) ^ port_word) * SECOND_MIX
        tag = ((mixed >> 32) ^ mixed) & LOW_31
        kind = (FLAG_UDPTL if udptl else 0) | (FLAG_IPV6 if ipv6 else 0)

        # -- find the flow, or make room for a new one
        slot = I(-1)
        base = I(0)
        probes = 0
        j = tag & mask
        while True:
            entry = table[U(j)]
            if entry == 0:
                break
            if entry >> 32 == tag:
                base = ((entry & LOW_32) - 1) * FLOW_WORDS
                if (
                    flows[U(base + F_ADDRESS)] == k0
                    and flows[U(base + F_PORTS)] == port_word
                    and flows[U(base + F_INFO)] & FLAG_KIND == kind
                    and (ipv6 == 0 or (
                        flows[U(base + F_ADDRESS_2)] == k1
                        and flows[U(base + F_ADDRESS_2 + 1)] == k2
                        and flows[U(base + F_ADDRESS_2 + 2)] == k3
                    ))
                ):  # fmt: skip
                    slot = (entry & LOW_32) - 1
                    break
            j = (j + 1) & mask
            probes += 1
            if probes > FLOW_PROBES:
                break
        new = 0
        if slot < 0:
            if probes > FLOW_PROBES:
                counters[COUNT_FLOWS_REFUSED] += 1
                continue
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
            if victim < 0:
                if full:
                    counters[COUNT_FLOWS_REFUSED] += 1
                    continue
                slot = used
                c[C_SLOTS] = used + 1
            else:
                # take the victim out of the hash table: entries behind it move up where they may
                slot = victim
                if full:
                    counters[COUNT_FLOWS_EVICTED] += 1
                gone = flows[U(victim * FLOW_WORDS + F_TAG)]
                j = gone & mask
                while table[U(j)] != (gone << 32 | (victim + 1)):
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
                c[C_TABLED] -= 1
            j = tag & mask
            while table[U(j)] != 0:
                j = (j + 1) & mask
            table[U(j)] = tag << 32 | (slot + 1)
            c[C_TABLED] += 1
            if c[C_TABLED] * 2 > mask:
                stop = STOP_TABLE
            base = slot * FLOW_WORDS
            new = 1
        elif key - flows[U(base + F_LAST)] > PROBATION_IDLE_US and (
            flows[U(base + F_INFO)] & FLAG_PASSED == 0 or key - flows[U(base + F_LAST)] > FLOW_IDLE_US
        ):
            new = 1
        if new:
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

        # -- a mirrored copy: same sequence, timestamp, and IPv4 id (without one, UDP checksum), at once
        identity = ip_id
        if identity == 0:
            identity = I(b[U(q + 6)]) << 8 | I(b[U(q + 7)])
        recent = base + F_RECENT + (sequence & 3)
        mark = (t >> COPY_SHIFT) << 48 | (timestamp & 0xFFFF) << 32 | sequence << 16 | identity
        known = flows[U(recent)]
        if (known ^ mark) & LOW_48 == 0 and identity != 0:
            apart = ((mark >> 48) - (known >> 48)) & 0xFFFF
            if apart <= COPY_TICKS or apart >= 0x10000 - COPY_TICKS:
                flows[U(base + F_COPIES)] += 1
                counters[COUNT_COPIES] += 1
                continue
        flows[U(recent)] = mark

        # -- payloads of up to 8 bytes (RFC 4733) are kept
        row_head = timestamp << 32 | sequence << 16 | marker_type << 8
        small = I(0)
        if length <= 8 and udptl == 0:
            if header + length <= have:
                for j in range(length):
                    small |= I(b[U(pay + header + j)]) << (j << 3)
                row_head |= 1
        row_length = length << 16 | ip_id

        # -- probation (RFC 3550 A.1): two numbers in sequence, in either order, on a clock that can be
        info = flows[U(base + F_INFO)]
        if info & FLAG_PASSED == 0:
            kept_count = flows[U(base + F_KEPT)]
            passes = udptl
            for m in range(kept_count):
                k = (slot * PROBATION_KEPT + m) * KEPT_WORDS
                before = kept[U(k + KEPT_HEAD)]
                apart = (sequence - (before >> 16)) & 0xFFFF
                if apart == 1 or apart == 0xFFFF:
                    ticks = (timestamp - (before >> 32)) & LOW_32
                    if ticks > LOW_31:
                        ticks = LOW_32 + 1 - ticks
                    if ticks <= TICKS_FREE + (abs(t - kept[U(k + KEPT_ARRIVAL)]) // 1000) * TICKS_PER_MS:
                        passes = 1
            if passes == 0:
                if kept_count == PROBATION_KEPT:
                    for j in range((PROBATION_KEPT - 1) * KEPT_WORDS):
                        kept[U(slot * (PROBATION_KEPT * KEPT_WORDS) + j)] = kept[
                            U(slot * (PROBATION_KEPT * KEPT_WORDS) + KEPT_WORDS + j)
                        ]
                    kept_count -= 1
                k = (slot * PROBATION_KEPT + kept_count) * KEPT_WORDS
                kept[U(k + KEPT_ARRIVAL)] = t
                kept[U(k + KEPT_HEAD)] = row_head
                kept[U(k + KEPT_LENGTH)] = row_length
                kept[U(k + KEPT_SMALL)] = small
                flows[U(base + F_KEPT)] = kept_count + 1
                if key > flows[U(base + F_LAST)]:
                    flows[U(base + F_LAST)] = key
                counters[COUNT_UNCONFIRMED] += 1
                continue
            number = c[C_FLOW]
            c[C_FLOW] = number + 1
            info = number << NUMBER_SHIFT | kind | FLAG_PASSED
            live[U(c[C_LIVE])] = number << SLOT_BITS | slot
            c[C_LIVE] += 1
            counters[COUNT_FLOWS] += 1
            counters[COUNT_UNCONFIRMED] -= kept_count
            for m in range(kept_count):
                k = (slot * PROBATION_KEPT + m) * KEPT_WORDS
                kept_key = max(kept[U(k + KEPT_ARRIVAL)], floor)
                r = (rows_end & rows_mask) * ROW_WORDS
                rows[U(r + ROW_KEY)] = kept_key
                rows[U(r + ROW_ARRIVAL)] = kept[U(k + KEPT_ARRIVAL)]
                rows[U(r + ROW_HEAD)] = kept[U(k + KEPT_HEAD)]
                rows[U(r + ROW_SLOT)] = slot << 32 | kept[U(k + KEPT_LENGTH)]
                rows[U(r + ROW_SMALL)] = kept[U(k + KEPT_SMALL)]
                if kept_key >= last_key:
                    last_key = kept_key
                else:
                    c[C_DISORDER] = max(c[C_DISORDER], last_key - kept_key)
                    c[C_DISORDER_ROW] = rows_end
                rows_end += 1
                rtp += 1

        # -- the row
        r = (rows_end & rows_mask) * ROW_WORDS
        rows[U(r + ROW_KEY)] = key
        rows[U(r + ROW_ARRIVAL)] = t
        rows[U(r + ROW_HEAD)] = row_head
        rows[U(r + ROW_SLOT)] = slot << 32 | row_length
        rows[U(r + ROW_SMALL)] = small
        if key >= last_key:
            last_key = key
        else:
            c[C_DISORDER] = max(c[C_DISORDER], last_key - key)
            c[C_DISORDER_ROW] = rows_end
        rows_end += 1
        rtp += 1
        if udptl:
            rtp -= 1
            counters[COUNT_UDPTL] += 1
        if info & META_MASK != meta << META_SHIFT:
            flows[U(base + F_INFO)] = (info & ~META_MASK) | meta << META_SHIFT
        if key > flows[U(base + F_LAST)]:
            flows[U(base + F_LAST)] = key

    counters[COUNT_RTP] += rtp
    c[C_NEXT] = i
    c[C_CLOCK] = clock
    c[C_HEAD] = head
    c[C_ROWS_NEW] += rows_end - rows_first
    c[C_ROWS_END] = rows_end
    c[C_LAST_KEY] = last_key
    c[C_NOTES] = noted
    return stop
