"""SIP, SIPS and tel URIs, and the name-addr form that From, To, Contact and their like use.

RFC 3261 19.1 and 25.1, RFC 3966. Liberal: a value no grammar allows still gives what can be read of it.
"""

import re
from functools import lru_cache

import msgspec

from protocols.bounds import CACHED_ADDRESSES, CACHED_VALUE, PARAMETERS

_ESCAPES = re.compile(rb"%([0-9A-Fa-f]{2})")
_PARAMETER = re.compile(r';[ \t]*([^;=", \t<>]+)[ \t]*(?:=[ \t]*("(?:[^"\\]|\\.)*+"?|[^;]*))?')
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_SEPARATORS = str.maketrans("", "", "-.() ")
_NUMBER = re.compile(r"\+?[0-9A-Da-d*#]+\Z")


class Uri(msgspec.Struct, frozen=True, gc=False):
    """A URI: `user` with escapes decoded, `host` in lower case (IPv6 without brackets), `port` 0 if absent
    or none.

    `parameters` and `headers` are the raw text after the first `;` and after `?`. A tel URI has its number
    as `user`, an unknown scheme all it says as `host`.
    """

    scheme: str
    user: str
    host: str
    port: int
    parameters: str
    headers: str

    @property
    def number(self) -> str:
        """The telephone number of the user part: no visual separators, no parameters; "" if it is none."""
        digits = self.user.partition(";")[0].translate(_SEPARATORS)
        return digits if _NUMBER.match(digits) else ""

    @property
    def params(self) -> dict[str, str]:
        """URI parameters by lower-case name; a parameter without a value gives ""."""
        return parse_params(";" + self.parameters if self.parameters else "")


class NameAddr(msgspec.Struct, frozen=True, gc=False):
    """A name-addr or addr-spec: `display_name` without quotes, the URI, and the parameters of the header."""

    display_name: str
    uri: Uri
    parameters: str

    @property
    def params(self) -> dict[str, str]:
        """Header parameters by lower-case name, quotes removed; a parameter without a value gives ""."""
        return parse_params(self.parameters)

    @property
    def tag(self) -> str:
        """The tag parameter, "" if there is none."""
        return self.params.get("tag", "")


def parse_params(text: str) -> dict[str, str]:
    """Read `;name=value;flag`: the first of equal names counts, names in lower case, values unquoted."""
    found: dict[str, str] = {}
    for match in _PARAMETER.finditer(text):
        value = match[2]
        found.setdefault(match[1].lower(), unquote(value.strip(" \t")) if value else "")
        if len(found) == PARAMETERS:
            break
    return found


def unquote(text: str) -> str:
    """Take the quotes of a quoted-string away and resolve its quoted pairs; other text stays."""
    if text[:1] != '"':
        return text
    inner = text[1:-1] if len(text) > 1 and text[-1] == '"' else text[1:]
    return _QUOTED_PAIR.sub(r"\1", inner) if "\\" in inner else inner


def unescape(text: str) -> str:
    """Decode %XX escapes as UTF-8; octets that are none stay as surrogate escapes, broken escapes as text."""
    if "%" not in text:
        return text
    octets = text.encode("utf-8", "surrogateescape")
    return _ESCAPES.sub(lambda match: bytes((int(match[1], 16),)), octets).decode("utf-8", "surrogateescape")


def parse_uri(text: str) -> Uri:
    """Read a URI; angle brackets and white space around it are ignored. Never raises."""
    text = text.strip("<> \t")
    scheme, colon, rest = text.partition(":")
    scheme = scheme.lower()
    if scheme not in ("sip", "sips"):
        return _other_uri(text, scheme, colon, rest)
    return _sip_uri(scheme, rest)


