"""Voice quality: the E-model of ITU-T G.107 over a window's loss, and VoIPmonitor's score for comparison.

Everything here is additions, multiplications and divisions in a fixed order, so that an array of one row
and an array of a thousand give the same bits.
"""

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas.media_windows import W

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]


class Quality(msgspec.Struct, frozen=True):
    """Impairment of a codec: `ie` and `bpl` of G.113 on the scale of `model`, whose best R is `r_max`.

    `approximate`: the figures rest on a borrowed or unpublished row (see docs/differences.md).
    """

    model: str  # g107 narrowband, g107.1 wideband, g107.2 fullband
    ie: float
    bpl: float
    r_max: float
    approximate: bool


NARROWBAND_R: Final = 93.2
"""R of a clean G.711 call at G.107's default settings; Id at zero delay is in it."""

WIDEBAND_R: Final = 129.0
FULLBAND_R: Final = 148.0
MOS_SCALE: Final = {"g107": 1.0, "g107.1": 1.29, "g107.2": 1.48}


def _narrow(ie: float, bpl: float, approximate: bool = False) -> Quality:
    return Quality("g107", ie, bpl, NARROWBAND_R, approximate)


def _wide(ie: float, bpl: float) -> Quality:
    return Quality("g107.1", ie, bpl, WIDEBAND_R, True)


def _full(ie: float, bpl: float) -> Quality:
    return Quality("g107.2", ie, bpl, FULLBAND_R, True)


CODECS: Final[dict[str, Quality]] = {
    "PCMU": _narrow(0, 25.1),
    "PCMA": _narrow(0, 25.1),
    "G729": _narrow(11, 19.0),
    "G729A": _narrow(11, 19.0),
    "G723": _narrow(15, 16.1),
    "GSM-EFR": _narrow(5, 10.0),
    "AMR": _narrow(5, 10.0),
    "GSM": _narrow(20, 10.0, approximate=True),
    "ILBC": _narrow(11, 32.0, approximate=True),
    "G726-40": _narrow(2, 10.0, approximate=True),
    "G726-32": _narrow(7, 10.0, approximate=True),
    "G726-24": _narrow(25, 10.0, approximate=True),
    "G726-16": _narrow(50, 10.0, approximate=True),
    "G721": _narrow(7, 10.0, approximate=True),
    "SPEEX": _narrow(11, 15.0, approximate=True),
    "G722": _wide(13, 13.0),
    "AMR-WB": _wide(13, 13.0),
    "OPUS": _full(15, 15.0),
}
"""By encoding name (RFC 3551, SDP) in upper case; G.711 with packet loss concealment (G.113 table I.4)."""


def codec_quality(codec: str | None) -> Quality | None:
    """The codec's impairment, None where none is published: such a stream has no MOS."""
    return CODECS.get(codec.upper()) if codec else None


def mos_of_r(r: F64) -> F64:
    """MOS-CQE of a narrowband rating (G.107 annex B), never under 1."""
    mos = 1.0 + 0.035 * r + 7e-6 * r * (r - 60.0) * (100.0 - r)
    mos = np.where(r <= 0.0, 1.0, np.where(r >= 100.0, 4.5, mos))
    return np.maximum(mos, 1.0)


def delay_impairment(one_way_ms: F64) -> F64:
    """Id of a one-way delay (Cole and Rosenbluth 2001)."""
    beyond = np.maximum(one_way_ms - 177.3, 0.0)
    return 0.024 * one_way_ms + 0.11 * beyond


def e_model(
    ie: F64, bpl: F64, r_max: F64, scale: F64, loss: F64, burst_ratio: F64, one_way_ms: F64 | float = 0.0
) -> F64:
    """MOS of windows of n rows (G.107 7.2): `loss` in percent after the playout buffer, `burst_ratio`
    clamped to 1..8, `scale` divides a wideband or fullband R onto the narrowband curve (G.107.1)."""
    ratio = np.minimum(np.maximum(burst_ratio, 1.0), 8.0)
    limit = np.where(scale > 1.4, 132.0, 95.0)
    effective = ie + (limit - ie) * loss / (loss / ratio + bpl)
    r = (r_max - effective) / scale - delay_impairment(np.asarray(one_way_ms, np.float64))
    return mos_of_r(r)


def voipmonitor_mos(lost: I64, bursts: I64, received: I64) -> F64:
    """VoIPmonitor's score of n windows (reference fit of G.107 for G.711), from a playout buffer's runs."""
    heard = np.maximum(received, 1).astype(np.float64)
    ratio = lost / heard
    burst = np.maximum(lost / np.maximum(bursts, 1) * (1.0 - ratio), 1.0)
    percent = 100.0 * ratio
    r = 93.2062077233 - 95.0 * percent / (percent / burst + 17.2647)
    mos = 2.06405 + 0.031738 * r - 0.000356641 * r * r + 2.93143e-6 * r * r * r
    mos = np.minimum(np.maximum(mos, 1.0), 4.5)
    mos = np.where(ratio > 0.5, 1.0, mos)
    return np.where(lost < 5, 4.5, mos)


class QualityTable:
    """Impairments by payload map and type, as columns a window row can be looked up in."""

    def __init__(self) -> None:
        self.columns = np.zeros((4, 0))  # ie, bpl, r_max, scale; r_max 0: no MOS

    def add_map(self, codecs: dict[int, str]) -> None:
        """Append a payload map: payload type -> encoding name."""
        rows = np.zeros((4, 128))
        for payload_type, codec in codecs.items():
            quality = codec_quality(codec)
            if quality is not None:
                rows[:, payload_type] = quality.ie, quality.bpl, quality.r_max, MOS_SCALE[quality.model]
        self.columns = np.concatenate([self.columns, rows], axis=1)

    def score(self, rows: I64, maps: I64, one_way_us: I64) -> None:
        """Fill the four MOS columns of n window rows, 1e-6 MOS, by the payload maps (n,) of their streams
        and the one-way delays (n,) that RTCP told, 0 where it did not."""
        if not len(rows):
            return
        known = rows[:, W.PAYLOAD_TYPE] >= 0
        at = np.where(known, maps * 128 + rows[:, W.PAYLOAD_TYPE], 0)
        ie, bpl, r_max, scale = self.columns[:, at]
        scored = known & (r_max > 0) & (rows[:, W.PACKETS] > 0) & (rows[:, W.PTIME] > 0)
        lost, bursts = rows[:, W.LOST_2], rows[:, W.BURSTS_2]
        played = np.maximum(rows[:, W.PACKETS] - rows[:, W.DISCARDED_2], 0)
        share = lost / np.maximum(lost + played, 1)
        burst_ratio = lost / np.maximum(bursts, 1) * (1.0 - share)
        safe = np.where(scored, scale, 1.0)
        mos = e_model(
            ie, np.where(scored, bpl, 1.0), r_max, safe, 100.0 * share, burst_ratio, one_way_us / 1e3
        )
        rows[:, W.MOS] = np.where(scored, np.rint(mos * 1e6), -1).astype(np.int64)
        for column, at_lost in ((W.MOS_F1, W.LOST_1), (W.MOS_F2, W.LOST_2), (W.MOS_ADAPTIVE, W.LOST_3)):
            theirs = voipmonitor_mos(rows[:, at_lost], rows[:, at_lost + 1], rows[:, W.PACKETS])
            rows[:, column] = np.where(scored, np.rint(theirs * 1e6), -1).astype(np.int64)
