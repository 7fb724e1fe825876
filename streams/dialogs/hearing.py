"""A message as one sensor heard it: new, on another hop, again, or a copy."""

import socket
from functools import lru_cache
from typing import Final
from zlib import crc32

from protocols.sip import SipMessage
from schemas.cdr import SipEvent
from schemas.sip_messages import SipPacket
from streams import bounds
from streams.dialogs.call import EVENTS_OMITTED, Call
from streams.dialogs.state import CallState, Content, Heard

NEW: Final = 0  # never heard
HOP: Final = 1  # heard, between other addresses
AGAIN: Final = 2  # retransmission
COPY: Final = 3  # captured twice
SAME: Final = 4  # another sensor's hearing of a message that is known

_KEPT: Final = bounds.SIP_EVENTS_FIRST + bounds.SIP_EVENTS_LAST


class Hearing:
    """One message on its way through the reducer.

    `at_us` is the event time at which it takes effect (never before what has been sent out), `side` whose
    From header it bears, `sender` who sent it, `hop` the pair of addresses.
    """

    __slots__ = ("at_us", "hop", "message", "news", "packet", "sender", "sensor", "side", "time_us")

    def __init__(self, packet: SipPacket, message: SipMessage, sensor: str, at_us: int, side: str) -> None:
        self.packet = packet
        self.message = message
        self.sensor = sensor
        self.time_us = packet.time_us
        self.at_us = at_us
        self.side = side
        self.sender = side if message.is_request else ("b" if side == "a" else "a")
        self.hop = 0
        self.news = NEW


@lru_cache(4096)
def address_text(packed: bytes) -> str:
    """An IP address in its usual form."""
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)


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


def classify(state: CallState, heard: Hearing, copy_us: int) -> None:
    """Find out what the call knows of this message, remember it, and count it.

    The same branch, CSeq, addresses and body within `copy_us`: a copy; later: again; between other
    addresses: a hop. Counts are those of the hop and sensor that heard most.
    """
    call, message, packet = state.call, heard.message, heard.packet
    content_key = (message.cseq, message.method, message.status, message.to_tag, heard.side)
    key = (
        message.cseq,
        message.method,
        message.status,
        message.to_tag,
        crc32(message.body) if message.body else 0,
        packet.src_ip,
        packet.src_port,
        packet.dst_ip,
        packet.dst_port,
        message.branch,
    )
    sensor = 0 if heard.sensor == call.sensor else _sensor_number(call, heard.sensor)
    known = state.heard.get(key)
    if known is None:
        if len(state.heard) >= bounds.HEARD:
            del state.heard[next(iter(state.heard))]
        state.heard[key] = Heard(sensor, heard.time_us)
        heard.news = _on_a_new_hop(state, content_key, heard, sensor)
        return
    if known.sensor != sensor:
        elsewhere = state.heard_elsewhere.get((sensor, key))
        if elsewhere is None:
            if len(state.heard_elsewhere) < bounds.HEARD:
                state.heard_elsewhere[(sensor, key)] = Heard(sensor, heard.time_us)
            if sensor == 0 and (content := state.contents.get(content_key)) is not None:
                _correct_times(call, content, heard.time_us)
            heard.news = SAME
            return
        known = elsewhere
    if abs(heard.time_us - known.time_us) < copy_us:
        call.copies += sensor == 0
        heard.news = COPY
        return
    known.time_us = heard.time_us
    known.again += 1
    _count_again(state, content_key, message, known.again)
    heard.news = AGAIN if sensor == state.heard[key].sensor else SAME


def _on_a_new_hop(
    state: CallState, content_key: tuple[int, str, int, str, str], heard: Hearing, sensor: int
) -> int:
    content = state.contents.get(content_key)
    if content is None:
        if len(state.contents) >= bounds.HEARD:
            del state.contents[next(iter(state.contents))]
        state.contents[content_key] = Content(sensor, heard.time_us, heard.hop)
        state.call.messages += 1
        return NEW
    if sensor == 0 and content.sensor != 0:
        _correct_times(state.call, content, heard.time_us)
    if content.hop == heard.hop and content.sensor == sensor:
        state.call.messages += 1  # another body, another branch: said anew
        return NEW
    return HOP


def _sensor_number(call: Call, sensor: str) -> int:
    if sensor in call.sensors:
        return call.sensors.index(sensor)
    if len(call.sensors) < bounds.SENSORS:
        call.sensors.append(sensor)
    return len(call.sensors) - 1


def _count_again(
    state: CallState, content_key: tuple[int, str, int, str, str], message: SipMessage, again: int
) -> None:
    content = state.contents.get(content_key)
    if content is None or again <= content.again:
        return
    content.again = again
    state.call.retransmissions += 1
    state.call.messages += 1
    if message.method == "INVITE" and message.is_request:
        state.call.invite_retransmissions = max(state.call.invite_retransmissions, again)


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
        if getattr(call, name) == content.time_us:
            setattr(call, name, time_us)
    for branch in call.branches:
        if branch.answer_us == content.time_us:
            branch.answer_us = time_us
    content.sensor, content.time_us = 0, time_us


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
            heard.time_us,
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
            content_type == "application/sdp" or (content_type != "" and message.sdp is not None),
        )
    )
