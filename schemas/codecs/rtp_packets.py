"""`rtp.packets` as Avro data: RTP headers as packed columns.

Every `bytes` field is a packed column (schemas/columns.py). Sizes: `flows.rows` n, `present_flows` m,
`packets` k, `small_payloads` j. "difference" is schemas.columns.difference: each value minus the one before
it, the first minus 0, modulo the width, zigzag. What a column holds, and its width in bits:

Flow rows, n values: `flow` 32, `kind` 8, `family` 8, `src_port` 16, `dst_port` 16, `dscp` 8, `ttl` 8 and
`vlan` 32: difference. `ssrc` 32 and `first_ip_id` 16: plain. `last_ip_id` 16: minus first_ip_id, modulo
2^16. `src_ip`, `dst_ip`: 16 n values of 8 bits, first bytes of all addresses first, then second bytes ...

Flows present, m values: `present` 32: difference, then minus 2 modulo 2^32 (0 is: the next number).
`count` 32, `copies` 32: plain.

Packets. A flow's packets are the next `count` ones; m' flows have any. `first_sequence` 16,
`first_timestamp` 32, `timestamp_step` 32: m' values, plain; the step is the least timestamp step between
consecutive sequence numbers in this batch. For each of the k packets:
- `arrival_us`, of `arrival_bits` 32 (all are within 2^31 µs of base_us) or 64: inside a flow
  zigzag(arrival - arrival before - nominal_us), modulo the width; a flow's first packet:
  zigzag(arrival - first arrival of the flow before); the very first, which is base_us: 0;
- `sequence` 16: zigzag(sequence - sequence before - 1), modulo 2^16; 0 at a flow's first packet;
- `timestamp` 32: zigzag(timestamp - timestamp before - timestamp_step * (sequence - sequence before)),
  modulo 2^32, the sequence's difference signed; 0 at a flow's first packet;
- `marker_type` 8, `length` 16: difference, across flows.

Small payloads: `small_at` 32: j values, difference. `small`: 8 j values of 8 bits, first bytes first.
"""

from typing import Any, Final

import numpy as np

from schemas.bounds import BATCH_FLOWS, BATCH_PACKETS
from schemas.codecs.errors import BadColumnsError
from schemas.columns import Column, difference, pack, undo_difference, unpack, unzigzag, zigzag
from schemas.rtp_packets import FlowRows, RtpBatch

_NO_STEP: Final = np.uint32(0xFFFFFFFF)
_INT32: Final = np.iinfo(np.int32)
_ARRIVAL_WIDTHS: Final = {32: np.uint32, 64: np.uint64}
_SAMPLE: Final = 1024  # packets by which the usual distance between arrivals is found

_DIFFERENCES: Final = {
    "flow": np.uint32,
    "kind": np.uint8,
    "family": np.uint8,
    "src_port": np.uint16,
    "dst_port": np.uint16,
    "dscp": np.uint8,
    "ttl": np.uint8,
    "vlan": np.int32,
}


def to_data(batch: RtpBatch) -> dict[str, Any]:
    """The batch as Avro data; BadColumnsError where counts and packets do not agree."""
    _check_counts(batch.count, len(batch.arrival_us))
    return {
        "account": batch.account,
        "site": batch.site,
        "sensor": batch.sensor,
        "clock_us": batch.clock_us,
        "behind_us": batch.behind_us,
        "serial": batch.serial,
        "flows": _flows_to_data(batch.flows),
        "present_flows": len(batch.present),
        "packets": len(batch.arrival_us),
        "small_payloads": len(batch.small_at),
        "present": pack(_next_is_zero(difference(batch.present))),
        "count": pack(batch.count.view(np.uint32)),
        "copies": pack(batch.copies.view(np.uint32)),
        **_packets_to_data(batch),
        "marker_type": pack(difference(batch.marker_type)),
        "length": pack(difference(batch.length)),
        "small_at": pack(difference(batch.small_at)),
        "small": pack(batch.small.T.reshape(-1)),
    }


