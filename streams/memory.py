"""The in-process runner: every partition of every stage, driven over a memory log until nothing is left.

With one partition a stage and nothing saved it is what `analyze` uses; with more partitions, an order of
its own, encoded events and saved state it is what the tests use to show that none of this matters.
"""

from collections.abc import Callable, Iterator, Sequence

from eventlog.log import Entry
from eventlog.memory import MemoryLog
from eventlog.topics import partition
from streams.calls import Calls
from streams.channels.channels import Channels
from streams.media.media import Media
from streams.media.settings import MediaSettings
from streams.settings import CallSettings, RecordSettings
from streams.stage import EVERY_PARTITION, Fact, Input, Stage

READER = "reader"
"""Who reads the facts in the log."""

Pick = Callable[[Sequence["Worker"]], "Worker"]
"""Chooses which of the workers with something to do goes next."""


class Worker:
    """One partition of a stage and its place in the log."""

    def __init__(self, name: str, number: int, make: Callable[[], Stage], inputs: Sequence[str]) -> None:
        self.name, self.number, self.make = name, number, make
        self.owner = f"{name}-{number}"
        self.inputs = tuple(inputs)
        self.stage = make()
        self.next = dict.fromkeys(inputs, 0)
        self.applied = dict.fromkeys(inputs, -1)

    def restart(self, log: MemoryLog) -> None:
        """Lose the stage, and make it again from what the log saved."""
        self.stage = self.make()
        self.stage.restore(log.state(self.owner))
        offsets = log.applied_offsets(self.owner)
        self.applied = {topic: offsets.get((topic, self.number), -1) for topic in self.inputs}
        self.next = {topic: at + 1 for topic, at in self.applied.items()}

    def read(self, log: MemoryLog, limit: int | None) -> list[Input]:
        """The next events of all inputs; one that was applied before is skipped."""
        found: list[Input] = []
        for topic, at in self.next.items():
            entries = log.read(topic, self.number, at, limit)
            found += [Input(topic, entry.value) for entry in entries if entry.offset > self.applied[topic]]
            self.next[topic] = at + len(entries)
            self.applied[topic] = max(self.applied[topic], self.next[topic] - 1)
        return found


class MemoryRunner:
    """All stages over one log. `saves` stores each step's state in its transaction."""

    def __init__(
        self,
        *,
        calls_partitions: int = 1,
        media_partitions: int = 1,
        encode: bool = False,
        saves: bool = False,
        calls: CallSettings | None = None,
        records: RecordSettings | None = None,
        media: MediaSettings | None = None,
        reads: Sequence[str] = ("cdr", "rtp.unmatched"),
    ) -> None:
        """`reads`: the topics that `facts` will be asked for; they are kept until then."""
        counts = {
            "sip.messages": calls_partitions, "media.windows": calls_partitions,
            "channel.decisions": calls_partitions, "rtp.packets": media_partitions,
            "rtcp.packets": media_partitions, "media.endpoints": media_partitions,
            "channels": 1, "cdr": 1, "cdr.rejected": 1, "rtp.unmatched": 1, "registrations": 1,
        }  # fmt: skip
        self.log = MemoryLog(counts, encode=encode)
        self.saves = saves
        self.workers = [
            Worker("calls", n, lambda n=n: Calls(n, media_partitions, calls, records), Calls.inputs)  # type: ignore[misc]
            for n in range(calls_partitions)
        ] + [
            Worker("media", n, lambda n=n: Media(n, calls_partitions, calls_partitions, media), Media.inputs)  # type: ignore[misc]
            for n in range(media_partitions)
        ]
        if records is not None and records.channels_max:
            limit, gone_s = records.channels_max, (calls or CallSettings()).sensor_gone_s
            self.workers.append(
                Worker("channels", 0, lambda: Channels(calls_partitions, limit, gone_s), Channels.inputs)
            )
        for worker in self.workers:
            for topic in worker.inputs:
                self.log.subscribe(worker.owner, topic, worker.number)
        self._read: dict[tuple[str, int], int] = {}
        for topic in reads:
            for number in range(counts[topic]):
                self.log.subscribe(READER, topic, number)
        self.closed: list[str] = []

    @property
    def counters(self) -> dict[str, int]:
        """Discards and evictions of all stages, by reason."""
        total: dict[str, int] = {}
        for worker in self.workers:
            for reason, count in worker.stage.counters.items():  # type: ignore[attr-defined]
                total[reason] = total.get(reason, 0) + count
        return total

    def run(self, pick: Pick | None = None, limit: int | None = None) -> None:
        """Step workers until none has anything to read; `limit` events of a topic a step at most."""
        while True:
            busy = [worker for worker in self.workers if self._has_input(worker)]
            if not busy:
                return
            self.step(pick(busy) if pick else busy[0], limit)

    def _has_input(self, worker: Worker) -> bool:
        return any(self.log.end(topic, worker.number) > at for topic, at in worker.next.items())

    def step(self, worker: Worker, limit: int | None = None) -> None:
        """One step of one worker: inputs, state, facts and offsets in one transaction."""
        inputs = worker.read(self.log, limit)
        facts = worker.stage.step(inputs)
        with self.log.transaction(worker.owner) as step:
            for fact in facts:
                for number in self._partitions(fact):
                    step.append(fact.topic, number, fact.key, fact.value)
            if self.saves:
                step.save(worker.stage.changes())
            for topic, at in worker.applied.items():
                if at >= 0:
                    step.applied(topic, worker.number, at)
        if isinstance(worker.stage, Calls):
            self.closed += worker.stage.closed

    def _partitions(self, fact: Fact) -> Iterator[int]:
        count = self.log.partitions(fact.topic)
        if fact.routing is EVERY_PARTITION:
            yield from range(count)
        elif isinstance(fact.routing, int):
            yield fact.routing
        else:
            yield partition(fact.routing, count)

    def facts(self, topic: str) -> list[Entry]:
        """What came to a topic since the last call, by partition."""
        entries: list[Entry] = []
        with self.log.transaction(READER) as step:
            for number in range(self.log.partitions(topic)):
                at = self._read.get((topic, number), 0)
                entries += self.log.read(topic, number, at)
                self._read[topic, number] = self.log.end(topic, number)
                if self._read[topic, number] > at:
                    step.applied(topic, number, self._read[topic, number] - 1)
        return entries

    def trim(self) -> None:
        """Forget what everyone has read."""
        self.log.trim()
