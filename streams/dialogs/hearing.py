"""A message as one sensor heard it: new, on another hop, again, or a copy."""

from typing import Final, TypeVar
from zlib import crc32

import msgspec

from protocols.sip import SipMessage
from schemas.cdr import SipEvent
from schemas.sip_messages import SipPacket
from streams import bounds
from streams.addresses import address_text
from streams.dialogs.call import EVENTS_OMITTED, Call
from streams.dialogs.state import CallState, Content, Heard, HopKey

K = TypeVar("K")

NEW: Final = 0  # never heard
HOP: Final = 1  # heard, between other addresses
AGAIN: Final = 2  # retransmission
COPY: Final = 3  # captured twice
SAME: Final = 4  # another sensor's hearing of a message that is known

_KEPT: Final = bounds.SIP_EVENTS_FIRST + bounds.SIP_EVENTS_LAST


class Hearing(msgspec.Struct, gc=False):
    """One message on its way through the reducer.

    `time_us` is when it was heard, by the clock of the call's own sensor where that is known, `at_us` the
    event time at which it takes effect (never before what has been sent out), `side` whose From header it
    bears, `sender` who sent it, `hop` the pair of addresses.
    """

    packet: SipPacket
    message: SipMessage
    sensor: str
    time_us: int
    at_us: int
    side: str
    sender: str
    hop: int
    news: int = NEW


def find_hop(state: CallState, packet: SipPacket, opens: bool) -> int:
    """Number of the pair of addresses; a new one if `opens` (an INVITE), else the most alike."""
    pair = (packet.src_ip, packet.src_port, packet.dst_ip, packet.dst_port)
    hop = state.hop_of.get(pair)
    if hop is None:
        hop = state.hop_of.get((packet.dst_ip, packet.dst_port, packet.src_ip, packet.src_port))
        if hop is None:
            hop = _open_hop(state, packet) if opens else _likest_hop(state.call, packet)
        if len(state.hop_of) < 4 * bounds.HOPS:
            state.hop_of[pair] = hop
    return hop


def _open_hop(state: CallState, packet: SipPacket) -> int:
    call = state.call
    if len(call.hops) == bounds.HOPS:
        return bounds.HOPS - 1
    call.hops.append((packet.src_ip, packet.src_port, packet.dst_ip, packet.dst_port))
    if len(call.hops) > 1:
        for ip in (packet.src_ip, packet.dst_ip):
            text = address_text(ip)
            if ip not in (call.src_ip, call.dst_ip) and text not in call.proxies:
                call.proxies.append(text)
    return len(call.hops) - 1


def _likest_hop(call: Call, packet: SipPacket) -> int:
    """The hop between the same hosts (answers go to the port in Via, not where the request came from);
    else one that shares a host; else the first."""
    ends = {packet.src_ip, packet.dst_ip}
    shared = 0
    for number, (src_ip, _, dst_ip, _) in enumerate(call.hops):
        if {src_ip, dst_ip} == ends:
            return number
        if not shared and (src_ip in ends or dst_ip in ends):
            shared = number
    return shared


def classify(state: CallState, heard: Hearing, copy_us: int) -> int:
    """Find out what the call knows of this message, remember it, and count it; NEW, HOP, AGAIN ...

    The same branch, CSeq, addresses and body within `copy_us`: a copy; later: again; between other
    addresses: a hop. Counts are those of the hop and sensor that heard most.
    """
    call, message = state.call, heard.message
    sensor = 0 if heard.sensor == call.sensor else _sensor_number(call, heard.sensor)
    if sensor:
        heard.time_us -= state.ahead.get(sensor, 0)
    key = (message.cseq, message.method, message.status, message.to_tag, heard.side)
    checksum = crc32(message.body) if message.body else 0
    content = state.contents.get(key)
    if content is None:
        if len(state.contents) >= bounds.HEARD:
            del state.contents[next(iter(state.contents))]
        state.contents[key] = Content(
            sensor, heard.time_us, heard.packet.time_us, heard.hop, message.branch, checksum
        )
        call.messages += 1
        return NEW
    return _known(state, heard, (key, heard.hop, message.branch, checksum), content, sensor, copy_us)