def from_data(data: dict[str, Any]) -> RtpBatch:
    """The batch of Avro data; BadColumnsError, ColumnError where sizes and columns do not agree."""
    m = _size(data, "present_flows", BATCH_FLOWS)
    k = _size(data, "packets", BATCH_PACKETS)
    j = _size(data, "small_payloads", k)
    count = unpack(data["count"], m, np.int32)
    _check_counts(count, k)
    small_at = undo_difference(unpack(data["small_at"], j, np.uint32), np.int32)
    if np.any((small_at < 0) | (small_at >= k)):
        raise BadColumnsError(f"a small payload is of no packet: there are {k}")
    arrival_us, sequence, timestamp = _packets_from_data(data, count[count > 0], k)
    return RtpBatch(
        account=data["account"],
        site=data["site"],
        sensor=data["sensor"],
        clock_us=data["clock_us"],
        flows=_flows_from_data(data["flows"]),
        present=undo_difference(_undo_next_is_zero(unpack(data["present"], m, np.uint32)), np.uint32),
        count=count,
        copies=unpack(data["copies"], m, np.int32),
        arrival_us=arrival_us,
        sequence=sequence,
        timestamp=timestamp,
        marker_type=undo_difference(unpack(data["marker_type"], k, np.uint8), np.uint8),
        length=undo_difference(unpack(data["length"], k, np.uint16), np.uint16),
        small_at=small_at,
        small=_rows(data["small"], j, 8),
        behind_us=data["behind_us"],
        serial=data["serial"],
    )


def _check_counts(count: Column, k: int) -> None:
    if np.any(count < 0) or int(count.sum(dtype=np.int64)) != k:
        raise BadColumnsError(f"the flows' counts do not add up to {k} packets")


def _flows_to_data(flows: FlowRows) -> dict[str, Any]:
    steps = {name: pack(difference(getattr(flows, name))) for name in _DIFFERENCES}
    return {
        "rows": len(flows.flow),
        "flow": steps["flow"],
        "kind": steps["kind"],
        "family": steps["family"],
        "src_ip": pack(flows.src_ip.T.reshape(-1)),
        "dst_ip": pack(flows.dst_ip.T.reshape(-1)),
        "src_port": steps["src_port"],
        "dst_port": steps["dst_port"],
        "ssrc": pack(flows.ssrc),
        "dscp": steps["dscp"],
        "ttl": steps["ttl"],
        "vlan": steps["vlan"],
        "first_ip_id": pack(flows.first_ip_id),
        "last_ip_id": pack(flows.last_ip_id - flows.first_ip_id),
    }


def _flows_from_data(data: dict[str, Any]) -> FlowRows:
    n = _size(data, "rows", BATCH_FLOWS)
    columns = {
        name: undo_difference(unpack(data[name], n, np.dtype(f"u{np.dtype(dtype).itemsize}")), dtype)
        for name, dtype in _DIFFERENCES.items()
    }
    first_ip_id = unpack(data["first_ip_id"], n, np.uint16)
    return FlowRows(
        **columns,
        src_ip=_rows(data["src_ip"], n, 16),
        dst_ip=_rows(data["dst_ip"], n, 16),
        ssrc=unpack(data["ssrc"], n, np.uint32),
        first_ip_id=first_ip_id,
        last_ip_id=unpack(data["last_ip_id"], n, np.uint16) + first_ip_id,
    )


def _packets_to_data(batch: RtpBatch) -> dict[str, Any]:
    """Arrival, sequence and timestamp, relative to the packet before in the same flow."""
    count = batch.count[batch.count > 0]
    starts = np.cumsum(count, dtype=np.int64) - count
    sequence_steps = _steps(batch.sequence)
    timestamp_steps = _steps(batch.timestamp)
    step = _usual_steps(sequence_steps, timestamp_steps, starts)
    expected = np.repeat(step, count)
    expected *= _widened(sequence_steps)
    timestamp_steps -= expected
    sequence_steps -= np.uint16(1)
    sequence_steps[starts] = 0
    timestamp_steps[starts] = 0
    base_us, nominal_us, arrivals = _arrivals(batch.arrival_us, starts)
    return {
        "base_us": base_us,
        "nominal_us": nominal_us,
        "arrival_bits": 8 * arrivals.itemsize,
        "first_sequence": pack(batch.sequence[starts]),
        "first_timestamp": pack(batch.timestamp[starts]),
        "timestamp_step": pack(step),
        "arrival_us": pack(arrivals),
        "sequence": pack(zigzag(sequence_steps)),
        "timestamp": pack(zigzag(timestamp_steps)),
    }


