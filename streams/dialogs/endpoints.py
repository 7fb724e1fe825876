"""Session descriptions of a call: which side listens where, and who holds."""

from functools import lru_cache
from typing import Final
from zlib import crc32

from protocols import sdp
from protocols.sip import readable
from schemas.cdr import HoldInterval
from schemas.media_endpoints import EndpointClosed, EndpointEvent, EndpointOpened, Payload
from streams import bounds
from streams.dialogs.call import Call
from streams.dialogs.hearing import HOP, NEW, Hearing
from streams.dialogs.state import CallState, Listening, ListenKey

_NOWHERE: Final = ("0.0.0.0", "::")
_USUAL_CODECS: Final = frozenset(("PCMU", "PCMA", "G722", "G729", "OPUS", "GSM", "TELEPHONE-EVENT", "CN"))


def on_description(state: CallState, heard: Hearing, events: list[EndpointEvent]) -> str | None:
    """Apply the session description of a message; the reason if it cannot be used."""
    message = heard.message
    raw = message.sdp
    if raw is None or heard.news not in (NEW, HOP):
        return None
    try:
        session = sdp.parse(raw)
    except sdp.SdpError:
        return "sdp-unreadable"
    offers = _is_offer(state, heard)
    call = state.call
    if heard.news == NEW:
        _apply_direction(state, session, heard, offers)
        for media in session.media:
            if media.encrypted:
                call.encrypted_offer = True
            if media.kind == "image" and media.t38:
                call.t38_offered = True
                call.t38_agreed |= not offers and media.port > 0
            if media.dtx and not offers:
                call.dtx_announced = True
    branch = "" if heard.sender == "a" else (message.from_tag if message.is_request else message.to_tag)
    part = (heard.sender, heard.hop, branch)
    checksum = crc32(raw)
    if state.bodies.get(part) == checksum:
        return None
    if len(state.bodies) < bounds.LISTENING:
        state.bodies[part] = checksum
    if _within_call(state, heard, offers) and state.before_offer_cseq != message.cseq:
        _settle_offer(state, heard, events)  # whatever became of the one before
        state.before_offer_cseq = message.cseq
    return _listen(state, heard, session, branch, events, offers)


def _is_offer(state: CallState, heard: Hearing) -> bool:
    """RFC 3264: who described the session first in this transaction."""
    message = heard.message
    if not message.is_request:
        return state.offer_cseq != message.cseq
    if message.method == "ACK" or (message.method == "PRACK" and state.offer_cseq < 0):
        return False
    state.offer_cseq = message.cseq
    return True


def _apply_direction(state: CallState, session: sdp.Sdp, heard: Hearing, offers: bool) -> None:
    """Open and close hold intervals. The side whose wish it is holds: it offers sendonly or inactive, or
    c=0.0.0.0; where a side says it only receives, the other one does."""
    call = state.call
    for media in session.media:
        if media.kind == "audio" and media.port:
            break
    else:
        return
    sender, other = heard.sender, "a" if heard.sender == "b" else "b"
    if media.held:
        if offers or not _holds(call, other):
            _hold(state, sender, heard)
    elif media.direction == "recvonly":
        _resume(call, sender, heard.time_us)
        _hold(state, other, heard)
    elif call.holds:
        _resume(call, sender, heard.time_us)
        if state.hold_said_by.get(other) == sender:
            _resume(call, other, heard.time_us)


def _holds(call: Call, side: str) -> bool:
    return any(hold.side == side and hold.until is None for hold in call.holds)


def _hold(state: CallState, side: str, heard: Hearing) -> None:
    call = state.call
    if not _holds(call, side) and len(call.holds) < bounds.HOLDS:
        call.holds.append(HoldInterval(side, heard.time_us, None))
        state.hold_said_by[side] = heard.sender


def _resume(call: Call, side: str, time_us: int) -> None:
    for number, hold in enumerate(call.holds):
        if hold.side == side and hold.until is None:
            call.holds[number] = HoldInterval(side, hold.since, time_us)


