"""One partition of a stage: a queue of events, and a task that takes what has queued in one transaction.

`open` fences the former owner, reads the saved state, and takes the steps since once more, without their
facts: those are in Kafka. After any failure the stage is ahead of Kafka and is made anew by `open`.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from eventlog.kafka.errors import FencedError, KafkaLogError, RefusedError
from eventlog.kafka.partition import Guard, StagePartition
from eventlog.kafka.settings import KafkaSettings
from eventlog.kafka.state import Place
from eventlog.kafka.transactor import Record
from eventlog.kafka.wire import Wire
from eventlog.letters import TOPIC as DEAD_LETTERS
from eventlog.letters import dead_letter, letter_place
from eventlog.topics import partition
from schemas.framing import FramingError
from streams.bounds import JOURNAL_BYTES, JOURNAL_STEPS, QUEUED_EVENTS
from streams.calls import Calls
from streams.faust import journal as journals
from streams.faust.exits import Exit, end_process
from streams.faust.figures import Figures
from streams.faust.journal import Journal, Step
from streams.faust.replay import Past, Span, read_past
from streams.faust.settings import StreamsSettings
from streams.faust.stages import EVENTS, NAMES, Plan
from streams.stage import EVERY_PARTITION, Fact, Input, Stage

AGAIN_S: Final = 0.3
"""How long to wait before a partition is opened again after a failure."""

INTERIM_S: Final = 5.0
"""Wall time between two looks for calls whose media clock stands still."""

QUIET_S: Final = 0.5
"""How long events that gave no facts wait for a transaction of their own."""

HOLE_LOOKED_AT: Final = 64
"""Commit markers leave holes in the offsets; a larger one means that events were forgotten unread."""

_log = logging.getLogger(__name__)


class Event(Protocol):
    """What Faust hands over."""

    message: Any
    value: Any

    def ack(self) -> bool:
        """It is applied."""


class Shared(NamedTuple):
    """What all partitions of a worker have in common."""

    kafka: KafkaSettings
    options: StreamsSettings
    wire: Wire
    partitions: Mapping[str, int]
    """How many each topic has."""


class Partition:
    """Partition `number` of a stage."""

    def __init__(self, plan: Plan, number: int, shared: Shared, figures: Figures) -> None:
        self.plan, self.number, self.figures = plan, number, figures
        self.name = f"{plan.name}-{number}"
        self.lock = asyncio.Lock()
        self.queue: asyncio.Queue[Event] = asyncio.Queue(QUEUED_EVENTS)
        self.stage: Stage | None = None
        self.closed = False
        self.in_hand = 0
        self._shared = shared
        self._kafka = StagePartition(shared.kafka, plan.name, number)
        self._journal = Journal([])
        self._journal_bytes = 0
        self._saved_at = self._took_at = self._committed_at = 0.0
        self._taken: dict[Place, int] = {}
        """By input the last offset that the stage has taken; Kafka knows of it with the next transaction."""
        self._quiet: list[Event] = []
        """Events taken since the last transaction, to be taken again where that has to be."""
        self._counted: dict[str, int] = {}
        self.trouble: str | None = None
        """Why the last step failed, until one comes through."""
        self._names = {shared.kafka.topic(topic): topic for topic in plan.inputs}
        self._tasks = [asyncio.create_task(self._run(self._take), name=self.name)]
        if plan.name == "calls":
            self._tasks.append(asyncio.create_task(self._run(self._look)))

    @property
    def _turn(self) -> float:
        """Its place among all partitions, 0 to 1: they save one after the other, not all at once."""
        count = self._shared.partitions[self.plan.inputs[0]]
        return (self.number + NAMES.index(self.plan.name) / len(NAMES)) / count

    # -- opening -------------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether it can take events."""
        return self.stage is not None and self._kafka.is_open

    @property
    def waiting(self) -> int:
        """Events queued or in hand."""
        return self.queue.qsize() + self.in_hand

    def next_offset(self, topic: str) -> int:
        """Where to read an input on."""
        return self._kafka.next_offset(topic, self.number)

    def applied(self, topic: str) -> int:
        """The last offset applied, -1 none."""
        return self._kafka.applied.get((topic, self.number), -1)

    async def open(self) -> None:
        """Become the owner, with the stage as its last step left it. The lock is held; KafkaLogError."""
        began = time.monotonic()
        self._forget_stage()
        state = await self._kafka.open()
        written = state.pop(journals.KEY, None)
        journal = (
            journals.decode(written) if written else Journal([self.applied(t) for t in self.plan.inputs])
        )
        stage = self.plan.make(self.number)
        if state:
            stage.restore(state)
        await self._replay(stage, journal)
        self.stage, self._journal, self._journal_bytes = stage, journal, 0
        self._taken = dict(self._kafka.applied)
        self._committed_at = time.monotonic()
        self._saved_at = time.monotonic() - self._turn * self._shared.options.checkpoint_s
        self._counted = dict(stage.counters)  # type: ignore[attr-defined]
        self.figures.opened += 1
        self.figures.moved = time.monotonic()
        _log.info(
            "partition opened",
            extra={
                "fields": {
                    "partition": self.name,
                    "values": len(state),
                    "steps_replayed": len(journal.steps),
                    "seconds": round(time.monotonic() - began, 3),
                }
            },
        )

    async def _replay(self, stage: Stage, journal: Journal) -> None:
        """Take the steps since the state was saved once more."""
        last = journal.steps[-1].until if journal.steps else journal.saved
        spans = {
            topic: Span(saved, until)
            for topic, saved, until in zip(self.plan.inputs, journal.saved, last, strict=True)
        }
        past, lost = await read_past(self._shared.kafka, self.number, spans)
        for topic, count in lost.items():
            self._expired(topic, count)
        at = dict.fromkeys(self.plan.inputs, 0)
        for step in journal.steps:
            inputs: list[Input] = []
            for topic, until in zip(self.plan.inputs, step.until, strict=True):
                records, start = past[topic], at[topic]
                while at[topic] < len(records) and records[at[topic]].offset <= until:
                    at[topic] += 1
                inputs += self._decoded(topic, records[start : at[topic]], [])
            self.figures.replayed += len(inputs)
            facts = stage.step(inputs)
            if sum(1 for fact in facts for _ in self._targets(fact)) != step.facts:
                self.figures.replay_differs += 1
                _log.error(
                    "a step gave other facts when taken again", extra={"fields": {"partition": self.name}}
                )
            await asyncio.sleep(0)

    def _forget_stage(self) -> None:
        """Keep what the stage counted since it was opened."""
        if self.stage is not None:
            self.figures.counters = self.counters()
            self.stage = None

    def counters(self) -> dict[str, int]:
        """Discards and evictions by reason, since the worker began."""
        total = dict(self.figures.counters)
        if self.stage is not None:
            for reason, count in self.stage.counters.items():  # type: ignore[attr-defined]
                total[reason] = total.get(reason, 0) + count - self._counted.get(reason, 0)
        return total

    async def close(self) -> None:
        """Let it go after a step that is under way; what queued is dropped without an ack."""
        self.closed = True
        async with self.lock:
            for task in self._tasks:
                task.cancel()
            if self.is_open and self._journal.steps:
                try:  # so that the next owner has nothing to take again
                    await self._commit([], None)
                except FencedError as error:
                    end_process(Exit.FENCED, str(error))
                except KafkaLogError as error:
                    _log.warning("not saved", extra={"fields": {"partition": self.name, "why": str(error)}})
            self._forget_stage()
            await self._kafka.close()
        while not self.queue.empty():  # lets go an agent that waits at the full queue
            self.queue.get_nowait()

    # -- steps ---------------------------------------------------------------------------------------

    async def _run(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do this for ever; a stage that fails ends the worker, for the same events would come again."""
        try:
            while True:
                await work()
        except Exception as error:
            _log.exception("a stage failed", extra={"fields": {"partition": self.name}})
            end_process(Exit.DEFECT, f"{self.name}: {error!r}")

    async def _take(self) -> None:
        """Take what has queued, at most every `commit_ms`.

        Most events of a clock that has several sources move it no further and give no facts. They need no
        transaction: if this process dies they are read again, so they wait for the next that does.
        """
        events = list(self._quiet)
        if events:
            with contextlib.suppress(TimeoutError):
                events.append(await asyncio.wait_for(self.queue.get(), QUIET_S))
        else:
            events.append(await self.queue.get())
        self.in_hand = len(events)
        wait = self._took_at + self._shared.options.commit_ms / 1000 - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        self._took_at = time.monotonic()
        while not self.queue.empty():
            events.append(self.queue.get_nowait())
        self.in_hand = len(events)
        if await self._apply(events):
            self._quiet = events if self._taken != self._kafka.applied else []
            if not self._quiet:
                for event in events:
                    event.ack()
        self.in_hand = 0

    async def _look(self) -> None:
        """See whether the stage has something to say by the wall clock."""
        await asyncio.sleep(INTERIM_S)
        await self._apply([])

    async def _apply(self, events: Sequence[Event]) -> bool:
        """Events applied and committed, whatever Kafka does meanwhile; False where we no longer own them."""
        while not self.closed:
            async with self.lock:
                if self.closed:
                    return False
                try:
                    if not self.is_open:
                        await self.open()
                    if events:
                        await self._step(events)
                    else:
                        await self._say_interim()
                except FencedError as error:
                    end_process(Exit.FENCED, str(error))
                except RefusedError:
                    raise
                except KafkaLogError as error:
                    self._forget_stage()
                    self.figures.moved = time.monotonic()  # it is Kafka that stands still, not we
                    self._say_trouble(str(error))
                else:
                    if events:  # a look at the wall clock passes where a step does not
                        self.trouble = None
                    return True
            await asyncio.sleep(AGAIN_S)
        return False

    def _say_trouble(self, why: str) -> None:
        """Once, until it goes on: with Kafka away it is tried again several times a second."""
        if self.trouble is None:
            _log.warning("opening again", extra={"fields": {"partition": self.name, "why": why}})
        self.trouble = why

    async def _step(self, events: Sequence[Event]) -> None:
        """One step, and a transaction where it gave facts, or the last one was long ago."""
        assert self.stage is not None
        guard, new = Guard(self._taken), {topic: list[Past]() for topic in self.plan.inputs}
        for event in events:
            message = event.message
            topic = self._names[message.topic]
            before = guard.applied.get((topic, self.number), -1)
            if message.offset > before and message.checksum > before:  # the offset before it, see ExactThread
                self._skip(topic, message.offset, before)
                continue
            if guard.admits(topic, self.number, message.offset):
                if before >= 0 and message.offset - before > HOLE_LOOKED_AT:
                    self._expired(topic, message.offset - before - 1)
                new[topic].append(Past(message.offset, event.value or b""))
                self._journal_bytes += len(event.value or b"")
        records: list[Record] = []
        inputs = [each for topic, past in new.items() for each in self._decoded(topic, past, records)]
        letters = len(records)
        began = time.perf_counter()
        if guard.applied != self._taken:
            self._taken = guard.applied
            records += self._records(self.stage.step(inputs))
            until = [self._taken.get((topic, self.number), -1) for topic in self.plan.inputs]
            self._journal.steps.append(Step(until, len(records) - letters))
        done = time.perf_counter()
        quiet = time.monotonic() - self._committed_at < QUIET_S and not self._save_is_due()
        if records or not (quiet or self._taken == self._kafka.applied):
            await self._commit(records, len(records) - letters)
            self.figures.steps += 1
        figures = self.figures
        figures.step_s += done - began
        figures.commit_s += time.perf_counter() - done
        figures.events += len(inputs)
        figures.facts += len(records) - letters
        figures.moved = time.monotonic()

    def _skip(self, topic: str, offset: int, applied: int) -> None:
        """Drop an event that was read before the partition was sought back: what lies between comes first.

        Should it never come, the partition has work and gets no further, which the watchdog sees.
        """
        fields = {"partition": self.name, "topic": topic, "offset": offset, "applied": applied}
        _log.info("event out of turn", extra={"fields": fields})

    async def _say_interim(self) -> None:
        """Records that are not complete, of calls whose media clock stands still, with the state."""
        assert isinstance(self.stage, Calls)
        facts = self.stage.interim(time.time_ns() // 1000)
        if facts:
            await self._commit(self._records(facts), None)

    def _records(self, facts: Sequence[Fact]) -> list[Record]:
        """Facts as records of their partitions."""
        records: list[Record] = []
        for fact in facts:
            value = self._shared.wire.encode(fact.topic, fact.value)
            records += [Record(fact.topic, number, fact.key, value) for number in self._targets(fact)]
        return records

    async def _commit(self, records: list[Record], facts: int | None) -> None:
        """Facts, offsets and the journal, or the changed state instead of the journal, together.

        `facts` None: it was no step of inputs, so the state is saved.
        """
        changes: dict[bytes, bytes | None] = {}
        if facts is None or self._save_is_due():
            assert self.stage is not None
            changes = self.stage.changes()
            until = [self._taken.get((topic, self.number), -1) for topic in self.plan.inputs]
            self._journal, self._journal_bytes = Journal(until), 0
            self._saved_at = time.monotonic()
            self.figures.checkpoints += 1
            self.figures.checkpoint_bytes += sum(len(value) for value in changes.values() if value)
        await self._kafka.commit({**changes, journals.KEY: self._journal.encode()}, records, self._taken)
        self._committed_at = time.monotonic()

    def _save_is_due(self) -> bool:
        return (
            time.monotonic() - self._saved_at >= self._shared.options.checkpoint_s
            or len(self._journal.steps) >= JOURNAL_STEPS
            or self._journal_bytes >= JOURNAL_BYTES
        )

    def _decoded(self, topic: str, past: Sequence[Past], letters: list[Record]) -> Iterator[Input]:
        """The events that can be read; the others become dead letters."""
        for offset, value in past:
            try:
                event = self._shared.wire.decode(topic, value)
            except FramingError as error:
                reason = str(error)
            else:
                if isinstance(event, EVENTS[topic]):
                    yield Input(topic, event)
                    continue
                reason = f"{type(event).__name__} is no event of this topic"
            letters.append(self._letter(topic, offset, value, reason))

    def _letter(self, topic: str, offset: int, value: bytes, reason: str) -> Record:
        self.figures.dead_letters += 1
        now_us = time.time_ns() // 1000
        letter = dead_letter(
            self.plan.name, reason, value, time_us=now_us, topic=topic, number=self.number, offset=offset
        )
        number, key = letter_place(letter, self._shared.partitions[DEAD_LETTERS])
        return Record(DEAD_LETTERS, number, key, self._shared.wire.encode(DEAD_LETTERS, letter))

    def _targets(self, fact: Fact) -> Sequence[int]:
        """The partitions of its topic that a fact goes to."""
        count = self._shared.partitions[fact.topic]
        if fact.routing is EVERY_PARTITION:
            return range(count)
        if isinstance(fact.routing, int):
            return (fact.routing,)
        return (partition(fact.routing, count),)

    def _expired(self, topic: str, count: int) -> None:
        self.figures.expired += count
        _log.error(
            "events were forgotten before they were read: read faster, or raise retention",
            extra={"fields": {"partition": self.name, "topic": topic, "offsets": count}},
        )
