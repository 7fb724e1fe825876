"""SDP (RFC 4566, RFC 8866): where each media is heard, in which codecs, and on which terms.

Liberal: unknown lines and attributes are passed over, an m= line that cannot be read is left out. Results
are immutable; equal bodies of usual length give the same object.
"""

import re
import socket
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec

from protocols import rtp_profile
from protocols.bounds import (
    CACHED_LEVEL_LENGTH,
    CACHED_LEVELS,
    CACHED_SDP,
    CACHED_SDP_LENGTH,
    SDP_CANDIDATES,
    SDP_GROUPS,
    SDP_LENGTH,
    SDP_LINES,
    SDP_MEDIA,
    SDP_PAYLOADS,
)

_DIRECTIONS: Final = frozenset(("a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive"))
_KINDS: Final = frozenset(("c=", "o=", "v="))
_SEVERAL: Final = frozenset(("a=candidate", "a=group"))
_NOWHERE: Final = frozenset(("0.0.0.0", "::"))
_OWN_DTX: Final = frozenset(("AMR", "AMR-WB", "AMR-WB+", "EVS"))
_NUMBER: Final = re.compile(r"\s*([0-9]{1,9})(?![0-9])")
_PLAIN_SESSION: Final = re.compile(
    r"v=[^\n]*\no=\S+ (\S+) (\S+) \S+ \S+ (\S+)\r?\n(?:[siuep]=[^\n]*\n)*"
    r"(?:c=\S+ \S+ ([^\s/]+)(?:/[^\n]*)?\r?\n)?(?:[btrzk]=[^\n]*(?:\n|\Z))*\Z"
)
_CANDIDATE: Final = re.compile(
    r"[^ ]+ +([0-9]{1,3}) +([A-Za-z-]{1,10}) +[0-9]{1,10} +([^ ]{1,255}) +([0-9]{1,5}) +typ +(\w{1,16})"
)


_Level = dict[str, str]


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
    protocol where these are no RTP payload types. `encrypted`: SRTP, by its profile, a=crypto or
    a=fingerprint; `t38`: fax over UDPTL or TCP. `dtx`: the terms let the sender fall silent, by
    silenceSupp:on or a codec that may stop sending.
    """

    port: int
    port_count: int
    address: str
    rtcp_port: int
    rtcp_address: str
    kind: str
    protocol: str
    direction: str
    payloads: tuple[Payload, ...]
    formats: tuple[str, ...]
    rtcp_mux: bool
    ptime_ms: int
    maxptime_ms: int
    mid: str
    candidates: tuple[Candidate, ...]
    crypto: bool
    fingerprint: bool
    encrypted: bool
    dtx: bool
    t38: bool

    @property
    def ip(self) -> bytes | None:
        """`address` packed, 4 bytes or 16; None for a host name."""
        return packed(self.address)

    @property
    def held(self) -> bool:
        """Whether the sender puts the media on hold (sendonly, inactive, or c=0.0.0.0 as RFC 2543 did)."""
        return self.direction in ("sendonly", "inactive") or self.address in _NOWHERE

    @property
    def codec(self) -> str:
        """The preferred codec: the first format that carries voice or video, "" if there is none."""
        return next((payload.codec for payload in self.payloads if payload.is_voice), "")


class _Terms(NamedTuple):
    """What an m= section says beside its port, alike in many calls. `address`: its own, None if absent;
    `rtcp`: a=rtcp; `media`: the fields of Media from `kind` on."""

    address: str | None
    rtp: bool
    rtcp: str | None
    mux: bool
    media: tuple[Any, ...]


class Sdp(msgspec.Struct, frozen=True, gc=False):
    """A session description. `session_id` and `session_version` come from o=, as text; "" if absent."""

    session_id: str
    session_version: str
    origin_address: str
    address: str
    direction: str
    media: tuple[Media, ...]
    bundle: tuple[tuple[str, ...], ...]


def parse(body: bytes | str) -> Sdp:
    """Parse a session description.

    Raises SdpError, and nothing else, where there is neither v=, o= nor m= line, or a bound is broken.
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
    if text.count("\n") > SDP_LINES:
        raise SdpError(f"more than {SDP_LINES} lines")
    first, *sections = text.split("\nm=") if text[:2] != "m=" else ("\n" + text).split("\nm=")
    direction, attributes = "sendrecv", ""
    bundle: tuple[tuple[str, ...], ...] = ()
    plain = _PLAIN_SESSION.match(first)
    if plain is not None:
        session_id, version, origin, address = plain.groups("")
    else:
        level = _read_level(first)
        if not sections and "v=" not in level and "o=" not in level:
            raise SdpError(f"no session description: {text[:40]!a}")
        session_id, version, origin = _origin(level.get("o=", ""))
        address = _address(level.get("c=", ""))
        direction = level["a="][2:] if "a=" in level else direction
        bundle = _bundles(level["a=group"]) if "a=group" in level else bundle
        attributes = "".join(("\n" + first).partition("\na=")[1:])
    if len(sections) > SDP_MEDIA:
        raise SdpError(f"more than {SDP_MEDIA} media")
    media = []
    for section in sections:
        one = _media(section, address, attributes)
        if one is not None:
            media.append(one)
    return Sdp(session_id, version, origin, address, direction, tuple(media), bundle)


