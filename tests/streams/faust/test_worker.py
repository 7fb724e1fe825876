"""A worker in this process: what Faust is made to do, and what becomes of bad records."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.assignors.range import RangePartitionAssignor

from capture.files import open_capture
from capture.publisher import Publisher
from capture.sensor import Sensor
from capture.settings import CaptureSettings
from eventlog.kafka.log import KafkaLog
from eventlog.kafka.reader import Reader, read_to_end
from eventlog.kafka.settings import KafkaSettings
from eventlog.kafka.topics import create
from eventlog.topics import TOPICS
from streams.faust.consumer import ExactConsumer
from streams.faust.settings import StreamsSettings
from streams.faust.stages import NAMES, plans
from streams.faust.worker import Worker
from streams.media.settings import MediaSettings
from streams.settings import CallSettings, RecordSettings
from tests.eventlog.kafka.cluster import settings, write
from tests.kafka_broker import Kafka
from tests.paths import CAPTURES
from tests.system.same_records import Way, take

CAPTURE = CAPTURES / "sip_rtp_dtmf_lo.pcap"


def test_a_worker_reads_what_is_committed_and_commits_what_is_applied(kafka: Kafka, prefix: str) -> None:
    chosen = settings(kafka, prefix, 1)
    asyncio.run(create(chosen))
    asyncio.run(write(chosen, "sip.messages", b"no event", b"\0\0\0\0\7neither"))
    _publish(chosen, CAPTURE)
    asyncio.run(_story(chosen))


async def _story(chosen: KafkaSettings) -> None:
    made = plans(
        NAMES,
        {topic.name: 1 for topic in TOPICS},
        CallSettings(),
        RecordSettings(channels_max=5),
        MediaSettings(),
    )
    worker = Worker(chosen, StreamsSettings(session_s=2), made, {topic.name: 1 for topic in TOPICS})
    stop = asyncio.Event()
    running = asyncio.create_task(worker.run(stop))
    expected = len(take(CAPTURE, Way()).calls)
    await _until(lambda: worker.trouble is None and len(list(worker.partitions())) == len(NAMES))
    async with Reader(chosen, ["cdr"]) as reader:
        seen: set[bytes | None] = set()
        while len(seen) < expected:
            seen |= {record.key for record in await reader.read()}
    await _until(lambda: not any(worker.lag().values()))

    consumer: Any = worker.app.consumer
    assert type(consumer) is ExactConsumer
    inner = consumer._thread._consumer
    assert inner._isolation_level == "read_committed"
    assert tuple(inner._partition_assignment_strategy) == (RangePartitionAssignor,)
    calls = worker.shells[0].parts[0]
    assert calls.figures.dead_letters == 2
    assert worker.app.producer.state == "init"  # Faust itself writes nothing
    await _until(lambda: all(tp in consumer._committed_offset for tp in consumer.assignment()))
    await consumer.commit()
    applied = {topic: calls.applied(topic) for topic in calls.plan.inputs}
    committed = await _committed(chosen, "streams")
    assert {topic: committed[topic, 0] - 1 for topic in ("sip.messages", "media.windows")} == {
        topic: applied[topic] for topic in ("sip.messages", "media.windows")
    }
    stop.set()
    await running
    async with Reader(chosen, ["dead.letters"]) as reader:
        letters = [reader.decode(record) for record in await read_to_end(reader)]
    assert [(letter.topic, letter.partition, letter.offset) for letter in letters] == [
        ("sip.messages", 0, 0),
        ("sip.messages", 0, 1),
    ]


def _publish(chosen: KafkaSettings, capture: Path) -> None:
    sensor = Sensor("acc", "site", "s", settings=CaptureSettings())
    with KafkaLog(chosen) as log:
        publisher = Publisher(log)
        for block in open_capture(capture):
            publisher.publish(sensor.feed(block))
        publisher.publish(sensor.close())
        log.flush(30)


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.05)


async def _committed(chosen: KafkaSettings, group: str) -> dict[tuple[str, int], int]:
    admin = AIOKafkaAdminClient(bootstrap_servers=list(chosen.bootstrap_servers))
    await admin.start()
    try:
        found = await admin.list_consumer_group_offsets(chosen.topic(group))
    finally:
        await admin.close()
    return {
        (place.topic.removeprefix(chosen.topic_prefix), place.partition): at.offset
        for place, at in found.items()
    }
