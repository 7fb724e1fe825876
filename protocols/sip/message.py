"""A SIP message (RFC 3261): what dialogs need at once, everything else when it is asked for.

Liberal, for a tool that listens: what a sloppy sender sent still becomes a message where Call-ID and
start line can be read, and `problems` says what was wrong with it.
"""

import re
from functools import lru_cache
from typing import Final

import msgspec

from protocols.bounds import CACHED_NAMES, HEAD_LENGTH, HEADER_LINES, LIST_VALUES
from protocols.sip.errors import SipError
from protocols.sip.headers import Reason, Via, parse_reason, parse_via, split_list
from protocols.sip.multipart import find_part, media_type
from protocols.sip.names import COMPACT, KNOWN, LISTS, METHODS, header_key
from protocols.sip.uri import NameAddr, Uri, parse_name_addr, parse_uri

_WHITE: Final = " \t\r"
_STATUS: Final = {str(code): code for code in range(100, 700)}
_METHODS: Final = frozenset(METHODS)
_AGENTS: Final = frozenset(("user-agent", "server"))
_CSEQ_LIMIT: Final = 2**32
_END_OF_HEAD: Final = re.compile(rb"\n\r?\n")
_FOLD: Final = re.compile(r"(?<![ \t])[ \t]*\r?\n[ \t]+")
_METHOD: Final = re.compile(r"[!%'*+\-.0-9A-Z_`a-z~]+\Z")
_TAG_VALUE: Final = re.compile(r"[^\s;,\"=<>]+\Z")

_Fields = dict[str, str]
"""First value of each header, as it stands in its line, by the name in lower case and long form."""

_Head = tuple[str, _Fields, bytes, tuple[str, ...]]


class SipMessage(msgspec.Struct, gc=False):
    """One message. `branch` is the top Via's; absent texts are "", `status` is 0 in a request.

    In a response `method` is the CSeq's, `request_uri` "". `content_type` is the media type alone, in lower
    case. `body` ends where Content-Length says. Octets that are not UTF-8 are kept as surrogate escapes
    (`readable` makes them printable).
    """

    is_request: bool
    method: str
    request_uri: str
    status: int
    reason: str
    call_id: str
    from_tag: str
    to_tag: str
    cseq: int
    cseq_method: str
    branch: str
    content_type: str
    body: bytes
    marks: tuple[str, ...]
    _head: str
    """Start line and headers, unfolded."""
    _read: _Fields | None
    """`_fields`, once it has been asked for."""
    _absent: frozenset[str] = frozenset()
    """Some headers that are not there."""

    @property
    def problems(self) -> tuple[str, ...]:
        """What breaks RFC 3261 in this message, one line each; worked out on every call."""
        from protocols.sip.faults import find_faults  # its regular expressions are seldom needed

        return self.marks + tuple(find_faults(self))

    def header(self, name: str) -> str | None:
        """The first value of a header, unfolded, as sent (a comma list is not split); None if absent."""
        key = KNOWN.get(name) or header_key(name)
        if key in self._absent:
            return None
        value = self._fields.get(key)
        return None if value is None else value.strip(_WHITE)

    def has_any(self, keys: frozenset[str]) -> bool:
        """Whether one of these headers is there, by `header_key`."""
        return not keys.isdisjoint(self._fields)

    def headers(self, name: str) -> list[str]:
        """All values of a header in order, split at commas where RFC 3261 allows a list."""
        key = header_key(name)
        if key in self._absent or (self._read is not None and key not in self._read):
            return []
        values = self.header_lines(key)
        if key not in LISTS:
            return values[:LIST_VALUES]
        return [part for value in values for part in split_list(value)][:LIST_VALUES]

    def header_lines(self, name: str) -> list[str]:
        """The values of a header, one for each time it was sent, not split."""
        return [value.strip(_WHITE) for value in _header_lines(header_key(name)).findall(self._head)]

    def header_names(self) -> list[str]:
        """Names in lower case and long form, one for each header line, in order."""
        return [header_key(line.partition(":")[0]) for line in self._head.split("\n")[1:]]

    @property
    def _fields(self) -> _Fields:
        if self._read is None:
            self._read = _fields_of(self._head.split("\n"))
        return self._read

    @property
    def from_(self) -> NameAddr:
        """The From header's address."""
        return parse_name_addr(self._fields.get("from", ""))

    @property
    def to(self) -> NameAddr:
        """The To header's address."""
        return parse_name_addr(self._fields.get("to", ""))

    @property
    def uri(self) -> Uri:
        """The Request-URI in pieces; empty in a response."""
        return parse_uri(self.request_uri)

    @property
    def vias(self) -> list[Via]:
        """All Via values, the top one first."""
        return [parse_via(value) for value in self.headers("via")]

    @property
    def contacts(self) -> list[NameAddr]:
        """All Contact values (`*` is an address with the host `*`)."""
        return self.addresses("contact")

    def addresses(self, name: str) -> list[NameAddr]:
        """The values of a header that holds addresses (P-Asserted-Identity, Diversion, Record-Route ...)."""
        return [parse_name_addr(value) for value in self.headers(name)]

    @property
    def reasons(self) -> list[Reason]:
        """The values of Reason (RFC 3326)."""
        return [parse_reason(value) for value in self.headers("reason")]

    @property
    def asserted_identity(self) -> NameAddr | None:
        """The first P-Asserted-Identity (RFC 3325)."""
        return self._first_address("p-asserted-identity")

    @property
    def diversion(self) -> NameAddr | None:
        """The first, most recent Diversion (RFC 5806)."""
        return self._first_address("diversion")

    def _first_address(self, key: str) -> NameAddr | None:
        value = self._fields.get(key)
        values = split_list(value) if value else []
        return parse_name_addr(values[0]) if values else None

    @property
    def session_id(self) -> str | None:
        """The Session-ID without its parameters (RFC 7989)."""
        value = self.header("session-id")
        return value.partition(";")[0].rstrip(_WHITE) if value else None

    @property
    def replaces(self) -> str | None:
        """The Call-ID that Replaces names (RFC 3891)."""
        value = self.header("replaces")
        return value.partition(";")[0].rstrip(_WHITE) if value else None

    @property
    def user_agent(self) -> str | None:
        """User-Agent, else Server."""
        if self._absent >= _AGENTS:
            return None
        return self.header("user-agent") or self.header("server")

    @property
    def expires(self) -> int | None:
        """Expires in seconds; None if absent or no number."""
        return _number(self._fields.get("expires"))

    @property
    def max_forwards(self) -> int | None:
        """Max-Forwards; None if absent or no number."""
        return _number(self._fields.get("max-forwards"))

    @property
    def has_credentials(self) -> bool:
        """Whether the request answers a challenge (Authorization or Proxy-Authorization)."""
        return "authorization" in self._fields or "proxy-authorization" in self._fields

    @property
    def sdp(self) -> bytes | None:
        """The session description in the body, multipart or not; None if there is none."""
        if not self.body:
            return None
        if self.content_type == "application/sdp":
            return self.body
        if self.content_type.startswith("multipart/"):
            return find_part(self._fields["content-type"], self.body, "application/sdp")
        return self.body if not self.content_type and self.body.startswith(b"v=0") else None


