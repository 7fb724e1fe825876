"""The stages of one process over its durable log: what they read is in the log before they take it, and what
they say, know and have read is saved together.

Between two savings the stages hand each other their events in memory, where nobody else sees them. What a
death undoes is therefore all of them back to the last saving, and the raw events since are taken again.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any, Final

from capture.publisher import RTCP, RTP, SIP
from capture.sensor import Batch
from eventlog.sqlite.log import SqliteLog
from offhook.settings import Settings
from schemas.media_windows import WindowBatch
from schemas.rtcp_packets import RtcpBatch
from schemas.rtp_packets import RtpBatch
from schemas.sip_messages import SipBatch
from streams.memory import MemoryRunner

OWNER: Final = "stages"
SAVE_S: Final = 0.15
"""Least time between two savings, less than a tick of a paced capture: what stages say is not seen before."""

SHARE: Final = 10
"""Saving takes at most this part of the time."""

PENDING: Final = 5_000
"""Facts that wait for a saving."""

REPLAYED_AT_ONCE: Final = 50
"""Batches of a topic that a restart takes again between two savings."""

RAW: Final = {SipBatch: SIP, RtcpBatch: RTCP, RtpBatch: RTP}
FACTS: Final = ("cdr", "cdr.rejected", "rtp.unmatched", "media.windows", "registrations")


class Stages:
    """Calls, media and channels of one process."""

    def __init__(
        self, log: SqliteLog, settings: Settings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin where the log's last saving left off; what came after it is taken again."""
        self.savings = 0
        self.saved_s = 0.0
        self.saved_bytes = 0
        self._log, self._clock = log, clock
        self._runner = MemoryRunner(
            calls=settings.calls, records=settings.records, media=settings.media, reads=FACTS
        )
        for topic in RAW.values():
            log.subscribe(OWNER, topic, 0)
        self._taken = {topic: at for (topic, _), at in log.applied_offsets(OWNER).items()}
        self._facts: list[tuple[str, bytes, Any]] = []
        self._saved_at = clock()
        self._cost_s = 0.0
        self._restore()

    @property
    def counters(self) -> dict[str, int]:
        """Discards and evictions by reason, since the start."""
        return self._runner.counters

    @property
    def in_use(self) -> dict[str, int]:
        """Channels taken, by account."""
        found: dict[str, int] = {}
        for worker in self._runner.workers:
            found |= getattr(worker.stage, "in_use", {})
        return found

    def take(self, batches: Iterable[Batch]) -> None:
        """Apply batches that are in the log already, the next of their topics; save when it is due."""
        for batch in batches:
            topic = RAW[type(batch)]
            self._hand(topic, self._taken.get(topic, -1) + 1, batch)
        self._run()
        if len(self._facts) >= PENDING or self.due_in() <= 0:
            self.save()

    def due_in(self) -> float:
        """Seconds until the next saving, where there is anything to save."""
        wait = max(SAVE_S, SHARE * self._cost_s)
        return self._saved_at + wait - self._clock()

    def save(self) -> None:
        """Facts, state and offsets, in one transaction."""
        began = self._clock()
        changes: dict[bytes, bytes | None] = {}
        for worker in self._runner.workers:
            name = worker.owner.encode() + b"/"
            changes |= {name + key: value for key, value in worker.stage.changes().items()}
        with self._log.transaction(OWNER) as step:
            for topic, key, value in self._facts:
                step.append(topic, 0, key, value)
            step.save(changes)
            for topic, at in self._taken.items():
                step.applied(topic, 0, at)
        self._facts = []
        self.savings += 1
        self.saved_bytes += sum(len(value) for value in changes.values() if value is not None)
        self._saved_at = self._clock()
        self._cost_s = self._saved_at - began
        self.saved_s += self._cost_s

    def _hand(self, topic: str, offset: int, value: Any) -> None:
        self._runner.log.append(topic, 0, b"", value)
        self._taken[topic] = offset

    def _run(self) -> None:
        runner = self._runner
        runner.run()
        for topic in FACTS:
            for entry in runner.facts(topic):
                if topic != "media.windows" or _tells(entry.value):
                    self._facts.append((topic, entry.key, entry.value))
        runner.closed.clear()
        runner.trim()

    def _restore(self) -> None:
        state = self._log.state(OWNER)
        for worker in self._runner.workers:
            name = worker.owner.encode() + b"/"
            saved = {key.removeprefix(name): value for key, value in state.items() if key.startswith(name)}
            if saved:
                worker.stage.restore(saved)
        while self._replay():
            self.save()

    def _replay(self) -> int:
        """Take again some of what was published and not saved; how many batches that were."""
        count = 0
        for topic in RAW.values():
            at = max(self._taken.get(topic, -1) + 1, self._log.start(topic, 0))
            for entry in self._log.read(topic, 0, at, REPLAYED_AT_ONCE):
                self._hand(topic, entry.offset, entry.value)
                count += 1
        if count:
            self._run()
        return count


def forget_stages(log: SqliteLog) -> None:
    """Drop the stages' state: their capture has ended, and the next one has a clock of its own."""
    with log.transaction(OWNER) as step:
        step.save(dict.fromkeys(log.state(OWNER)))


def _tells(batch: WindowBatch) -> bool:
    """Whether it says more than the time."""
    return bool(len(batch.rows) or batch.streams or batch.ended)