def _origin(value: str) -> tuple[str, str, str]:
    """(session id, version, address), "" where there is none."""
    words = value.split() + [""] * 6
    return words[1], words[2], words[5]


def _read_level(text: str) -> _Level:
    """The lines of one level (without its m=), by kind; never changed after.

    "c=", "o=", "v=" (the first of each), "a=" the direction, other attributes by name (`a=ptime`), rtpmap by
    payload type (`101`), fmtp by `fmtp` and payload type (`fmtp101`). Candidates and groups: one a line.
    """
    level: _Level = {}
    for line in text.split("\n"):
        kind = line[:2]
        if kind == "a=":
            name, colon, value = line.partition(":")
            if name == "a=rtpmap":
                level[value.lstrip().partition(" ")[0]] = value
            elif not colon:
                name = name.rstrip()
                level["a=" if name in _DIRECTIONS else name] = name
            elif name == "a=fmtp":
                level["fmtp" + value.lstrip().partition(" ")[0]] = value
            elif name in _SEVERAL and name in level:
                level[name] += "\n" + value
            else:
                level[name] = value
        elif kind in _KINDS and kind not in level:
            level[kind] = line[2:]
    return level


def _bundles(groups: str) -> tuple[tuple[str, ...], ...]:
    """The media identifications of each BUNDLE group (RFC 9143)."""
    words = [group.split() for group in groups.split("\n")[:SDP_GROUPS]]
    return tuple([tuple(group[1:]) for group in words if group and group[0].upper() == "BUNDLE"])


def _address(value: str) -> str:
    """The address of `IN IP4 224.2.1.1/127/3`, without time to live and count; "" if there is none."""
    words = value.split()
    return words[2].partition("/")[0] if len(words) > 2 else ""


def _media(section: str, session_address: str, attributes: str) -> Media | None:
    """The media of an m= line and the lines below it; None if the m= line cannot be read. `attributes`: the
    lines of the session from its first a= on."""
    mline, _, rest = section.partition("\n")
    words = mline.split(None, 3)
    if len(words) < 3:
        return None
    first, port_count = words[1], 1
    if "/" in first:
        first, _, count = first.partition("/")
        port_count = _number(count) or 1
    if not first.isdecimal() or len(first) > 5 or (port := int(first)) > 65535:
        return None
    formats = words[3] if len(words) > 3 else ""
    usual = len(rest) + len(formats) + len(attributes) <= CACHED_LEVEL_LENGTH
    terms = (_shared_terms if usual else _read_terms)(words[0], words[2], formats, rest, attributes)
    rtcp_port, rtcp_address = 0, ""
    if terms.rtp:
        if terms.mux or port == 0:
            rtcp_port = port
        elif terms.rtcp is not None:
            rtcp_port, rtcp_address = _rtcp(terms.rtcp, port)
        else:
            rtcp_port = port + 1 if port < 65535 else 0
    address = session_address if terms.address is None else terms.address
    return Media(port, port_count, address, rtcp_port, rtcp_address, *terms.media)


