"""The loops between the packets of an RTP batch and their columns; formulas: schemas/codecs/rtp_packets.py.

`count` is of flows that have packets, and adds up to all of them; columns of packets are as long. `arrivals`
holds a packet's number in `words` of 32 bits, 1 or 2, the least first.
"""

from kernels import Array, I, U, compiled, inlined

ANY_STEP = 0xFFFFFFFF
LOW_16, LOW_32 = 0xFFFF, 0xFFFFFFFF


@inlined
def signed(value: int, bits: int) -> int:
    """The last so many bits of a number as a signed one."""
    unused = 64 - bits
    return value << unused >> unused


@inlined
def zigzag(value: int, bits: int) -> int:
    """As schemas.columns.zigzag; bits above those asked for are not defined."""
    value = signed(value, bits)
    return value << 1 ^ value >> 63


@inlined
def unzigzag(value: int, bits: int) -> int:
    """As schemas.columns.unzigzag."""
    half = value >> 1 & (1 << 63) - 1 >> 64 - bits
    return half ^ -(value & 1)


@inlined
def usual_step(sequence: Array, timestamp: Array, start: int, end: int) -> int:
    """The least timestamp step between consecutive sequence numbers of a flow, 0 without any."""
    least: int = I(ANY_STEP)
    for n in range(start + 1, end):
        if I(sequence[U(n)]) - I(sequence[U(n - 1)]) & LOW_16 == 1:
            step = I(timestamp[U(n)]) - I(timestamp[U(n - 1)]) & LOW_32
            least = min(least, step)
    return I(0) if least == ANY_STEP else least


@compiled(
    "int64(int64, int64, int32[::1], int64[::1], uint16[::1], uint32[::1], uint8[::1], uint16[::1],"
    " uint16[::1], uint32[::1], uint32[::1], uint32[::1], uint16[::1], uint32[::1], uint8[::1], uint16[::1])"
)
def to_columns(
    nominal_us: int,
    words: int,
    count: Array,
    arrival_us: Array,
    sequence: Array,
    timestamp: Array,
    marker_type: Array,
    length: Array,
    first_sequence: Array,
    first_timestamp: Array,
    timestamp_step: Array,
    arrivals: Array,
    sequences: Array,
    timestamps: Array,
    marker_types: Array,
    lengths: Array,
) -> int:
    """Fill the last eight columns by the others; how many packets there are."""
    bits = 32 * words
    at: int = I(0)
    flow_began = arrival_us[0] if len(arrival_us) else I(0)
    marker_before, length_before = I(0), I(0)
    for flow in range(len(count)):
        end = at + count[U(flow)]
        step = usual_step(sequence, timestamp, at, end)
        first_sequence[U(flow)] = sequence[U(at)]
        first_timestamp[U(flow)] = timestamp[U(at)]
        timestamp_step[U(flow)] = step
        sequence_before, timestamp_before = I(sequence[U(at)]) - 1, I(timestamp[U(at)]) - step
        arrival_before = flow_began - nominal_us
        flow_began = arrival_us[U(at)]
        for n in range(at, end):
            arrived = arrival_us[U(n)]
            late = zigzag(arrived - arrival_before - nominal_us, bits)
            arrivals[U(n * words)] = late & LOW_32
            if words == 2:
                arrivals[U(2 * n + 1)] = late >> 32 & LOW_32
            arrival_before = arrived
            steps = signed(I(sequence[U(n)]) - sequence_before, 16)
            sequences[U(n)] = zigzag(steps - 1, 16) & LOW_16
            timestamps[U(n)] = zigzag(I(timestamp[U(n)]) - timestamp_before - step * steps, 32) & LOW_32
            sequence_before, timestamp_before = I(sequence[U(n)]), I(timestamp[U(n)])
            marker_types[U(n)] = zigzag(I(marker_type[U(n)]) - marker_before, 8) & 255
            lengths[U(n)] = zigzag(I(length[U(n)]) - length_before, 16) & LOW_16
            marker_before, length_before = I(marker_type[U(n)]), I(length[U(n)])
        at = end
    return at


@compiled(
    "int64(int64, int64, int64, int32[::1], uint16[::1], uint32[::1], uint32[::1],"
    " uint32[::1], uint16[::1], uint32[::1], uint8[::1], uint16[::1],"
    " int64[::1], uint16[::1], uint32[::1], uint8[::1], uint16[::1])"
)
def from_columns(
    base_us: int,
    nominal_us: int,
    words: int,
    count: Array,
    first_sequence: Array,
    first_timestamp: Array,
    timestamp_step: Array,
    arrivals: Array,
    sequences: Array,
    timestamps: Array,
    marker_types: Array,
    lengths: Array,
    arrival_us: Array,
    sequence: Array,
    timestamp: Array,
    marker_type: Array,
    length: Array,
) -> int:
    """Fill the last five columns by what to_columns made; how many packets there are."""
    bits = 32 * words
    at: int = I(0)
    flow_began, marker, octets = I(0), I(0), I(0)
    for flow in range(len(count)):
        end = at + count[U(flow)]
        step = I(timestamp_step[U(flow)])
        number, stamp, since = I(first_sequence[U(flow)]), I(first_timestamp[U(flow)]), flow_began
        for n in range(at, end):
            late = I(arrivals[U(n * words)])
            if words == 2:
                late |= I(arrivals[U(2 * n + 1)]) << 32
            since = signed(since + unzigzag(late, bits), bits)
            if n == at:
                flow_began = since
            else:
                since = signed(since + nominal_us, bits)
                steps = signed(unzigzag(I(sequences[U(n)]), 16) + 1, 16)
                number += steps
                stamp += unzigzag(I(timestamps[U(n)]), 32) + step * steps
            arrival_us[U(n)] = base_us + since
            sequence[U(n)] = number & LOW_16
            timestamp[U(n)] = stamp & LOW_32
            marker += unzigzag(I(marker_types[U(n)]), 8)
            marker_type[U(n)] = marker & 255
            octets += unzigzag(I(lengths[U(n)]), 16)
            length[U(n)] = octets & LOW_16
        at = end
    return at
