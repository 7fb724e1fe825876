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
from schemas.codecs.rtp_kernel import from_columns, to_columns
from schemas.columns import Column, difference, pack, undo_difference, unpack
from schemas.rtp_packets import FlowRows, RtpBatch

_INT32: Final = np.iinfo(np.int32)
_ARRIVALS: Final = {1: np.uint32, 2: np.uint64}  # by words of 32 bits
_SAMPLE: Final = 1024  # packets by which the usual distance between arrivals is found

_PACKETS: Final = {
    "sequence": np.uint16,
    "timestamp": np.uint32,
    "marker_type": np.uint8,
    "length": np.uint16,
}
_FLOWS: Final = {"first_sequence": np.uint16, "first_timestamp": np.uint32, "timestamp_step": np.uint32}
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
    return RtpBatch(
        account=data["account"],
        site=data["site"],
        sensor=data["sensor"],
        clock_us=data["clock_us"],
        flows=_flows_from_data(data["flows"]),
        present=undo_difference(_undo_next_is_zero(unpack(data["present"], m, np.uint32)), np.uint32),
        count=count,
        copies=unpack(data["copies"], m, np.int32),
        **_packets_from_data(data, count[count > 0], k),
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
    """What the columns of packets hold, relative to the packet before."""
    count, k = batch.count[batch.count > 0], len(batch.arrival_us)
    heard = [np.ascontiguousarray(getattr(batch, name)) for name in ("arrival_us", *_PACKETS)]
    if any(len(column) != k for column in heard):
        raise BadColumnsError(f"the columns of {k} packets differ in length")
    base_us, nominal_us, words = _scale(heard[0])
    flows = {name: np.empty(len(count), dtype) for name, dtype in _FLOWS.items()}
    arrivals = np.empty(k * words, np.uint32)
    packets = {name: np.empty(k, dtype) for name, dtype in _PACKETS.items()}
    arrays: list[Any] = [count, *heard, *flows.values(), arrivals, *packets.values()]
    to_columns(nominal_us, words, *arrays)
    return {
        "base_us": base_us,
        "nominal_us": nominal_us,
        "arrival_bits": 32 * words,
        **{name: pack(column) for name, column in flows.items()},
        "arrival_us": pack(arrivals.view(_ARRIVALS[words])),
        **{name: pack(column) for name, column in packets.items()},
    }


def _packets_from_data(data: dict[str, Any], count: Column, k: int) -> dict[str, Column]:
    """The columns of packets; BadColumnsError, ColumnError."""
    if data["arrival_bits"] not in {32, 64}:
        raise BadColumnsError(f"arrival_bits is {data['arrival_bits']}, not 32 or 64")
    words = data["arrival_bits"] // 32
    flows = [unpack(data[name], len(count), dtype) for name, dtype in _FLOWS.items()]
    arrivals = unpack(data["arrival_us"], k, _ARRIVALS[words]).view(np.uint32)
    columns = [unpack(data[name], k, dtype) for name, dtype in _PACKETS.items()]
    packets = {"arrival_us": np.empty(k, np.int64)}
    packets |= {name: np.empty(k, dtype) for name, dtype in _PACKETS.items()}
    arrays: list[Any] = [count, *flows, arrivals, *columns, *packets.values()]
    from_columns(data["base_us"], data["nominal_us"], words, *arrays)
    return packets


def _scale(arrival_us: Column) -> tuple[int, int, int]:
    """base_us, nominal_us (about the median of the differences), and how many words an arrival takes."""
    if not len(arrival_us):
        return 0, 0, 1
    base_us = int(arrival_us[0])
    fits = int(arrival_us.max()) - base_us <= _INT32.max and int(arrival_us.min()) - base_us >= _INT32.min
    sample = np.arange(0, len(arrival_us), len(arrival_us) // _SAMPLE + 1)
    steps = arrival_us[sample] - arrival_us[sample - 1]
    steps[0] = 0
    if fits:
        steps = steps.astype(np.int32)
    return base_us, int(np.sort(steps)[len(steps) // 2]), 1 if fits else 2


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
