"""Events that are records all through as Avro data: batches of messages and announcements, call records."""

from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct, convert, to_builtins
from msgspec.structs import asdict

from schemas.media_endpoints import (
    CallAnswered,
    CallEnded,
    EndpointBatch,
    EndpointClosed,
    EndpointEvent,
    EndpointOpened,
    Payload,
)
from schemas.rtcp_packets import RtcpBatch, RtcpPacket
from schemas.sip_messages import SipBatch, SipPacket

Datum = dict[str, Any]

NAMESPACE: Final = "offhook"


def whole(record: Struct) -> Datum:
    """A record of records, lists and maps."""
    datum: Datum = to_builtins(record, builtin_types=(bytes,))
    return datum


def as_whole(kind: type[Struct]) -> Callable[[Datum], Any]:
    """How to make a record of `kind` of what `whole` gives."""
    return lambda datum: convert(datum, kind)


def sip_to_datum(batch: SipBatch) -> Datum:
    """The batch as Avro data."""
    return asdict(batch) | {"messages": [asdict(message) for message in batch.messages]}


def sip_from_datum(datum: Datum) -> SipBatch:
    """The batch of Avro data."""
    datum["messages"] = [SipPacket(**message) for message in datum["messages"]]
    return SipBatch(**datum)


def rtcp_to_datum(batch: RtcpBatch) -> Datum:
    """The batch as Avro data."""
    return asdict(batch) | {"packets": [asdict(packet) for packet in batch.packets]}


def rtcp_from_datum(datum: Datum) -> RtcpBatch:
    """The batch of Avro data."""
    datum["packets"] = [RtcpPacket(**packet) for packet in datum["packets"]]
    return RtcpBatch(**datum)


def with_payloads(record: Struct) -> Datum:
    """A record with a payload map."""
    datum = asdict(record)
    datum["payloads"] = [asdict(payload) for payload in datum["payloads"]]
    return datum


def payloads(data: list[Datum]) -> list[Payload]:
    """A payload map."""
    return [Payload(**row) for row in data]


_EVENTS: Final[dict[str, type[EndpointEvent]]] = {
    f"{NAMESPACE}.{kind.__name__}": kind for kind in (EndpointOpened, EndpointClosed, CallAnswered, CallEnded)
}


def endpoints_to_datum(batch: EndpointBatch) -> Datum:
    """The batch as Avro data; an event is a pair of its schema's name and its fields."""
    return asdict(batch) | {"events": [_event(event) for event in batch.events]}


def endpoints_from_datum(datum: Datum) -> EndpointBatch:
    """The batch of Avro data."""
    datum["events"] = [_as_event(name, event) for name, event in datum["events"]]
    return EndpointBatch(**datum)


def _event(event: EndpointEvent) -> tuple[str, Datum]:
    name = f"{NAMESPACE}.{type(event).__name__}"
    if not isinstance(event, EndpointOpened):
        return name, asdict(event)
    datum = with_payloads(event)
    datum["candidates"] = [{"ip": ip, "port": port} for ip, port in event.candidates]
    return name, datum


def _as_event(name: str, datum: Datum) -> EndpointEvent:
    if "payloads" in datum:
        datum["payloads"] = payloads(datum["payloads"])
        datum["candidates"] = [(candidate["ip"], candidate["port"]) for candidate in datum["candidates"]]
    return _EVENTS[name](**datum)