def _packets_from_data(data: dict[str, Any], count: Column, k: int) -> tuple[Column, Column, Column]:
    starts = np.cumsum(count, dtype=np.int64) - count
    flows = len(count)
    sequence_steps = unzigzag(unpack(data["sequence"], k, np.uint16))
    sequence_steps += 1
    timestamp_steps = unzigzag(unpack(data["timestamp"], k, np.uint32)).view(np.uint32)
    expected = np.repeat(unpack(data["timestamp_step"], flows, np.uint32), count)
    expected *= _widened(sequence_steps)
    timestamp_steps += expected
    first_sequence = unpack(data["first_sequence"], flows, np.uint16)
    first_timestamp = unpack(data["first_timestamp"], flows, np.uint32)
    sequence = _summed(sequence_steps, np.uint32, first_sequence, starts, count)
    return (
        _arrivals_from_data(data, starts, count, k),
        sequence.astype(np.uint16),
        _summed(timestamp_steps, np.uint32, first_timestamp, starts, count),
    )


def _arrivals(arrival_us: Column, starts: Column) -> tuple[int, int, Column]:
    """base_us, nominal_us, and the column before it is packed."""
    if not len(arrival_us):
        return 0, 0, np.zeros(0, np.uint32)
    base_us = int(arrival_us[0])
    since_base = arrival_us - base_us
    if since_base.min() >= _INT32.min and since_base.max() <= _INT32.max:
        since_base = since_base.astype(np.int32)
    steps = _steps(since_base)
    sample = np.sort(steps[:: len(steps) // _SAMPLE + 1])
    nominal_us = sample[len(sample) // 2]
    steps -= nominal_us
    steps[starts[1:]] = np.diff(since_base[starts])
    steps[0] = 0
    return base_us, int(nominal_us), zigzag(steps)


def _arrivals_from_data(data: dict[str, Any], starts: Column, count: Column, k: int) -> Column:
    wide = _ARRIVAL_WIDTHS.get(data["arrival_bits"])
    if wide is None:
        raise BadColumnsError(f"arrival_bits is {data['arrival_bits']}, not 32 or 64")
    steps = unzigzag(unpack(data["arrival_us"], k, wide)).view(wide)
    first = np.cumsum(steps[starts], dtype=wide)
    steps += np.array(data["nominal_us"]).astype(wide)
    since_base = _summed(steps, wide, first, starts, count).view(f"i{steps.itemsize}")
    arrival_us = since_base.astype(np.int64)
    arrival_us += data["base_us"]
    return arrival_us


def _usual_steps(sequence_steps: Column, timestamp_steps: Column, starts: Column) -> Column:
    """For each flow the least timestamp step between consecutive sequence numbers, 0 without any."""
    if not len(starts):
        return np.zeros(0, np.uint32)
    consecutive = timestamp_steps.copy()
    np.copyto(consecutive, _NO_STEP, where=sequence_steps != 1)
    consecutive[starts] = _NO_STEP
    step: Column = np.minimum.reduceat(consecutive, starts)
    step[step == _NO_STEP] = 0
    return step


def _steps(values: Column) -> Column:
    """Each value minus the one before it, wrapping around; the first is 0."""
    steps = np.empty_like(values, order="C")
    steps[:1] = 0
    np.subtract(values[1:], values[:-1], out=steps[1:])
    return steps


def _widened(sequence_steps: Column) -> Column:
    """Signed 16-bit steps as 32-bit ones, modulo 2^32."""
    return sequence_steps.view(np.int16).astype(np.int32).view(np.uint32)


def _summed(steps: Column, dtype: Any, first: Column, starts: Column, count: Column) -> Column:
    """Running sums of the steps inside each flow from its first value; steps at `starts` are ignored."""
    sums = np.cumsum(steps, dtype=dtype)
    sums += np.repeat((first - sums[starts]).astype(dtype, copy=False), count)
    return sums


def _next_is_zero(steps: Column) -> Column:
    return steps - np.uint32(2)


def _undo_next_is_zero(steps: Column) -> Column:
    return steps + np.uint32(2)


def _rows(data: bytes, n: int, columns: int) -> Column:
    return np.ascontiguousarray(unpack(data, n * columns, np.uint8).reshape(columns, n).T)


def _size(data: dict[str, Any], name: str, bound: int) -> int:
    size: int = data[name]
    if not 0 <= size <= bound:
        raise BadColumnsError(f"{name} is {size}, not 0 to {bound}")
    return size
