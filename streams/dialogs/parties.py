"""Who calls whom, and what else the headers tell: read once from the first INVITE."""

from functools import lru_cache
from typing import Final

from protocols.sip import NameAddr, SipMessage, readable
from protocols.sip.names import header_key
from streams import bounds
from streams.dialogs.call import Call
from streams.dialogs.hearing import Hearing
from streams.dialogs.state import CallState
from streams.settings import CallSettings

_DIALOGS: Final = ("join", "target-dialog")


def read_parties(call: Call, message: SipMessage) -> None:
    """From is the caller, To the callee."""
    caller, callee = message.from_, message.to
    call.caller, call.caller_domain, call.caller_name = _party(caller)
    call.callee, call.callee_domain, call.callee_name = _party(callee)


def _party(address: NameAddr) -> tuple[str | None, str | None, str | None]:
    """(user, domain, display name), None where there is none."""
    uri = address.uri
    user = uri.user
    if ";" in user:
        user = user.partition(";")[0]
    return _text(user), _text(uri.host), _text(address.display_name)


def _text(text: str | None) -> str | None:
    if not text:
        return None
    if not text.isascii():
        text = readable(text)  # an escape such as %FF is no UTF-8
    return text[: bounds.TEXT]


def read_invite(call: Call, message: SipMessage, settings: CallSettings) -> None:
    """Take over what the record shows of the first INVITE."""
    read_parties(call, message)
    call.request_uri = _text(message.request_uri)
    if (asserted := message.asserted_identity) is not None:
        call.asserted_caller = _number(asserted)
    if (diversion := message.diversion) is not None:
        call.diversion = _number(diversion)
    call.session_id = _text(message.session_id)
    for name in settings.headers[: bounds.HEADERS]:
        if (value := message.header(name)) is not None:
            call.headers[name] = value[: bounds.TEXT]
    read_related(call, message, settings)


def _number(address: NameAddr) -> str | None:
    """The user part, else the host."""
    return _text(address.uri.user.partition(";")[0]) or _text(address.uri.host)


def read_related(call: Call, message: SipMessage, settings: CallSettings) -> None:
    """Other calls an INVITE names (RFC 3891 Replaces, RFC 3911 Join, RFC 4538, and the vendors' own)."""
    if (replaces := message.replaces) is not None:
        call.replaces = _text(replaces)
        relate(call, replaces, "replaces")
    names = _DIALOGS + settings.related_headers
    if not message.has_any(_keys(names)):
        return
    for name in names:
        if (value := message.header(name)) is not None:
            relate(call, value.partition(";")[0].strip(), name.lower())


@lru_cache(16)
def _keys(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(header_key(name) for name in names)


def relate(call: Call, call_id: str, why: str) -> None:
    """Name another call, once."""
    call_id = call_id[: bounds.TEXT]
    if not call_id or call_id == call.call_id or len(call.related) >= bounds.RELATED:
        return
    if all(known != call_id for known, _ in call.related):
        call.related.append((call_id, why))


def read_agent(state: CallState, heard: Hearing) -> None:
    """User-Agent, else Server, and DSCP of the side that speaks; what a proxy answers in the callee's stead
    counts less."""
    message, call = heard.message, state.call
    if heard.sender == "a":
        if call.dscp_a is None:
            call.dscp_a = heard.packet.dscp
        if agent := message.user_agent:
            call.user_agent_caller = agent[: bounds.TEXT]
            state.agent_a_sure = True
        return
    if call.dscp_b is None:
        call.dscp_b = heard.packet.dscp
    sure = message.is_request or (100 < message.status < 300)
    if (call.user_agent_callee is None or sure) and (agent := message.user_agent):
        call.user_agent_callee = agent[: bounds.TEXT]
        state.agent_b_sure = sure


def read_reasons(call: Call, message: SipMessage) -> None:
    """Reason (RFC 3326) of a BYE, a CANCEL, a failure: SIP and Q.850 causes, and the last text."""
    for reason in message.reasons:
        if reason.protocol == "SIP":
            call.reason_sip_cause = reason.cause
        elif reason.protocol == "Q.850":
            call.reason_q850_cause = reason.cause
        else:
            continue
        if reason.text:
            call.reason_text = reason.text[: bounds.TEXT]
