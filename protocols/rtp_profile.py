"""The RTP audio/video profile: static payload types and codec names (RFC 3551 6, IANA rtp-parameters)."""

from collections.abc import Iterable
from typing import Final, NamedTuple


class PayloadType(NamedTuple):
    """What a payload type means: encoding name in upper case, clock rate in Hz, `kind` audio or video."""

    codec: str
    clock_rate: int
    kind: str


STATIC: Final[dict[int, PayloadType]] = {
    0: PayloadType("PCMU", 8000, "audio"),
    3: PayloadType("GSM", 8000, "audio"),
    4: PayloadType("G723", 8000, "audio"),
    5: PayloadType("DVI4", 8000, "audio"),
    6: PayloadType("DVI4", 16000, "audio"),
    7: PayloadType("LPC", 8000, "audio"),
    8: PayloadType("PCMA", 8000, "audio"),
    9: PayloadType("G722", 8000, "audio"),  # sampled at 16 kHz; the clock is 8 kHz (RFC 3551 4.5.2)
    10: PayloadType("L16", 44100, "audio"),  # two channels
    11: PayloadType("L16", 44100, "audio"),
    12: PayloadType("QCELP", 8000, "audio"),
    13: PayloadType("CN", 8000, "audio"),
    14: PayloadType("MPA", 90000, "audio"),
    15: PayloadType("G728", 8000, "audio"),
    16: PayloadType("DVI4", 11025, "audio"),
    17: PayloadType("DVI4", 22050, "audio"),
    18: PayloadType("G729", 8000, "audio"),
    19: PayloadType("CN", 8000, "audio"),  # reserved; old senders of comfort noise use it
    25: PayloadType("CELB", 90000, "video"),
    26: PayloadType("JPEG", 90000, "video"),
    28: PayloadType("NV", 90000, "video"),
    31: PayloadType("H261", 90000, "video"),
    32: PayloadType("MPV", 90000, "video"),
    33: PayloadType("MP2T", 90000, "video"),
    34: PayloadType("H263", 90000, "video"),
}
"""Static payload types by number; 96 to 127 are dynamic, the rest unassigned or reserved."""

VIDEO_CLOCK: Final = 90_000
"""Hz; no voice codec of SDP has it."""

_NOT_VOICE: Final = "TELEPHONE-EVENT TONE CN RED ULPFEC PARITYFEC FLEXFEC FLEXFEC-03 RTX T140 CLEARMODE"
NOT_VOICE: Final = frozenset(_NOT_VOICE.split())
"""Encoding names that carry no voice of their own."""

_ALIASES: Final = {
    "G711U": "PCMU",
    "G.711U": "PCMU",
    "ULAW": "PCMU",
    "G711A": "PCMA",
    "G.711A": "PCMA",
    "ALAW": "PCMA",
    "G.722": "G722",
    "G7221": "G7221",
    "G.722.1": "G7221",
    "G722.1": "G7221",
    "G.723": "G723",
    "G.723.1": "G723",
    "G723.1": "G723",
    "G7231": "G723",
    "G.728": "G728",
    "G.729": "G729",
    "G729A": "G729",
    "G.729A": "G729",
    "G729B": "G729",
    "G729AB": "G729",
    "G.729AB": "G729",
    "G729/A": "G729",
    "AMRWB": "AMR-WB",
    "AMR_WB": "AMR-WB",
    "GSM-FR": "GSM",
    "COMFORT-NOISE": "CN",
    "TELEPHONE-EVENTS": "TELEPHONE-EVENT",
    "H.263": "H263",
    "H.264": "H264",
}


def codec_name(encoding: str) -> str:
    """The encoding name in upper case, as IANA registers it, for the spellings seen in SDP."""
    name = encoding.strip().upper()
    return _ALIASES.get(name, name)


def carried(codec: str, clock_rate: int, announced: Iterable[tuple[str, int]]) -> str:
    """The codec of what a type carries: of sound with redundancy (RFC 2198) the voice codec announced
    beside it at the same clock, else the codec itself."""
    if codec.upper() != "RED" or clock_rate == VIDEO_CLOCK:
        return codec
    return next((name for name, rate in announced if rate == clock_rate and is_voice(name.upper())), codec)


def is_voice(codec: str) -> bool:
    """Whether an encoding name (upper case) carries voice: no events, comfort noise, redundancy, FEC."""
    return codec not in NOT_VOICE
