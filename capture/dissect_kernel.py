"""The walk through a block of frames: headers, kind of datagram, RTP into rows of known flows.

One pass, one kernel; its steps are in `link_kernel`, `ip_kernel`, `datagram_kernel` and `flow_kernel`. What
the walk cannot finish it leaves to others: it stops for the slow path at fragments, tunnels and streams, and
notes SIP and RTCP.
"""
# ruff: noqa: PLR1714, PLR1730, SIM102  (plain comparisons compile to the shortest code)

from typing import Final

from capture.bounds import (
    BATCH_ROWS,
    BATCH_US,
    FLOW_IDLE_US,
    NOTES_MAX,
    PROBATION_IDLE_US,
    PROBATION_KEPT,
)
from capture.datagram_kernel import (
    GET,
    begins_sip,
    carries_packets,
    carries_packets_like_rtp,
    is_dtls,
    is_hinted,
    is_rtcp,
    is_stun,
    is_turn,
    offers_udptl,
)
from capture.flow_kernel import (
    AHEAD,
    FIRST_MIX,
    REFUSED,
    begin_flow,
    fetch_flows,
    find_flow,
    half_address,
    ipv4_addresses,
    is_copy,
    keep_packet,
    make_room,
    mixed_ipv6,
    passes,
    put_row,
    tag_of,
)
from capture.ip_kernel import SCTP, TCP, UDP, ip_head, is_tunnel, tcp_payload, udp_size
from capture.layout import (
    C_ASK,
    C_ASK_PORTS,
    C_CLOCK,
    C_FLOW,
    C_FLUSH_AT,
    C_FRAMES,
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
    C_SORT_BUFFER,
    C_TABLE_MASK,
    C_TABLED,
    COUNT_COPIES,
    COUNT_DTLS,
    COUNT_EMPTY_UDP,
    COUNT_FLOWS,
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
    F_COPIES,
    F_INFO,
    F_KEPT,
    F_LAST,
    FLAG_IPV6,
    FLAG_PASSED,
    FLAG_UDPTL,
    FLOW_WORDS,
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
    SLOT_BITS,
    STOP_DONE,
    STOP_FLUSH,
    STOP_NOTES,
    STOP_OFFER,
    STOP_ROWS,
    STOP_SLOW,
    STOP_TABLE,
)
from capture.link_kernel import IPV6, MALFORMED, NOT_IP, SLOW, TRUNCATED, link_head, tags
from kernels import Array, I, U, compiled
from kernels.octets import u16, u32

