"""One channel of the recording: sound is put where it belongs, at the recording's rate."""

import av
import numpy as np

from capture.audio.decoders import Samples
from capture.audio.sides import Span, inside, outside
from capture.audio.track import Track


class Channel:
    """A side's samples, to be filled track by track: what one has filled, the next ones leave alone."""

    def __init__(self, samples: Samples, rate: int, begin_ns: int) -> None:
        """`samples` are all of the recording's, silent; the first is heard at `begin_ns`."""
        self.rate, self.begin_ns = rate, begin_ns
        self._samples = np.asarray(samples)  # a view without the cost of numpy.memmap
        self._taken: list[Span] = []
        self._free: list[Span] = [(0, len(samples))]

    def play(self, track: Track) -> int:
        """Put a track where its packets belong; returns how many packets had sound."""
        heard = 0
        first, last = len(self._samples), 0
        resampled: _Resampled | None = None
        for place, samples, rate in track.sounds():
            heard += 1
            at = place.sample(self.begin_ns, rate)
            if rate == self.rate:
                self.put(at, samples)
            else:
                if resampled is None or not resampled.continues(at, rate):
                    if resampled is not None:
                        resampled.finish()
                    resampled = _Resampled(self, at, rate)
                resampled.feed(samples)
            first = min(first, at * self.rate // rate)
            last = max(last, (at + len(samples)) * self.rate // rate)
        if resampled is not None:
            resampled.finish()
        if first < last:
            self._taken.append((first, last))
            self._free = outside((0, len(self._samples)), self._taken)
        return heard

    def put(self, at: int, samples: Samples) -> None:
        """Write samples from `at` on, where no other track is."""
        for since, until in inside((at, at + len(samples)), self._free):
            self._samples[since:until] = samples[since - at : until - at]


class _Resampled:
    """Sound without a gap, on its way to the channel's rate."""

    def __init__(self, channel: Channel, at: int, rate: int) -> None:
        self._channel, self._rate, self._next = channel, rate, at
        self._at = round(at * channel.rate / rate)
        self._resampler = av.AudioResampler(format="s16", layout="mono", rate=channel.rate)

    def continues(self, at: int, rate: int) -> bool:
        """Whether samples from `at` on follow those that came."""
        return at == self._next and rate == self._rate

    def feed(self, samples: Samples) -> None:
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples)[None, :], format="s16", layout="mono"
        )
        frame.sample_rate = self._rate
        self._next += len(samples)
        self._put(frame)

    def finish(self) -> None:
        """What the filter still holds."""
        self._put(None)

    def _put(self, frame: av.AudioFrame | None) -> None:
        for out in self._resampler.resample(frame):
            samples = out.to_ndarray()[0]
            self._channel.put(self._at, samples)
            self._at += len(samples)
