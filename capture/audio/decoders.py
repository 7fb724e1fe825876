"""Payloads of one codec into samples: 16 bits, one channel, at the codec's own rate."""

from collections.abc import Sequence
from typing import Final, Protocol

import av
import av.error
import numpy as np
import numpy.typing as npt

from capture.audio.splitting import Split
from capture.bounds import AUDIO_PACKET_MS

Samples = npt.NDArray[np.int16]

NOTHING: Final[Samples] = np.zeros(0, np.int16)
_FULL: Final = 32768.0


class Decoder(Protocol):
    """A codec's decoder for one stream; it keeps what the codec remembers from packet to packet."""

    rate: int

    def decode(self, payloads: Sequence[bytes]) -> list[Samples | None]:
        """The samples of each payload, in order; None where it could not be decoded."""
        ...


class Silent:
    """Comfort noise and events: they tell of no voice, so nothing is heard."""

    rate = 0

    def decode(self, payloads: Sequence[bytes]) -> list[Samples | None]:
        """Nothing for each."""
        return [NOTHING] * len(payloads)


class Flowing:
    """A codec without frames: every `bits` are a sample, so many payloads are decoded at once."""

    def __init__(self, name: str, rate: int, bits: int, *, channels: int = 1) -> None:
        """`name` is FFmpeg's; `bits` those of one sample of all channels."""
        options = {"bits_per_coded_sample": str(bits)} if name.startswith("g726") else {}
        self.rate = rate
        self._context = _open(name, rate, options, channels)
        self._bits, self._channels = bits, channels
        self._bytes_max = rate * AUDIO_PACKET_MS // 1000 * bits // 8

    def decode(self, payloads: Sequence[bytes]) -> list[Samples | None]:
        """The samples of each payload; what is over its last whole sample is left out."""
        if not payloads:
            return []
        cut = [self._whole(payload) for payload in payloads]
        sound = _decode(self._context, b"".join(cut))
        if sound is None or len(sound) * self._bits != 8 * sum(map(len, cut)):
            return [None] * len(payloads)
        ends = np.cumsum([8 * len(each) // self._bits for each in cut])
        parts = np.split(sound, ends[:-1])
        return [part if payload else None for part, payload in zip(parts, payloads, strict=True)]

    def _whole(self, payload: bytes) -> bytes:
        """As much of a payload as makes whole samples that end with an octet."""
        size = min(len(payload), self._bytes_max)
        while 8 * size % self._bits:
            size -= 1
        return payload[:size]


class Framed:
    """A codec of frames: each goes to the decoder by itself, so that a bad one spoils no other."""

    def __init__(
        self,
        name: str,
        rate: int,
        split: Split,
        *,
        frame: int,
        options: dict[str, str] | None = None,
    ) -> None:
        """`name` is FFmpeg's, `frame` the samples of a frame that has no sound or cannot be decoded."""
        self.rate = rate
        self._context = _open(name, rate, options or {})
        self._split = split
        self._quiet: Samples = np.zeros(frame, np.int16)
        self._most = rate * AUDIO_PACKET_MS // 1000

    def decode(self, payloads: Sequence[bytes]) -> list[Samples | None]:
        """The samples of each payload."""
        return [self._packet(payload) for payload in payloads]

    def _packet(self, payload: bytes) -> Samples | None:
        try:
            frames = self._split(payload)
        except ValueError:
            return None
        sound = [self._quiet if frame is None else _decode(self._context, frame) for frame in frames]
        if all(each is None for each in sound):
            return None
        heard = [self._quiet if each is None else each for each in sound]
        return (heard[0] if len(heard) == 1 else np.concatenate(heard))[: self._most]


class ByLength:
    """A codec whose payload's length says in which mode it is: a decoder for each (iLBC)."""

    def __init__(self, decoders: dict[int, Decoder], usual: int) -> None:
        """By octets of a frame; `usual` is the one for lengths that fit none, or several."""
        self.rate = decoders[usual].rate
        self._decoders, self._usual = decoders, usual

    def decode(self, payloads: Sequence[bytes]) -> list[Samples | None]:
        """The samples of each payload."""
        return [self._decoder(len(payload)).decode([payload])[0] for payload in payloads]

    def _decoder(self, length: int) -> Decoder:
        fitting = [size for size in self._decoders if length % size == 0]
        return self._decoders[fitting[0] if len(fitting) == 1 else self._usual]


def _open(name: str, rate: int, options: dict[str, str], channels: int = 1) -> av.AudioCodecContext:
    """FFmpeg's decoder. Raises av.error.FFmpegError where this build has none of the name."""
    context = av.CodecContext.create(name, "r")
    assert isinstance(context, av.AudioCodecContext)
    context.sample_rate = rate
    context.layout = "mono" if channels == 1 else "stereo"
    context.options = options
    context.open()
    return context


def _decode(context: av.AudioCodecContext, data: bytes) -> Samples | None:
    """What the decoder makes of the octets; None where it refuses them."""
    if not data:
        return NOTHING
    try:
        frames = context.decode(av.Packet(data))
    except av.error.FFmpegError:
        return None
    sound = [_mono(frame) for frame in frames]
    return sound[0] if len(sound) == 1 else np.concatenate(sound) if sound else NOTHING


def _mono(frame: av.AudioFrame) -> Samples:
    """A frame's samples, channels mixed."""
    data: npt.NDArray[np.generic] = frame.to_ndarray()
    channels = frame.layout.nb_channels
    lines = data if frame.format.is_planar else data.reshape(-1, channels).T
    if lines.dtype.kind == "f":
        whole = np.clip(np.rint(lines.astype(np.float64) * _FULL), -_FULL, _FULL - 1)
    else:
        whole = lines
    mixed: npt.NDArray[np.generic] = whole[0] if channels == 1 else whole.astype(np.int32).mean(axis=0)
    samples: Samples = mixed.astype(np.int16, copy=False)
    return samples
