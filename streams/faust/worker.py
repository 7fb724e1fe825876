"""One worker: a Faust application whose agents feed the stages."""

import asyncio
import contextlib
import logging
from collections.abc import Iterator, Sequence
from typing import Any

from faust.types import TP

from eventlog.kafka.settings import KafkaSettings
from eventlog.kafka.touch import Touch, in_touch
from eventlog.kafka.wire import Wire
from streams.bounds import BUFFERED_EVENTS
from streams.faust.consumer import ExactConsumer, StreamsApp, install
from streams.faust.exits import Exit, end_process
from streams.faust.partition import Partition, Shared
from streams.faust.settings import StreamsSettings
from streams.faust.shell import Shell
from streams.faust.stages import Plan
from streams.faust.watchdog import Watchdog

BEAT_S = 0.2
OPEN_S = 300.0
"""Longest time Faust waits for the partitions to open."""

STANDING_S = 15.0
"""A partition that has work and got no further for so long is not ready."""

STOP_S = 7.0
"""Longest time to end Faust's services."""

_log = logging.getLogger(__name__)


class Worker:
    """Runs stages until `stop` is set."""

    def __init__(
        self,
        kafka: KafkaSettings,
        options: StreamsSettings,
        plans: Sequence[Plan],
        partitions: dict[str, int],
    ) -> None:
        """`partitions` has the count of every topic."""
        shared = Shared(kafka, options, Wire.of(kafka), partitions)
        self.shells = [Shell(plan, shared) for plan in plans]
        self.touch = Touch(kafka)
        self.watchdog = Watchdog(options.stalled_s, self.partitions, self._behind, self._away)
        self.app = _application(kafka, options, self.shells)

    def partitions(self) -> Iterator[Partition]:
        """Those this worker owns now."""
        for shell in self.shells:
            yield from list(shell.parts.values())

    @property
    def trouble(self) -> str | None:
        """Why it does not do its work; None: it is in its group, all its partitions are open."""
        if self.touch.trouble:
            return self.touch.trouble
        if self._consumer is None or not self._consumer.owner:
            return "not in its group yet"
        parts = list(self.partitions())
        if troubles := [part.trouble for part in parts if part.trouble]:
            return troubles[0]
        if closed := [part.name for part in parts if not part.is_open]:
            return f"not open yet: {', '.join(closed)}"
        return self.watchdog.standing(STANDING_S)

    @property
    def _consumer(self) -> ExactConsumer | None:
        """Faust's consumer, once there is one: to ask the application would make it, in this thread."""
        consumer: ExactConsumer | None = self.app._consumer  # type: ignore[assignment]
        return consumer

    @property
    def _inner(self) -> Any:
        """aiokafka's consumer, which lives in a thread of its own; None before it is made."""
        return getattr(getattr(self._consumer, "_thread", None), "_consumer", None)

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set, then end in good order; where Faust itself fails the process ends at once,
        for its services hang as often as not when they are stopped then."""
        self.watchdog.start()
        starting = asyncio.create_task(self.app.start())
        try:
            while (
                not stop.is_set() and not self.app.crashed and not (starting.done() and starting.exception())
            ):
                self.watchdog.beat()
                self.touch.look(not self._away())
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), BEAT_S)
            if not stop.is_set():
                reason = starting.exception() if starting.done() else None
                end_process(Exit.CRASHED, f"Faust failed: {reason or self.app.crash_reason!r}")
        finally:
            self.watchdog.stop()
            for shell in self.shells:
                await shell.close()
            starting.cancel()
            with contextlib.suppress(Exception, asyncio.CancelledError):
                await asyncio.wait_for(self.app.stop(), STOP_S)

    def lag(self) -> dict[tuple[str, str, int], int]:
        """By stage, input and partition how many offsets Kafka holds beyond what is applied."""
        found = {}
        for shell in self.shells:
            for number, part in list(shell.parts.items()):
                for name, topic in shell.topics.items():
                    end, position = self._ends(TP(name, number))
                    behind = end > position or part.waiting
                    found[shell.name, topic, number] = max(0, end - part.applied(topic) - 1) if behind else 0
        return found

    def _away(self) -> bool:
        """Whether the group's brokers are not heard; not before it has met them."""
        consumer = self._inner
        return consumer is not None and not in_touch(consumer)

    def _behind(self) -> set[str]:
        return {
            part.name
            for shell in self.shells
            for number, part in list(shell.parts.items())
            if any(
                end > position for end, position in (self._ends(TP(name, number)) for name in shell.topics)
            )
        }

    def _ends(self, tp: TP) -> tuple[int, int]:
        """The committed end of an input as last heard, and what is fetched next; commit markers count.

        The consumer lives in a thread of its own; these are numbers it sets whole.
        """
        consumer = self._inner
        subscription = consumer._subscription.subscription if consumer is not None else None
        assignment = subscription.assignment if subscription is not None else None
        state = assignment.state_value(tp) if assignment is not None and tp in assignment.tps else None
        if state is None or state.lso is None or state._position is None:
            return 0, 0
        return state.lso, state._position


def _application(kafka: KafkaSettings, options: StreamsSettings, shells: list[Shell]) -> StreamsApp:
    app = StreamsApp(
        kafka.topic(options.group),
        broker=[f"kafka://{server}" for server in kafka.bootstrap_servers],
        store="memory://",
        value_serializer="raw",
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        reply_create_topic=False,
        consumer_auto_offset_reset="earliest",
        processing_guarantee="at_least_once",
        consumer_group_instance_id=options.member,
        broker_session_timeout=options.session_s,
        broker_rebalance_timeout=options.session_s,
        broker_request_timeout=OPEN_S,
        broker_commit_interval=1.0,
        table_standby_replicas=0,
        stream_buffer_maxsize=BUFFERED_EVENTS,
        stream_wait_empty=False,
        stream_recovery_delay=0.0,
        worker_redirect_stdouts=False,
    )
    app.kafka, app.options, app.shells = kafka, options, shells
    for shell in shells:
        for name in shell.topics:
            raw = app.topic(
                name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
            )
            app.agent(raw, name=f"{shell.name}-{name}")(shell.take)
    install(app)
    return app
