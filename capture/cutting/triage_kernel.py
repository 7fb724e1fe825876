"""The walk that sorts frames: what may be SIP, what touches given endpoints, what the slow path has to see.

It reads the headers as `capture/dissect_kernel.py` does, and keeps nothing from one frame to the next.
"""
# ruff: noqa: PLR1714, SIM108, SIM109  (plain comparisons compile to the shortest code)

from typing import Any

import numpy as np

from capture.bounds import EXTENSION_HEADERS_MAX
from kernels import compiled

U: Any = np.uint64  # an unsigned index costs no wrap-around check
I: Any = np.int64  # noqa: E741 (a byte has to be widened before it is shifted)

Array = Any
"""A C-contiguous 1-D array."""

# -- a row of what was found ------------------------------------------------------------------------------
R_FRAME = 0
R_KIND = 1
R_IP = 2  # first byte of the IP header in the buffer
R_PAYLOAD = 3  # first byte of the UDP payload
R_CAPTURED = 4  # its captured bytes
R_WIRE = 5  # its bytes on the wire
R_IPV6 = 6
R_PORTS = 7  # src << 16 | dst
R_META = 8  # (vlan + 1) << 16 | ttl << 8 | dscp
ROW_WORDS = 9

SIP = 1  # begins like SIP, or is on a SIP port
TOUCHES = 2  # to or from one of the endpoints
SLOW = 4  # for the slow path
ASK = 8  # for the slow path, which may want to see the rest of this TCP connection: the walk stops after it

# -- what a port is ---------------------------------------------------------------------------------------
PORT_SIP = 1
PORT_TCP = 2  # at src ^ dst port of TCP connections of interest
PORT_ENDPOINT = 4

LINK_NULL, LINK_ETHERNET, LINK_RAW, LINK_RAW_12, LINK_RAW_14 = 0, 1, 101, 12, 14
LINK_LOOP, LINK_SLL, LINK_IPV4, LINK_IPV6, LINK_SLL2 = 108, 113, 228, 229, 276
IPV4, IPV6 = 0x0800, 0x86DD
TO_SLOW, NOTHING = -1, -2
HIGH_MIX, LOW_MIX, PORT_MIX = -0x61C8864680B583EB, -0x3D4D51C2D82B14B1, 0x2545F4914F6CDD1D
SLOT_MIX = -0x61C8864680B583EB
SLOT_SHIFT = 40

# -- a frame's mark: MARK_ALWAYS, or 16 bits each of a hash of its source and destination -------------------
MARK_ALWAYS = 0xFFFFFFFF
MARK_SHIFT = 48

INVITE, ACK, BYE, CANCEL, REGISTER = 0x494E5649, 0x41434B20, 0x42594520, 0x43414E43, 0x52454749
OPTIONS, PRACK, SUBSCRIBE, NOTIFY, PUBLISH = 0x4F505449, 0x50524143, 0x53554253, 0x4E4F5449, 0x5055424C
INFO, REFER, MESSAGE, UPDATE, STATUS = 0x494E464F, 0x52454645, 0x4D455353, 0x55504441, 0x5349502F
GET = 0x47455420  # WebSocket


