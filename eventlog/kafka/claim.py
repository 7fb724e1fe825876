"""The right to publish under a name: whoever claims it later takes it away, as with a stage's partition."""

import asyncio
import contextlib
from typing import Final

from eventlog.kafka.errors import FencedError, KafkaLogError
from eventlog.kafka.loop import LoopThread
from eventlog.kafka.settings import KafkaSettings
from eventlog.kafka.transactor import Record, Transactor

AGAIN_S: Final = 1.0
"""Until a record that was not taken is sent again."""

END_S: Final = 1.0
"""How long closing waits for what is not appended yet."""


class Claim:
    """A name of ours, until `lost`. Records appended by it find out, in order, and nobody waits for them."""

    def __init__(self, settings: KafkaSettings, thread: LoopThread, name: str) -> None:
        """Take the name from whoever has it; KafkaLogError."""
        self.lost = False
        """Whether another process has claimed the name since."""
        self._thread = thread
        self._transactor = Transactor(settings, name)
        self._records: asyncio.Queue[Record] = asyncio.Queue()
        self._task = thread.call(self._start())

    def append(self, record: Record) -> None:
        """Append a record, in a transaction of its own, as soon as the brokers take it."""
        self._thread.loop.call_soon_threadsafe(self._records.put_nowait, record)

    async def close(self) -> None:
        """Let the name go."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._records.join(), END_S)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._transactor.close()

    async def _start(self) -> "asyncio.Task[None]":
        await self._transactor.open()
        return asyncio.create_task(self._run())

    async def _run(self) -> None:
        while not self.lost:
            record = await self._records.get()
            while not await self._taken(record):
                await asyncio.sleep(AGAIN_S)
            self._records.task_done()

    async def _taken(self, record: Record) -> bool:
        """Whether it needs no other try. After a failure the name is claimed anew, which settles that."""
        try:
            if not self._transactor.is_open:
                await self._transactor.open()
            await self._transactor.commit([record])
        except FencedError:
            self.lost = True
        except KafkaLogError:
            return False
        return True
