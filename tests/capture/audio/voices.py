"""Tones in every codec: payloads as senders make them, and what PyAV itself decodes of their frames.

Where FFmpeg has an encoder it is used; for GSM, G.729, AMR-WB and Speex `data/frames.tsv` has frames of other
encoders; of iLBC, for which neither is at hand, any octets are frames.
"""

import functools
import random
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import numpy.typing as npt

from capture.audio import Format, RtpPacket
from capture.audio.amr import NARROWBAND_BITS, WIDEBAND_BITS

Samples = npt.NDArray[np.int16]

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
FRAMES = Path(__file__).parent / "data" / "frames.tsv"


class Voice(NamedTuple):
    """A second and more of sound: its format, payloads, RTP ticks of each, and what it sounds like."""

    form: Format
    payloads: list[bytes]
    ticks: int
    rate: int
    samples: Samples

    def packets(self, start_ns: int = START, *, first: int = 0, kind: int = 96) -> list[RtpPacket]:
        """Its packets, on time, from a sequence number and timestamp on."""
        step_ns = self.ticks * SECOND // self.form.clock_rate
        return [
            RtpPacket(
                start_ns + n * step_ns, (first + n) & 0xFFFF, (first + n) * self.ticks & 0xFFFFFFFF, kind, one
            )
            for n, one in enumerate(self.payloads)
        ]  # fmt: skip


def tone(rate: int, hz: int, seconds: float = 1.0) -> Samples:
    """A sine at a quarter of full scale."""
    return (8000 * np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate)).astype(np.int16)


def pitch(samples: Samples, rate: int) -> int:
    """The loudest frequency of a sound in Hz."""
    spectrum = np.abs(np.fft.rfft(samples.astype(np.float64) * np.hanning(len(samples))))
    return round(int(np.argmax(spectrum)) * rate / len(samples))


def encode(
    name: str, rate: int, samples: Samples, options: dict[str, str] | None = None, bit_rate: int = 0
) -> list[bytes]:
    """FFmpeg's encoder: one packet a frame of the codec, 20 ms where it has no frames."""
    context = av.CodecContext.create(name, "w")
    assert isinstance(context, av.AudioCodecContext)
    context.sample_rate, context.layout, context.format = rate, "mono", "s16"
    context.time_base = Fraction(1, rate)
    context.options = options or {}
    if bit_rate:
        context.bit_rate = bit_rate
    context.open()
    size = context.frame_size or rate // 50
    found = []
    for at in range(0, len(samples) - size + 1, size):
        frame = av.AudioFrame.from_ndarray(samples[None, at : at + size], format="s16", layout="mono")
        frame.sample_rate, frame.pts = rate, at
        found += [bytes(packet) for packet in context.encode(frame)]
    return found + [bytes(packet) for packet in context.encode(None)]


def decode(name: str, rate: int, frames: Sequence[bytes], options: dict[str, str] | None = None) -> Samples:
    """FFmpeg's decoder, frame by frame."""
    context = av.CodecContext.create(name, "r")
    assert isinstance(context, av.AudioCodecContext)
    context.sample_rate, context.layout = rate, "mono"
    context.options = options or {}
    context.open()
    heard = [frame.to_ndarray()[0] for one in frames for frame in context.decode(av.Packet(one))]
    sound = np.concatenate(heard)
    if sound.dtype.kind == "f":
        sound = np.clip(np.rint(sound * 32768.0), -32768, 32767).astype(np.int16)
    return sound


def several(frames: Sequence[bytes], count: int) -> list[bytes]:
    """Payloads of `count` frames."""
    return [b"".join(frames[at : at + count]) for at in range(0, len(frames), count)]


def stored(codec: str, hz: int) -> list[bytes]:
    """Frames of data/frames.tsv."""
    for line in FRAMES.read_text().splitlines():
        name, _, rest = line.partition("\t")
        pitched, _, frames = rest.partition("\t")
        if name == codec and pitched == str(hz):
            return [bytes.fromhex(frame) for frame in frames.split()]
    raise KeyError(codec)


def amr_payload(frames: Sequence[bytes], bits: tuple[int, ...], *, aligned: bool) -> bytes:
    """Frames as files hold them in one payload (RFC 4867 4.3, 4.4), asking for no mode."""
    kinds = [frame[0] >> 3 & 15 for frame in frames]
    more = [n + 1 < len(frames) for n in range(len(frames))]
    if aligned:
        contents = bytes(more_ << 7 | kind << 3 | 4 for kind, more_ in zip(kinds, more, strict=True))
        return b"\xf0" + contents + b"".join(frame[1:] for frame in frames)
    text = "1111" + "".join(f"{more_:01b}{kind:04b}1" for kind, more_ in zip(kinds, more, strict=True))
    for kind, frame in zip(kinds, frames, strict=True):
        size = bits[kind] if kind < len(bits) else 0
        text += "".join(f"{octet:08b}" for octet in frame[1:])[:size]
    text += "0" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big")


def _companded(codec: str, name: str) -> Callable[[int], Voice]:
    def make(hz: int) -> Voice:
        octets = b"".join(encode(name, 8000, tone(8000, hz)))
        payloads = [octets[at : at + 160] for at in range(0, 8000, 160)]
        return Voice(Format(codec, 8000), payloads, 160, 8000, decode(name, 8000, [octets]))

    return make


