"""Reads a WAV back, and makes streams for recordings."""

import wave
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from capture.audio import Format, RtpPacket, VoiceStream
from tests.capture.audio.voices import START, Voice

Stereo = npt.NDArray[np.int16]


def listen(path: Path) -> tuple[int, Stereo]:
    """Rate, and samples (frames, 2), as Python's own reader sees them."""
    with wave.open(str(path)) as sound:
        assert (sound.getnchannels(), sound.getsampwidth()) == (2, 2)
        octets = sound.readframes(sound.getnframes())
        assert len(octets) == 4 * sound.getnframes()
        return sound.getframerate(), np.frombuffer(octets, "<i2").reshape(-1, 2)


def stream(
    spoken: Voice,
    side: str = "a",
    *,
    start_ns: int = START,
    packets: list[RtpPacket] | None = None,
    hop: int = 0,
    rank: tuple[int, ...] = (0,),
    encrypted: bool = False,
) -> VoiceStream:
    """A stream of a voice, of its packets on time unless others are given."""
    sent = spoken.packets(start_ns) if packets is None else packets
    return VoiceStream(side, hop, rank, {96: spoken.form}, sent, encrypted)


def later(packets: list[RtpPacket], by_ns: int) -> list[RtpPacket]:
    """The packets, arriving later."""
    return [msgspec.structs.replace(each, arrival_ns=each.arrival_ns + by_ns) for each in packets]


def plain(samples: npt.NDArray[np.int16], start_ns: int = START) -> VoiceStream:
    """Samples as L16 at 8 kHz, 20 ms a packet: what is put in comes out."""
    octets = samples.astype(">i2").tobytes()
    packets = [
        RtpPacket(start_ns + n * 20_000_000, n & 0xFFFF, n * 160, 96, octets[at : at + 320])
        for n, at in enumerate(range(0, len(octets), 320))
    ]
    return VoiceStream("a", 0, (0,), {96: Format("L16", 8000)}, packets)
