"""SIP (RFC 3261): messages, addresses, and cheap tests on raw octets."""

from protocols.sip.errors import SipError
from protocols.sip.framing import call_id_of, content_length_of, looks_like_sip
from protocols.sip.headers import Reason, Via, parse_reason, parse_via, split_list
from protocols.sip.message import SipMessage, parse, readable
from protocols.sip.uri import NameAddr, Uri, parse_name_addr, parse_uri

__all__ = [
    "NameAddr",
    "Reason",
    "SipError",
    "SipMessage",
    "Uri",
    "Via",
    "call_id_of",
    "content_length_of",
    "looks_like_sip",
    "parse",
    "parse_name_addr",
    "parse_reason",
    "parse_uri",
    "parse_via",
    "readable",
    "split_list",
]