def _g722(hz: int) -> Voice:
    octets = b"".join(encode("g722", 16000, tone(16000, hz)))
    payloads = [octets[at : at + 160] for at in range(0, 8000, 160)]
    return Voice(Format("G722", 8000), payloads, 160, 16000, decode("g722", 16000, [octets]))


def _g726(codec: str, name: str, bits: int) -> Callable[[int], Voice]:
    def make(hz: int) -> Voice:
        octets = b"".join(encode(name, 8000, tone(8000, hz), bit_rate=8000 * bits))
        size = 20 * bits
        payloads = [octets[at : at + size] for at in range(0, len(octets) - size + 1, size)]
        sound = decode(name, 8000, [b"".join(payloads)], {"bits_per_coded_sample": str(bits)})
        return Voice(Format(codec, 8000), payloads, 160, 8000, sound)

    return make


def _linear(hz: int) -> Voice:
    samples = tone(44100, hz)[: 44100 - 44100 % 882]
    payloads = [samples[at : at + 882].astype(">i2").tobytes() for at in range(0, len(samples), 882)]
    return Voice(Format("L16", 44100), payloads, 882, 44100, samples)


def _framed(codec: str, name: str, ticks: int, count: int = 1) -> Callable[[int], Voice]:
    def make(hz: int) -> Voice:
        frames = stored(codec, hz)
        sound = decode(name, 8000, frames)
        return Voice(Format(codec, 8000), several(frames, count), ticks * count, 8000, sound)

    return make


def _g723(hz: int) -> Voice:
    frames = encode("g723_1", 8000, tone(8000, hz), bit_rate=6300)
    return Voice(Format("G723", 8000), frames, 240, 8000, decode("g723_1", 8000, frames))


def _ilbc(size: int) -> Callable[[int], Voice]:
    def make(hz: int) -> Voice:
        frames = [random.Random(hz + n).randbytes(size) for n in range(50)]
        sound = decode("ilbc", 8000, frames, {"block_align": str(size)})
        form = Format("ILBC", 8000, 1, f"mode={20 if size == 38 else 30}")
        return Voice(form, frames, len(sound) // 50, 8000, sound)

    return make


def _amr(*, aligned: bool, count: int = 1) -> Callable[[int], Voice]:
    def make(hz: int) -> Voice:
        frames = encode("libopencore_amrnb", 8000, tone(8000, hz), bit_rate=12200)
        groups = [frames[at : at + count] for at in range(0, len(frames), count)]
        payloads = [amr_payload(group, NARROWBAND_BITS, aligned=aligned) for group in groups]
        form = Format("AMR", 8000, 1, "octet-align=1" if aligned else "")
        return Voice(form, payloads, 160 * count, 8000, decode("libopencore_amrnb", 8000, frames))

    return make


def _amr_wb(*, aligned: bool) -> Callable[[int], Voice]:
    def make(hz: int) -> Voice:
        frames = stored("AMR-WB", hz)
        payloads = [amr_payload([frame], WIDEBAND_BITS, aligned=aligned) for frame in frames]
        form = Format("AMR-WB", 16000, 1, "mode-set=8; octet-align=1" if aligned else "mode-set=8")
        return Voice(form, payloads, 320, 16000, decode("libopencore_amrwb", 16000, frames))

    return make


def _opus(hz: int) -> Voice:
    frames = encode("libopus", 48000, tone(48000, hz))
    return Voice(Format("OPUS", 48000, 2), frames, 960, 48000, decode("libopus", 48000, frames))


def _speex(rate: int) -> Callable[[int], Voice]:
    def make(hz: int) -> Voice:
        frames = stored(f"SPEEX/{rate}", hz)
        return Voice(Format("SPEEX", rate), frames, rate // 50, rate, decode("speex", rate, frames))

    return make


_MAKERS: dict[str, Callable[[int], Voice]] = {
    "PCMU": _companded("PCMU", "pcm_mulaw"),
    "PCMA": _companded("PCMA", "pcm_alaw"),
    "G722": _g722,
    "G726-16": _g726("G726-16", "g726le", 2),
    "G726-24": _g726("G726-24", "g726le", 3),
    "G726-32": _g726("G726-32", "g726le", 4),
    "G726-40": _g726("G726-40", "g726le", 5),
    "AAL2-G726-32": _g726("AAL2-G726-32", "g726", 4),
    "L16": _linear,
    "GSM": _framed("GSM", "gsm", 160),
    "GSM, 40 ms": _framed("GSM", "gsm", 160, 2),
    "G729": _framed("G729", "g729", 80, 2),
    "G723": _g723,
    "ILBC, 20 ms": _ilbc(38),
    "ILBC, 30 ms": _ilbc(50),
    "AMR": _amr(aligned=False),
    "AMR, octet-aligned": _amr(aligned=True),
    "AMR, 60 ms": _amr(aligned=False, count=3),
    "AMR, 60 ms, octet-aligned": _amr(aligned=True, count=3),
    "AMR-WB": _amr_wb(aligned=False),
    "AMR-WB, octet-aligned": _amr_wb(aligned=True),
    "OPUS": _opus,
    "SPEEX": _speex(8000),
    "SPEEX, wideband": _speex(16000),
    "SPEEX, ultra-wideband": _speex(32000),
}

NAMES = sorted(_MAKERS)
TONES = [name for name in NAMES if not name.startswith("ILBC")]
"""Those in which a tone is a tone."""


@functools.cache
def voice(name: str, hz: int = 440) -> Voice:
    """A tone in one of NAMES."""
    return _MAKERS[name](hz)