META_MASK: Final = (1 << 32) - 1 ^ 7
GAP_US: Final = 8_000_000  # less than the shortest idle time: a forgotten flow has no rows held
DNS: Final = 53


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

        # -- below the transport: `p` the IP head, `q` what follows, `end` the datagram's end on the wire
        proto, p = link_head(b, o, limit, link)
        proto, p, vlan = tags(b, proto, p, limit)
        transport, q, end, meta, ip_id = ip_head(b, proto, p, limit, wire_end, vlan)

        # -- transport: UDP goes on below
        if transport != UDP:
            if transport == TCP:
                if q + 20 > limit:
                    counters[COUNT_TRUNCATED] += 1
                    continue
                sport = u16(b, q)
                dport = u16(b, q + 2)
                if (ports[U(sport)] | ports[U(dport)]) & 1 or ports[U(sport ^ dport)] & 2:
                    transport = SLOW
                else:
                    pay = tcp_payload(b, q)
                    if pay + 4 <= limit and pay + 4 <= end:
                        begin = u32(b, pay)
                        if begins_sip(begin) or begin == GET:
                            transport = SLOW
                            c[C_ASK] = p  # a new connection of interest?
                            c[C_ASK_PORTS] = sport << 16 | dport
                if transport == TCP:
                    counters[COUNT_OTHER_TCP] += 1
            elif transport == SCTP:
                if q + 4 <= limit and (ports[U(u16(b, q))] | ports[U(u16(b, q + 2))]) & 1:
                    transport = SLOW
            elif is_tunnel(transport):
                transport = SLOW
            if transport == SLOW:
                if inner == 0:
                    counters[COUNT_SLOW] += 1
                    stop = STOP_SLOW
            elif transport == TRUNCATED:
                counters[COUNT_TRUNCATED] += 1
            elif transport == MALFORMED:
                counters[COUNT_MALFORMED] += 1
            elif transport == NOT_IP:
                counters[COUNT_NOT_IP] += 1
            elif transport != TCP:
                counters[COUNT_NOT_UDP] += 1
            continue

        # -- UDP: `pay` the payload, `size` its bytes on the wire, `have` its captured bytes
        pay = q + 8
        if pay > limit:
            counters[COUNT_TRUNCATED] += 1
            continue
        size = udp_size(b, q, end)
        if size < 0:
            counters[COUNT_MALFORMED] += 1
            continue
        have = min(limit - pay, size)
        sport = u16(b, q)
        dport = u16(b, q + 2)
        if have < 1:
            counters[COUNT_EMPTY_UDP] += 1
            continue
        first = I(b[U(pay)])
        ipv6 = 1 if proto == IPV6 else 0
        sip_port = (ports[U(sport)] | ports[U(dport)]) & 1

        # -- UDPTL only where SDP announced it
        hinted = 0
        if hint_count > 0 and ((hint_ports >> (dport & 63)) | (hint_ports >> (sport & 63))) & 1:
            hinted = is_hinted(b, p, sport, dport, ipv6, hints, hint_count)
            if sip_port or have < 4 or I(b[U(pay + 2)]) + 3 > size:
                hinted = 0

        # -- what the datagram is
        note = 0
        if first >> 6 != 2:
            begin = 0
            if have >= 4:
                begin = u32(b, pay)
            if begins_sip(begin):
                note = NOTE_SIP
            elif is_stun(b, pay, have, size, first, begin):
                counters[COUNT_STUN] += 1
                continue
            elif hinted:
                pass
            elif is_dtls(b, pay, have, size, first):
                counters[COUNT_DTLS] += 1
                continue
            elif inner == 0 and carries_packets(b, pay, have, first, begin, sport, dport):
                counters[COUNT_SLOW] += 1
                stop = STOP_SLOW
                continue
            elif sip_port:
                note = NOTE_SIP_PORT
            elif is_turn(have, size, first, begin):
                counters[COUNT_TURN] += 1
                continue
            else:
                counters[COUNT_OTHER_UDP] += 1
                continue
        elif is_rtcp(b, pay, have, size):
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
            if note == NOTE_SIP and offers_udptl(b, pay, have):  # the next frame may be for its receivers
                notes[U(k + N_KIND)] = NOTE_OFFER
                stop = STOP_OFFER
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
                header += 4 + (u16(b, pay + header + 2) << 2)
            length = size - header
            if inner == 0 and carries_packets_like_rtp(b, pay, first, dport):
                counters[COUNT_SLOW] += 1
                stop = STOP_SLOW
                continue
            if (72 <= payload_type <= 76) or length < 0 or sport == DNS or dport == DNS:
                if hinted == 0:
                    counters[COUNT_OTHER_UDP] += 1
                    continue
                udptl = 1
            if first & 32 and have == size and 0 < b[U(pay + size - 1)] <= length:
                length -= I(b[U(pay + size - 1)])
            sequence = u16(b, pay + 2)
            timestamp = u32(b, pay + 4)
            ssrc = u32(b, pay + 8)
        elif hinted:
            udptl = 1
        else:
            counters[COUNT_OTHER_UDP] += 1
            continue
        if udptl:
            sequence = u16(b, pay)
            ssrc = 0
            timestamp = 0
            marker_type = 0
            length = size

        # -- the flow: its key, its slot, or one for a new flow
        k1 = k2 = k3 = I(0)
        port_word = u32(b, q) << 32 | ssrc
        if ipv6:
            k0 = half_address(b, p + 8)
            k1 = half_address(b, p + 16)
            k2 = half_address(b, p + 24)
            k3 = half_address(b, p + 32)
            mixed = mixed_ipv6(k0, k1, k2, k3, seed)
        else:
            k0 = ipv4_addresses(b, p)
            mixed = (k0 ^ seed) * FIRST_MIX
        tag = tag_of(mixed, port_word)
        kind = (FLAG_UDPTL if udptl else 0) | (FLAG_IPV6 if ipv6 else 0)
        slot = find_flow(table, flows, mask, tag, k0, k1, k2, k3, port_word, kind)
        new = 0
        if slot < 0:
            if slot != REFUSED:
                slot = make_room(table, flows, mask, tag, key, counters, c)
            if slot == REFUSED:
                counters[COUNT_FLOWS_REFUSED] += 1
                continue
            if c[C_TABLED] * 2 > mask:
                stop = STOP_TABLE
            new = 1
        base = slot * FLOW_WORDS
        if new == 0 and key - flows[U(base + F_LAST)] > PROBATION_IDLE_US:
            if flows[U(base + F_INFO)] & FLAG_PASSED == 0 or key - flows[U(base + F_LAST)] > FLOW_IDLE_US:
                new = 1
        if new:
            begin_flow(flows, base, tag, key, meta, k0, k1, k2, k3, port_word, kind)

        # -- a mirrored copy: at once, with the same IPv4 id (without one, UDP checksum)
        identity = ip_id
        if identity == 0:
            identity = u16(b, q + 6)
        if is_copy(flows, base, t, timestamp, sequence, identity):
            flows[U(base + F_COPIES)] += 1
            counters[COUNT_COPIES] += 1
            continue

        # -- payloads of up to 8 bytes (RFC 4733) are kept
        row_head = timestamp << 32 | sequence << 16 | marker_type << 8
        small = I(0)
        if length <= 8 and udptl == 0:
            if header + length <= have:
                for j in range(length):
                    small |= I(b[U(pay + header + j)]) << (j << 3)
                row_head |= 1
        row_length = length << 16 | ip_id

        # -- probation
        info = flows[U(base + F_INFO)]
        if info & FLAG_PASSED == 0:
            if udptl == 0 and not passes(flows, kept, base, slot, t, timestamp, sequence):
                keep_packet(flows, kept, base, slot, t, row_head, row_length, small)
                if key > flows[U(base + F_LAST)]:
                    flows[U(base + F_LAST)] = key
                counters[COUNT_UNCONFIRMED] += 1
                continue
            kept_count = flows[U(base + F_KEPT)]
            number = c[C_FLOW]
            c[C_FLOW] = number + 1
            info = number << NUMBER_SHIFT | kind | FLAG_PASSED
            live[U(c[C_LIVE])] = number << SLOT_BITS | slot
            c[C_LIVE] += 1
            counters[COUNT_FLOWS] += 1
            counters[COUNT_UNCONFIRMED] -= kept_count
            for m in range(kept_count):
                k = (slot * PROBATION_KEPT + m) * KEPT_WORDS
                arrival = kept[U(k + KEPT_ARRIVAL)]
                last_key = put_row(
                    rows, rows_mask, rows_end, max(arrival, floor), arrival, kept[U(k + KEPT_HEAD)],
                    slot << 32 | kept[U(k + KEPT_LENGTH)], kept[U(k + KEPT_SMALL)], last_key, c,
                )  # fmt: skip
                rows_end += 1
                rtp += 1

        # -- the row
        last_key = put_row(
            rows, rows_mask, rows_end, key, t, row_head, slot << 32 | row_length, small, last_key, c
        )
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
