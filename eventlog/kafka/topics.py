"""Creates the catalogue's topics in a cluster, and says how those that exist differ from it."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from eventlog.kafka.configs import kafka_config
from eventlog.kafka.connection import READY_S, REQUEST_TIMEOUT_MS, arguments, readable
from eventlog.kafka.errors import KafkaLogError
from eventlog.kafka.settings import KafkaSettings
from eventlog.topics import TOPICS, Topic

_POLL_S: Final = 0.05


class Found(StrEnum):
    """How a topic of the catalogue stands in the cluster."""

    MISSING = "missing"
    CREATED = "created"
    SAME = "as it should be"
    DIFFERENT = "different"


@dataclass(slots=True)
class TopicReport:
    """One topic in the cluster. `partitions` is None where it is missing; `differences` are one line each.

    `wrong_partitions`: it has another number than wanted, which nobody changes: events of a call would go to
    another partition than its state. Make a new generation of topics (another `kafka.topic_prefix`) instead.
    """

    name: str
    found: Found
    partitions: int | None = None
    replication: int | None = None
    differences: list[str] = field(default_factory=list)
    wrong_partitions: bool = False


async def create(settings: KafkaSettings, topics: Sequence[Topic] = TOPICS) -> list[TopicReport]:
    """Create the topics that are missing; those that exist are left as they are, and compared."""
    with readable(settings, "create topics"):
        async with _admin(settings) as admin:
            brokers, existing = await _cluster(admin)
            missing = [topic for topic in topics if settings.topic(topic.name) not in existing]
            if missing:
                await _create(admin, [_new(settings, topic, brokers) for topic in missing])
                await _until_known(admin, {settings.topic(topic.name) for topic in missing})
            created = {topic.name for topic in missing}
            reports = await _compare(admin, settings, topics)
    for report in reports:
        if report.name in created and report.found is Found.SAME:
            report.found = Found.CREATED
    return reports


async def describe(settings: KafkaSettings, topics: Sequence[Topic] = TOPICS) -> list[TopicReport]:
    """Compare the cluster's topics with the catalogue."""
    with readable(settings, "describe topics"):
        async with _admin(settings) as admin:
            return await _compare(admin, settings, topics)


@asynccontextmanager
async def _admin(settings: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**arguments(settings), request_timeout_ms=REQUEST_TIMEOUT_MS)
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


async def _cluster(admin: AIOKafkaAdminClient) -> tuple[int, dict[str, list[int]]]:
    """How many brokers there are; by topic the number of replicas of each partition.

    All topics are asked for: to ask for one that is missing may create it.
    """
    brokers = len((await admin.describe_cluster())["brokers"])
    topics = await admin.describe_topics()
    return brokers, {
        topic["topic"]: [len(partition["replicas"]) for partition in topic["partitions"]] for topic in topics
    }


def _replication(settings: KafkaSettings, topic: Topic, brokers: int) -> int:
    return settings.replication_factor or min(topic.replication, brokers)


def _new(settings: KafkaSettings, topic: Topic, brokers: int) -> NewTopic:
    replication = _replication(settings, topic, brokers)
    return NewTopic(
        name=settings.topic(topic.name),
        num_partitions=settings.partitions or topic.partitions,
        replication_factor=replication,
        topic_configs=kafka_config(topic, replication),
    )


async def _create(admin: AIOKafkaAdminClient, new: list[NewTopic]) -> None:
    response = await admin.create_topics(new)
    for name, code, *message in response.topic_errors:
        if code and for_code(code) is not TopicAlreadyExistsError:  # another process was faster
            reason = message[0] if message and message[0] else for_code(code).__name__
            raise KafkaLogError(f"Kafka would not create topic {name}: {reason}")


async def _until_known(admin: AIOKafkaAdminClient, names: set[str]) -> None:
    """Brokers hear of a new topic a moment after it was made."""
    until = time.monotonic() + READY_S
    while not names <= (await _cluster(admin))[1].keys():
        if time.monotonic() > until:
            raise KafkaLogError("Kafka has taken the topics but does not list them")
        await asyncio.sleep(_POLL_S)


async def _compare(
    admin: AIOKafkaAdminClient, settings: KafkaSettings, topics: Sequence[Topic]
) -> list[TopicReport]:
    brokers, existing = await _cluster(admin)
    names = [settings.topic(topic.name) for topic in topics]
    configs = await _configs(admin, [name for name in names if name in existing])
    reports = []
    for topic, name in zip(topics, names, strict=True):
        report = TopicReport(topic.name, Found.MISSING)
        if name in existing:
            wanted = kafka_config(topic, _replication(settings, topic, brokers))
            _judge(report, settings.partitions or topic.partitions, existing[name], wanted, configs[name])
        reports.append(report)
    return reports


def _judge(
    report: TopicReport, partitions: int, replicas: list[int], wanted: dict[str, str], config: dict[str, str]
) -> None:
    report.partitions, report.replication = len(replicas), min(replicas, default=0)
    if len(replicas) != partitions:
        report.wrong_partitions = True
        report.differences.append(f"{len(replicas)} partitions, wanted {partitions}: cannot be changed")
    report.differences += [
        f"{key} = {config.get(key)}, wanted {value}"
        for key, value in wanted.items()
        if config.get(key) != value
    ]
    report.found = Found.DIFFERENT if report.differences else Found.SAME


async def _configs(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    responses = await admin.describe_configs(
        [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    )
    found: dict[str, dict[str, str]] = {}
    for response in responses:
        for code, message, _, name, entries, *_ in response.resources:
            if code:
                raise KafkaLogError(
                    f"Kafka would not describe topic {name}: {message or for_code(code).__name__}"
                )
            found[name] = {entry[0]: entry[1] for entry in entries}
    return found
