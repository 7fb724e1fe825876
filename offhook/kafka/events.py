"""Events of any topic as what JSON can say: addresses and SIP as text, columns summed up."""

from typing import Any, Final

import msgspec
import numpy as np

from offhook.output.json_lines import with_times
from offhook.text import without_surrogates
from schemas.cdr import CallRecord, StreamRecord, UnmatchedStream
from schemas.media_windows import W, WindowBatch
from schemas.registrations import Registration
from schemas.rtp_packets import FlowKind, FlowRows, RtpBatch
from streams.addresses import address_text

_WITH_TIMES: Final = (CallRecord, StreamRecord, Registration)
_KINDS: Final = {kind.value: kind.name.lower() for kind in FlowKind}
_WINDOW_COLUMNS: Final = {column.value: column.name.lower() for column in W}


def readable(value: Any) -> Any:
    """The event in dictionaries, lists, text and numbers. Times are µs since the epoch, but for records."""
    if isinstance(value, UnmatchedStream):
        return {"account": value.account, "site": value.site, "stream": readable(value.stream)}
    if isinstance(value, _WITH_TIMES):
        return msgspec.to_builtins(with_times(value))
    if isinstance(value, RtpBatch):
        return _rtp(value)
    if isinstance(value, WindowBatch):
        return _windows(value)
    return _plain("", value)


def json_line(value: Any) -> str:
    """One line of JSON that is safe on a terminal."""
    text = msgspec.json.encode(_encodable(value)).decode()
    return text if text.isprintable() else "".join(c if c.isprintable() else _escaped(c) for c in text)


def text_of(data: bytes) -> str:
    """Bytes as text where they are text, else hexadecimal after 0x."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return "0x" + data.hex()
    return text if all(c.isprintable() or c in "\r\n\t" for c in text) else "0x" + data.hex()


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        return {field: _plain(field, getattr(value, field)) for field in value.__struct_fields__}
    if isinstance(value, list | tuple):
        return [_plain(name, item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(str(key), item) for key, item in value.items()}
    if isinstance(value, bytes):
        if name.endswith("ip") or name == "candidates":
            return address_text(value) if len(value) in (0, 4, 16) else "0x" + value.hex()
        return text_of(value)
    return value


def _rtp(batch: RtpBatch) -> dict[str, Any]:
    """A row for each flow with packets; what each packet says is left to programs (docs/topics.md)."""
    ends = np.cumsum(batch.count)
    described = {int(flow): at for at, flow in enumerate(batch.flows.flow)}
    rows = []
    for at, flow in enumerate(batch.present.tolist()):
        packets = slice(int(ends[at] - batch.count[at]), int(ends[at]))
        row = {"flow": flow, "packets": int(batch.count[at]), "copies": int(batch.copies[at])}
        if flow in described:
            row |= _flow(batch.flows, described[flow])
        if batch.count[at]:
            row |= _packets(batch, packets)
        rows.append(row)
    return {
        "account": batch.account,
        "site": batch.site,
        "sensor": batch.sensor,
        "clock_us": batch.clock_us,
        "packets": len(batch.arrival_us),
        "flows": rows,
    }


def _flow(flows: FlowRows, at: int) -> dict[str, Any]:
    width = 4 if flows.family[at] == 4 else 16
    return {
        "kind": _KINDS.get(int(flows.kind[at]), int(flows.kind[at])),
        "src_ip": address_text(flows.src_ip[at, :width].tobytes()),
        "src_port": int(flows.src_port[at]),
        "dst_ip": address_text(flows.dst_ip[at, :width].tobytes()),
        "dst_port": int(flows.dst_port[at]),
        "ssrc": int(flows.ssrc[at]),
        "dscp": int(flows.dscp[at]),
        "vlan": int(flows.vlan[at]),
    }


def _packets(batch: RtpBatch, packets: slice) -> dict[str, Any]:
    arrival = batch.arrival_us[packets]
    return {
        "first_us": int(arrival[0]),
        "last_us": int(arrival[-1]),
        "first_sequence": int(batch.sequence[packets][0]),
        "last_sequence": int(batch.sequence[packets][-1]),
        "payload_types": np.unique(batch.marker_type[packets] & 0x7F).tolist(),
        "payload_bytes": int(batch.length[packets].sum(dtype=np.int64)),
    }


def _windows(batch: WindowBatch) -> dict[str, Any]:
    """Rows as dictionaries; columns without a name of their own (runs, histograms) are counted on."""
    found: dict[str, Any] = _plain("", msgspec.structs.replace(batch, row_stream=[], rows=[]))
    del found["row_stream"]
    found["rows"] = [
        {"stream": int(stream)} | {_column(at): int(row[at]) for at in range(len(row)) if row[at]}
        for stream, row in zip(batch.row_stream, batch.rows, strict=True)
    ]
    return found


def _column(at: int) -> str:
    """The column's name: RUN_3 lies two behind RUN_1."""
    if at in _WINDOW_COLUMNS:
        return _WINDOW_COLUMNS[at]
    if W.RUN_1 < at < W.RUN_10:
        return f"run_{at - W.RUN_1 + 1}"
    return f"delay_{at - W.DELAY_0}"


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return without_surrogates(value)
    if isinstance(value, dict):
        return {without_surrogates(key): _encodable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_encodable(item) for item in value]
    return value


def _escaped(character: str) -> str:
    """As JSON writes it within a string, which is where alone such a character can stand."""
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
