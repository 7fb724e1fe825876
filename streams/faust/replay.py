"""Reads again the inputs that a partition took since its state was saved."""

import asyncio
import time
from collections.abc import Mapping
from typing import NamedTuple

from eventlog.kafka.bounds import OPEN_S, SILENCE_S
from eventlog.kafka.clients import TopicPartition, committed_consumer, end_client
from eventlog.kafka.connection import readable
from eventlog.kafka.errors import UnavailableError
from eventlog.kafka.settings import KafkaSettings

_POLL_MS = 200


class Past(NamedTuple):
    """One input taken before."""

    offset: int
    value: bytes


class Span(NamedTuple):
    """Offsets behind `after`, up to and with `until`."""

    after: int
    until: int


async def read_past(
    settings: KafkaSettings, number: int, spans: Mapping[str, Span]
) -> tuple[dict[str, list[Past]], dict[str, int]]:
    """By topic the records of partition `number` within each span, and how many offsets are forgotten.

    UnavailableError where the brokers fall silent.
    """
    wanted = {topic: span for topic, span in spans.items() if span.until > span.after}
    found: dict[str, list[Past]] = {topic: [] for topic in spans}
    lost: dict[str, int] = {}
    if not wanted:
        return found, lost
    consumer = committed_consumer(settings, f"{settings.client_id}-replay-{number}")
    places = {TopicPartition(settings.topic(topic), number): topic for topic in wanted}
    try:
        with readable(settings, "read past inputs"):
            async with asyncio.timeout(OPEN_S):
                await consumer.start()
                consumer.assign(list(places))
                first = await consumer.beginning_offsets(list(places))
                for place, topic in places.items():
                    after = wanted[topic].after
                    if first[place] > after + 1 and after >= 0:
                        lost[topic] = min(first[place] - 1, wanted[topic].until) - after
                    consumer.seek(place, max(first[place], after + 1))
                heard = time.monotonic()
                open_places = set(places)
                while open_places:
                    moved = False
                    for place, records in (await consumer.getmany(timeout_ms=_POLL_MS)).items():
                        until = wanted[places[place]].until
                        found[places[place]] += [
                            Past(record.offset, record.value or b"")
                            for record in records
                            if record.offset <= until
                        ]
                        moved = True
                    for place in list(open_places):
                        if await consumer.position(place) > wanted[places[place]].until:
                            open_places.discard(place)
                            consumer.pause(place)
                            moved = True
                    if moved:
                        heard = time.monotonic()
                    elif time.monotonic() - heard > SILENCE_S:
                        raise UnavailableError(f"past inputs of partition {number}: the brokers are silent")
    finally:
        await end_client(consumer)
    return found, lost
