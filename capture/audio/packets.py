"""What sound is made of: the RTP packets of a call's streams, and what their payload types mean."""

from collections.abc import Mapping, Sequence

import msgspec

from protocols.rtp_profile import STATIC


class RtpPacket(msgspec.Struct, frozen=True, gc=False):
    """One RTP packet as captured: time in ns since the epoch, header fields, payload without padding.

    Not `whole` where the capture cut off its end.
    """

    arrival_ns: int
    sequence: int
    timestamp: int
    payload_type: int
    payload: bytes
    whole: bool = True


class Format(msgspec.Struct, frozen=True, gc=False):
    """What a payload type means: `codec` in upper case, RTP clock in Hz, `fmtp` as sent ("" if none)."""

    codec: str
    clock_rate: int
    channels: int = 1
    fmtp: str = ""

    def parameter(self, name: str) -> str:
        """The value of a parameter of fmtp (`mode=20; octet-align=1`); "" if it is not there."""
        for part in self.fmtp.split(";"):
            key, _, value = part.partition("=")
            if key.strip().lower() == name:
                return value.strip()
        return ""


class VoiceStream(msgspec.Struct, frozen=True, gc=False):
    """The packets of one SSRC from one address to another, in order of arrival, duplicates and all.

    `side` is whose voice it is: a the caller, b the callee. `rank` orders streams of a side heard at the
    same time: the higher is the one that is kept; streams of different `hop` carry the same voice.
    """

    side: str
    hop: int
    rank: tuple[int, ...]
    formats: Mapping[int, Format]
    packets: Sequence[RtpPacket]
    encrypted: bool = False

    def format_of(self, payload_type: int) -> Format | None:
        """What a payload type means: as announced, else the static type (RFC 3551 6), else unknown."""
        announced = self.formats.get(payload_type)
        if announced is not None:
            return announced
        static = STATIC.get(payload_type)
        if static is None:
            return None
        channels = 2 if payload_type == _L16_STEREO else 1
        return Format(static.codec, static.clock_rate, channels)


_L16_STEREO = 10