def _listen(
    state: CallState,
    heard: Hearing,
    session: sdp.Sdp,
    branch: str,
    events: list[EndpointEvent],
    offers: bool,
) -> str | None:
    """Announce what is new, close what is gone."""
    problem = None
    side, hop = heard.sender, heard.hop
    wanted: dict[int, EndpointOpened] = {}
    held: set[int] = set()
    for number, media in enumerate(session.media[: bounds.MEDIA]):
        if media.port == 0 or not ("RTP/" in media.protocol.upper() or media.kind == "image"):
            continue
        if media.address in _NOWHERE:
            held.add(number)  # an old way to hold: it listens again where it did, later
            continue
        ip = media.ip
        if ip is None:
            problem = "sdp-address-not-an-ip"
            continue
        new = _opened(state.call, heard, branch, media, ip)
        if not wanted or not _bundle(wanted, new):
            wanted[number] = new
    if len(state.listening) > len(wanted) or not wanted:
        for key in list(state.listening):
            number = key[3]
            if key[:3] == (side, hop, branch) and number not in wanted and number not in held:
                _leave(state, key, heard, events, offers)
    for number, new in wanted.items():
        _replace(state, (side, hop, branch, number), new, heard, events, offers)
    return problem


def _bundle(wanted: dict[int, EndpointOpened], new: EndpointOpened) -> bool:
    """Add the payload types of a media to those of an earlier one on the same address (RFC 9143)."""
    for earlier in wanted.values():
        if earlier.port == new.port and earlier.ip == new.ip:
            known = {each.payload_type for each in earlier.payloads}
            earlier.payloads.extend(each for each in new.payloads if each.payload_type not in known)
            return True
    return False


def _opened(call: Call, heard: Hearing, branch: str, media: sdp.Media, ip: bytes) -> EndpointOpened:
    return EndpointOpened(
        heard.at_us,
        call.cdr_id,
        call.call_id,
        heard.sender,
        heard.hop,
        branch,
        _text(media.kind),
        _text(media.protocol),
        ip,
        media.port,
        0 if media.rtcp_mux else media.rtcp_port,
        heard.packet.src_ip,
        [*_payloads(media.payloads)],
        media.ptime_ms,
        media.direction,
        _candidates(media) if media.candidates else [],
    )


def _candidates(media: sdp.Media) -> list[tuple[bytes, int]]:
    """Addresses of the RTP component; host names (mDNS) are left out."""
    return [
        (packed, each.port)
        for each in media.candidates[: bounds.CANDIDATES]
        if each.component == 1 and (packed := sdp.packed(each.address)) is not None
    ]


@lru_cache(bounds.PAYLOAD_LISTS)
def _payloads(payloads: tuple[sdp.Payload, ...]) -> tuple[Payload, ...]:
    return tuple(_payload(each) for each in payloads[: bounds.PAYLOADS])


def _payload(payload: sdp.Payload) -> Payload:
    codec = payload.codec
    return Payload(
        payload.payload_type, codec if codec in _USUAL_CODECS else _text(codec), payload.clock_rate
    )


def _text(text: str) -> str:
    return text if text.isascii() and len(text) < 32 else readable(text[:32])


def _replace(
    state: CallState,
    key: ListenKey,
    new: EndpointOpened,
    heard: Hearing,
    events: list[EndpointEvent],
    offers: bool,
) -> None:
    old = state.listening.get(key)
    if old is not None:
        if _alike(old.opened, new):
            return
        if not _same_place(old.opened, new):
            _leave(state, key, heard, events, offers)
            old = None
        else:
            _remember(state, key, heard, offers)
    elif len(state.listening) >= bounds.LISTENING:
        return
    else:
        _remember(state, key, heard, offers)
    announced = old.announced if old is not None else not _announced_already(state, key, new, heard, events)
    state.listening[key] = Listening(new, announced)
    if announced:
        events.append(new)
        state.call.media_announced = True


def _alike(one: EndpointOpened, two: EndpointOpened) -> bool:
    return (
        _same_place(one, two)
        and one.payloads == two.payloads
        and one.direction == two.direction
        and one.rtcp_port == two.rtcp_port
        and one.ptime_ms == two.ptime_ms
        and one.media == two.media
        and one.protocol == two.protocol
        and one.candidates == two.candidates
    )