def _read_terms(kind: str, protocol: str, formats: str, rest: str, attributes: str) -> _Terms:
    own = _read_level(rest)
    level = _read_level(attributes) | own
    rtp = "RTP/" in protocol or "rtp/" in protocol
    payloads = _read_payloads(formats, own) if rtp else ()
    others = () if rtp else tuple(formats.lower().split()[:SDP_PAYLOADS])
    mux = "a=rtcp-mux" in level
    crypto, fingerprint = "a=crypto" in level or "a=key-mgmt" in level, "a=fingerprint" in level
    silent = "a=silenceSupp" in level and level["a=silenceSupp"][:2].lower() == "on"
    kind = kind.lower()
    media = (
        kind,
        protocol,
        level["a="][2:] if "a=" in level else "sendrecv",
        payloads,
        others,
        mux,
        _number(level["a=ptime"]) if "a=ptime" in level else 0,
        _number(level["a=maxptime"]) if "a=maxptime" in level else 0,
        level["a=mid"].strip() if "a=mid" in level else "",
        _candidates(level["a=candidate"]) if "a=candidate" in level else (),
        crypto,
        fingerprint,
        crypto or fingerprint or "SAVP" in protocol,
        silent or any(_may_be_silent(payload) for payload in payloads),
        kind == "image" and "t38" in others,
    )
    return _Terms(_address(own["c="]) if "c=" in own else None, rtp, level.get("a=rtcp"), mux, media)


def _number(text: str) -> int:
    """The number a text begins with, 0 if it begins with none (`20.0`, `20 ` are seen)."""
    text = text.rstrip()
    if text.isdecimal() and len(text) < 10:
        return int(text)
    match = _NUMBER.match(text)
    return int(match[1]) if match else 0


def _rtcp(value: str, port: int) -> tuple[int, str]:
    """(port, address) of RTCP as a=rtcp gives them (RFC 3605), the next port if it is unreadable."""
    own = _number(value)
    if not 0 < own < 65536:
        return port + 1 if port < 65535 else 0, ""
    words = value.split()
    return own, words[3] if len(words) > 3 else ""


def _candidates(values: str) -> tuple[Candidate, ...]:
    matches = (_CANDIDATE.match(value) for value in values.split("\n")[:SDP_CANDIDATES])
    return tuple(
        Candidate(int(match[1]), match[2].lower(), match[3], int(match[4]), match[5].lower())
        for match in matches
        if match is not None and int(match[4]) < 65536
    )


def _read_payloads(formats: str, level: _Level) -> tuple[Payload, ...]:
    """The payload types that `formats` lists, as the lines of the media describe them."""
    payloads = (
        _payload(text, level.get(text, ""), level.get("fmtp" + text, ""))
        for text in formats.split()[:SDP_PAYLOADS]
        if text.isdecimal() and len(text) <= 3 and int(text) <= 127
    )
    return tuple(payloads)


def _payload(text: str, rtpmap: str, fmtp: str) -> Payload:
    """The payload type `text` by the values of its rtpmap and fmtp, which begin with it, or are ""."""
    payload_type = int(text)
    static = rtp_profile.STATIC.get(payload_type)
    codec, clock_rate, channels = (static.codec, static.clock_rate, 1) if static else ("", 0, 1)
    words = rtpmap.split(None, 1)
    if len(words) == 2:
        name, _, rest = words[1].strip().partition("/")
        rate, _, count = rest.partition("/")
        codec = rtp_profile.codec_name(name)
        clock_rate = _number(rate) or clock_rate
        channels = _number(count) or 1
        if codec == "G722":
            clock_rate = 8000  # RFC 3551 4.5.2, whatever rtpmap says
    words = fmtp.split(None, 1)
    return Payload(payload_type, codec, clock_rate, channels, words[1].rstrip() if len(words) == 2 else "")


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
_shared_terms = lru_cache(CACHED_LEVELS)(_read_terms)  # most phones say the same of every call's media
