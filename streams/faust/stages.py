"""The stages as the worker runs them: their inputs, and how one partition of each is made."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from schemas.channels import ChannelBatch, ChannelDecision
from schemas.media_endpoints import EndpointBatch
from schemas.media_windows import WindowBatch
from schemas.rtcp_packets import RtcpBatch
from schemas.rtp_packets import RtpBatch
from schemas.sip_messages import SipBatch
from streams.calls import Calls
from streams.channels.channels import Channels
from streams.media.media import Media
from streams.media.settings import MediaSettings
from streams.settings import CallSettings, RecordSettings
from streams.stage import Stage

NAMES: Final = ("calls", "media", "channels")

EVENTS: Final[Mapping[str, type[Any]]] = {
    "sip.messages": SipBatch,
    "rtp.packets": RtpBatch,
    "rtcp.packets": RtcpBatch,
    "media.endpoints": EndpointBatch,
    "media.windows": WindowBatch,
    "channels": ChannelBatch,
    "channel.decisions": ChannelDecision,
}
"""What each input holds; a value of another topic there is a bad record."""

INPUTS: Final[Mapping[str, tuple[str, ...]]] = {
    "calls": Calls.inputs,
    "media": Media.inputs,
    "channels": Channels.inputs,
}


class Plan(NamedTuple):
    """One stage: its name, its inputs in the order in which a step takes them, and `make(number)`."""

    name: str
    inputs: tuple[str, ...]
    make: Callable[[int], Stage]


def plans(
    names: tuple[str, ...],
    partitions: Mapping[str, int],
    calls: CallSettings,
    records: RecordSettings,
    media: MediaSettings,
) -> list[Plan]:
    """The stages of these names; `partitions` has the count of every topic."""
    makers: dict[str, Callable[[int], Stage]] = {
        "calls": lambda number: Calls(number, partitions["media.endpoints"], calls, records),
        "media": lambda number: Media(number, partitions["sip.messages"], partitions["media.windows"], media),
        "channels": lambda _: Channels(partitions["sip.messages"], records.channels_max, calls.sensor_gone_s),
    }
    return [Plan(name, INPUTS[name], makers[name]) for name in NAMES if name in names]
