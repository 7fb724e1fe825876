"""Values of headers that have a structure of their own: comma lists, Via, Reason."""

import re
from functools import lru_cache

import msgspec

from protocols.bounds import CACHED_REASONS, CACHED_VALUE, LIST_VALUES
from protocols.sip.uri import parse_params, split_port

_LIST_VALUE = re.compile(r'(?:[^,"<]++|"(?:[^"\\]|\\.)*+"?|<[^>]*+>?)++', re.DOTALL)
_VIA = re.compile(r"[ \t]*SIP[ \t]*/[ \t]*2\.0[ \t]*/[ \t]*([^\s;,/]+)[ \t]+([^;]*)(.*)", re.I | re.S)


class Via(msgspec.Struct, frozen=True, gc=False):
    """One hop: `transport` in upper case, `host` and `port` (0 if absent) of sent-by."""

    transport: str
    host: str
    port: int
    parameters: str

    @property
    def params(self) -> dict[str, str]:
        """Parameters (branch, received, rport ...) by lower-case name."""
        return parse_params(self.parameters)

    @property
    def branch(self) -> str:
        """The branch, "" if there is none."""
        return self.params.get("branch", "")


class Reason(msgspec.Struct, frozen=True, gc=False):
    """A value of Reason (RFC 3326): `protocol` in upper case (SIP, Q.850), `cause` None if unreadable."""

    protocol: str
    cause: int | None
    text: str


def split_list(value: str) -> list[str]:
    """Split at the commas outside quotes and angle brackets; empty values are left out."""
    if "," not in value:
        value = value.strip(" \t\r")
        return [value] if value else []
    parts = []
    for match in _LIST_VALUE.finditer(value):
        if part := match[0].strip(" \t\r"):
            parts.append(part)
            if len(parts) == LIST_VALUES:
                break
    return parts


def parse_via(value: str) -> Via:
    """Read one Via value; an unreadable one has empty fields. Never raises."""
    match = _VIA.match(value)
    if match is None:
        return Via("", "", 0, "")
    host, port = split_port(match[2])
    return Via(match[1].upper(), host, port, match[3])


def parse_reason(value: str) -> Reason:
    """Read one Reason value, such as `Q.850;cause=16;text="Normal call clearing"`. Never raises."""
    return _cached_reason(value) if len(value) <= CACHED_VALUE else _reason(value)


def _reason(value: str) -> Reason:
    protocol, semicolon, parameters = value.partition(";")
    params = parse_params(semicolon + parameters)
    cause = params.get("cause", "")
    number = int(cause) if cause.isdecimal() and len(cause) <= 9 else None
    return Reason(protocol.strip(" \t").upper(), number, params.get("text", ""))


_cached_reason = lru_cache(CACHED_REASONS)(_reason)