def parse(data: bytes) -> SipMessage:
    """Parse one message: a whole datagram, or what Content-Length cut out of a stream.

    Raises SipError, and nothing else, for octets that are no SIP or cannot be used: no readable start line,
    another version than 2.0, a status outside 100 to 699, no Call-ID, no CSeq in a response, a CSeq number
    over 32 bits, or more than the bounds allow.
    """
    if data[:1] in (b"\r", b"\n"):
        data = data.lstrip(b"\r\n")
    marks: tuple[str, ...] = ()
    end = data.find(b"\r\n\r\n")
    usual = 0 < end <= HEAD_LENGTH
    if usual:
        body = data[end + 4 :]
        head = data[:end].decode("utf-8", "surrogateescape")
        lines = head.split("\n")
        if len(lines) > HEADER_LINES:
            raise SipError(f"more than {HEADER_LINES} header lines")
        fields = {}
        known = KNOWN.get
        for line in lines[:0:-1]:  # backwards, so that the first of equal names stays
            name, _, value = line.partition(":")
            key = known(name)
            if key is None:
                if name[:1] in " \t\r":  # folded, or an empty line with a bare line feed
                    usual = False
                    break
                key = name.strip(_WHITE).lower()
                key = COMPACT.get(key, key)
            fields[key] = value
    if not usual:
        head, fields, body, marks = _read_carefully(data)
        lines = head.split("\n")

    start = lines[0]
    method, _, rest = start.partition(" ")
    status = 0
    reason = uri = ""
    if method == "SIP/2.0" and rest[3:4] in " \r" and rest[:3] in _STATUS:
        status, reason, method = _STATUS[rest[:3]], rest[4:].strip(_WHITE), ""
    else:
        uri, _, version = rest.partition(" ")
        if method not in _METHODS or not uri or version not in ("SIP/2.0\r", "SIP/2.0"):
            method, uri, status, reason, more = _start_line(start)
            marks += more

    call_id = fields.get("call-id", "").strip(_WHITE)
    if not call_id:
        raise SipError("no Call-ID")

    number, _, cseq_method = fields.get("cseq", "").strip(_WHITE).partition(" ")
    if number.isdecimal() and len(number) < 10 and cseq_method in _METHODS:
        cseq = int(number)
    else:
        cseq, cseq_method, more = _cseq(fields.get("cseq", ""), method)
        marks += more
    if status:
        method = cseq_method

    value = fields.get("via", "")
    branch = value.partition(";branch=")[2].partition(";")[0].rstrip("\r")
    if not branch or "," in value or " " in branch or "\t" in branch or '"' in value:
        branch = _branch(value)

    content_type = ""
    if body:
        content_type = fields.get("content-type", "")
        content_type = media_type(content_type) if content_type != " application/sdp\r" else "application/sdp"
    length = fields.get("content-length")
    if length is not None:
        length = length.strip(_WHITE)
        if not (length.isdecimal() and len(length) < 10):
            marks += (f"Content-Length is no number: {length[:40]!a}",)
        elif (octets := int(length)) < len(body):
            body = body[:octets]
        elif octets > len(body):
            marks += (f"Content-Length is {octets}, but {len(body)} octets came",)
    return SipMessage(
        not status,
        method,
        uri,
        status,
        reason,
        call_id,
        _tag(fields.get("from", "")),
        _tag(fields.get("to", "")),
        cseq,
        cseq_method,
        branch,
        content_type,
        body,
        marks,
        head,
        fields,
    )


