"""Rows of the sort buffer into the columns of a batch: by flow, each flow in the sensor's order.

A counting sort: the first call counts and says how large the columns have to be, the second one fills them.
"""

from capture.bounds import DESCRIBE_US
from capture.layout import (
    C_CLOCK,
    C_DESCRIBED,
    C_DISORDER,
    C_DISORDER_ROW,
    C_FIRST_KEPT,
    C_LIVE,
    C_PRESENT,
    C_ROWS_END,
    C_ROWS_MASK,
    C_ROWS_START,
    C_SCANNED,
    C_SENT,
    C_SMALL,
    C_WATERMARK,
    F_COPIES,
    F_DESCRIBED,
    F_FIRST_META,
    F_INFO,
    F_SENT_META,
    FLOW_WORDS,
    META_SHIFT,
    NUMBER_SHIFT,
    ROW_ARRIVAL,
    ROW_HEAD,
    ROW_KEY,
    ROW_SLOT,
    ROW_SMALL,
    ROW_WORDS,
    SLOT_BITS,
    STOP_DISORDER,
    STOP_DONE,
    T_AT,
    T_KEY,
    TALLY_WORDS,
)
from kernels import Array, U, compiled

LOW_32 = (1 << 32) - 1
COUNT = 0


@compiled(
    "int64(int64, int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1],"
    " uint16[::1], uint32[::1], uint8[::1], uint16[::1], uint16[::1], int32[::1], int64[::1], int64[::1])"
)
def gather(
    step: int,
    rows: Array,
    flows: Array,
    tally: Array,
    live: Array,
    present: Array,
    described: Array,
    arrival: Array,
    sequence: Array,
    timestamp: Array,
    marker_type: Array,
    length: Array,
    ip_id: Array,
    small_at: Array,
    small: Array,
    c: Array,
) -> int:
    """Step 0 counts the rows up to c[C_WATERMARK] and lists their flows; step 1 moves them to the columns.

    Step 0 writes `present` (3 words a flow: number, rows, copies), `described` (3 words each: slot, its
    place in `present`, meta) and the sizes C_SENT, C_SMALL, C_PRESENT, C_DESCRIBED; it returns
    STOP_DISORDER, with nothing changed but the tally's counts, where the rows have to be sorted by key
    first. Step 1 leaves the later rows held.
    """
    start, end, mask, watermark = c[C_ROWS_START], c[C_ROWS_END], c[C_ROWS_MASK], c[C_WATERMARK]
    if step == COUNT:
        # -- count the rows of each flow, up to where nothing can be due any more
        reach = watermark + c[C_DISORDER]
        sent = 0
        smalls = 0
        first_kept = end
        ordered = 1
        r = start
        while r < end:
            at = (r & mask) * ROW_WORDS
            key = rows[U(at + ROW_KEY)]
            if key > watermark:
                if first_kept == end:
                    first_kept = r
                if key > reach:
                    break
            else:
                t = (rows[U(at + ROW_SLOT)] >> 32) * TALLY_WORDS
                if key < tally[U(t + T_KEY)]:
                    ordered = 0
                tally[U(t + T_KEY)] = key
                tally[U(t + T_AT)] += 1
                sent += 1
                smalls += rows[U(at + ROW_HEAD)] & 1
            r += 1
        c[C_SCANNED] = r
        c[C_FIRST_KEPT] = min(first_kept, r)
        if ordered == 0:
            return STOP_DISORDER
        # -- the flows in rising order of their numbers: where their rows begin, and who is described
        kept = 0
        found = 0
        described_count = 0
        begin = 0
        for entry in range(c[C_LIVE]):
            word = live[U(entry)]
            slot = word & ((1 << SLOT_BITS) - 1)
            t = slot * TALLY_WORDS
            base = slot * FLOW_WORDS
            number = word >> SLOT_BITS
            info = flows[U(base + F_INFO)]
            if (info >> NUMBER_SHIFT) & LOW_32 != number:
                continue  # forgotten
            live[U(kept)] = word
            kept += 1
            count = tally[U(t + T_AT)]
            copies = flows[U(base + F_COPIES)]
            if count == 0 and copies == 0:
                continue
            tally[U(t + T_AT)] = begin
            flows[U(base + F_COPIES)] = 0
            begin += count
            meta = (info & LOW_32) >> META_SHIFT
            known = flows[U(base + F_SENT_META)]
            if known < 0:
                described[U(described_count * 3)] = slot
                described[U(described_count * 3 + 1)] = found
                described[U(described_count * 3 + 2)] = flows[U(base + F_FIRST_META)]
                described_count += 1
                known = flows[U(base + F_FIRST_META)]
                flows[U(base + F_SENT_META)] = known
                flows[U(base + F_DESCRIBED)] = c[C_CLOCK]
            if known != meta or c[C_CLOCK] - flows[U(base + F_DESCRIBED)] >= DESCRIBE_US:
                described[U(described_count * 3)] = slot
                described[U(described_count * 3 + 1)] = found
                described[U(described_count * 3 + 2)] = meta
                described_count += 1
                flows[U(base + F_SENT_META)] = meta
                flows[U(base + F_DESCRIBED)] = c[C_CLOCK]
            present[U(found * 3)] = number
            present[U(found * 3 + 1)] = count
            present[U(found * 3 + 2)] = copies
            found += 1
        c[C_LIVE] = kept
        c[C_PRESENT] = found
        c[C_DESCRIBED] = described_count
        c[C_SENT] = sent
        c[C_SMALL] = smalls
        return STOP_DONE

    # -- move the rows to their flows' places
    smalls = 0
    for r in range(start, c[C_SCANNED]):
        at = (r & mask) * ROW_WORDS
        if rows[U(at + ROW_KEY)] > watermark:
            continue
        word = rows[U(at + ROW_SLOT)]
        t = (word >> 32) * TALLY_WORDS + T_AT
        to = tally[U(t)]
        tally[U(t)] = to + 1
        head = rows[U(at + ROW_HEAD)]
        arrival[U(to)] = rows[U(at + ROW_ARRIVAL)]
        timestamp[U(to)] = (head >> 32) & LOW_32
        sequence[U(to)] = (head >> 16) & 0xFFFF
        marker_type[U(to)] = (head >> 8) & 0xFF
        length[U(to)] = (word >> 16) & 0xFFFF
        ip_id[U(to)] = word & 0xFFFF
        if head & 1:
            small_at[U(smalls)] = to
            small[U(smalls)] = rows[U(at + ROW_SMALL)]
            smalls += 1
    for entry in range(c[C_LIVE]):
        tally[U((live[U(entry)] & ((1 << SLOT_BITS) - 1)) * TALLY_WORDS + T_AT)] = 0
    # -- rows that stay close up behind those that were not looked at
    into = c[C_SCANNED]
    for back in range(c[C_SCANNED] - c[C_FIRST_KEPT]):
        r = c[C_SCANNED] - 1 - back
        if rows[U((r & mask) * ROW_WORDS + ROW_KEY)] > watermark:
            into -= 1
            if into != r:
                for w in range(ROW_WORDS):
                    rows[U((into & mask) * ROW_WORDS + w)] = rows[U((r & mask) * ROW_WORDS + w)]
    c[C_ROWS_START] = into
    if c[C_FIRST_KEPT] <= c[C_DISORDER_ROW] < c[C_SCANNED]:
        c[C_DISORDER_ROW] = c[C_SCANNED] - 1  # it may have moved up
    if c[C_DISORDER_ROW] < into:
        c[C_DISORDER] = 0
    return STOP_DONE
