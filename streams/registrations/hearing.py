"""A message applied to its row: requests, their retransmissions and hops, and what the answers mean."""

import re
from typing import Final

from protocols.sip import NameAddr, SipMessage, readable
from schemas.sip_messages import SipPacket
from streams import bounds
from streams.addresses import address_text
from streams.dialogs.others import Outside
from streams.dialogs.timers import CHALLENGES
from streams.registrations.limits import ANSWER_US, COPY_US, DEFAULT_EXPIRES_S, lasting
from streams.registrations.state import (
    ANSWERED,
    CHALLENGED,
    FAILED,
    REGISTERED,
    UNANSWERED,
    UNREGISTERED,
    Exchange,
    RegistrationState,
)

_ADDRESS: Final = frozenset("0123456789.")
_NONCE: Final = re.compile(r'[\s,]nonce\s*=\s*"?([^",]*)', re.IGNORECASE)
_STALE: Final = re.compile(r'[\s,]stale\s*=\s*"?true', re.IGNORECASE)


def text(value: str | None) -> str | None:
    """A header's text as it can be stored, None where there is none."""
    if not value:
        return None
    return (value if value.isascii() else readable(value))[: bounds.TEXT]


def apply(state: RegistrationState, heard: Outside) -> None:
    """Take one message into the row."""
    state.last_us = max(state.last_us, heard.packet.time_us)
    state.heard_us = heard.at_us
    if heard.message.is_request:
        _on_request(state, heard)
    else:
        _on_response(state, heard)


def give_up(state: RegistrationState, exchange: Exchange) -> None:
    """Nobody waits for an exchange's answer any more: it is forgotten, and counted if none came."""
    state.exchanges.remove(exchange)
    if exchange.status or exchange.elsewhere or exchange.request_us is None:
        return
    state.unanswered += 1
    state.outcome = UNANSWERED
    state.last_failure_us = exchange.request_us
    state.last_failure_code = state.last_failure_reason = None


# requests


def _on_request(state: RegistrationState, heard: Outside) -> None:
    packet, message = heard.packet, heard.message
    exchange = _known(state, message)
    if exchange is None:
        exchange = _open(state, heard, packet.src_ip, packet.src_port, packet.dst_ip, packet.dst_port)
    elif exchange.elsewhere or packet.src_ip != exchange.src_ip:
        return
    if exchange.elsewhere:
        return
    if exchange.request_us is None:
        exchange.request_us = exchange.again_us = packet.time_us
        _ask(state, exchange, packet, message)
    elif heard.sensor == exchange.sensor and packet.time_us - exchange.again_us >= COPY_US:
        exchange.again_us = packet.time_us
        state.retransmissions += 1


def _ask(state: RegistrationState, exchange: Exchange, packet: SipPacket, message: SipMessage) -> None:
    """A request that is new: its sender, contact and wishes are the newest."""
    source = packet.src_ip, packet.src_port
    if state.requests and source != (state.src_ip, state.src_port):
        state.source_changes += 1
    state.src_ip, state.src_port = source
    state.dst_ip, state.dst_port = packet.dst_ip, packet.dst_port
    state.transport, state.vlan = packet.transport, packet.vlan
    state.requests += 1
    state.request_uri = text(message.request_uri)
    state.user_agent = text(message.user_agent) or state.user_agent
    if message.has_credentials:
        sent = message.header("authorization") or message.header("proxy-authorization")
        exchange.nonce = _nonce(sent or "")
    contacts = message.contacts
    exchange.binds = bool(contacts)
    exchange.asked = message.expires
    if contacts:
        exchange.contact = _uri_text(contacts[0])
        exchange.asked = _expires_of(contacts[0], message.expires)
        state.contact = text(exchange.contact)
        state.nat = _behind_nat(contacts[0], packet, message)
    state.asked = exchange.asked


def _behind_nat(contact: NameAddr, packet: SipPacket, message: SipMessage) -> bool:
    """Whether a phone names an address that is not the one it sends from; behind a proxy nobody knows."""
    host = contact.uri.host
    if not host or host.strip("[]") == address_text(packet.src_ip):
        return False
    is_address = ":" in host or _ADDRESS.issuperset(host)
    return is_address and len(message.vias) == 1


# answers


def _on_response(state: RegistrationState, heard: Outside) -> None:
    packet, message = heard.packet, heard.message
    exchange = _known(state, message)
    if exchange is None:
        exchange = _open(state, heard, packet.dst_ip, packet.dst_port, packet.src_ip, packet.src_port)
    if exchange.elsewhere:
        return
    state.answers_seen = True
    if message.status < 200 or exchange.status:
        return
    exchange.status = message.status
    _count(state, exchange, packet, message)
    state.server = text(message.user_agent) or state.server
    if message.status in CHALLENGES:
        _on_challenge(state, exchange, packet, message)
    elif message.status < 300:
        _on_success(state, exchange, packet, message)
    else:
        _fail(state, packet, message)


