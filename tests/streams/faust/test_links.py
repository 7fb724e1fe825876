"""Of what is fetched, lost, handed over late or twice, a partition takes each record once and in order.

A real worker's consumer fetches from the real broker; the tests play what lies between it and the partition,
where Faust loses or holds back what it had fetched when partitions are shared out anew.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from faust.types import TP

from eventlog.kafka.clients import committed_consumer, end_client
from eventlog.kafka.settings import KafkaSettings
from eventlog.kafka.transactor import Record, Transactor
from eventlog.kafka.wire import Wire
from schemas.channels import ChannelBatch, ChannelDecision
from streams.faust.consumer import ExactConsumer, ExactThread
from streams.faust.figures import Figures
from streams.faust.partition import Partition, Shared
from streams.faust.settings import StreamsSettings
from streams.faust.stages import Plan
from streams.faust.worker import Worker
from streams.stage import Fact, Input
from tests.eventlog.kafka.cluster import created, run, seen, settings
from tests.kafka_broker import Kafka


class Echo:
    """A stage that says what it takes, in the order in which it takes it."""

    counters: Mapping[str, int] = {}

    def step(self, inputs: Iterable[Input]) -> list[Fact]:
        return [Fact("channel.decisions", 0, b"", _decision(each.value.clock_us)) for each in inputs]

    def changes(self) -> dict[bytes, bytes | None]:
        return {}

    def restore(self, state: Mapping[bytes, bytes]) -> None:
        """There is none."""


class Handed:
    """An event as Faust hands it over."""

    def __init__(self, message: Any) -> None:
        self.message, self.value = message, message.value
        self.done = asyncio.Event()

    def ack(self) -> bool:
        self.done.set()
        return True


class Reading:
    """One partition of `channels` with records 0, 1, 2 ..., a worker's consumer of it, and its stage."""

    def __init__(self, chosen: KafkaSettings, consumer: ExactConsumer, inner: Any, part: Partition) -> None:
        self._chosen, self._consumer, self._inner, self._part = chosen, consumer, inner, part
        self._tp = TP(chosen.topic("channels"), 0)

    @property
    def _thread(self) -> ExactThread:
        thread: ExactThread = self._consumer._thread  # type: ignore[assignment]
        return thread

    async def fetch(self, count: int) -> list[Any]:
        """The next records, at most `count`, as messages; none at the end."""
        found = await self._thread._fetch_records(self._inner, {self._tp}, timeout=0.5, max_records=count)
        return [self._consumer._to_message(TP(*tp), record) for tp, each in found.items() for record in each]

    async def hand(self, messages: Sequence[Any]) -> None:
        """Give messages to the partition, and wait until it is done with them."""
        events = [Handed(message) for message in messages]
        for event in events:
            await self._part.queue.put(event)
        for event in events:
            await event.done.wait()

    async def seek(self) -> None:
        """Read on behind what is applied, as after partitions were shared out anew."""
        await self._thread._seek_wait(self._inner, {self._tp: self._part.next_offset("channels")})

    async def read_on(self) -> None:
        """Hand over all there is."""
        while messages := await self.fetch(100):
            await self.hand(messages)

    async def taken(self) -> list[int]:
        """Which records the stage took, as the topic of its facts has it."""
        wire = Wire.of(self._chosen)
        facts = await seen(self._chosen, "channel.decisions")
        return [wire.decode("channel.decisions", fact.value).taken for fact in facts]


@asynccontextmanager
async def _reading(kafka: Kafka, prefix: str, count: int) -> AsyncIterator[Reading]:
    chosen = await created(settings(kafka, prefix), "channels", "channel.decisions", "channels.state")
    await _write(chosen, count)
    plan = Plan("channels", ("channels",), lambda _: Echo())
    counts = {"channels": 1, "channel.decisions": 1}
    app = Worker(chosen, StreamsSettings(), [plan], counts).app
    consumer: ExactConsumer = app.consumer  # type: ignore[assignment]
    consumer.resume_flow()
    inner = committed_consumer(chosen, "test", auto_offset_reset="earliest")
    part = Partition(
        plan, 0, Shared(chosen, StreamsSettings(commit_ms=0), Wire.of(chosen), counts), Figures()
    )
    await inner.start()
    try:
        inner.assign([TP(chosen.topic("channels"), 0)])
        await part.open()
        yield Reading(chosen, consumer, inner, part)
    finally:
        await part.close()
        await end_client(inner)


