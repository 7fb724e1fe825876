"""SDP (RFC 4566, RFC 8866): where each media is heard, in which codecs, and on which terms.

Liberal: unknown lines and attributes are passed over, an m= line that cannot be read is left out. Results
are immutable; equal bodies of usual length give the same object.
"""

import re
import socket
from functools import lru_cache
from typing import Final

import msgspec

from protocols import rtp_profile
from protocols.bounds import (
    CACHED_SDP,
    CACHED_SDP_LENGTH,
    SDP_CANDIDATES,
    SDP_GROUPS,
    SDP_LENGTH,
    SDP_LINES,
    SDP_MEDIA,
    SDP_PAYLOADS,
)

_DIRECTIONS: Final = frozenset(("sendrecv", "sendonly", "recvonly", "inactive"))
_PAYLOAD_TYPES: Final = {str(number): number for number in range(128)}
_NOWHERE: Final = frozenset(("0.0.0.0", "::"))
_OWN_DTX: Final = frozenset(("AMR", "AMR-WB", "AMR-WB+", "EVS"))
_NUMBER: Final = re.compile(r"[0-9]{1,9}(?![0-9])")
_CANDIDATE: Final = re.compile(
    r"[^ ]+ +([0-9]{1,3}) +([A-Za-z-]{1,10}) +[0-9]{1,10} +([^ ]{1,255}) +([0-9]{1,5}) +typ +(\w{1,16})"
)


class SdpError(ValueError):
    """The octets are no session description; the text says why, in one line."""


class Payload(msgspec.Struct, frozen=True, gc=False):
    """One format of a media: `codec` in upper case, `clock_rate` in Hz, `fmtp` as sent ("" if none)."""

    payload_type: int
    codec: str
    clock_rate: int
    channels: int
    fmtp: str

    @property
    def is_voice(self) -> bool:
        """Whether it carries voice (no events, comfort noise, redundancy)."""
        return rtp_profile.is_voice(self.codec)


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """One ICE candidate (RFC 8839 5.1): `component` 1 RTP, 2 RTCP; `kind` host, srflx, prflx or relay."""

    component: int
    transport: str
    address: str
    port: int
    kind: str


class Media(msgspec.Struct, frozen=True, gc=False):
    """One m= section with what the session level gives it.

    `kind` is audio, video, image, application ..., `protocol` such as RTP/AVP or udptl. `address` is an
    IPv4 or IPv6 literal or a host name, "" if none was given; `port` 0 means refused or not wanted.
    `rtcp_port` is 0 without RTP, the RTP port under rtcp-mux, else a=rtcp or port + 1; `rtcp_address` is ""
    unless a=rtcp names one. `ptime_ms` and `maxptime_ms` are 0 if absent. `formats` are the words after the
    protocol where these are no RTP payload types.
    """

    kind: str
    port: int
    port_count: int
    protocol: str
    address: str
    direction: str
    payloads: tuple[Payload, ...]
    formats: tuple[str, ...]
    rtcp_port: int
    rtcp_address: str
    rtcp_mux: bool
    ptime_ms: int
    maxptime_ms: int
    mid: str
    candidates: tuple[Candidate, ...]
    crypto: bool
    fingerprint: bool
    dtx: bool

    @property
    def ip(self) -> bytes | None:
        """`address` packed, 4 bytes or 16; None for a host name."""
        return packed(self.address)

    @property
    def encrypted(self) -> bool:
        """Whether the media is SRTP: by its profile, a=crypto or a=fingerprint."""
        return self.crypto or self.fingerprint or "SAVP" in self.protocol

    @property
    def t38(self) -> bool:
        """Whether this is fax over UDPTL or TCP (T.38)."""
        return self.kind == "image" and "t38" in self.formats

    @property
    def held(self) -> bool:
        """Whether the sender puts the media on hold (sendonly, inactive, or c=0.0.0.0 as RFC 2543 did)."""
        return self.direction in ("sendonly", "inactive") or self.address in _NOWHERE

    @property
    def codec(self) -> str:
        """The preferred codec: the first format that carries voice or video, "" if there is none."""
        return next((payload.codec for payload in self.payloads if payload.is_voice), "")


