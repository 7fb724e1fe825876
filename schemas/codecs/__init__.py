"""Events as Avro data (dictionaries, column bytes) and back, one codec a topic."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from msgspec import Struct

from schemas.capture_health import CaptureHealth
from schemas.cdr import CallRecord, StreamRecord
from schemas.cdr_rejected import RejectedCall
from schemas.channels import ChannelBatch, ChannelDecision
from schemas.codecs import media_windows, records, rtp_packets
from schemas.dead_letters import DeadLetter
from schemas.pcap_index import PcapSegment


class Codec(NamedTuple):
    """How a topic's record becomes Avro data, and is made of it again (which uses the data up)."""

    to_datum: Callable[[Any], dict[str, Any]]
    from_datum: Callable[[dict[str, Any]], Any]


_RECORDS: Final[Mapping[str, type[Struct]]] = {
    "rtp.unmatched": StreamRecord,
    "channels": ChannelBatch,
    "channel.decisions": ChannelDecision,
    "cdr": CallRecord,
    "cdr.rejected": RejectedCall,
    "pcap.index": PcapSegment,
    "capture.health": CaptureHealth,
    "dead.letters": DeadLetter,
}

CODECS: Final[Mapping[str, Codec]] = {
    "sip.messages": Codec(records.sip_to_datum, records.sip_from_datum),
    "rtp.packets": Codec(rtp_packets.to_datum, rtp_packets.from_datum),
    "rtcp.packets": Codec(records.rtcp_to_datum, records.rtcp_from_datum),
    "media.endpoints": Codec(records.endpoints_to_datum, records.endpoints_from_datum),
    "media.windows": Codec(media_windows.to_datum, media_windows.from_datum),
    **{topic: Codec(records.whole, records.as_whole(kind)) for topic, kind in _RECORDS.items()},
}


def codec(topic: str) -> Codec:
    """The topic's codec."""
    return CODECS[topic]
