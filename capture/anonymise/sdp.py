"""Session descriptions without people in them, of the same length (RFC 8866)."""

import re
from typing import Final

from capture.anonymise.text import Text

_LINE: Final = re.compile(rb"([a-z]=)?([^\r\n]*)(\r?\n|\r|\Z)")
_ADDRESSED: Final = re.compile(rb"(.*?)(\bIN[ \t]+IP[46][ \t]+)(.*)\Z", re.DOTALL)
_SSRC: Final = re.compile(rb"(ssrc(?:-group)?:[A-Z0-9 \t-]*[ \t]?)(.*)\Z", re.DOTALL)
_UFRAG: Final = re.compile(rb"([ \t]ufrag[ \t]+)([^ \t\r\n]+)")
_KEPT: Final = frozenset(b"vmtbrz")
_PLAIN_NAMES: Final = b"""
    rtpmap fmtp ptime maxptime sendrecv sendonly recvonly inactive rtcp-mux rtcp-rsize rtcp-fb rtcp-xr
    end-of-candidates setup mid group extmap extmap-allow-mixed silencesupp framerate framesize imageattr
    curr des conf content ice-lite ice-options quality bundle-only connection sqn cdsc cpar pcfg acfg acap
    tcap crypto encryption direction
"""
_PLAIN: Final = frozenset(_PLAIN_NAMES.split())
_PLACED: Final = frozenset((b"rtcp", b"candidate", b"remote-candidates", b"x-nat"))
_T38: Final = b"t38"


def mask_sdp(body: bytes, text: Text) -> bytes:
    """The description masked: codecs, ports and directions stay. Never raises."""
    return b"".join(_line(match, text) for match in _LINE.finditer(body))


def _line(match: re.Match[bytes], text: Text) -> bytes:
    kind, value, end = match[1] or b"", match[2], match[3]
    letter = kind[:1]
    if letter in (b"o", b"c") and (addressed := _ADDRESSED.match(value)):
        value = text.masked(addressed[1]) + addressed[2] + text.masked(addressed[3])
    elif letter == b"a":
        value = _attribute(value, text)
    elif letter == b"k":
        value = text.removed(value)
    elif not letter or letter[0] not in _KEPT:
        value = text.masked(value)
    return kind + value + end


def _attribute(value: bytes, text: Text) -> bytes:
    name, colon, rest = value.partition(b":")
    key = name.strip().lower()
    if key in _PLAIN or key.startswith(_T38) or not colon:
        return value
    if key in _PLACED:
        return name + colon + _UFRAG.sub(lambda found: found[1] + text.masked(found[2]), text.placed(rest))
    if ssrc := _SSRC.match(value):
        return ssrc[1] + text.masked(ssrc[2])
    return name + colon + text.masked(rest)
