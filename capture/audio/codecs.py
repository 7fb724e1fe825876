"""Which decoder hears which encoding name of SDP."""

from collections.abc import Callable
from typing import Final

import av.error

from capture.audio import amr, splitting
from capture.audio.decoders import ByLength, Decoder, Flowing, Framed, Silent
from capture.audio.packets import Format

NARROW: Final = 8_000
WIDE: Final = 16_000
FULL: Final = 48_000

SILENT: Final = frozenset(("CN", "TELEPHONE-EVENT", "TONE"))
"""Encodings that are silence here, and whose absence of sound is nothing to speak of."""

_SPEEX_RATES: Final = (8_000, 16_000, 32_000)
_ILBC: Final = {"20": 38, "30": 50}  # octets of a frame by fmtp's mode (RFC 3952)


def decoder_of(form: Format) -> Decoder | None:
    """A fresh decoder for a stream of this format; None where there is none for it."""
    if form.codec in SILENT:
        return Silent()
    make = _MAKE.get(form.codec)
    try:
        return make(form) if make is not None else None
    except (av.error.FFmpegError, ValueError):  # no such decoder in this build, or not with these terms
        return None


def _g726(name: str, bits: int) -> Callable[[Format], Decoder]:
    return lambda _: Flowing(name, NARROW, bits)


def _ilbc(form: Format) -> Decoder:
    """20 or 30 ms, as each payload's length says, else fmtp (30 ms unless it says otherwise)."""
    decoders: dict[int, Decoder] = {
        size: Framed("ilbc", NARROW, splitting.fixed(size), frame=samples, options={"block_align": str(size)})
        for size, samples in ((38, 160), (50, 240))
    }
    return ByLength(decoders, _ILBC.get(form.parameter("mode"), 50))


def _amr(form: Format) -> Decoder:
    split = splitting.adaptive_multi_rate(form, amr.NARROWBAND_BITS)
    return Framed("libopencore_amrnb", NARROW, split, frame=160)


def _amr_wb(form: Format) -> Decoder:
    split = splitting.adaptive_multi_rate(form, amr.WIDEBAND_BITS)
    return Framed("libopencore_amrwb", WIDE, split, frame=320)


def _speex(form: Format) -> Decoder:
    """Narrowband, wideband or ultra-wideband by the clock (RFC 5574 3)."""
    rate = form.clock_rate if form.clock_rate in _SPEEX_RATES else NARROW
    return Framed("speex", rate, splitting.whole, frame=rate // 50)


def _linear(form: Format) -> Decoder:
    """L16 of one channel or two (RFC 3551 4.5.11)."""
    if form.channels not in (1, 2) or not form.clock_rate:
        raise ValueError
    return Flowing("pcm_s16be", form.clock_rate, 16 * form.channels, channels=form.channels)


_MAKE: Final[dict[str, Callable[[Format], Decoder]]] = {
    "PCMU": lambda _: Flowing("pcm_mulaw", NARROW, 8),
    "PCMA": lambda _: Flowing("pcm_alaw", NARROW, 8),
    "G722": lambda _: Flowing("g722", WIDE, 4),  # an octet is two samples at 16 kHz, its clock is 8 kHz
    "G721": _g726("g726le", 4),
    "G726-16": _g726("g726le", 2),  # least significant bits first (RFC 3551 4.5.4) ...
    "G726-24": _g726("g726le", 3),
    "G726-32": _g726("g726le", 4),
    "G726-40": _g726("g726le", 5),
    "AAL2-G726-16": _g726("g726", 2),  # ... or most significant, as ATM has it
    "AAL2-G726-24": _g726("g726", 3),
    "AAL2-G726-32": _g726("g726", 4),
    "AAL2-G726-40": _g726("g726", 5),
    "L16": _linear,
    "G729": lambda _: Framed("g729", NARROW, splitting.g729, frame=80),
    "G723": lambda _: Framed("g723_1", NARROW, splitting.g723, frame=240),
    "GSM": lambda _: Framed("gsm", NARROW, splitting.fixed(splitting.GSM_FRAME), frame=160),
    "ILBC": _ilbc,
    "AMR": _amr,
    "AMR-WB": _amr_wb,
    "OPUS": lambda _: Framed("libopus", FULL, splitting.whole, frame=960),
    "SPEEX": _speex,
}
"""By encoding name (IANA rtp-parameters), in upper case."""
