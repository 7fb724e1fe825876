"""Faust's consumer made exact: committed records only, our own offsets, co-assigned inputs.

What Faust 0.15.3 does otherwise is in docs/architecture.md. The names overridden here are half private, so
its version is pinned, and tests/streams/faust/test_worker.py fails where they no longer take effect.
"""

import inspect
from collections.abc import Callable, Coroutine, Generator, Mapping
from functools import partial
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from faust.app.base import App, BootStrategy
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Producer
from faust.types import TP
from mode.services import WaitResults

from eventlog.kafka.clients import committed_consumer
from eventlog.kafka.settings import KafkaSettings
from streams.faust.settings import StreamsSettings
from streams.faust.shell import Shell

HEARTBEATS_A_SESSION = 5

UNLINKED = 1 << 62
"""Stands for the offset before a record where that is not known."""


class NoOffsets(dict[TP, int | None]):
    """Faust drops what lies before the offset it read last; that is for the partitions to judge."""

    def __missing__(self, tp: TP) -> None:
        return None

    def __setitem__(self, tp: TP, offset: int | None) -> None:
        """Keep nothing."""

    def update(self, *_: Any, **__: Any) -> None:
        """Keep nothing."""


class StreamsBoot(BootStrategy):
    """Faust sends nothing itself: what is sent is in our transactions."""

    enable_kafka_producer = False


class StreamsApp(App):
    """A Faust application that runs stages."""

    BootStrategy = StreamsBoot
    kafka: KafkaSettings
    options: StreamsSettings
    shells: list[Shell]

    async def on_first_start(self) -> None:
        """Make no folders: there are no tables."""


class ExactThread(AIOKafkaConsumerThread):
    """Connects as our settings say, and links each record to the one fetched before it.

    What was fetched before a seek may be handed over after it. Offsets alone do not show that something
    between is missing, as commit markers leave holes; the links do (Partition).
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._fetched: dict[TP, int] = {}

    async def _seek_wait(self, consumer: AIOKafkaConsumer, partitions: Mapping[TP, int]) -> None:
        self._fetched |= {TP(*tp): offset - 1 for tp, offset in partitions.items()}
        await super()._seek_wait(consumer, partitions)

    async def _fetch_records(self, *args: Any, **kwargs: Any) -> Any:
        records = await super()._fetch_records(*args, **kwargs)  # none from before a seek: those are dropped
        for place, found in records.items():
            tp = TP(*place)
            previous = self._fetched.get(tp, UNLINKED)
            for record in found:
                object.__setattr__(record, "previous", previous)
                previous = record.offset
            self._fetched[tp] = previous
        return records

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:  # noqa: ARG002
        app: StreamsApp = self.consumer.app  # type: ignore[assignment]
        self._assignor = RangePartitionAssignor
        session_ms = int(app.options.session_s * 1000)
        return committed_consumer(
            app.kafka,
            f"{app.kafka.client_id}-{app.options.member or 'streams'}",
            group_id=app.kafka.topic(app.options.group),
            group_instance_id=app.options.member,
            # Range gives partition n of all topics to one worker; it sorts by member, so it is stable.
            partition_assignment_strategy=(RangePartitionAssignor,),
            session_timeout_ms=session_ms,
            heartbeat_interval_ms=session_ms // HEARTBEATS_A_SESSION,
            rebalance_timeout_ms=session_ms,
            max_poll_interval_ms=1_000_000,
        )


class _Begun:
    """A coroutine that ran up to where it waits for `future`."""

    def __init__(self, rest: Coroutine[Any, Any, Any], future: Any) -> None:
        self._rest, self._future = rest, future

    def __await__(self) -> Generator[Any, Any, Any]:
        future = self._future
        while True:
            try:
                woken = yield future
            except BaseException as error:
                send: Callable[[], Any] = partial(self._rest.throw, error)
            else:
                send = partial(self._rest.send, woken)
            try:
                future = send()
            except StopIteration as ended:
                return ended.value


class ExactConsumer(Consumer):
    """Reads each partition from what its stage has applied, and commits nothing else."""

    owner = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._read_offset = NoOffsets()

    def _to_message(self, tp: TP, record: Any) -> Any:
        message = super()._to_message(tp, record)
        message.checksum = record.previous  # of no use otherwise: Kafka has none since 0.11
        return message

    @property
    def _shells(self) -> list[Shell]:
        app: StreamsApp = self.app  # type: ignore[assignment]
        return app.shells

    def _new_consumer_thread(self) -> ExactThread:
        return ExactThread(self, loop=self.loop, beacon=self.beacon)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Let go of the stages' partitions: a step under way ends, nothing more begins."""
        self.owner = False
        await super().on_partitions_revoked(revoked)
        for shell in self._shells:
            await shell.close()

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Partitions are ours; Faust calls perform_seek before anything is read of them."""
        self.owner = True
        await super().on_partitions_assigned(assigned, generation_id)

    async def perform_seek(self) -> None:
        """Open the partitions, and begin behind what they have applied, whatever Faust committed."""
        await super().perform_seek()
        if not self.owner:
            return
        seek: dict[TP, int] = {}
        for shell in self._shells:
            seek |= await shell.open(self.assignment())
        await self.seek_wait(seek)

    async def wait_first(self, *waited: Any, timeout: Any = None) -> WaitResults:
        """Faust's, but a message whose agent has room for it is handed over at once.

        Faust makes four tasks a message, and takes two turns of the event loop: beside stages that compute
        in that loop, messages came slower than transactions went.
        """
        delivery, *others = waited
        if not inspect.iscoroutine(delivery):
            return await super().wait_first(*waited, timeout=timeout)
        try:
            future = delivery.send(None)
        except StopIteration:
            for other in others:
                other.close()
            return WaitResults([], [], stopped=False)
        return await super().wait_first(_Begun(delivery, future), *others, timeout=timeout)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Keep no account of holes, which commit markers leave before every record: it costs a turn of the
        event loop each, and only serves Faust's own committed offset."""

    def _new_offset(self, tp: TP) -> int | None:
        """What Faust commits: what is applied. Its own account of acknowledgements stalls on the holes that
        commit markers leave."""
        self._acked[tp].clear()
        self._acked_index[tp].clear()
        self._gap.pop(tp, None)
        for shell in self._shells:
            part = shell.parts.get(tp.partition)
            if tp.topic in shell.topics and part is not None and part.is_open:
                return part.next_offset(shell.topics[tp.topic]) or None
        return None


class SilentProducer(Producer):
    """Faust's producer, never started."""

    async def flush(self) -> None:
        """Nothing is ever sent by it."""


def install(app: StreamsApp) -> None:
    """Make the application's consumer exact; before it starts."""
    transport: Any = app.transport
    transport.Consumer, transport.Producer = ExactConsumer, SilentProducer