def _announced_already(
    state: CallState, key: ListenKey, new: EndpointOpened, heard: Hearing, events: list[EndpointEvent]
) -> bool:
    """A proxy that leaves the description as it is, and a fork that answers where it sent early media, say
    nothing new; the branch that answers takes the address over."""
    for other_key, other in list(state.listening.items()):
        opened = other.opened
        if other_key == key or opened.owner != new.owner or not other.announced:
            continue
        if _same_place(opened, new):
            message = heard.message
            answers = opened.hop == new.hop and 200 <= message.status < 300 and opened.branch != new.branch
            if not answers or opened.branch in state.answered:
                return True
            close(state, other_key, heard.at_us, events)
    return False


def _within_call(state: CallState, heard: Hearing, offers: bool) -> bool:
    """Whether it is a request that offers a change of a session that is agreed."""
    return offers and state.established and heard.message.is_request


def _remember(state: CallState, key: ListenKey, heard: Hearing, offers: bool) -> None:
    """Keep what an offer within the call replaces: it holds again if the offer is refused."""
    if _within_call(state, heard, offers) and key not in state.before_offer:
        old = state.listening.get(key)
        state.before_offer[key] = old.opened if old is not None else None


def _leave(
    state: CallState, key: ListenKey, heard: Hearing, events: list[EndpointEvent], offers: bool
) -> None:
    """A side goes elsewhere; where it offers to, it listens here as well until that is accepted."""
    _remember(state, key, heard, offers)
    if _within_call(state, heard, offers):
        del state.listening[key]
    else:
        close(state, key, heard.at_us, events)


def accept_offer(state: CallState, heard: Hearing, events: list[EndpointEvent]) -> None:
    """A re-INVITE was answered: what it offered to leave is left."""
    if state.before_offer_cseq == heard.message.cseq and state.call.ended_us is None:
        _settle_offer(state, heard, events)


def _settle_offer(state: CallState, heard: Hearing, events: list[EndpointEvent]) -> None:
    for key, old in state.before_offer.items():
        now = state.listening.get(key)
        if old is not None and (now is None or not _same_place(old, now.opened)):
            events.append(_closed(old, heard.at_us))
    state.before_offer = {}
    state.before_offer_cseq = -1


def refuse_offer(state: CallState, heard: Hearing, events: list[EndpointEvent]) -> None:
    """A re-INVITE failed: the session stays as it was (RFC 3261 14.1)."""
    if state.before_offer_cseq != heard.message.cseq or state.call.ended_us is not None:
        return
    for key, old in state.before_offer.items():
        now = state.listening.get(key)
        announced = now is None or now.announced
        moved = now is not None and (old is None or not _same_place(old, now.opened))
        if moved:
            close(state, key, heard.at_us, events)
        if old is not None:
            again = _at(old, heard.at_us)
            state.listening[key] = Listening(again, announced)
            if announced and now is not None and not moved:  # what it takes there is as it was
                events.append(again)
        state.bodies.pop(key[:3], None)
    state.before_offer = {}
    state.before_offer_cseq = -1


def _same_place(one: EndpointOpened, two: EndpointOpened) -> bool:
    return one.ip == two.ip and one.port == two.port


def _closed(opened: EndpointOpened, at_us: int) -> EndpointClosed:
    return EndpointClosed(
        at_us, opened.cdr_id, opened.owner, opened.hop, opened.branch, opened.ip, opened.port
    )


def close(state: CallState, key: ListenKey, at_us: int, events: list[EndpointEvent]) -> None:
    """A side no longer listens there."""
    listening = state.listening.pop(key, None)
    if listening is not None and listening.announced:
        events.append(_closed(listening.opened, at_us))


def close_branch(state: CallState, branch: str, at_us: int, events: list[EndpointEvent]) -> None:
    """A branch failed: its endpoints go, unless the call has taken them along."""
    if state.call.ended_us is not None:
        return
    for key in [key for key in state.listening if key[2] == branch and key[0] == "b"]:
        close(state, key, at_us, events)
    for part in [part for part in state.bodies if part[2] == branch and part[0] == "b"]:
        del state.bodies[part]


def announce_again(state: CallState, at_us: int, events: list[EndpointEvent]) -> None:
    """A call that had ended goes on: its endpoints closed with it and open anew."""
    for listening in state.listening.values():
        if listening.announced:
            events.append(_at(listening.opened, at_us))


def _at(opened: EndpointOpened, at_us: int) -> EndpointOpened:
    return EndpointOpened(at_us, *[getattr(opened, name) for name in opened.__struct_fields__[1:]])
