"""Sensors of a site and what they say, in any interleaving, over the stages in memory."""

import random
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from capture.block import Block
from capture.publisher import Publisher, behind
from capture.sensor import Batch, Sensor
from capture.settings import CaptureSettings
from schemas.cdr import CallRecord
from streams.media.settings import MediaSettings
from streams.memory import MemoryRunner, Worker
from streams.settings import CallSettings, RecordSettings
from tests.system.wire import ETHERNET, Frame

Speech = list[list[Batch]]
"""What a sensor says, flush by flush."""


def block_of(frames: Sequence[Frame]) -> Block:
    """The frames, in this order."""
    sizes = np.array([len(frame.data) for frame in frames], np.int32)
    return Block(
        buffer=np.frombuffer(bytearray(b"".join(frame.data for frame in frames)), np.uint8),
        offset=np.cumsum(sizes, dtype=np.int64) - sizes,
        captured=sizes,
        original=sizes.copy(),
        time_ns=np.array([frame.time_us * 1000 for frame in frames], np.int64),
        link_type=ETHERNET,
    )


class Listener:
    """A sensor that is told which frames it hears, and flushes when told."""

    def __init__(self, name: str, site: str = "hq", account: str = "acme") -> None:
        self.sensor = Sensor(account, site, name, settings=CaptureSettings())

    def hears(self, frames: Iterable[Frame]) -> list[Batch]:
        """The frames by time, and a flush."""
        ordered = sorted(frames, key=lambda frame: frame.time_us)
        return [*(self.sensor.feed(block_of(ordered)) if ordered else []), *self.sensor.flush()]

    def idles(self, until_us: int) -> list[Batch]:
        """A flush without packets, at this time."""
        return self.sensor.flush(until_us)

    def says(self, frames: Iterable[Frame], every_us: int = 1_000_000, ends: bool = True) -> Speech:
        """That it is there; the frames, with a flush every so often; and the end of capture."""
        ordered = sorted(frames, key=lambda frame: frame.time_us)
        speech = [self.sensor.flush()]
        while ordered:
            until = ordered[0].time_us + every_us
            some = [frame for frame in ordered if frame.time_us < until]
            speech.append(self.hears(some))
            ordered = ordered[len(some) :]
        return [*speech, self.sensor.close()] if ends else speech


class System:
    """All stages, and the newest record of every call."""

    def __init__(
        self,
        partitions: int = 1,
        *,
        gone_s: int = 30,
        lateness_max_s: int = 600,
        channels_max: int = 0,
        encode: bool = False,
        saves: bool = False,
    ) -> None:
        self.runner = MemoryRunner(
            calls_partitions=partitions,
            media_partitions=partitions,
            calls=CallSettings(sensor_gone_s=gone_s, lateness_max_s=lateness_max_s),
            media=MediaSettings(sensor_gone_s=gone_s, lateness_max_s=lateness_max_s),
            records=RecordSettings(channels_max=channels_max),
            reads=("cdr", "cdr.rejected", "rtp.unmatched", "media.endpoints", "media.windows"),
            encode=encode,
            saves=saves,
        )
        self.publisher = Publisher(self.runner.log)
        self.newest: dict[str, CallRecord] = {}
        self.facts = {"media.endpoints": 0, "media.windows": 0}

    def take(self, batches: Sequence[Batch], behind_us: int = 0) -> None:
        """What a sensor says, and all stages until nothing is left."""
        self.publisher.publish(behind(batches, behind_us))
        self.run()

    def run(self, rng: random.Random | None = None) -> None:
        """All stages, in any order with an rng, which also makes them lose their state."""

        def pick(busy: Sequence[Worker]) -> Worker:
            assert rng is not None
            worker = rng.choice(busy)
            if self.runner.saves and rng.random() < 0.02:
                worker.restart(self.runner.log)
            return worker

        self.runner.run(pick if rng else None, rng.choice([1, 3, None]) if rng else None)
        for entry in self.runner.facts("cdr"):
            held = self.newest.get(entry.value.cdr_id)
            if held is None or held.version < entry.value.version:
                self.newest[entry.value.cdr_id] = entry.value
        for topic in self.facts:
            self.facts[topic] += len(self.runner.facts(topic))

    def interleave(self, speeches: Sequence[Speech], seed: int) -> None:
        """All sensors say that they are there; then each goes on at random."""
        rng = random.Random(seed)
        left = [list(speech) for speech in speeches]
        for speech in left:
            self.publisher.publish(speech.pop(0))
        self.run(rng)
        while left := [speech for speech in left if speech]:
            speech = rng.choice(left)
            for _ in range(rng.choice([1, 1, 3, 20])):
                if speech:
                    self.publisher.publish(speech.pop(0))
            if rng.random() < 0.5:
                self.run(rng)
        self.run(rng)

    @property
    def counters(self) -> dict[str, int]:
        return self.runner.counters

    def only(self) -> CallRecord:
        (found,) = self.newest.values()
        return found

    def records(self) -> dict[str, bytes]:
        """By cdr_id, without version."""
        return {
            cdr_id: msgspec.json.encode(msgspec.structs.replace(record, version=0))
            for cdr_id, record in self.newest.items()
        }
