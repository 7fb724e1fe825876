"""What breaks RFC 3261 in a message that could be read: the cases RFC 4475 calls invalid, and more."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from protocols.sip.headers import split_list
from protocols.sip.names import ONCE

if TYPE_CHECKING:
    from protocols.sip.message import SipMessage

_LWS: Final = r"[ \t]*"
_TOKEN: Final = r"[!%'*+\-.0-9A-Z_`a-z~]++"
_QUOTED: Final = r'"(?:[^"\\]|\\.)*+"'
_PARAMS: Final = rf"(?:{_LWS};{_LWS}{_TOKEN}(?:{_LWS}={_LWS}(?:{_QUOTED}|[^\s;,?<>\"=]++))?)*+{_LWS}"
_NAME_ADDR: Final = re.compile(
    rf"{_LWS}(?:(?:{_QUOTED}|(?:{_TOKEN}[ \t]*+)*+){_LWS}<[^\s<>]++>|[^\s<>\",;?]++|\*){_PARAMS}\Z", re.DOTALL
)
_VIA: Final = re.compile(
    rf"{_LWS}SIP{_LWS}/{_LWS}2\.0{_LWS}/{_LWS}{_TOKEN}[ \t]+[^\s;,\"<>]++(?:{_LWS}:{_LWS}[0-9]+)?{_PARAMS}\Z",
    re.IGNORECASE | re.DOTALL,
)
_DATE: Final = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [0-9]{4}"
    r" [0-9]{2}:[0-9]{2}:[0-9]{2} GMT\Z"
)
_ADDRESSES: Final = ("from", "to", "contact", "route", "record-route", "refer-to", "p-asserted-identity")
_DELTA_SECONDS: Final = ("expires", "min-expires", "retry-after")
_ONE_ADDRESS: Final = frozenset(("from", "to", "refer-to"))
_COOKIE: Final = "z9hG4bK"


def find_faults(message: "SipMessage") -> Iterator[str]:
    """Yield one line for each fault, RFC 3261 throughout; costs some 20 µs."""
    names = message.header_names()
    present = set(names)
    for name in ("from", "to", "via"):
        if name not in present:
            yield f"no {name.title()}"
    for name in sorted(present):
        if names.count(name) > 1 and name in ONCE:
            yield f"{name} came {names.count(name)} times"
    if not all(re.fullmatch(_TOKEN, name) for name in present):
        yield "a header line without a name or colon"
    yield from _request_faults(message)
    yield from _via_faults(message, present)
    yield from _address_faults(message, present)
    yield from _number_faults(message, present)
    date = message.header("date")
    if date is not None and not _DATE.match(date):
        yield f"Date is not in GMT as RFC 3261 20.17 asks: {date[:40]!a}"


def _request_faults(message: "SipMessage") -> Iterator[str]:
    if not message.is_request:
        return
    uri = message.request_uri
    if message.method != message.cseq_method:
        yield f"method is {message.method[:20]!a}, but CSeq says {message.cseq_method[:20]!a}"
    if uri[:1] == "<" or uri[-1:] == ">":
        yield "Request-URI in angle brackets"
    if message.uri.scheme in ("sip", "sips") and message.uri.headers:
        yield "headers in the Request-URI"


def _via_faults(message: "SipMessage", present: set[str]) -> Iterator[str]:
    if "via" not in present:
        return
    if not all(_VIA.match(value) for line in message.header_lines("via") for value in _values(line)):
        yield "malformed Via"
    if message.branch == _COOKIE:
        yield "branch is nothing but the magic cookie"


def _address_faults(message: "SipMessage", present: set[str]) -> Iterator[str]:
    for name in _ADDRESSES:
        if name in present:
            lines = message.header_lines(name)
            values = lines if name in _ONE_ADDRESS else [value for line in lines for value in _values(line)]
            for value in values:
                if not _NAME_ADDR.match(value):
                    yield f"malformed {name.title()}: {value[:60]!a}"


def _values(line: str) -> list[str]:
    """Values of a comma list, with "" where a comma has nothing on one side."""
    values = split_list(line)
    return values if re.search(r",[ \t]*(?:,|\Z)|\A[ \t]*,", line) is None else [*values, ""]


def _number_faults(message: "SipMessage", present: set[str]) -> Iterator[str]:
    for name in _DELTA_SECONDS:
        value = message.header(name) if name in present else None
        if value is not None:
            digits = re.match(r"[0-9]+", value)
            if digits is None or int(digits[0][:12]) >= 2**32:
                yield f"{name} is no number of 32 bits: {value[:40]!a}"
    hops = message.header("max-forwards")
    if hops is not None and not (hops.isdecimal() and int(hops[:12]) <= 255):
        yield f"Max-Forwards is not 0 to 255: {hops[:40]!a}"
    if message.cseq >= 2**31:
        yield f"CSeq is {message.cseq}, over 2^31"
