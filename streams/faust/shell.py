"""One stage in a worker: gives events to the partitions it owns, opens and closes them."""

import asyncio
from collections.abc import Iterable
from typing import Any

from faust.types import TP

from streams.faust.exits import Exit, end_process
from streams.faust.figures import Figures
from streams.faust.partition import Partition, Shared
from streams.faust.stages import Plan


class Shell:
    """The partitions of a stage that this worker owns now."""

    def __init__(self, plan: Plan, shared: Shared) -> None:
        self.plan, self.name = plan, plan.name
        self.parts: dict[int, Partition] = {}
        self.figures: dict[int, Figures] = {}
        """By partition, of all that this worker ever owned."""
        self.topics = {shared.kafka.topic(topic): topic for topic in plan.inputs}
        """The inputs, by what the cluster calls them."""
        self._shared = shared

    async def take(self, stream: Any) -> None:
        """The agent's body: hand each event to its partition; it is acknowledged when it is committed.

        What else has come is taken at once: by itself a stream gives one event a turn of the event loop, in
        which the stages compute.
        """
        waiting = stream.channel.queue
        async for event in stream.noack().events():
            await self._hand(event)
            while not waiting.empty():
                await self._hand(waiting.get_nowait())

    async def _hand(self, event: Any) -> None:
        """To its partition. An event of a partition that is no longer ours, or read before partitions were
        shared out anew, is dropped and not acknowledged: it is read again."""
        message = event.message
        part = self.parts.get(message.partition)
        if part is None or part.closed or message.generation_id != event.app.consumer_generation_id:
            return
        await part.queue.put(event)

    async def open(self, assigned: Iterable[TP]) -> dict[TP, int]:
        """Open the partitions assigned, and say where to read each input on."""
        mine: dict[int, list[TP]] = {}
        for tp in assigned:
            if tp.topic in self.topics:
                mine.setdefault(tp.partition, []).append(tp)
        found = await asyncio.gather(*(self._open(number, tps) for number, tps in mine.items()))
        return {tp: offset for places in found for tp, offset in places.items()}

    async def _open(self, number: int, tps: list[TP]) -> dict[TP, int]:
        if len(tps) != len(self.topics):
            names = ", ".join(sorted(tp.topic for tp in tps))
            end_process(Exit.APART, f"{self.name}-{number}: of its inputs only {names} are here")
        part = self.parts.get(number)
        if part is None:
            figures = self.figures.setdefault(number, Figures())
            part = self.parts[number] = Partition(self.plan, number, self._shared, figures)
        async with part.lock:
            if not part.is_open:
                await part.open()
        return {tp: part.next_offset(self.topics[tp.topic]) for tp in tps}

    async def close(self) -> None:
        """Let all partitions go."""
        parts, self.parts = self.parts, {}
        await asyncio.gather(*(part.close() for part in parts.values()))
