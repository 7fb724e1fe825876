"""Payload maps as the kernel reads them: clock and kind of each payload type."""

from typing import Final

import numpy as np

from protocols import rtp_profile
from schemas.media_endpoints import Payload
from streams.bounds import PAYLOAD_MAPS_MAX
from streams.media.quality import QualityTable
from streams.media.state import Kind

STATIC_MAP: Final = 0
"""The map of a flow that no call announced: the static types of RFC 3551."""

PayloadKey = tuple[tuple[int, str, int], ...]

_KINDS: Final = {"TELEPHONE-EVENT": Kind.EVENT, "TONE": Kind.EVENT, "CN": Kind.NOISE}


class PayloadMaps:
    """Interned payload maps, `ticks` and `kinds` as one column of 128 rows a map."""

    def __init__(self) -> None:
        self.keys: list[PayloadKey] = []
        self._numbers: dict[PayloadKey, int] = {}
        self._announced: dict[tuple[Payload, ...], int] = {}
        self.ticks = np.zeros(0, np.int64)  # ns << 12 per timestamp unit, 0 unknown
        self.kinds = np.zeros(0, np.int64)
        self.codecs: list[dict[int, str]] = []
        self.quality = QualityTable()
        self.number(())

    def announced(self, payloads: list[Payload]) -> int:
        """The map's number for a payload list, in which the first row of a type wins."""
        rows = tuple(payloads)
        number = self._announced.get(rows)
        if number is None:
            number = self.number(_key_of(rows))
            if len(self._announced) < PAYLOAD_MAPS_MAX:
                self._announced[rows] = number
        return number

    def number(self, payloads: PayloadKey) -> int:
        """The map's number; it is made where it is new."""
        number = self._numbers.get(payloads)
        if number is None:
            if len(self.keys) >= PAYLOAD_MAPS_MAX:
                return STATIC_MAP
            number = self._numbers[payloads] = len(self.keys)
            self.keys.append(payloads)
            self._append(payloads)
        return number

    def _append(self, payloads: PayloadKey) -> None:
        ticks, kinds = np.zeros(128, np.int64), np.zeros(128, np.int64)
        codecs: dict[int, str] = {}
        for payload_type, static in rtp_profile.STATIC.items():
            codecs[payload_type] = static.codec
            ticks[payload_type] = (1_000_000_000 << 12) // static.clock_rate
            kinds[payload_type] = _kind(static.codec, static.kind)
        announced = [(codec, clock_rate) for _, codec, clock_rate in payloads]
        for payload_type, name, clock_rate in payloads:
            if 0 <= payload_type < 128 and clock_rate > 0:
                codec = rtp_profile.carried(name, clock_rate, announced)
                codecs[payload_type] = codec
                ticks[payload_type] = (1_000_000_000 << 12) // clock_rate
                kinds[payload_type] = _kind(codec, "video" if clock_rate == 90000 else "audio")
        self.codecs.append(codecs)
        self.ticks = np.concatenate([self.ticks, ticks])
        self.kinds = np.concatenate([self.kinds, kinds])
        self.quality.add_map(codecs)


def _kind(codec: str, media: str) -> Kind:
    codec = codec.upper()
    if codec in _KINDS:
        return _KINDS[codec]
    if not rtp_profile.is_voice(codec):
        return Kind.OTHER
    return Kind.VIDEO if media == "video" else Kind.VOICE


def _key_of(payloads: tuple[Payload, ...]) -> PayloadKey:
    """A payload list as a map's key."""
    seen: dict[int, tuple[int, str, int]] = {}
    for each in payloads:
        seen.setdefault(each.payload_type, (each.payload_type, each.codec, each.clock_rate))
    return tuple(sorted(seen.values()))
