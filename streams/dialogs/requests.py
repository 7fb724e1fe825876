"""What each request does to its call."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from protocols.sip import parse_name_addr
from schemas.cdr import DtmfEvent
from streams import bounds
from streams.dialogs.call import BYE
from streams.dialogs.endpoints import close_branch
from streams.dialogs.hearing import NEW, Hearing
from streams.dialogs.parties import read_invite, read_reasons, relate
from streams.dialogs.state import CallState

if TYPE_CHECKING:
    from streams.dialogs.site import Site

_SIGNAL: Final = re.compile(
    rb"^[ \t]*Signal[ \t]*[=:][ \t]*([0-9A-DXa-dx*#]|1[0-6]|XX)[ \t\r]*$", re.I | re.M
)
_DURATION: Final = re.compile(rb"^[ \t]*Duration[ \t]*[=:][ \t]*([0-9]{1,6})", re.I | re.M)
_REPLACES: Final = re.compile(r"[?&]replaces=([^&;>]+)", re.I)
_NUMBERED: Final = {"10": "*", "11": "#", "12": "A", "13": "B", "14": "C", "15": "D", "16": "!"}


def on_invite(site: "Site", state: CallState, heard: Hearing) -> None:
    """The first INVITE, one of its hops or forks, one with credentials, or a re-INVITE."""
    call, message = state.call, heard.message
    if not message.to_tag and heard.side == "a":
        if message.cseq > state.invite_cseq:
            if state.invite_cseq >= 0 and not state.established:
                _try_again(site, state)
            state.invite_cseq = message.cseq
        if len(state.pending) < bounds.TRANSACTIONS:
            state.pending[(heard.hop, message.cseq, message.branch)] = heard.time_us
        if call.invite_us is None:
            call.invite_us = heard.time_us
            read_invite(call, message, site.settings)
    state.invite_last_us = heard.time_us
    site.describe(state, heard)


def _try_again(site: "Site", state: CallState) -> None:
    """Another INVITE of the same call, after a challenge or a redirection."""
    call = state.call
    state.pending.clear()
    call.failure_us = call.status = call.status_reason = call.cancel_us = None
    site.reopen(state)


def on_ack(site: "Site", state: CallState, heard: Hearing) -> None:
    """An ACK with the INVITE's own branch confirms a failure, any other a 2xx (RFC 3261 17.1.1.3)."""
    call, message = state.call, heard.message
    if not state.established and call.ended_us is None and call.failure_us is None:
        confirms_failure = (heard.hop, message.cseq, message.branch) in state.pending
        state.established = bool(message.to_tag) and not confirms_failure
    site.describe(state, heard)


def on_cancel(_site: "Site", state: CallState, heard: Hearing) -> None:
    """The caller's CANCEL; one that only a later hop shows is a proxy's, for a fork."""
    call = state.call
    if heard.hop == 0 and not state.established and heard.side == "a":
        if call.cancel_us is None:
            call.cancel_us = heard.time_us
        read_reasons(call, heard.message)


def on_bye(site: "Site", state: CallState, heard: Hearing) -> None:
    """Ends the call; of a branch that answered second, that branch only."""
    call, message = state.call, heard.message
    tag = message.to_tag if heard.sender == "a" else message.from_tag
    if _lost_the_race(state, tag, heard.hop):
        for branch in call.branches:
            branch.failed |= branch.to_tag == tag
        close_branch(state, tag, heard.at_us, site.events)
        return
    if call.bye_us is not None:
        return
    call.bye_us = heard.time_us
    if call.messages > 1 or len(state.contents) > 1:
        call.hung_up_by = heard.sender
    read_reasons(call, message)
    site.end(state, heard.time_us, BYE)
    call.ended_us, call.end_reason = heard.time_us, BYE


def _lost_the_race(state: CallState, tag: str, hop: int) -> bool:
    """Whether another branch had answered before this one on this hop."""
    if state.answered.get(tag) != hop:
        return False
    return next(other for other, heard_on in state.answered.items() if heard_on == hop) != tag


def on_info(_site: "Site", state: CallState, heard: Hearing) -> None:
    """DTMF in INFO: application/dtmf-relay and application/dtmf; X where capture masked it."""
    message, call = heard.message, state.call
    if heard.news != NEW or not message.content_type.startswith("application/dtmf"):
        return
    signal = _SIGNAL.search(message.body)
    digit = (signal[1] if signal else message.body.strip()[:2]).decode("ascii", "replace").upper()
    digit = _NUMBERED.get(digit, digit[:1])
    if not digit or digit not in "0123456789ABCDX*#!":
        return
    if len(call.digits) >= bounds.DIGITS:
        return
    duration = _DURATION.search(message.body)
    call.digits.append(
        DtmfEvent(heard.time_us, heard.sender, digit, int(duration[1]) if duration else None, "sip-info")
    )


def on_refer(_site: "Site", state: CallState, heard: Hearing) -> None:
    """An attended transfer names the other call in Refer-To (RFC 3515, RFC 5589)."""
    value = heard.message.header("refer-to")
    if value is None:
        return
    uri = parse_name_addr(value).uri
    match = _REPLACES.search("?" + uri.headers)
    if match:
        relate(state.call, _unescaped(match[1]).partition(";")[0], "refer-to")


def _unescaped(text: str) -> str:
    return re.sub(r"%([0-9A-Fa-f]{2})", lambda match: chr(int(match[1], 16)), text)


def on_update(site: "Site", state: CallState, heard: Hearing) -> None:
    """UPDATE (RFC 3311) and PRACK (RFC 3262) may carry a session description."""
    site.describe(state, heard)


ON_REQUEST: Final[dict[str, Callable[["Site", CallState, Hearing], None]]] = {
    "INVITE": on_invite,
    "ACK": on_ack,
    "BYE": on_bye,
    "CANCEL": on_cancel,
    "INFO": on_info,
    "REFER": on_refer,
    "UPDATE": on_update,
    "PRACK": on_update,
}
