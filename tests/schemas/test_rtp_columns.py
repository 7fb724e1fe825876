"""RTP batches: the bytes they take, and that the description is enough to read them."""

import io
from itertools import pairwise
from typing import Any

import fastavro
import lz4.block
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from schemas import files
from schemas.codecs import codec
from schemas.codecs.errors import BadColumnsError
from schemas.columns import pack_table, unpack_table
from schemas.framing import DecodeError, EncodeError, decode, encode
from schemas.media_windows import COLUMNS
from schemas.rtp_packets import RtpBatch
from tests.schemas.batches import flow_rows, rtp_batch, window_batch
from tests.schemas.events import rtp_batches


def test_a_live_batch_takes_at_most_4_bytes_a_packet() -> None:
    batch = rtp_batch(flows=4000, seconds=0.2, described=4000 // 25)  # every flow once in 5 s
    assert len(encode("rtp.packets", batch)) <= 4 * len(batch.arrival_us)


def test_a_batch_from_a_file_takes_at_most_3_bytes_a_packet() -> None:
    batch = rtp_batch(flows=4000, seconds=0.5, described=400)
    assert 90_000 < len(batch.arrival_us) <= 100_000
    assert len(encode("rtp.packets", batch)) <= 3 * len(batch.arrival_us)


def test_steady_streams_take_little_more_than_their_jitter() -> None:
    batch = rtp_batch(flows=500, seconds=2, described=0, jitter_us=60)
    assert len(encode("rtp.packets", batch)) <= 1.5 * len(batch.arrival_us)


def test_window_rows_take_at_most_60_bytes_each() -> None:
    assert len(encode("media.windows", window_batch(1000))) <= 60 * 1000


def test_rows_of_a_version_with_fewer_columns_are_read() -> None:
    batch = window_batch(20)
    batch.rows[:, -1] = 0
    data = codec("media.windows").to_data(batch)
    older = unpack_table(data["rows"], 20, COLUMNS, np.uint64)
    older[:, -1] = 0
    data |= {"columns": COLUMNS - 1, "rows": pack_table(older[:, :-1])}
    rows = codec("media.windows").from_data(data).rows
    assert np.array_equal(rows[:, :-1], batch.rows[:, :-1])


@pytest.mark.parametrize("columns", [0, -1, COLUMNS + 1])
def test_rows_with_columns_we_do_not_know_are_refused(columns: int) -> None:
    data = codec("media.windows").to_data(window_batch(2)) | {"columns": columns}
    with pytest.raises(BadColumnsError, match="columns, not 1 to"):
        codec("media.windows").from_data(data)


@pytest.mark.parametrize("jitter_us", [0, 60, 5000, 50_000])
def test_a_large_batch_comes_back(jitter_us: int) -> None:
    batch = rtp_batch(flows=300, seconds=1.3, described=100, jitter_us=jitter_us)
    assert decode(encode("rtp.packets", batch)) == batch


def test_arrivals_further_apart_than_32_bits_come_back() -> None:
    batch = rtp_batch(flows=3, seconds=0.2, described=0)
    batch.arrival_us[5:] += 2**40
    assert decode(encode("rtp.packets", batch)) == batch


def test_a_flow_without_packets_and_a_batch_without_flows_come_back() -> None:
    full = rtp_batch(flows=3, seconds=0.2, described=3)
    fields = {name: getattr(full, name) for name in full.__struct_fields__}
    k = int(full.count[1:].sum())
    last = {
        name: fields[name][-k:] for name in ("arrival_us", "sequence", "timestamp", "marker_type", "length")
    }
    copied = RtpBatch(**fields | last | {"count": full.count * np.array([0, 1, 1], np.int32)})
    assert decode(encode("rtp.packets", copied)) == copied
    none = {name: fields[name][:0] for name in (*last, "present", "count", "copies", "small_at", "small")}
    tick = RtpBatch(**fields | none | {"flows": flow_rows(0, np.random.default_rng(1))})
    assert decode(encode("rtp.packets", tick)) == tick
    assert len(encode("rtp.packets", tick)) < 100


def test_counts_that_do_not_add_up_are_refused_both_ways() -> None:
    batch = rtp_batch(flows=3, seconds=0.2, described=0)
    k = len(batch.arrival_us)
    data = codec("rtp.packets").to_data(batch) | {"packets": k - 1}
    with pytest.raises(BadColumnsError, match=f"do not add up to {k - 1} packets"):
        codec("rtp.packets").from_data(data)
    batch.count[0] += 1
    with pytest.raises(EncodeError, match=f"do not add up to {k} packets"):
        encode("rtp.packets", batch)


def test_a_small_payload_of_no_packet_is_refused() -> None:
    batch = rtp_batch(flows=3, seconds=0.2, described=0)
    fields = {name: getattr(batch, name) for name in batch.__struct_fields__}
    k = len(batch.arrival_us)
    lost = {"small_at": np.array([k], np.int32), "small": np.zeros((1, 8), np.uint8)}
    with pytest.raises(DecodeError, match=f"of no packet: there are {k}"):
        decode(encode("rtp.packets", RtpBatch(**fields | lost)))


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(batch=rtp_batches())
def test_the_description_is_enough_to_read_the_packets(batch: RtpBatch) -> None:
    assert read_by_the_description(encode("rtp.packets", batch)) == packets(batch)


def test_the_description_is_enough_to_read_a_large_batch() -> None:
    batch = rtp_batch(flows=50, seconds=2, described=50)
    assert read_by_the_description(encode("rtp.packets", batch)) == packets(batch)


def packets(batch: RtpBatch) -> list[tuple[int, ...]]:
    flow = np.repeat(batch.present, batch.count)
    columns = (flow, batch.arrival_us, batch.sequence, batch.timestamp, batch.marker_type, batch.length)
    return list(zip(*(column.tolist() for column in columns), strict=True))


# A reader in plain Python, written from the docstrings of schemas/columns.py and codecs/rtp_packets.py.


def read_by_the_description(framed: bytes) -> list[tuple[int, ...]]:
    schema = fastavro.schema.load_schema(files.schema_path("rtp.packets"))
    row: Any = fastavro.schemaless_reader(io.BytesIO(framed[5:]), schema, None)
    m, k = row["present_flows"], row["packets"]
    present = running([signed(step + 2 & 2**32 - 1) for step in column(row["present"], m, 4)], 32)
    count = column(row["count"], m, 4)
    with_packets = [n for n in count if n]
    first_sequence = column(row["first_sequence"], len(with_packets), 2)
    first_timestamp = column(row["first_timestamp"], len(with_packets), 4)
    step = column(row["timestamp_step"], len(with_packets), 4)
    marker_type = running([signed(step) for step in column(row["marker_type"], k, 1)], 8)
    length = running([signed(step) for step in column(row["length"], k, 2)], 16)
    bits = row["arrival_bits"]
    arrival_steps = [signed(step) for step in column(row["arrival_us"], k, bits // 8)]
    sequence_steps = [signed(step) for step in column(row["sequence"], k, 2)]
    timestamp_steps = [signed(step) for step in column(row["timestamp"], k, 4)]
    arrival, sequence, timestamp = [], [], []
    first_arrival, at = 0, 0
    for number, packets_here in enumerate(with_packets):
        first_arrival = first_arrival + arrival_steps[at]
        arrival.append(first_arrival)
        sequence.append(first_sequence[number])
        timestamp.append(first_timestamp[number])
        for packet in range(at + 1, at + packets_here):
            arrival.append(arrival[-1] + arrival_steps[packet] + row["nominal_us"])
            sequence.append(sequence[-1] + sequence_steps[packet] + 1 & 2**16 - 1)
            growth = sequence[-1] - sequence[-2] & 2**16 - 1
            growth = growth - 2**16 if growth >= 2**15 else growth
            timestamp.append(timestamp[-1] + timestamp_steps[packet] + step[number] * growth & 2**32 - 1)
        at += packets_here
    arrival = [wrapped(row["base_us"] + wrapped(since, bits), 64) for since in arrival]
    flow = [number for number, n in zip(present, count, strict=True) for _ in range(n)]
    return list(zip(flow, arrival, sequence, timestamp, marker_type, length, strict=True))


def column(data: bytes, n: int, width: int) -> list[int]:
    if not data:
        return [0] * n
    if data[0] & 2:
        held, length = int.from_bytes(data[1:5], "little"), int.from_bytes(data[5:9], "little")
        gaps, held_values = column(data[9 : 9 + length], held, 4), column(data[9 + length :], held, width)
        values, at = [0] * n, -1
        for gap, value in zip(gaps, held_values, strict=True):
            at += gap + 1
            values[at] = value
        return values
    planes = [j for j in range(8) if data[1] >> j & 1]
    body = data[2:]
    if data[0] & 1:
        body = lz4.block.decompress(body, uncompressed_size=n * len(planes))
    return [sum(body[row * n + i] << 8 * j for row, j in enumerate(planes)) for i in range(n)]


def signed(value: int) -> int:
    return value >> 1 if value % 2 == 0 else -(value >> 1) - 1


def running(steps: list[int], bits: int) -> list[int]:
    values = [0]
    for step in steps:
        values.append(values[-1] + step & 2**bits - 1)
    assert len(list(pairwise(values))) == len(steps)
    return values[1:]


def wrapped(value: int, bits: int) -> int:
    return (value + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)