def readable(text: str) -> str:
    """The text with every octet that was not UTF-8 as U+FFFD, so that it can be encoded and shown."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _read_carefully(data: bytes) -> _Head:
    """Split a message with folded lines, bare line feeds or no end of its head; as `parse` does fast."""
    end = _END_OF_HEAD.search(data, 0, HEAD_LENGTH + 4)
    marks: tuple[str, ...] = ()
    if end is not None:
        head, body = data[: end.start()], data[end.end() :]
    elif len(data) > HEAD_LENGTH:
        raise SipError(f"no end of the headers within {HEAD_LENGTH} octets")
    else:  # the last line may be cut: only whole lines are believed
        head, body = data[: data.rfind(b"\n") + 1].rstrip(b"\r\n"), b""
        marks = ("no empty line after the headers",)
    if head.count(b"\n") >= HEADER_LINES:
        raise SipError(f"more than {HEADER_LINES} header lines")
    text = _FOLD.sub(" ", head.decode("utf-8", "surrogateescape"))
    return text, _fields_of(text.split("\n")), body, marks


@lru_cache(CACHED_NAMES)
def _header_lines(key: str) -> re.Pattern[str]:
    """Finds the values of one header in a head."""
    names = "|".join([re.escape(key), *(short for short, name in COMPACT.items() if name == key)])
    return re.compile(rf"\n[ \t\r]*(?:{names})[ \t\r]*(?::([^\n]*)|(?=\n|\Z))", re.IGNORECASE)


def _fields_of(lines: list[str]) -> _Fields:
    fields = {}
    for line in lines[:0:-1]:  # backwards, so that the first of equal names stays
        name, _, value = line.partition(":")
        fields[KNOWN.get(name) or header_key(name)] = value
    return fields


def _start_line(line: str) -> tuple[str, str, int, str, tuple[str, ...]]:
    """(method, Request-URI, status, reason, marks) of a start line that is unusual."""
    line = line.rstrip("\r")
    words = line.split(None, 1)
    if line[:4].upper() == "SIP/":
        return _status_line(words)
    method, rest = words if len(words) == 2 else ("", "")
    uri, version = rest.rsplit(None, 1) if len(rest.split(None, 1)) == 2 else ("", "")
    if version[:4].upper() != "SIP/" or not _METHOD.match(method):
        raise SipError(f"no SIP start line: {line[:60]!a}")
    if version[4:] != "2.0":
        raise SipError(f"SIP version is not 2.0: {version[:20]!a}")
    usual = line == f"{method} {uri} {version}" and len(uri.split(None, 1)) == 1
    return method, uri, 0, "", () if usual else ("white space in the request line",)


def _status_line(words: list[str]) -> tuple[str, str, int, str, tuple[str, ...]]:
    version = words[0][4:]
    code, *reason = words[1].split(None, 1) if len(words) == 2 else ("",)
    if version != "2.0":
        raise SipError(f"SIP version is not 2.0: {version[:20]!a}")
    if code not in _STATUS:
        raise SipError(f"status is not 100 to 699: {code[:20]!a}")
    return "", "", _STATUS[code], reason[0].strip(_WHITE) if reason else "", ()


def _cseq(value: str, method: str) -> tuple[int, str, tuple[str, ...]]:
    """(number, method, marks) of a CSeq that is unusual; `method` is the request's, "" in a response."""
    words = value.split()
    if len(words) == 2 and words[0].isdecimal() and _METHOD.match(words[1]):
        number = int(words[0]) if len(words[0]) <= 64 else _CSEQ_LIMIT
        if number >= _CSEQ_LIMIT:
            raise SipError(f"CSeq is over 32 bits: {value.strip(_WHITE)[:40]!a}")
        return number, words[1], ()
    if not method:
        raise SipError(f"no CSeq in a response: {value.strip(_WHITE)[:40]!a}")
    number = int(words[0]) if words and words[0].isdecimal() and len(words[0]) < 10 else 0
    return number, method, ("no readable CSeq",)


def _tag(value: str) -> str:
    """The tag of a From or To value, "" if there is none."""
    value = value.rstrip(_WHITE)
    after = value.rpartition(">")[2]
    if not after:
        return ""
    if after[:5] == ";tag=":
        tag = after[5:]
        if tag.isalnum() or _TAG_VALUE.match(tag):
            return tag
    return parse_name_addr(value).tag


def _branch(value: str) -> str:
    values = split_list(value)
    return parse_via(values[0]).branch if values else ""


def _number(value: str | None) -> int | None:
    if value is None:
        return None
    value = value.strip(_WHITE)
    return int(value) if value.isdecimal() and len(value) < 12 else None
