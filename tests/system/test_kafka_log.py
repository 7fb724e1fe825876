"""The stages over real Kafka give what they give in memory, also when their owners are replaced."""

import asyncio
import random
from collections.abc import Callable, Iterator, Sequence

import msgspec

from capture.files import open_capture
from capture.publisher import Publisher
from capture.sensor import Sensor
from capture.settings import CaptureSettings
from eventlog.kafka.log import KafkaLog
from eventlog.kafka.partition import StagePartition
from eventlog.kafka.reader import Reader, read_to_end
from eventlog.kafka.settings import KafkaSettings
from eventlog.kafka.topics import create
from eventlog.kafka.transactor import Record
from eventlog.kafka.wire import Wire
from eventlog.topics import partition
from schemas.cdr import CallRecord
from streams.calls import Calls
from streams.media.media import Media
from streams.stage import EVERY_PARTITION, Fact, Input, Stage
from tests.eventlog.kafka.cluster import run, settings
from tests.kafka_broker import Kafka
from tests.paths import CAPTURES
from tests.system.same_records import Way, take

CAPTURE = CAPTURES / "irontec_sngrep__tests_aaa.pcap"
PARTITIONS = 2


class Worker:
    """One partition of a stage: reads, steps, commits."""

    def __init__(self, chosen: KafkaSettings, name: str, number: int, make: Callable[[], Stage]) -> None:
        self.chosen, self.name, self.number, self.make = chosen, name, number, make
        self.wire = Wire.of(chosen)
        self.inputs: Sequence[str] = make().inputs  # type: ignore[attr-defined]

    async def take_over(self) -> None:
        """Begin as a new owner, with what Kafka holds."""
        self.part = StagePartition(self.chosen, self.name, self.number)
        state = await self.part.open()
        self.stage = self.make()
        if state:
            self.stage.restore(state)
        self.reader = Reader(self.chosen, self.inputs, partitions=[self.number])
        await self.reader.start()
        for topic in self.inputs:
            await self.reader.seek(topic, self.number, self.part.next_offset(topic, self.number))

    async def step(self) -> bool:
        """One transaction with what there is; False where there was nothing."""
        guard = self.part.guard()
        inputs = [
            Input(record.topic, self.reader.decode(record))
            for record in await self.reader.read(40, wait_ms=20)
            if guard.admits(record.topic, record.partition, record.offset)
        ]
        if not inputs:
            return False
        facts = self.stage.step(inputs)
        records = [record for fact in facts for record in self._records(fact)]
        await self.part.commit(self.stage.changes(), records, guard.applied)
        return True

    async def idle(self) -> bool:
        ends = await self.reader.ends()
        return all(at >= ends[place] for place, at in (await self.reader.positions()).items())

    def _records(self, fact: Fact) -> Iterator[Record]:
        value = self.wire.encode(fact.topic, fact.value)
        if fact.routing is EVERY_PARTITION:
            numbers = list(range(PARTITIONS))
        elif isinstance(fact.routing, int):
            numbers = [fact.routing]
        else:
            numbers = [partition(fact.routing, PARTITIONS)]
        return (Record(fact.topic, number, fact.key, value) for number in numbers)


def test_records_are_the_same_as_in_memory_whoever_takes_over(kafka: Kafka, prefix: str) -> None:
    chosen = settings(kafka, prefix, PARTITIONS)
    run(create(chosen))
    _publish(chosen)
    expected = take(CAPTURE, Way())
    assert len(expected.calls) > 1
    assert run(_calls(chosen)) == expected.calls


def _publish(chosen: KafkaSettings) -> None:
    sensor = Sensor("acc", "site", "s", settings=CaptureSettings())
    with KafkaLog(chosen) as log:
        publisher = Publisher(log)
        for block in open_capture(CAPTURE):
            publisher.publish(sensor.feed(block))
            publisher.publish(sensor.flush())
        publisher.publish(sensor.close())
        log.flush(30)


async def _calls(chosen: KafkaSettings) -> dict[str, bytes]:
    """Run the stages until nothing is left; some owners are replaced, without a word, on the way."""
    rng = random.Random(4)
    workers = [
        Worker(chosen, "calls", number, lambda number=number: Calls(number, PARTITIONS))  # type: ignore[misc]
        for number in range(PARTITIONS)
    ] + [
        Worker(chosen, "media", number, lambda number=number: Media(number, PARTITIONS, PARTITIONS))  # type: ignore[misc]
        for number in range(PARTITIONS)
    ]
    await asyncio.gather(*(worker.take_over() for worker in workers))
    replaced = []
    while True:
        stepped = await asyncio.gather(*(worker.step() for worker in workers))
        if not any(stepped) and all(await asyncio.gather(*(worker.idle() for worker in workers))):
            break
        if len(replaced) < 4 and rng.random() < 0.3:
            worker = rng.choice(workers)
            replaced.append((worker.part, worker.reader))
            await worker.take_over()
    for part, reader in [*replaced, *((worker.part, worker.reader) for worker in workers)]:
        await part.close()
        await reader.stop()
    assert replaced
    newest: dict[str, CallRecord] = {}
    async with Reader(chosen, ["cdr"]) as reader:
        for record in await read_to_end(reader):
            call = reader.decode(record)
            if call.cdr_id not in newest or call.version > newest[call.cdr_id].version:
                newest[call.cdr_id] = call
    return {
        cdr_id: msgspec.json.encode(msgspec.structs.replace(call, version=0))
        for cdr_id, call in newest.items()
    }