class Sdp(msgspec.Struct, frozen=True, gc=False):
    """A session description. `session_id` and `session_version` come from o=, as text; "" if absent."""

    session_id: str
    session_version: str
    origin_address: str
    address: str
    direction: str
    media: tuple[Media, ...]
    bundle: tuple[tuple[str, ...], ...]


class _Section:
    """What the lines of one level say, while they are read."""

    __slots__ = (
        "address",
        "candidates",
        "crypto",
        "direction",
        "fingerprint",
        "fmtp",
        "maxptime",
        "mid",
        "mline",
        "mux",
        "ptime",
        "rtcp",
        "rtpmap",
        "silence",
    )

    def __init__(self, mline: str) -> None:
        self.mline = mline
        self.address = self.direction = self.rtcp = self.mid = ""
        self.ptime = self.maxptime = 0
        self.mux = self.crypto = self.fingerprint = self.silence = False
        self.rtpmap: dict[str, str] = {}
        self.fmtp: dict[str, str] = {}
        self.candidates: tuple[Candidate, ...] = ()


def parse(body: bytes | str) -> Sdp:
    """Parse a session description.

    Raises SdpError, and nothing else, where there is no v=, o= or m= line at all or a bound is broken.
    """
    return _cached(body) if len(body) <= CACHED_SDP_LENGTH else _parse(body)


def packed(address: str) -> bytes | None:
    """An IPv4 or IPv6 literal as 4 or 16 bytes; None for anything else."""
    try:
        return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
    except (OSError, ValueError):  # ValueError: a NUL or a surrogate in the text
        return None


def _parse(body: bytes | str) -> Sdp:
    if len(body) > SDP_LENGTH:
        raise SdpError(f"session description of {len(body)} octets, over {SDP_LENGTH}")
    text = body if isinstance(body, str) else body.decode("utf-8", "surrogateescape")
    lines = text.split("\n")
    if len(lines) > SDP_LINES:
        raise SdpError(f"more than {SDP_LINES} lines")
    session = section = _Section("")
    sections: list[_Section] = []
    origin = ""
    groups: list[tuple[str, ...]] = []
    known = False
    for line in lines:
        kind, value = line[:2], line[2:].rstrip("\r ")
        if kind == "a=":
            name, _, rest = value.partition(":")
            if name == "rtpmap":
                payload_type, _, encoding = rest.lstrip(" ").partition(" ")
                section.rtpmap[payload_type] = encoding
            elif name in _DIRECTIONS:
                section.direction = name
            elif name == "group":
                if rest[:6].upper() == "BUNDLE" and len(groups) < SDP_GROUPS:
                    groups.append(tuple(rest[6:].split()))
            else:
                _attribute(section, name, rest)
        elif kind == "m=":
            if len(sections) == SDP_MEDIA:
                raise SdpError(f"more than {SDP_MEDIA} media")
            section = _Section(value)
            sections.append(section)
        elif kind == "c=":
            section.address = section.address or _address(value)
        elif kind == "o=":
            origin = value
            known = True
        elif kind == "v=":
            known = True
    if not sections and not known:
        raise SdpError(f"no session description: {text[:40]!a}")
    words = origin.split()
    return Sdp(
        words[1] if len(words) > 1 else "",
        words[2] if len(words) > 2 else "",
        words[5] if len(words) > 5 else "",
        session.address,
        session.direction or "sendrecv",
        tuple([media for section in sections if (media := _media(section, session)) is not None]),
        tuple(groups),
    )


def _address(value: str) -> str:
    """The address of `IN IP4 224.2.1.1/127/3`, without time to live and count."""
    return value.rpartition(" ")[2].partition("/")[0]


def _attribute(section: _Section, name: str, value: str) -> None:
    """Take over an attribute that is not in every description."""
    if name == "fmtp":
        payload_type, _, parameters = value.lstrip(" ").partition(" ")
        section.fmtp[payload_type] = parameters
    elif name == "ptime":
        section.ptime = _number(value)
    elif name == "maxptime":
        section.maxptime = _number(value)
    elif name == "rtcp":
        section.rtcp = value
    elif name == "rtcp-mux":
        section.mux = True
    elif name == "candidate":
        match = _CANDIDATE.match(value)
        if match and len(section.candidates) < SDP_CANDIDATES and int(match[4]) < 65536:
            candidate = Candidate(int(match[1]), match[2].lower(), match[3], int(match[4]), match[5])
            section.candidates += (candidate,)
    elif name == "mid":
        section.mid = value
    elif name in ("crypto", "key-mgmt"):
        section.crypto = True
    elif name == "fingerprint":
        section.fingerprint = True
    elif name == "silenceSupp":
        section.silence = value[:2].lower() == "on"


