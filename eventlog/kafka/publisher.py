"""Appends records outside any transaction, in order and none given up: what capture does.

The caller does not wait for the brokers, until so much is unacknowledged that it must: with Kafka away a
capture from a file stands still, and a live one drops at its ring, where drops are counted.
"""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final, NamedTuple

from aiokafka.errors import KafkaTimeoutError

from eventlog.kafka.bounds import UNACKNOWLEDGED_BYTES
from eventlog.kafka.clients import AIOKafkaProducer, end_client, idempotent_producer
from eventlog.kafka.connection import readable
from eventlog.kafka.errors import RefusedError, UnavailableError
from eventlog.kafka.loop import LoopThread
from eventlog.kafka.settings import KafkaSettings
from eventlog.kafka.touch import Touch

LINGER_MS = 5
"""How long a batch waits for more."""

LOOK_S: Final = 0.5
"""How often it is asked whether the brokers answer."""


class _Waiting(NamedTuple):
    topic: str
    partition: int
    key: bytes
    value: bytes

    @property
    def size(self) -> int:
        return len(self.key) + len(self.value)


class Publisher:
    """An idempotent producer in a thread: order by partition, no doubles, no gaps while it lives.

    A restarted publisher is another producer: what was sent and not acknowledged before may be there or not.
    """

    def __init__(
        self, settings: KafkaSettings, thread: LoopThread, unacknowledged_bytes: int = UNACKNOWLEDGED_BYTES
    ) -> None:
        """Connect; UnavailableError where that fails."""
        self.acknowledged = 0
        """Records that the brokers have."""
        self.waited_s = 0.0
        """How long callers had to wait because too much was unacknowledged."""
        self.touch = Touch(settings)
        """Whether the brokers acknowledge what they are sent."""
        self._settings, self._thread = settings, thread
        self._asked_at: float | None = None
        """When the brokers were last asked, or last answered, for as long as something is not answered."""
        self._waiting_at: float | None = None
        """Since when a caller waits for something else of the brokers."""
        self._bound = unacknowledged_bytes
        self._held = 0
        self._failure: Exception | None = None
        self._room = threading.Condition()
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue()
        self._producer, self._tasks = thread.call(self._start())

    @property
    def unacknowledged_bytes(self) -> int:
        """Bytes that no broker has acknowledged yet."""
        return self._held

    def append(self, topic: str, partition: int, key: bytes, value: bytes) -> None:
        """Hand a record over; waits while too much is unacknowledged. RefusedError once one was refused."""
        record = _Waiting(self._settings.topic(topic), partition, key, value)
        with self._room:
            if self._held and self._held + record.size > self._bound:
                began = time.monotonic()
                self._room.wait_for(
                    lambda: self._failure or self._held + record.size <= self._bound or not self._held
                )
                self.waited_s += time.monotonic() - began
            self._raise_failure()
            if not self._held:
                self._asked_at = time.monotonic()
            self._held += record.size
        self._thread.loop.call_soon_threadsafe(self._queue.put_nowait, record)

    def flush(self, timeout_s: float | None = None) -> None:
        """Wait until the brokers have everything; UnavailableError where that takes longer, RefusedError."""
        with self._room:
            self._room.wait_for(lambda: self._failure or not self._held, timeout_s)
            self._raise_failure()
            if self._held:
                raise UnavailableError(
                    f"Kafka has not acknowledged {self._held} bytes within {timeout_s} s; they are still held"
                )

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """The caller waits for an answer of the brokers that does not come by this publisher."""
        self._waiting_at = time.monotonic()
        try:
            yield
        finally:
            self._waiting_at = None

    def close(self) -> None:
        """Disconnect; what is not acknowledged is lost: flush first."""
        self._thread.call(self._stop())

    async def _start(self) -> tuple[AIOKafkaProducer, list["asyncio.Task[None]"]]:
        producer = idempotent_producer(self._settings, f"{self._settings.client_id}-publisher", LINGER_MS)
        try:
            with readable(self._settings, "publish"):
                await producer.start()
        except BaseException:
            await end_client(producer)
            raise
        return producer, [asyncio.create_task(self._send_all(producer)), asyncio.create_task(self._watch())]

    async def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await end_client(self._producer)

    async def _watch(self) -> None:
        """See whether the brokers answer. Whoever waits for longer than a look has not been answered."""
        while True:
            await asyncio.sleep(LOOK_S)
            now = time.monotonic()
            asked = [at for at in (self._asked_at, self._waiting_at) if at is not None]
            self.touch.look(all(now - at < 2 * LOOK_S for at in asked))

    async def _send_all(self, producer: AIOKafkaProducer) -> None:
        """One task sends, so that a partition's records stay in order."""
        try:
            while True:
                record = await self._queue.get()
                sent = await self._send(producer, record)
                sent.add_done_callback(partial(self._acknowledge, record.size))
        except Exception as error:  # whatever it was: the caller must hear of it, nothing is sent any more
            self._fail(error)

    async def _send(self, producer: AIOKafkaProducer, record: _Waiting) -> "asyncio.Future[object]":
        while True:
            try:
                sent: asyncio.Future[object] = await producer.send(
                    record.topic, record.value, key=record.key, partition=record.partition
                )
            except KafkaTimeoutError:  # no room in its buffer, because no broker answers: it was not taken
                continue
            return sent

    def _acknowledge(self, size: int, sent: "asyncio.Future[object]") -> None:
        error = asyncio.CancelledError() if sent.cancelled() else sent.exception()
        if error is not None:
            self._fail(error)
            return
        with self._room:
            self.acknowledged += 1
            self._held -= size
            self._asked_at = time.monotonic() if self._held else None
            self._room.notify_all()

    def _fail(self, error: BaseException) -> None:
        reason = " ".join(str(error).split()) or type(error).__name__
        with self._room:
            self._failure = self._failure or RefusedError(
                f"Kafka refused a record: {reason}; publishing ends"
            )
            self._room.notify_all()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure
