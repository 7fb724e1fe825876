"""What events cost as bytes: encode and decode, framing, Avro, columns and lz4 together.

Run: python -m benchmarks.encode

ns and bytes a packet of RTP batches (and of one Avro record a packet, the plain way, with the ratio), µs and
bytes a window row, a SIP message and a call record. CPU time, the least of some runs.
"""

import typing
from collections.abc import Callable
from io import BytesIO
from time import process_time
from types import UnionType
from typing import Any, Final

import fastavro
import msgspec
import numpy as np

from benchmarks.dialogs import ordinary_call
from schemas.cdr import CallRecord
from schemas.clock import END_OF_CAPTURE
from schemas.framing import decode, encode
from schemas.rtp_packets import RtpBatch
from schemas.sip_messages import SipBatch
from tests.schemas.batches import rtp_batch, window_batch

RUNS: Final = 15
T0: Final = 1_700_000_000_000_000
CHILDREN: Final = {"sip_events": 8, "streams": 2, "sensor_ids": 1, "loss_runs": 10, "delay_hist": 8}

COLUMNS: Final = (
    *("src_port", "dst_port", "ssrc", "dscp", "time_us"),
    *("sequence", "timestamp", "marker_type", "length"),
)
PACKET: Final = fastavro.parse_schema(
    {
        "type": "record",
        "name": "Packet",
        "fields": [
            {"name": "src_ip", "type": "bytes"},
            {"name": "dst_ip", "type": "bytes"},
            *({"name": name, "type": "long"} for name in COLUMNS),
        ],
    }
)


def least(action: Callable[[], Any], runs: int = RUNS) -> float:
    """Seconds of CPU, the least of some runs."""
    best = float("inf")
    for _ in range(runs):
        before = process_time()
        action()
        best = min(best, process_time() - before)
    return best


def line(what: str, count: int, unit: str, topic: str, value: Any) -> float:
    """Measure one value of `count` things and print its line; returns seconds a thing, both ways."""
    data = encode(topic, value)
    there, back = least(lambda: encode(topic, value)), least(lambda: decode(data))
    scale = {"ns": 1e9, "us": 1e6}[unit]
    print(
        f"{what:44} {there * scale / count:8.1f} + {back * scale / count:6.1f} {unit.replace('u', 'µ')}"
        f" {len(data) / count:9.2f} bytes   ({count} in a batch)"
    )
    return (there + back) / count


def record_a_packet(batch: RtpBatch) -> float:
    """The plain way: every packet an Avro record of its own."""
    phone, gateway = b"\x0a\0\0\1", b"\xc0\0\2\1"
    flow = np.repeat(batch.present, batch.count)
    ports, sources = (flow % 50_000 + 1024).tolist(), (flow * np.uint32(2_654_435_761)).tolist()
    columns = [
        column.tolist() for column in (batch.arrival_us, batch.sequence, batch.timestamp, batch.length)
    ]
    packets = [
        {
            "src_ip": phone,
            "dst_ip": gateway,
            "src_port": port,
            "dst_port": 5004,
            "ssrc": ssrc,
            "dscp": 46,
            "time_us": time_us,
            "sequence": sequence,
            "timestamp": timestamp,
            "marker_type": 0,
            "length": length,
        }
        for port, ssrc, time_us, sequence, timestamp, length in zip(ports, sources, *columns, strict=True)
    ]

    def write() -> list[bytes]:
        written = []
        for packet in packets:
            out = BytesIO()
            fastavro.schemaless_writer(out, PACKET, packet)
            written.append(out.getvalue())
        return written

    def read() -> None:
        for data in written:
            fastavro.schemaless_reader(BytesIO(data), PACKET, None)

    written = write()
    there, back = least(write, 3), least(read, 3)
    k = len(packets)
    size = sum(map(len, written)) / k
    print(
        f"{'RTP, one Avro record a packet':44} {there / k * 1e9:8.1f} + {back / k * 1e9:6.1f} ns"
        f" {size:9.2f} bytes"
    )
    return (there + back) / k


def call_record() -> CallRecord:
    """A call record as large as an answered call's: 8 SIP events, 2 streams."""
    record: CallRecord = _filled("", CallRecord)
    return record


def _filled(name: str, hint: Any) -> Any:
    plain = {str: "z9hG4bK-8f21@10.0.0.1", int: 4711, float: 4.409, bool: False, bytes: b"\x0a\0\0\1"}
    if hint in plain:
        return T0 if hint is int and ("time" in name or name == "start") else plain[hint]
    inside = typing.get_args(hint)
    if isinstance(hint, UnionType):
        return _filled(name, inside[0])
    if typing.get_origin(hint) is list:
        return [_filled(name, inside[0]) for _ in range(CHILDREN.get(name, 0))]
    if typing.get_origin(hint) is dict:
        return {}
    fields = typing.get_type_hints(hint)
    return msgspec.convert({key: _filled(key, fields[key]) for key in hint.__struct_fields__}, hint)


def main() -> None:
    """Print the figures."""
    file_batch = rtp_batch(flows=4000, seconds=0.5, described=400)
    columns = line(
        "RTP from a file: 4000 streams, 0.5 s", len(file_batch.sequence), "ns", "rtp.packets", file_batch
    )
    live = rtp_batch(flows=4000, seconds=0.2, described=160)
    line("RTP live: 4000 streams, 200 ms", len(live.sequence), "ns", "rtp.packets", live)
    long = rtp_batch(flows=1000, seconds=2, described=400)
    line("RTP from a file: 1000 streams, 2 s", len(long.sequence), "ns", "rtp.packets", long)
    few = rtp_batch(flows=20, seconds=0.2, described=1)
    line("RTP live: 20 streams, 200 ms", len(few.sequence), "ns", "rtp.packets", few)
    plain = record_a_packet(file_batch)
    print(f"{'':44} {plain / columns:8.0f} times the columns")
    line("window rows", 1000, "us", "media.windows", window_batch(1000))
    line("window rows, few", 5, "us", "media.windows", window_batch(5))
    messages = [message for n in range(100) for message in ordinary_call(n, T0)]
    batch = SipBatch(account="acme", site="hq", sensor="s1", clock_us=END_OF_CAPTURE, messages=messages)
    line("SIP messages", len(messages), "us", "sip.messages", batch)
    line("call record, 8 SIP events, 2 streams", 1, "us", "cdr", call_record())


if __name__ == "__main__":
    main()