def _number(text: str) -> int:
    """The number a text begins with, 0 if it begins with none (`20.0`, `20 ` are seen)."""
    match = _NUMBER.match(text.lstrip(" "))
    return int(match[0]) if match else 0


def _media(section: _Section, session: _Section) -> Media | None:
    """The media of one section; None if its m= line cannot be read."""
    words = section.mline.split()
    if len(words) < 3:
        return None
    first, slash, count = words[1].partition("/")
    port = _number(first)
    if not first.isdecimal() or port > 65535:
        return None
    protocol = words[2]
    rtp = "RTP/" in protocol.upper()
    payloads = _payloads(words[3:], section) if rtp else ()
    rtcp_port, rtcp_address = _rtcp(section, port) if rtp else (0, "")
    return Media(
        words[0].lower(),
        port,
        _number(count) or 1 if slash else 1,
        protocol,
        section.address or session.address,
        section.direction or session.direction or "sendrecv",
        payloads,
        () if rtp else tuple(word.lower() for word in words[3 : 3 + SDP_PAYLOADS]),
        rtcp_port,
        rtcp_address,
        section.mux,
        section.ptime or session.ptime,
        section.maxptime or session.maxptime,
        section.mid,
        section.candidates or session.candidates,
        section.crypto or session.crypto,
        section.fingerprint or session.fingerprint,
        section.silence or session.silence or any(_may_be_silent(payload) for payload in payloads),
    )


def _rtcp(section: _Section, port: int) -> tuple[int, str]:
    """(port, address) of RTCP: rtcp-mux (RFC 5761), a=rtcp (RFC 3605), else the next port."""
    if section.mux or port == 0:
        return port, ""
    own = _number(section.rtcp) if section.rtcp else 0
    if not 0 < own < 65536:
        return port + 1 if port < 65535 else 0, ""
    words = section.rtcp.split()
    return own, words[3] if len(words) > 3 else ""


def _payloads(formats: list[str], section: _Section) -> tuple[Payload, ...]:
    found = []
    for text in formats[:SDP_PAYLOADS]:
        payload_type = _PAYLOAD_TYPES.get(text)
        if payload_type is None:
            continue
        encoding = section.rtpmap.get(text)
        static = rtp_profile.STATIC.get(payload_type)
        channels = 1
        if encoding is not None:
            name, _, rate = encoding.partition("/")
            codec, clock_rate = rtp_profile.codec_name(name), _number(rate)
            if "/" in rate:
                channels = _number(rate.partition("/")[2]) or 1
            if clock_rate == 0 and static is not None:
                clock_rate = static.clock_rate
            elif codec == "G722":
                clock_rate = 8000  # RFC 3551 4.5.2, whatever rtpmap says
        elif static is not None:
            codec, clock_rate = static.codec, static.clock_rate
        else:
            codec, clock_rate = "", 0
        found.append(Payload(payload_type, codec, clock_rate, channels, section.fmtp.get(text, "")))
    return tuple(found)


def _may_be_silent(payload: Payload) -> bool:
    """Whether the codec may stop sending in silence: comfort noise, G.729 annex B and G.723.1 annex A (on
    unless refused, RFC 4856 2.1.9, 2.1.5), Opus usedtx, AMR and EVS by their nature."""
    codec = payload.codec
    if codec == "CN" or codec in _OWN_DTX:
        return True
    if codec == "G729":
        return "annexb=no" not in payload.fmtp.replace(" ", "").lower()
    if codec == "G723":
        return "annexa=no" not in payload.fmtp.replace(" ", "").lower()
    return codec == "OPUS" and "usedtx=1" in payload.fmtp


_cached = lru_cache(CACHED_SDP)(_parse)
