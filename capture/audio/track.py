"""One stream on its way to sound: its packets in order, placed in time, decoded."""

from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from typing import Final, NamedTuple

from capture.audio.codecs import SILENT, decoder_of
from capture.audio.decoders import Decoder, Samples
from capture.audio.packets import Format, RtpPacket, VoiceStream
from capture.audio.redundancy import primary
from capture.audio.timeline import SECOND_NS, Place, Timeline, in_order, measured_clock, steps_of
from capture.bounds import AUDIO_BATCH

_USUAL_NS: Final = 20_000_000
_UNKNOWN: Final = Format("", 8_000)


class Sound(NamedTuple):
    """Decoded samples of `rate` Hz and their place."""

    place: Place
    samples: Samples
    rate: int


class _Heard(NamedTuple):
    """What is known of one payload type of the stream."""

    form: Format
    decoder: Decoder | None
    clock: int
    packet_ns: int  # how long a packet usually sounds


class Track:
    """The sound of one stream. `silent` counts the packets of each codec that could not be decoded."""

    def __init__(self, stream: VoiceStream) -> None:
        """Order and place the packets."""
        self.stream = stream
        self.packets: Counter[str] = Counter()  # by codec
        self.silent: Counter[str] = Counter()
        packets = [_unwrapped(packet, stream) for packet in in_order(stream.packets)]
        self._heard = _listen(stream, packets)
        self._placed: list[tuple[RtpPacket, Place]] = []
        timeline = Timeline()
        for packet in packets:
            heard = self._heard[packet.payload_type]
            if heard.form.codec not in SILENT:
                self.packets[heard.form.codec or f"payload type {packet.payload_type}"] += 1
                self._placed.append((packet, timeline.place(packet, heard.clock)))

    @property
    def rate(self) -> int:
        """The highest rate of its decoders; 0 where nothing can be decoded."""
        used = {packet.payload_type for packet, _ in self._placed}
        decoders = [self._heard[payload_type].decoder for payload_type in used]
        return max((decoder.rate for decoder in decoders if decoder is not None), default=0)

    @property
    def span_ns(self) -> tuple[int, int]:
        """From when to when it is heard, in ns since the epoch; of a track that has packets."""
        starts = [place.at_ns for _, place in self._placed]
        ends = [place.at_ns + self._heard[packet.payload_type].packet_ns for packet, place in self._placed]
        return min(starts), max(ends)

    @property
    def sound_ns(self) -> int:
        """About how much of that time there is sound."""
        return sum(self._heard[packet.payload_type].packet_ns for packet, _ in self._placed)

    def sounds(self) -> Iterator[Sound]:
        """The packets' sound, in the order in which they were sent; those without any are left out."""
        for payload_type, group in groupby(self._placed, lambda each: each[0].payload_type):
            placed = list(group)
            heard = self._heard[payload_type]
            label = heard.form.codec or f"payload type {payload_type}"
            if heard.decoder is None:
                self.silent[label] += len(placed)
                continue
            for at in range(0, len(placed), AUDIO_BATCH):
                batch = placed[at : at + AUDIO_BATCH]
                decoded = heard.decoder.decode([packet.payload for packet, _ in batch])
                for (_, place), samples in zip(batch, decoded, strict=True):
                    if samples is None:
                        self.silent[label] += 1
                    elif len(samples):
                        yield Sound(place, samples, heard.decoder.rate)


def _unwrapped(packet: RtpPacket, stream: VoiceStream) -> RtpPacket:
    """The packet, or what a packet of redundant ones is about."""
    form = stream.format_of(packet.payload_type)
    if form is None or form.codec != "RED":
        return packet
    return primary(packet) or packet


def _listen(stream: VoiceStream, packets: list[RtpPacket]) -> dict[int, _Heard]:
    """A decoder for each payload type that occurs, and its clock as the first packets show it."""
    found: dict[int, _Heard] = {}
    for payload_type in {packet.payload_type for packet in packets}:
        form = stream.format_of(payload_type) or _UNKNOWN
        clock = form.clock_rate or _UNKNOWN.clock_rate
        decoder, trial = decoder_of(form), decoder_of(form)
        if decoder is None or trial is None or not decoder.rate:
            found[payload_type] = _Heard(form, decoder, clock, _USUAL_NS)
            continue
        first = [packet for packet in packets if packet.payload_type == payload_type][:AUDIO_BATCH]
        samples = [0 if each is None else len(each) for each in trial.decode([one.payload for one in first])]
        clock = measured_clock(list(steps_of(first, samples)), decoder.rate, clock)
        usual = Counter(filter(None, samples)).most_common(1)
        packet_ns = usual[0][0] * SECOND_NS // decoder.rate if usual else _USUAL_NS
        found[payload_type] = _Heard(form, decoder, clock, packet_ns)
    return found
