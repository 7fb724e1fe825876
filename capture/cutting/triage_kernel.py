"""The walk that sorts frames: what may be SIP, what touches given endpoints, what the slow path has to see.

It reads the headers as `capture/dissect_kernel.py` does, by the same steps, and keeps nothing from one frame
to the next.
"""

from capture.datagram_kernel import GET, begins_sip, carries_packets, carries_packets_like_rtp
from capture.ip_kernel import SCTP, TCP, UDP, ip_head, is_tunnel, tcp_payload, udp_size
from capture.link_kernel import IPV4, IPV6, link_head, tags
from capture.link_kernel import SLOW as FOR_SLOW_PATH
from kernels import Array, I, U, compiled, inlined
from kernels.octets import u16, u32, word

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

HIGH_MIX, LOW_MIX, PORT_MIX = -0x61C8864680B583EB, -0x3D4D51C2D82B14B1, 0x2545F4914F6CDD1D
SLOT_MIX = -0x61C8864680B583EB
SLOT_SHIFT = 40

# -- a frame's mark: MARK_ALWAYS, or 16 bits each of a hash of its source and destination -------------------
MARK_ALWAYS = 0xFFFFFFFF
MARK_SHIFT = 48


@inlined
def mark_of(b: Array, address: int, port: int) -> int:
    """16 bits of a hash of an end of a datagram."""
    return (((u32(b, address) << 16 | port) * SLOT_MIX) >> MARK_SHIFT) & 0xFFFF


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

        # -- below the transport: `p` the IP head, `q` what follows, `end` the datagram's end on the wire
        proto, p = link_head(b, o, limit, link)
        proto, p, vlan = tags(b, proto, p, limit)
        transport, q, end, meta, _ = ip_head(b, proto, p, limit, wire_end, vlan)

        # -- transport: UDP goes on below
        kind = 0
        pay = q
        have = I(0)
        size = I(0)
        sport = I(0)
        dport = I(0)
        if transport == TCP:
            if q + 20 > limit:
                continue
            sport = u16(b, q)
            dport = u16(b, q + 2)
            if (ports[U(sport)] | ports[U(dport)]) & PORT_SIP or ports[U(sport ^ dport)] & PORT_TCP:
                kind = SLOW
            else:
                pay = tcp_payload(b, q)
                if pay + 4 <= limit and pay + 4 <= end:
                    begin = u32(b, pay)
                    if begins_sip(begin) or begin == GET:
                        kind = SLOW | ASK
        elif transport == SCTP:
            if q + 4 <= limit:
                sport = u16(b, q)
                dport = u16(b, q + 2)
                if (ports[U(sport)] | ports[U(dport)]) & PORT_SIP:
                    kind = SLOW
        elif transport == FOR_SLOW_PATH or is_tunnel(transport):
            kind = SLOW
        elif transport == UDP:
            pay = q + 8
            if pay > limit:
                continue
            size = udp_size(b, q, end)
            have = min(limit - pay, size)
            if have < 1:
                continue
            sport = u16(b, q)
            dport = u16(b, q + 2)
            first = I(b[U(pay)])

            # -- SIP, and tunnels below UDP (in the order of the dissector)
            if first >> 6 != 2:
                begin = I(0)
                if have >= 4:
                    begin = u32(b, pay)
                if begins_sip(begin):
                    kind = SIP
                elif carries_packets(b, pay, have, first, begin, sport, dport):
                    kind = SLOW
                elif (ports[U(sport)] | ports[U(dport)]) & PORT_SIP:
                    kind = SIP
            elif have >= 12 and carries_packets_like_rtp(b, pay, first, dport):
                kind = SLOW

            # -- its mark, by ports and the last four bytes of the addresses
            source = p + 12 if proto == IPV4 else p + 20
            destination = p + 16 if proto == IPV4 else p + 36
            marks[at] = mark_of(b, source, sport) | mark_of(b, destination, dport) << 16

            # -- to or from an endpoint?
            if (ports[U(sport)] | ports[U(dport)]) & PORT_ENDPOINT:
                for side in range(2):
                    port = sport if side == 0 else dport
                    if proto == IPV4:
                        key = u32(b, p + 12 + 4 * side) << 16 | port
                    else:
                        high = word(b, p + 8 + 16 * side, 8)
                        low = word(b, p + 16 + 16 * side, 8)
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
