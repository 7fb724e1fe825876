"""What each response does to its call."""

from typing import TYPE_CHECKING, Final

from schemas.media_endpoints import CallAnswered
from streams import bounds
from streams.dialogs.call import (
    BYE,
    CANCEL,
    FAILURE,
    FORKED,
    TIMEOUT_NO_ANSWER,
    TIMEOUT_ONE_WAY,
    TRANSFERRED,
    Branch,
    Call,
)
from streams.dialogs.endpoints import accept_offer, close_branch, refuse_offer
from streams.dialogs.hearing import NEW, Hearing
from streams.dialogs.parties import read_reasons
from streams.dialogs.state import CallState
from streams.dialogs.timers import CHALLENGES

if TYPE_CHECKING:
    from streams.dialogs.site import Site

_GIVEN_UP: Final = (TIMEOUT_NO_ANSWER, TIMEOUT_ONE_WAY)
"""Ends of a call that nobody seemed to answer."""


def on_response(site: "Site", state: CallState, heard: Hearing) -> None:
    """Apply a response by the method of its CSeq."""
    message = heard.message
    method = message.method
    if method == "INVITE":
        if heard.side == "b" or (state.established and message.cseq != state.invite_cseq):
            _within_call(site, state, heard)
        else:
            _to_invite(site, state, heard)
    elif method == "BYE":
        _to_bye(site, state, heard)
    elif method in ("UPDATE", "PRACK"):
        _within_call(site, state, heard)
    elif method == "REFER" and 200 <= message.status < 300 and TRANSFERRED not in state.call.flags:
        state.call.flags.append(TRANSFERRED)


def _within_call(site: "Site", state: CallState, heard: Hearing) -> None:
    """The answer to a re-INVITE, an UPDATE, a PRACK."""
    status = heard.message.status
    if status < 300:
        if status >= 200:
            accept_offer(state, heard, site.events)
        site.describe(state, heard)
    else:
        refuse_offer(state, heard, site.events)


def _to_bye(site: "Site", state: CallState, heard: Hearing) -> None:
    call, status = state.call, heard.message.status
    if not 200 <= status < 300 or call.bye_ok_us is not None:
        return
    tag = heard.message.to_tag if heard.side == "a" else heard.message.from_tag
    if call.bye_us is None and (
        not state.established or any(b.failed and b.to_tag == tag for b in call.branches)
    ):
        return  # of a branch that lost, or of a former call under this Call-ID
    call.bye_ok_us = heard.time_us
    if call.bye_us is None:
        call.hung_up_by = heard.side
        site.end(state, heard.time_us, BYE)
        call.ended_us, call.end_reason = heard.time_us, BYE


def _to_invite(site: "Site", state: CallState, heard: Hearing) -> None:
    """RFC 3261 17.1.1: provisional, answered, failed."""
    call, message = state.call, heard.message
    status = message.status
    if status == 100:
        if call.trying_us is None:
            call.trying_us = heard.time_us
        if call.status is None:
            call.status, call.status_reason = 100, message.reason or None
        return
    if call.first_response_us is None:
        call.first_response_us = heard.time_us
    if status < 200:
        _provisional(site, state, heard)
    elif status < 300:
        _answered(site, state, heard)
    else:
        _failed(site, state, heard)


def _provisional(site: "Site", state: CallState, heard: Hearing) -> None:
    call, message = state.call, heard.message
    if 180 <= message.status < 190 and call.ringing_us is None:
        call.ringing_us = heard.time_us
    if call.status is None or call.status < 200:
        call.status, call.status_reason = message.status, message.reason or None
    if call.end_reason in _GIVEN_UP:
        site.reopen(state)
    branch = _branch(call, message.to_tag, heard.time_us)
    if branch is not None:
        branch.status = max(branch.status, message.status)
        if not state.established:
            call.to_tag = message.to_tag
    site.describe(state, heard)


def _branch(call: Call, to_tag: str, time_us: int) -> Branch | None:
    """The answering dialog with this To tag, made when it is new."""
    if not to_tag:
        return None
    for branch in call.branches:
        if branch.to_tag == to_tag:
            return branch
    if len(call.branches) >= bounds.BRANCHES:
        return None
    branch = Branch(to_tag, time_us)
    call.branches.append(branch)
    return branch


def _answered(site: "Site", state: CallState, heard: Hearing) -> None:
    call, message = state.call, heard.message
    branch = _branch(call, message.to_tag, heard.time_us)
    if branch is not None:
        branch.status = message.status
        if branch.answer_us is None:
            branch.answer_us = heard.time_us
    first = call.answer_us is None
    if call.bye_us is None and (first or call.end_reason != BYE):
        site.reopen(state)
    if first:
        call.answer_us = heard.time_us
        call.to_tag = message.to_tag or None
        call.status, call.status_reason = message.status, message.reason or None
        call.failure_us = None
        state.established = True
    site.describe(state, heard)
    tag = message.to_tag
    if tag not in state.answered and len(state.answered) < bounds.BRANCHES:
        if heard.hop in state.answered.values() and FORKED not in call.flags:
            call.flags.append(FORKED)
        state.answered[tag] = heard.hop
    if first and call.ended_us is None:
        site.events.append(CallAnswered(heard.at_us, call.cdr_id, tag))


def _failed(site: "Site", state: CallState, heard: Hearing) -> None:
    """A final 3xx to 6xx: of the call where the caller hears it or nobody else is left to answer."""
    call, message = state.call, heard.message
    status = message.status
    transaction = (heard.hop, message.cseq, message.branch)
    if transaction in state.pending:
        state.pending[transaction] = -1
    branch = _branch(call, message.to_tag, heard.time_us)
    if branch is not None and branch.answer_us is None:
        branch.status, branch.failed = status, True
    if state.established:
        if message.to_tag not in state.answered:
            close_branch(state, message.to_tag, heard.at_us, site.events)
        return
    if message.cseq < state.invite_cseq:
        return
    final = heard.hop == 0 or all(time_us < 0 for time_us in state.pending.values())
    if final or call.status is None or call.status < 300:
        call.status, call.status_reason = status, message.reason or None
    if message.to_tag:
        call.to_tag = message.to_tag
    if not final:
        close_branch(state, message.to_tag, heard.at_us, site.events)
        return
    read_reasons(call, message)
    if status == 491:
        return
    call.failure_us = heard.time_us
    if status not in CHALLENGES:
        cancelled = call.cancel_us is not None or status == 487
        reason = CANCEL if cancelled else FAILURE
        if call.end_reason in _GIVEN_UP:  # it came after all
            call.end_reason = reason
        site.end(state, heard.time_us, reason)
        if heard.news == NEW or heard.hop == 0:
            call.ended_us = heard.time_us