async def _write(chosen: KafkaSettings, count: int) -> None:
    """Records, two a transaction, so that commit markers leave holes in the offsets."""
    wire, writer = Wire.of(chosen), Transactor(chosen, "writer")
    values = [wire.encode("channels", ChannelBatch("acc", "site", 0, number, [])) for number in range(count)]
    await writer.open()
    for at in range(0, count, 2):
        await writer.commit(Record("channels", 0, None, value) for value in values[at : at + 2])
    await writer.close()


def _decision(number: int) -> ChannelDecision:
    return ChannelDecision("acc", "site", "", "", admitted=True, taken=number)


def test_a_record_behind_a_lost_fetch_is_taken_once_the_lost_one_came_again(
    kafka: Kafka, prefix: str
) -> None:
    async def story() -> None:
        async with _reading(kafka, prefix, 9) as reading:
            await reading.seek()
            await reading.hand(await reading.fetch(3))
            await reading.fetch(3)  # lost
            await reading.hand(await reading.fetch(3))
            assert await reading.taken() == [0, 1, 2]
            await reading.seek()
            await reading.read_on()
            assert await reading.taken() == [*range(9)]

    run(story())


def test_what_was_fetched_before_a_seek_is_not_taken_before_what_lies_between(
    kafka: Kafka, prefix: str
) -> None:
    async def story() -> None:
        async with _reading(kafka, prefix, 9) as reading:
            await reading.seek()
            first, late = await reading.fetch(4), await reading.fetch(2)
            await reading.seek()
            await reading.hand(late)
            assert await reading.taken() == []
            again = await reading.fetch(6)
            await reading.hand(again[:3])
            await reading.hand(late)
            assert await reading.taken() == [0, 1, 2]
            await reading.hand(again[3:])
            await reading.hand(first)
            await reading.read_on()
            assert await reading.taken() == [*range(9)]

    run(story())


def test_a_record_handed_over_twice_is_taken_once(kafka: Kafka, prefix: str) -> None:
    async def story() -> None:
        async with _reading(kafka, prefix, 4) as reading:
            await reading.seek()
            messages = await reading.fetch(4)
            await reading.hand([*messages[:2], *messages[:2], messages[1]])  # within one step
            await reading.hand(messages[:2])  # and in another
            await reading.hand(messages)
            assert await reading.taken() == [*range(4)]

    run(story())


def test_nothing_is_taken_that_was_fetched_before_the_partition_was_opened(kafka: Kafka, prefix: str) -> None:
    async def story() -> None:
        async with _reading(kafka, prefix, 4) as reading:
            await reading.hand(await reading.fetch(4))
            assert await reading.taken() == []
            await reading.seek()
            await reading.read_on()
            assert await reading.taken() == [*range(4)]

    run(story())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_any_disorder_leaves_each_record_taken_once_and_in_order(
    kafka: Kafka, prefix: str, seed: int
) -> None:
    async def story() -> None:
        chance = random.Random(seed)
        async with _reading(kafka, prefix, 60) as reading:
            held: list[list[Any]] = []
            for _ in range(40):
                match chance.choice(["hand", "hand", "hold", "late", "seek"]):
                    case "hand":
                        await reading.hand(await reading.fetch(chance.randint(1, 6)))
                    case "hold":
                        held.append(await reading.fetch(chance.randint(1, 6)))
                    case "late" if held:
                        await reading.hand(chance.choice(held))
                    case _:
                        await reading.seek()
            taken = await reading.taken()
            assert taken == [*range(len(taken))]
            await reading.seek()
            await reading.read_on()
            assert await reading.taken() == [*range(60)]

    run(story())