def _known(state: CallState, heard: Hearing, key: HopKey, content: Content, sensor: int, copy_us: int) -> int:
    """What a message is that was heard before, here or on another hop."""
    time_us = heard.packet.time_us
    first: Content | Heard = content
    if key[1:] != (content.hop, content.branch, content.checksum):
        other = state.on_hops.get(key)
        if other is None:
            _remember(state.on_hops, key, Heard(sensor, time_us))
            if sensor == 0 and content.sensor != 0 and not content.corrected:
                _correct_times(state.call, content, heard.time_us)
            if content.hop == heard.hop and content.sensor == sensor:
                state.call.messages += 1  # another body, another branch: said anew
                return NEW
            return HOP
        first = other
    known = first
    if first.sensor != sensor:
        mine = state.by_sensors.get((sensor, key))
        if mine is None:
            _remember(state.by_sensors, (sensor, key), Heard(sensor, time_us))
            _compare(state, first, sensor, time_us)
            if sensor == 0 and content.sensor != 0 and not content.corrected:
                _correct_times(state.call, content, heard.time_us)
            return SAME
        known = mine
    if abs(time_us - known.last_us) < copy_us:
        state.call.copies += sensor == 0
        return COPY
    known.last_us = time_us
    known.again += 1
    if known.again > content.again_most:
        content.again_most = known.again
        _count_again(state.call, heard.message, known.again)
    return AGAIN if known is first else SAME


def _compare(state: CallState, first: Content | Heard, sensor: int, time_us: int) -> None:
    """Two sensors heard one packet: that tells their clocks apart, so that no duration mixes them."""
    other = max(first.sensor, sensor)
    if min(first.sensor, sensor) == 0 and not first.again and other not in state.ahead:
        state.ahead[other] = time_us - first.last_us if sensor else first.last_us - time_us


def _remember(table: dict[K, Heard], key: K, heard: Heard) -> None:
    if len(table) >= bounds.HEARD:
        del table[next(iter(table))]
    table[key] = heard


def _count_again(call: Call, message: SipMessage, again: int) -> None:
    call.retransmissions += 1
    call.messages += 1
    if message.is_request and message.method == "INVITE":
        call.invite_retransmissions = max(call.invite_retransmissions, again)


def _sensor_number(call: Call, sensor: str) -> int:
    if sensor in call.sensors:
        return call.sensors.index(sensor)
    if len(call.sensors) < bounds.SENSORS:
        call.sensors.append(sensor)
    return len(call.sensors) - 1


_TIMES: Final = (
    "trying_us",
    "first_response_us",
    "ringing_us",
    "answer_us",
    "cancel_us",
    "failure_us",
    "bye_us",
    "bye_ok_us",
    "ended_us",
)


def _correct_times(call: Call, content: Content, time_us: int) -> None:
    """The sensor that heard the INVITE first heard this message too: its clock counts."""
    for name in _TIMES:
        if getattr(call, name) == content.first_us:
            setattr(call, name, time_us)
    for branch in call.branches:
        if branch.answer_us == content.first_us:
            branch.answer_us = time_us
    content.first_us = time_us
    content.corrected = True


def note_event(call: Call, heard: Hearing) -> None:
    """Add a line to the call's SIP history."""
    message, packet = heard.message, heard.packet
    events = call.events
    if len(events) == _KEPT:
        del events[bounds.SIP_EVENTS_FIRST]
        if not call.events_omitted:
            call.flags.append(EVENTS_OMITTED)
        call.events_omitted += 1
    content_type = message.content_type
    events.append(
        SipEvent(
            packet.time_us,
            address_text(packet.src_ip),
            packet.src_port,
            address_text(packet.dst_ip),
            packet.dst_port,
            packet.transport,
            message.method,
            message.status or None,
            message.reason or None,
            message.cseq,
            message.branch or None,
            heard.hop,
            heard.news == AGAIN,
            bool(content_type) and (content_type == "application/sdp" or message.sdp is not None),
        )
    )