@compiled(
    "int64(uint8[::1], int64[::1], int32[::1], int32[::1], uint8[::1], int64[::1], int64, int64, int64,"
    " int64[::1], uint32[::1])"
)
def triage(
    b: Array,
    offset: Array,
    captured: Array,
    original: Array,
    ports: Array,
    endpoints: Array,
    link: int,
    first_frame: int,
    last_frame: int,
    found: Array,
    marks: Array,
) -> int:
    """Walk frames [first_frame, last_frame) of a Block until one asks, or `found` is full.

    `ports` (65536,): PORT_* bits; `endpoints`: a hash table of keys (see `capture/cutting/endpoints.py`),
    its size a power of two, 0 free. `found`: rows of ROW_WORDS; `marks`: one for each frame of the block.
    Returns rows << 32 | next frame.
    """
    rows = 0
    room = found.shape[0] // ROW_WORDS
    slots = endpoints.shape[0] - 1
    i = first_frame
    while i < last_frame and rows < room:
        at = U(i)
        i += 1
        marks[at] = 0
        o = offset[at]
        limit = o + captured[at]
        wire_end = o + original[at]

        # -- link layer: `proto` the EtherType (or why not), `p` what follows
        vlan = 0
        proto = TO_SLOW
        p = o
        if link == LINK_ETHERNET:
            p = o + 14
            if p > limit:
                proto = NOTHING
            else:
                proto = I(b[U(o + 12)]) << 8 | I(b[U(o + 13)])
        elif link == LINK_SLL:
            p = o + 16
            if p > limit:
                proto = NOTHING
            else:
                proto = I(b[U(o + 14)]) << 8 | I(b[U(o + 15)])
        elif link == LINK_SLL2:
            p = o + 20
            if p > limit:
                proto = NOTHING
            else:
                proto = I(b[U(o)]) << 8 | I(b[U(o + 1)])
        elif (
            link == LINK_RAW or link == LINK_RAW_12 or link == LINK_RAW_14
            or link == LINK_IPV4 or link == LINK_IPV6 or link == LINK_NULL or link == LINK_LOOP
        ):  # fmt: skip
            if link == LINK_NULL or link == LINK_LOOP:
                p = o + 4
            if p >= limit:
                proto = NOTHING
            elif b[U(p)] >> 4 == 4:
                proto = IPV4
            elif b[U(p)] >> 4 == 6:
                proto = IPV6
            else:
                proto = NOTHING

        # -- tags: VLAN, MPLS, PPPoE
        layers = 0
        while proto != IPV4 and proto != IPV6 and proto >= 0:
            layers += 1
            if layers > EXTENSION_HEADERS_MAX:
                proto = TO_SLOW
            elif proto == 0x8100 or proto == 0x88A8 or proto == 0x9100 or proto == 0x9200:
                if p + 4 > limit:
                    proto = NOTHING
                else:
                    vlan = ((I(b[U(p)]) << 8 | I(b[U(p + 1)])) & 0xFFF) + 1
                    proto = I(b[U(p + 2)]) << 8 | I(b[U(p + 3)])
                    p += 4
            elif proto == 0x8847 or proto == 0x8848:
                if p + 5 > limit:
                    proto = NOTHING
                else:
                    p += 4
                    if b[U(p - 2)] & 1:  # bottom of the stack
                        version = b[U(p)] >> 4
                        proto = IPV4 if version == 4 else (IPV6 if version == 6 else TO_SLOW)
            elif proto == 0x8864:
                if p + 8 > limit:
                    proto = NOTHING
                else:
                    ppp = I(b[U(p + 6)]) << 8 | I(b[U(p + 7)])
                    proto = IPV4 if ppp == 0x0021 else (IPV6 if ppp == 0x0057 else TO_SLOW)
                    p += 8
            elif proto == 0x0806 or proto == 0x88CC or proto == 0x888E or proto == 0x8863 or proto == 0x9000:
                proto = NOTHING
            else:
                proto = TO_SLOW

        # -- IP: `q` the transport header, `end` the end of the datagram on the wire
        transport = NOTHING
        q = p
        end = wire_end
        meta = 0
        if proto == IPV4 and p + 20 <= limit:
            q = p + ((I(b[U(p)]) & 15) << 2)
            total = I(b[U(p + 2)]) << 8 | I(b[U(p + 3)])
            if b[U(p)] >> 4 == 4 and q >= p + 20 and not 0 < total < q - p:
                if total > 0 and p + total < wire_end:  # 0: not yet cut by the network card
                    end = p + total
                transport = I(b[U(p + 9)])
                meta = I(b[U(p + 1)]) >> 2 | I(b[U(p + 8)]) << 8 | vlan << 16
                if (I(b[U(p + 6)]) << 8 | I(b[U(p + 7)])) & 0x3FFF:
                    transport = TO_SLOW
        elif proto == IPV6 and p + 40 <= limit:
            if b[U(p)] >> 4 == 6:
                total = I(b[U(p + 4)]) << 8 | I(b[U(p + 5)])
                if total > 0 and p + 40 + total < wire_end:
                    end = p + 40 + total
                transport = I(b[U(p + 6)])
                meta = (I(b[U(p)]) & 15) << 2 | I(b[U(p + 1)]) >> 6 | I(b[U(p + 7)]) << 8 | vlan << 16
                q = p + 40
                if (
                    transport == 0
                    or transport == 43
                    or transport == 44
                    or transport == 60
                    or transport == 135
                ):
                    transport = TO_SLOW
        elif proto == TO_SLOW:
            transport = TO_SLOW

        # -- transport: UDP goes on below
        kind = 0
        pay = q
        have = I(0)
        size = I(0)
        sport = I(0)
        dport = I(0)
        if transport == 6:
            if q + 20 > limit:
                continue
            sport = I(b[U(q)]) << 8 | I(b[U(q + 1)])
            dport = I(b[U(q + 2)]) << 8 | I(b[U(q + 3)])
            if (ports[U(sport)] | ports[U(dport)]) & PORT_SIP or ports[U(sport ^ dport)] & PORT_TCP:
                kind = SLOW
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
                        kind = SLOW | ASK
        elif transport == 132:
            if q + 4 <= limit:
                sport = I(b[U(q)]) << 8 | I(b[U(q + 1)])
                dport = I(b[U(q + 2)]) << 8 | I(b[U(q + 3)])
                if (ports[U(sport)] | ports[U(dport)]) & PORT_SIP:
                    kind = SLOW
        elif (
            transport == TO_SLOW or transport == 4 or transport == 41 or transport == 47 or transport == 51
            or transport == 94 or transport == 97 or transport == 137 or transport == 143
        ):  # fmt: skip
            kind = SLOW
        elif transport == 17:
            pay = q + 8
            if pay > limit:
                continue
            size = (I(b[U(q + 4)]) << 8 | I(b[U(q + 5)])) - 8
            if size == -8:
                size = end - pay
            if size < 0 or pay + size > end:
                continue
            have = min(limit - pay, size)
            if have < 1:
                continue
            sport = I(b[U(q)]) << 8 | I(b[U(q + 1)])
            dport = I(b[U(q + 2)]) << 8 | I(b[U(q + 3)])
            first = I(b[U(pay)])

            # -- SIP, and tunnels below UDP (in the order of the dissector)
            if first >> 6 != 2:
                word = I(0)
                if have >= 4:
                    word = (
                        I(b[U(pay)]) << 24 | I(b[U(pay + 1)]) << 16
                        | I(b[U(pay + 2)]) << 8 | I(b[U(pay + 3)])
                    )  # fmt: skip
                if (
                    word == STATUS or word == INVITE or word == ACK or word == BYE or word == CANCEL
                    or word == REGISTER or word == OPTIONS or word == PRACK or word == SUBSCRIBE
                    or word == NOTIFY or word == PUBLISH or word == INFO or word == REFER
                    or word == MESSAGE or word == UPDATE
                ):  # fmt: skip
                    kind = SIP
                elif have >= 8 and (
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
                    kind = SLOW
                elif (ports[U(sport)] | ports[U(dport)]) & PORT_SIP:
                    kind = SIP
            elif have >= 12 and (
                (first & 8 != 0 and (dport == 4789 or (dport == 8472 and b[U(pay + 7)] == 0)))
                or (dport == 4754 and b[U(pay + 1)] == 0
                    and (b[U(pay + 2)] == 8 or b[U(pay + 2)] == 0x65 or b[U(pay + 2)] >> 4 == 8))
                or dport == 6635
            ):  # fmt: skip
                kind = SLOW

            # -- its mark, by ports and the last four bytes of the addresses
            a = p + 12 if proto == IPV4 else p + 20
            key = (
                I(b[U(a)]) << 40 | I(b[U(a + 1)]) << 32 | I(b[U(a + 2)]) << 24 | I(b[U(a + 3)]) << 16 | sport
            ) * SLOT_MIX
            mark = (key >> MARK_SHIFT) & 0xFFFF
            a = p + 16 if proto == IPV4 else p + 36
            key = (
                I(b[U(a)]) << 40 | I(b[U(a + 1)]) << 32 | I(b[U(a + 2)]) << 24 | I(b[U(a + 3)]) << 16 | dport
            ) * SLOT_MIX
            marks[at] = mark | ((key >> MARK_SHIFT) & 0xFFFF) << 16

            # -- to or from an endpoint?
            if (ports[U(sport)] | ports[U(dport)]) & PORT_ENDPOINT:
                for side in range(2):
                    port = sport if side == 0 else dport
                    if proto == IPV4:
                        a = p + 12 + 4 * side
                        key = (
                            I(b[U(a)]) << 40 | I(b[U(a + 1)]) << 32
                            | I(b[U(a + 2)]) << 24 | I(b[U(a + 3)]) << 16 | port
                        )  # fmt: skip
                    else:
                        a = p + 8 + 16 * side
                        high = I(0)
                        low = I(0)
                        for j in range(8):
                            high = high << 8 | I(b[U(a + j)])
                            low = low << 8 | I(b[U(a + 8 + j)])
                        key = (high * HIGH_MIX) ^ (low * LOW_MIX) ^ (port * PORT_MIX)
                    slot = ((key * SLOT_MIX) >> SLOT_SHIFT) & slots
                    while endpoints[U(slot)] != 0:
                        if endpoints[U(slot)] == key:
                            kind |= TOUCHES
                        slot = (slot + 1) & slots
        if kind != 0:
            if kind & (SIP | SLOW):
                marks[at] = MARK_ALWAYS
            r = rows * ROW_WORDS
            found[U(r + R_FRAME)] = i - 1
            found[U(r + R_KIND)] = kind
            found[U(r + R_IP)] = p
            found[U(r + R_PAYLOAD)] = pay
            found[U(r + R_CAPTURED)] = have
            found[U(r + R_WIRE)] = size
            found[U(r + R_IPV6)] = 1 if proto == IPV6 else 0
            found[U(r + R_PORTS)] = sport << 16 | dport
            found[U(r + R_META)] = meta
            rows += 1
            if kind & ASK:
                break
    return rows << 32 | i
