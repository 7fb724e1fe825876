"""Feeds a sink from Kafka: insert, then commit; after a failed insert back to what is committed."""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import Any, Final

from aiokafka.errors import KafkaError

from eventlog.kafka.clients import AIOKafkaProducer, end_client, idempotent_producer
from eventlog.kafka.connection import readable
from eventlog.kafka.errors import UnavailableError, UnsettledError
from eventlog.kafka.reader import Reader, Received
from eventlog.kafka.settings import KafkaSettings
from eventlog.kafka.touch import Touch
from eventlog.kafka.wire import Wire
from eventlog.letters import TOPIC, dead_letter, letter_place
from eventlog.log import LogError
from schemas.framing import FramingError
from sinks.age import Due
from sinks.bounds import READ_AT_ONCE
from sinks.contract import BackPressureError, BadRecordError, Place, Refusal, Sink, by_record, say_set_aside
from sinks.settings import SinkSettings

IDLE_MS: Final = 100
LAG_S: Final = 2.0
"""How often it is asked how much there is to read."""

_RETRY_S: Final = 1.0
"""Until Kafka is tried again."""

_log = logging.getLogger(__name__)


class KafkaDelivery:
    """One member of a group that feeds a sink. `mask` takes secrets out of a dead letter's bytes."""

    def __init__(
        self,
        kafka: KafkaSettings,
        sink: Sink,
        settings: SinkSettings,
        *,
        mask: Callable[[bytes], bytes],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is connected before run()."""
        self.retries = 0
        self.dead_letters = 0
        self.beat = clock()
        """When the loop last went round."""
        self._trouble: str | None = "not connected to Kafka yet"
        self._touch = Touch(kafka)
        self._missing: list[str] = []
        self._kafka, self._sink, self._settings = kafka, sink, settings
        self._mask, self._clock = mask, clock
        self._wire = Wire.of(kafka)
        self._reader = Reader(
            kafka, sink.topics, group=settings.group, member=settings.member, wire=self._wire
        )
        self._letters = _Letters(kafka, self._wire)
        self._held: dict[Place, Received] = {}
        self._refused: list[Refusal] = []
        self._applied: dict[tuple[str, int], int] = {}
        self._stored: dict[tuple[str, int], int] = {}
        """By partition the offset behind what is stored, where we know it."""
        self._lag: dict[tuple[str, int], int] = {}
        self._looked = clock()
        self._due = Due(sink, settings, clock)
        self._kafka_away = False

    @property
    def trouble(self) -> str | None:
        """Why nothing is delivered now."""
        if self._missing:
            return f"Kafka has no topic {', '.join(self._missing)}: offhook topics create makes it"
        return self._trouble or self._touch.trouble

    @property
    def expired(self) -> int:
        """Offsets that Kafka forgot before they were read."""
        return sum(self._reader.expired.values())

    def lag(self) -> Mapping[tuple[str, int], int]:
        """By topic and partition of ours how many offsets are not stored yet, as of some seconds ago."""
        return self._lag

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until told to stop, then deliver what is in hand."""
        if not await self._connect(stop):
            return
        try:
            while not stop.is_set():
                self.beat = self._clock()
                await self._round(stop)
            if self._applied:
                await self._deliver(stop, self._sink.topics)
        finally:
            await self._reader.stop()
            await self._letters.stop()

    async def _connect(self, stop: asyncio.Event) -> bool:
        said = False
        while not stop.is_set():
            self.beat = self._clock()
            try:
                await self._reader.start()
            except UnavailableError as error:
                self._trouble = str(error)
                if not said:
                    _log.warning("kafka is away", extra={"fields": {"why": str(error)}})
                said = True
                await _wait(stop, _RETRY_S)
            else:
                if said:
                    _log.info("kafka is back")
                self._trouble = None
                return True
        return False

    async def _round(self, stop: asyncio.Event) -> None:
        wait_ms = max(1, min(IDLE_MS, int(self._due.wait_s(self._topics()) * 1000)))
        try:
            for record in await self._reader.read(READ_AT_ONCE, wait_ms):
                self._take(record)
            await self._look()
        except UnavailableError as error:
            self._kafka_away = True
            await self._go_back(stop, str(error), _RETRY_S)
            return
        if self._kafka_away:
            self._kafka_away, self._trouble = False, None
        if due := self._due.topics(self._topics()):
            await self._deliver(stop, due)

    def _topics(self) -> set[str]:
        """What is in hand."""
        return {topic for topic, _ in self._applied}

    def _take(self, record: Received) -> None:
        place, where = Place(record.topic, record.partition, record.offset), (record.topic, record.partition)
        self._held[place] = record
        self._stored.setdefault(where, record.offset)
        self._applied[where] = record.offset
        if record.value is None:
            return
        try:
            self._sink.add(place, self._reader.decode(record))
        except (FramingError, BadRecordError) as error:
            self._refused.append(Refusal(place, str(error)))

    async def _deliver(self, stop: asyncio.Event, topics: Collection[str]) -> None:
        """Make what is in hand of these topics durable, then commit it."""
        self._due.begun(topics)
        mine = [refusal for refusal in self._refused if refusal.place.topic in topics]
        try:
            refused = by_record(mine + await self._flush(topics))
            await self._letters.send([self._letter(*each) for each in refused])
        except BackPressureError as pressure:
            await self._go_back(stop, str(pressure), pressure.retry_s)
            return
        except LogError as error:
            await self._go_back(stop, str(error), _RETRY_S)
            return
        self.dead_letters += len(refused)
        if refused:
            say_set_aside(refused)
        applied = {where: offset for where, offset in self._applied.items() if where[0] in topics}
        self._stored |= {place: offset + 1 for place, offset in applied.items()}
        self._forget(topics)
        if self._trouble is not None:
            _log.info("sink delivers again")
            self._trouble = None
        try:
            await self._reader.commit(applied)
        except UnsettledError as error:  # whoever has those partitions now writes the same rows again
            _log.info("group changed", extra={"fields": {"why": str(error)}})
        except UnavailableError as error:
            self._applied = {**applied, **self._applied}
            await self._go_back(stop, str(error), _RETRY_S)

    async def _flush(self, topics: Collection[str]) -> list[Refusal]:
        """In a thread: the group must hear of us meanwhile, and the loop goes round."""
        flushing = asyncio.ensure_future(asyncio.to_thread(self._sink.flush, topics))
        while not flushing.done():
            self.beat = self._clock()
            await asyncio.wait({flushing}, timeout=1.0)
        return flushing.result()

    async def _go_back(self, stop: asyncio.Event, why: str, retry_s: float) -> None:
        """Forget what is in hand, fetch nothing for a while, and read on from what is committed."""
        self.retries += 1
        if self._trouble is None:
            _log.warning("sink waits", extra={"fields": {"why": why, "retry_s": retry_s}})
        self._trouble = why
        self._sink.drop()
        self._forget(self._sink.topics)
        back = False
        until = self._clock() + retry_s
        while not stop.is_set() and not (back and self._clock() >= until):
            self.beat = self._clock()
            try:
                self._reader.pause()
                left_ms = max(1, min(IDLE_MS, int((until - self._clock()) * 1000)))
                await self._reader.read(1, left_ms)  # none comes: it is how the group knows we live
                await self._look()
                if self._clock() >= until:
                    await self._reader.seek_back()
                    self._reader.resume()
                    back = True
            except LogError as error:
                self._trouble = str(error)
                until = self._clock() + _RETRY_S
                await _wait(stop, _RETRY_S)

    async def _look(self) -> None:
        """See whether Kafka is there, and how much there is to do, now and then."""
        self._touch.look(self._reader.in_touch)
        if self._clock() - self._looked < LAG_S or not self._reader.in_touch:
            return
        self._looked = self._clock()
        missing, self._missing = self._missing, self._reader.missing
        if self._missing != missing:
            _log.warning("topics that Kafka has not", extra={"fields": {"topics": self._missing}})
        with suppress(LogError, KafkaError):  # a rebalance came between: another time
            ends, at = await self._reader.ends(), await self._reader.positions()
            self._stored = {place: offset for place, offset in self._stored.items() if place in ends}
            if self._applied or self._trouble is not None:  # else commit markers alone lie between
                at |= {place: min(at[place], self._stored[place]) for place in self._stored if place in at}
            self._lag = {place: max(0, end - at[place]) for place, end in ends.items() if place in at}

    def _forget(self, topics: Collection[str]) -> None:
        self._held = {place: held for place, held in self._held.items() if place.topic not in topics}
        self._applied = {where: offset for where, offset in self._applied.items() if where[0] not in topics}
        self._refused = [refusal for refusal in self._refused if refusal.place.topic not in topics]

    def _letter(self, place: Place, reason: str) -> Any:
        record = self._held[place]
        return dead_letter(
            self._settings.group,
            reason,
            self._mask(record.value or b""),
            time_us=time.time_ns() // 1000,
            key=record.key or b"",
            topic=place.topic,
            number=place.partition,
            offset=place.offset,
        )


class _Letters:
    """Sends dead letters; connects when there is one."""

    def __init__(self, kafka: KafkaSettings, wire: Wire) -> None:
        self._kafka, self._wire = kafka, wire
        self._producer: AIOKafkaProducer | None = None

    async def send(self, letters: list[Any]) -> None:
        """Send them all, and wait until the brokers have them."""
        if not letters:
            return
        with readable(self._kafka, "send dead letters"):
            if self._producer is None:
                producer = idempotent_producer(self._kafka, f"{self._kafka.client_id}-letters", 0)
                try:
                    await producer.start()
                except BaseException:
                    await end_client(producer)
                    raise
                self._producer = producer
            topic = self._kafka.topic(TOPIC)
            count = len(await self._producer.partitions_for(topic))
            for letter in letters:
                number, key = letter_place(letter, count)
                value = self._wire.encode(TOPIC, letter)
                await self._producer.send_and_wait(topic, value, key=key, partition=number)

    async def stop(self) -> None:
        """Disconnect."""
        if self._producer is not None:
            await end_client(self._producer)


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