def _count(state: RegistrationState, exchange: Exchange, packet: SipPacket, message: SipMessage) -> None:
    status = message.status
    state.last_code, state.last_reason = status, text(message.reason)
    if status in state.codes or len(state.codes) < bounds.RESULT_CODES:
        state.codes[status] = state.codes.get(status, 0) + 1
    if exchange.request_us is not None and packet.time_us >= exchange.request_us:
        took = packet.time_us - exchange.request_us
        state.response_sum_us += took
        state.response_count += 1
        state.response_max_us = max(state.response_max_us, took)


def _on_challenge(
    state: RegistrationState, exchange: Exchange, packet: SipPacket, message: SipMessage
) -> None:
    """401 and 407 ask for credentials. Where the newest nonce was answered they were refused; a nonce that
    was kept from the last time, or is called stale (RFC 7616 3.3), only has to be a new one."""
    header = message.header("www-authenticate") or message.header("proxy-authenticate") or ""
    state.challenges += 1
    answered = exchange.nonce is not None and exchange.nonce in ("", state.nonce)
    if state.challenged and answered and not _STALE.search(header):
        state.refused = True
        _fail(state, packet, message)
    else:
        state.outcome = CHALLENGED
    state.challenged, state.nonce = True, _nonce(header)


def _nonce(header: str) -> str:
    found = _NONCE.search(header)
    return found[1][: bounds.TAG] if found else ""


def _fail(state: RegistrationState, packet: SipPacket, message: SipMessage) -> None:
    state.challenged = False
    state.failures += 1
    state.outcome = FAILED
    state.last_failure_us = packet.time_us
    state.last_failure_code, state.last_failure_reason = message.status, text(message.reason)


def _on_success(state: RegistrationState, exchange: Exchange, packet: SipPacket, message: SipMessage) -> None:
    state.challenged = False
    state.successes += 1
    state.last_success_us = packet.time_us
    if state.key[0] != "REGISTER":
        state.outcome = ANSWERED
        state.granted = message.expires if message.expires is not None else state.granted
        return
    contacts = message.contacts
    if not exchange.binds and (exchange.request_us is not None or not contacts):
        state.outcome = state.outcome if state.standing else ANSWERED  # it only asked what is registered
        return
    _bind(state, packet.time_us, _granted(exchange, contacts, message.expires))


def _bind(state: RegistrationState, time_us: int, granted: int) -> None:
    """A registrar has accepted a Contact for so many seconds, 0: its end."""
    state.granted = granted
    if granted:
        if not state.standing:
            state.since_us = time_us
        state.standing, state.outcome = True, REGISTERED
        state.until_us = time_us + lasting(granted)
    else:
        state.standing, state.outcome = False, UNREGISTERED
        state.until_us = time_us


def _granted(exchange: Exchange, contacts: list[NameAddr], expires: int | None) -> int:
    """The seconds a 200 grants (RFC 3261 10.3, 8): at our Contact, else in Expires, else as asked."""
    asked = exchange.asked
    if asked == 0:
        return 0
    said = [
        seconds
        for contact in contacts
        if (not exchange.contact or _uri_text(contact) == exchange.contact)
        and (seconds := _expires_of(contact, expires)) is not None
    ]
    if said:
        return max(said)
    if expires is not None:
        return expires
    return DEFAULT_EXPIRES_S if asked is None else asked


# exchanges


def _known(state: RegistrationState, message: SipMessage) -> Exchange | None:
    for exchange in reversed(state.exchanges):
        if exchange.cseq == message.cseq and exchange.branch == message.branch:
            return exchange
    return None


def _open(
    state: RegistrationState, heard: Outside, src_ip: bytes, src_port: int, dst_ip: bytes, dst_port: int
) -> Exchange:
    """A new exchange; the same CSeq from another host is the request on another hop."""
    message = heard.message
    exchange = Exchange(
        message.cseq,
        message.branch,
        src_ip,
        src_port,
        dst_ip,
        dst_port,
        heard.sensor,
        heard.at_us + ANSWER_US,
        elsewhere=any(each.cseq == message.cseq and each.src_ip != src_ip for each in state.exchanges),
    )
    if len(state.exchanges) >= bounds.EXCHANGES:
        give_up(state, state.exchanges[0])
    state.exchanges.append(exchange)
    return exchange


def _expires_of(contact: NameAddr, expires: int | None) -> int | None:
    written = contact.params.get("expires", "")
    return int(written) if written.isdecimal() and len(written) < 12 else expires


def _uri_text(address: NameAddr) -> str:
    """The URI without its parameters, which a registrar may change."""
    uri = address.uri
    if uri.host == "*" and not uri.user:
        return "*"
    user = f"{uri.user}@" if uri.user else ""
    host = f"[{uri.host}]" if ":" in uri.host else uri.host
    return f"{uri.scheme}:{user}{host}{f':{uri.port}' if uri.port else ''}"
