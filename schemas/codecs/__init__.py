"""Events as Avro data and back: the class of each record in a topic's schema, and the columns it packs."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from schemas.capture_health import CaptureHealth
from schemas.cdr import (
    CallRecord,
    DtmfEvent,
    HoldInterval,
    RelatedCall,
    RtcpFigures,
    SipEvent,
    StreamRecord,
    UnmatchedStream,
)
from schemas.cdr_rejected import RejectedCall
from schemas.channels import ChannelBatch, ChannelDecision, ChannelEvent
from schemas.codecs import media_windows, rtp_packets
from schemas.dead_letters import DeadLetter
from schemas.media_endpoints import (
    CallAnswered,
    CallEnded,
    EndpointBatch,
    EndpointClosed,
    EndpointOpened,
    Payload,
)
from schemas.media_windows import Digit, Gap, RtcpSummary, StreamInfo, Unread
from schemas.pcap_index import PcapFlow, PcapSegment
from schemas.registrations import Registration
from schemas.rtcp_packets import RtcpBatch, RtcpPacket
from schemas.sip_messages import Dropped, SipBatch, SipPacket


def _itself(value: Any) -> Any:
    return value


class Codec(NamedTuple):
    """How a topic's event meets its schema.

    `classes` names the class of each record in the schema (those not named are dictionaries, whose fields
    are in the schema's order); `to_data` and `from_data` pack and unpack what is columns.
    """

    classes: Mapping[str, type]
    to_data: Callable[[Any], Any] = _itself
    from_data: Callable[[Any], Any] = _itself


def _codec(*classes: type) -> Codec:
    return Codec({kind.__name__: kind for kind in classes})


_WINDOWS: Final = _codec(StreamInfo, Payload, Gap, Digit, RtcpSummary, Unread)
_ENDPOINTS: Final = _codec(EndpointBatch, EndpointOpened, EndpointClosed, CallAnswered, CallEnded, Payload)

CODECS: Final[Mapping[str, Codec]] = {
    "sip.messages": _codec(SipBatch, SipPacket, Dropped),
    "rtp.packets": Codec({}, rtp_packets.to_data, rtp_packets.from_data),
    "rtcp.packets": _codec(RtcpBatch, RtcpPacket),
    "media.endpoints": Codec({**_ENDPOINTS.classes, "Candidate": tuple}),
    "media.windows": Codec(_WINDOWS.classes, media_windows.to_data, media_windows.from_data),
    "rtp.unmatched": _codec(UnmatchedStream, StreamRecord, RtcpFigures),
    "channels": _codec(ChannelBatch, ChannelEvent),
    "channel.decisions": _codec(ChannelDecision),
    "cdr": _codec(CallRecord, RelatedCall, SipEvent, DtmfEvent, HoldInterval, StreamRecord, RtcpFigures),
    "cdr.rejected": _codec(RejectedCall),
    "registrations": _codec(Registration),
    "pcap.index": _codec(PcapSegment, PcapFlow),
    "capture.health": _codec(CaptureHealth),
    "dead.letters": _codec(DeadLetter),
}


def codec(topic: str) -> Codec:
    """The topic's codec."""
    return CODECS[topic]
