"""Runs a capture through sensor, log and stages in a chosen way, and says which records came of it."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from capture.block import Block
from capture.files import open_capture
from capture.publisher import Publisher
from capture.sensor import Sensor
from capture.settings import CaptureSettings
from schemas.cdr import CallRecord
from schemas.cdr_rejected import RejectedCall
from schemas.registrations import Registration
from streams.memory import MemoryRunner, Worker
from streams.settings import RecordSettings

Versioned = CallRecord | RejectedCall | Registration


@dataclass(frozen=True)
class Way:
    """How a capture is taken through the system."""

    seed: int = 0
    frames_a_block: int = 0  # 0: as the source gives them
    flush_every: int = 0  # blocks between two flushes of the sensor; 0: as it does by itself
    calls_partitions: int = 1
    media_partitions: int = 1
    shuffled: bool = False  # stages step in random order, with a few events each
    encode: bool = False
    restarts: bool = False  # workers lose their stage at random and get it back from the log
    again: bool = False  # batches are delivered a second time
    channels_max: int = 0


@dataclass
class Outcome:
    """Records and rejected calls by cdr_id, registrations by id, without version, and streams nobody
    announced, as JSON."""

    calls: dict[str, bytes] = field(default_factory=dict)
    registrations: dict[str, bytes] = field(default_factory=dict)
    streams: dict[str, bytes] = field(default_factory=dict)
    rejected: dict[str, bytes] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)


def take(capture: Path, way: Way) -> Outcome:
    """The outcome of a capture, taken this way."""
    rng = random.Random(way.seed)
    runner = MemoryRunner(
        calls_partitions=way.calls_partitions,
        media_partitions=way.media_partitions,
        encode=way.encode,
        saves=way.restarts or way.again,
        records=RecordSettings(channels_max=way.channels_max),
        reads=("cdr", "cdr.rejected", "rtp.unmatched", "registrations"),
    )
    sensor, publisher = Sensor("acc", "site", "s", settings=CaptureSettings()), Publisher(runner.log)
    outcome = Outcome()
    newest: dict[bytes, Versioned] = {}
    for number, block in enumerate(_blocks(capture, way.frames_a_block)):
        publisher.publish(sensor.feed(block))
        if way.flush_every and number % way.flush_every == way.flush_every - 1:
            publisher.publish(sensor.flush())
        if not way.shuffled or rng.random() < 0.5:
            _work(runner, way, rng)
            _collect(runner, newest, outcome)
    publisher.publish(sensor.close())
    _work(runner, way, rng)
    _collect(runner, newest, outcome)
    for record in newest.values():
        plain = msgspec.json.encode(msgspec.structs.replace(record, version=0))
        if isinstance(record, Registration):
            assert record.complete
            outcome.registrations[record.registration_id] = plain
        elif isinstance(record, RejectedCall):
            outcome.rejected[record.cdr_id] = plain
        else:
            assert record.complete
            outcome.calls[record.cdr_id] = plain
    outcome.counters = sensor.counters
    return outcome


def _blocks(capture: Path, frames: int) -> Iterator[Block]:
    for block in open_capture(capture):
        step = frames or len(block.offset)
        for at in range(0, len(block.offset), step):
            part = slice(at, at + step)
            columns = (block.offset, block.captured, block.original, block.time_ns)
            yield Block(block.buffer, *(column[part] for column in columns), block.link_type)


def _work(runner: MemoryRunner, way: Way, rng: random.Random) -> None:
    def pick(busy: list[Worker]) -> Worker:
        worker = rng.choice(busy)
        if way.restarts and rng.random() < 0.1:
            worker.restart(runner.log)
        if way.again and rng.random() < 0.1:
            worker.next = {topic: max(0, at - rng.randint(0, 5)) for topic, at in worker.next.items()}
        return worker

    if way.shuffled or way.restarts or way.again:
        runner.run(pick, rng.choice([1, 2, 5, None]))
    else:
        runner.run()


def _collect(runner: MemoryRunner, newest: dict[bytes, Versioned], outcome: Outcome) -> None:
    for entry in [*runner.facts("cdr"), *runner.facts("cdr.rejected"), *runner.facts("registrations")]:
        held = newest.get(entry.key)
        if held is None or entry.value.version > held.version:
            newest[entry.key] = entry.value
    for entry in runner.facts("rtp.unmatched"):
        outcome.streams[entry.value.stream.stream_id] = msgspec.json.encode(entry.value)
