"""A call as a stereo WAV: left what the caller said (side a), right what the callee said (side b)."""

import contextlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from capture.audio import wav
from capture.audio.errors import AudioError
from capture.audio.mixing import Channel
from capture.audio.packets import VoiceStream
from capture.audio.sides import without_doubles
from capture.audio.timeline import SECOND_NS
from capture.audio.track import Track

SIDES: Final = ("a", "b")
"""In the order of the channels."""


class Recording(msgspec.Struct, frozen=True, gc=False):
    """What was written: from `begin_ns` on, `frames` samples of each side at `rate` Hz.

    `notes` are lines for the person who reads: what could not be decoded, and is silent.
    """

    begin_ns: int
    rate: int
    frames: int
    notes: tuple[str, ...]

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.frames / self.rate


def write_recording(
    path: Path, streams: Sequence[VoiceStream], begin_ns: int | None, end_ns: int | None
) -> Recording:
    """Decode a call's streams into a WAV at `path`.

    It goes from `begin_ns` (the answer) or the first packet that is heard, whichever comes first, to
    `end_ns` (the BYE) or the end of the last packet, whichever comes last; None leaves it to the packets.
    Its rate is the highest of what is heard, the rest is resampled. Raises AudioError where there is
    nothing to hear, and then leaves nothing at `path`; OSError where it cannot be written.
    """
    tracks = [Track(stream) for stream in streams if not stream.encrypted and stream.packets]
    audible = [track for track in tracks if track.rate]
    notes = [*_encrypted(streams), *_cut_short(streams)]
    if not audible:
        raise AudioError("; ".join([*notes, *_not_decoded(tracks, nothing=True)]) or "no audio was captured")
    rate = max(track.rate for track in audible)
    spans = {id(track): track.span_ns for track in audible}
    begin = min([since for since, _ in spans.values()] + ([] if begin_ns is None else [begin_ns]))
    end = max([until for _, until in spans.values()] + ([] if end_ns is None else [end_ns]))
    frames = -(-(end - begin) * rate // SECOND_NS)
    if frames > wav.frames_max():
        frames = wav.frames_max()
        notes.append(f"a WAV holds {frames // rate} s at {rate} Hz: the rest is left out")
    path = path.resolve()
    beside = path.with_name(path.name + ".part")
    try:
        sounding = sum(track.sound_ns for track in audible) * rate // SECOND_NS
        samples = wav.create(beside, rate, frames, sounding)
        heard = 0
        for number, side in enumerate(SIDES):
            channel = Channel(samples[:, number], rate, begin)
            by_stream = {id(track.stream): track for track in audible if track.stream.side == side}
            kept = without_doubles((track.stream, spans[id(track)]) for track in by_stream.values())
            heard += sum(channel.play(by_stream[id(stream)]) for stream in kept)
        if not heard:
            raise AudioError("; ".join([*notes, *_not_decoded(tracks, nothing=True)]))
        beside.replace(path)
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()
    return Recording(begin, rate, frames, (*notes, *_not_decoded(tracks)))


def _encrypted(streams: Sequence[VoiceStream]) -> list[str]:
    sides = sorted({stream.side for stream in streams if stream.encrypted})
    return [f"side {' and '.join(sides)}: encrypted (SRTP): no sound without keys"] if sides else []


def _cut_short(streams: Sequence[VoiceStream]) -> list[str]:
    count = sum(not packet.whole for stream in streams for packet in stream.packets)
    return [f"{count} packets were cut short by the capture (snap length): heard as far as they go"] * (
        count > 0
    )


def _not_decoded(tracks: Sequence[Track], *, nothing: bool = False) -> list[str]:
    """One line for each side and codec of which packets could not be decoded; `nothing` could."""
    packets, silent = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for track in tracks:
        side = track.stream.side
        packets.update({(side, codec): count for codec, count in track.packets.items()})
        failed = track.packets if nothing or not track.rate else track.silent
        silent.update({(side, codec): count for codec, count in failed.items()})
    return [
        f"side {side}: {count} of {packets[side, codec]} packets of {codec} could not be decoded"
        + ("" if nothing else ": silence")
        for (side, codec), count in sorted(silent.items())
        if count
    ]