def _sip_uri(scheme: str, rest: str) -> Uri:
    user, at, server = rest.partition("@")
    if not at:
        user, server = "", rest
    elif "@" in server:
        user, server = _last_user(user, server)
    headers = parameters = ""
    if "?" in server:
        server, _, headers = server.partition("?")
    if ";" in server:
        server, _, parameters = server.partition(";")
    if ":" in user:
        user = user.partition(":")[0]  # the rest is a password (RFC 3261 19.1.1)
    host, port = split_port(server)
    return Uri(scheme, unescape(user), host, port, parameters, headers)


def _last_user(user: str, server: str) -> tuple[str, str]:
    """`john@example.com@proxy;x=y@z`: senders that forget to escape put the address before the last @."""
    stop = min((at for at in (server.find(";"), server.find("?")) if at >= 0), default=len(server))
    more, at, host = server[:stop].rpartition("@")
    return (user + "@" + more, host + server[stop:]) if at else (user, server)


def _other_uri(text: str, scheme: str, colon: str, rest: str) -> Uri:
    if scheme == "tel":
        number, _, parameters = rest.partition(";")
        return Uri("tel", unescape(number).translate(_SEPARATORS), "", 0, parameters, "")
    port = rest.partition(";")[0]
    if not colon or "@" in scheme or (port.isdecimal() and len(port) <= 5):
        return _sip_uri("", text)  # a sender that forgot the scheme: user@host, host:5060
    return Uri(scheme, "", rest, 0, "", "")


def split_port(text: str) -> tuple[str, int]:
    """Split `host:port` (white space tolerated): host in lower case without brackets, port 0 if absent."""
    if "[" in text:
        host, _, rest = text.partition("]")
        host, port = host.strip("[ \t"), rest.strip(": \t")
    elif text.count(":") > 1:  # IPv6 without its brackets
        host, port = text.strip(" \t"), ""
    else:
        host, _, port = text.partition(":")
        host, port = host.strip(" \t"), port.strip(" \t")
    number = int(port) if port.isdecimal() and len(port) <= 5 else 0
    return host.lower(), number if number < 65536 else 0


def parse_name_addr(value: str) -> NameAddr:
    """Read a From, To, Contact or like value. Never raises; the results are immutable and may be shared."""
    return _cached(value) if len(value) <= CACHED_VALUE else name_addr(value)


def name_addr(value: str) -> NameAddr:
    value = value.strip(" \t\r")
    if value[:1] == '"':
        name, value = _quoted_name(value)
        before, bracket, rest = value.partition("<")
        if not bracket:
            return NameAddr(name, *_bare(before))
    else:
        before, bracket, rest = value.partition("<")
        if not bracket:
            return NameAddr("", *_bare(value))
        name = before.rstrip(" \t")
    uri, _, parameters = rest.partition(">")
    return NameAddr(name, parse_uri(uri), parameters)


def _quoted_name(value: str) -> tuple[str, str]:
    """Split a value that begins with a quote into the name and what follows it."""
    name, quote, rest = value[1:].partition('"')
    if "\\" in name:
        end = _closing_quote(value)
        quote, name, rest = ('"', value[1:end], value[end + 1 :]) if end else ("", "", "")
    if not quote:  # never closed (RFC 4475 quotbal): the name ends where the URI begins
        name, bracket, rest = value[1:].partition("<")
        return name.strip(" \t"), bracket + rest
    return (_QUOTED_PAIR.sub(r"\1", name) if "\\" in name else name), rest


def _closing_quote(value: str) -> int:
    at = 1
    while at < len(value):
        if value[at] == "\\":
            at += 1
        elif value[at] == '"':
            return at
        at += 1
    return 0


def _bare(value: str) -> tuple[Uri, str]:
    """An addr-spec without brackets: its parameters belong to the header (RFC 3261 20.10)."""
    uri, semicolon, parameters = value.partition(";")
    if "@" in parameters and "@" not in uri:  # `sip:user;x=y@host`: the semicolon is the user's
        user, _, rest = value.partition("@")
        host, semicolon, parameters = rest.partition(";")
        uri = user + "@" + host
    return parse_uri(uri), semicolon + parameters


_cached = lru_cache(CACHED_ADDRESSES)(name_addr)
