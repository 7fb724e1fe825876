"""Header names: compact forms, the usual spellings, and which headers are lists."""

from typing import Final

COMPACT: Final = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "d": "request-disposition",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "n": "identity-info",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
    "y": "identity",
}
"""Compact forms of the IANA registry of SIP header fields."""

VERSION: Final = int.from_bytes(b"SIP/2.0", "big")
"""The version in every first line, as a number."""

METHODS: Final = (
    *("INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "PRACK", "UPDATE", "INFO", "SUBSCRIBE"),
    *("NOTIFY", "REFER", "MESSAGE", "PUBLISH"),
)
"""The usual methods."""

_USUAL: Final = """
Accept Accept-Contact Accept-Encoding Accept-Language Accept-Resource-Priority Alert-Info Allow Allow-Events
Authentication-Info Authorization Call-ID Call-Info Contact Content-Disposition Content-Encoding
Content-Language Content-Length Content-Type CSeq Date Diversion Error-Info Event Expires From Geolocation
History-Info Identity Identity-Info In-Reply-To Join Max-Forwards MIME-Version Min-Expires Min-SE
Organization P-Access-Network-Info P-Asserted-Identity P-Asserted-Service P-Associated-URI P-Called-Party-ID
P-Charging-Function-Addresses P-Charging-Vector P-Early-Media P-Preferred-Identity P-Preferred-Service
P-Visited-Network-ID Path Priority Privacy Proxy-Authenticate Proxy-Authorization Proxy-Require RAck Reason
Record-Route Refer-To Referred-By Reject-Contact Remote-Party-ID Replaces Reply-To Request-Disposition
Require Resource-Priority Retry-After Route RSeq Security-Client Security-Server Security-Verify Server
Service-Route Session-Expires Session-ID SIP-ETag SIP-If-Match Subject Subscription-State Supported Timestamp
Target-Dialog To Unsupported User-Agent User-to-User Via Warning WWW-Authenticate X-Asterisk-HangupCause
X-Asterisk-HangupCauseCode X-CID X-Call-ID X-FS-Support X-Orig-Call-ID X-Original-Call-ID
"""

KNOWN: Final[dict[str, str]] = {
    spelling: name.lower()
    for name in _USUAL.split()
    for spelling in (name, name.lower(), name.upper(), name.title())
} | {spelling: name for short, name in COMPACT.items() for spelling in (short, short.upper())}
"""The usual spellings to the name in lower case, so that most headers cost one look-up."""

_LISTS: Final = """
accept accept-contact accept-encoding accept-language alert-info allow allow-events call-info contact
content-encoding content-language diversion error-info geolocation history-info in-reply-to
p-asserted-identity p-associated-uri p-preferred-identity path proxy-require reason record-route
reject-contact remote-party-id request-disposition require resource-priority route security-client
security-server security-verify service-route supported unsupported via warning
"""
_ONCE: Final = """
call-id content-length content-type cseq date expires from max-forwards to min-expires replaces
session-expires referred-by refer-to
"""

LISTS: Final = frozenset(_LISTS.split())
"""Headers whose value may be a comma-separated list (RFC 3261 7.3.1, and the RFCs that define them)."""

ONCE: Final = frozenset(_ONCE.split())
"""Headers that may come once only."""


def header_key(name: str) -> str:
    """The name in lower case, long form, for any spelling."""
    known = KNOWN.get(name)
    if known is not None:
        return known
    key = name.strip(" \t\r").lower()
    return COMPACT.get(key, key)
