"""The catalogue of topics: what each carries, how it is partitioned and kept, and which clock rides on it."""

import argparse
import sys
from dataclasses import dataclass
from functools import lru_cache
from struct import unpack_from
from typing import Final, NamedTuple

from eventlog.bounds import REMEMBERED_KEY_BYTES, REMEMBERED_KEYS

PARTITIONS: Final = 4
"""Partitions of a new topic. Fixed for a topic's life: another number is a new generation of it."""

HOUR: Final = 1
DAY: Final = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One topic.

    `producer` writes it: a stage, or a room that is no stage. `clock_to` names the stages that wait for the
    clock its events carry; events of a topic without it carry none. `retention_hours` None: kept until
    replaced (compacted), or as long as what it describes. `schema` names the file in schemas/avro,
    None where the value is a stage's own. `replication` is what a cluster with enough brokers gets.
    """

    name: str
    event: str
    partition_by: str
    key: str
    producer: str
    clock_to: tuple[str, ...] = ()
    retention_hours: int | None
    compacted: bool = False
    schema: str | None
    forwardable: bool = False
    partitions: int = PARTITIONS
    replication: int = 3
    acks: str = "all"


_CALL: Final = "account, site, Call-ID"
_PAIR: Final = "account, site, unordered pair of (ip, even port)"


def _state(stages: str, partition_by: str) -> Topic:
    return Topic(
        name=f"{stages}.state",
        event=f"what the {stages} stage needs to go on, and the offsets it has applied",
        partition_by=partition_by,
        key="the stage's own",
        producer=stages,
        retention_hours=None,
        compacted=True,
        schema=None,
    )


TOPICS: Final[tuple[Topic, ...]] = (
    Topic(
        name="sip.messages",
        event="the SIP messages of one sensor in one interval",
        partition_by=_CALL,
        key="none",
        producer="capture",
        clock_to=("dialogs",),
        retention_hours=24 * HOUR,
        schema="sip_messages",
    ),
    Topic(
        name="rtp.packets",
        event="the RTP headers of one sensor in one interval, as columns by flow",
        partition_by=_PAIR,
        key="none",
        producer="capture",
        clock_to=("media",),
        retention_hours=1 * HOUR,
        schema="rtp_packets",
    ),
    Topic(
        name="rtcp.packets",
        event="the RTCP packets of one sensor in one interval",
        partition_by=_PAIR,
        key="none",
        producer="capture",
        clock_to=("media",),
        retention_hours=1 * HOUR,
        schema="rtcp_packets",
    ),
    Topic(
        name="media.endpoints",
        event="from and until when an ip:port belongs to which call and side",
        partition_by="to every media partition",
        key="site, ip:port, call",
        producer="dialogs",
        clock_to=("media",),
        retention_hours=24 * HOUR,
        schema="media_endpoints",
    ),
    Topic(
        name="media.windows",
        event="finished window rows of streams, as a column block",
        partition_by=_CALL,
        key="stream, window, part",
        producer="media",
        clock_to=("records",),
        retention_hours=24 * HOUR,
        schema="media_windows",
    ),
    Topic(
        name="rtp.unmatched",
        event="an RTP stream that no call announced",
        partition_by="stream id",
        key="stream id",
        producer="records",
        retention_hours=24 * HOUR,
        schema="rtp_unmatched",
    ),
    Topic(
        name="channels",
        event="channels taken and given back",
        partition_by="account",
        key="cdr_id",
        producer="records",
        clock_to=("channels",),
        retention_hours=24 * HOUR,
        schema="channels",
    ),
    Topic(
        name="channel.decisions",
        event="a call was admitted, or over the limit, with the count then",
        partition_by=_CALL,
        key="cdr_id",
        producer="channels",
        retention_hours=24 * HOUR,
        schema="channel_decisions",
    ),
    _state("calls", _CALL),
    _state("media", _PAIR),
    _state("channels", "account"),
    Topic(
        name="cdr",
        event="the call record",
        partition_by="cdr_id",
        key="cdr_id",
        producer="records",
        retention_hours=25 * DAY,
        schema="cdr",
        forwardable=True,
    ),
    Topic(
        name="cdr.rejected",
        event="the short record of a call over the limit: parties, times, outcome",
        partition_by="cdr_id",
        key="cdr_id",
        producer="records",
        retention_hours=25 * DAY,
        schema="cdr_rejected",
        forwardable=True,
    ),
    Topic(
        name="registrations",
        event="a registration, or what else keeps asking outside of calls: OPTIONS, SUBSCRIBE ...",
        partition_by="registration_id",
        key="registration_id",
        producer="registrations",
        retention_hours=25 * DAY,
        schema="registrations",
    ),
    Topic(
        name="pcap.index",
        event="which spool segments hold which packets",
        partition_by="sensor",
        key="sensor",
        producer="capture",
        retention_hours=None,
        schema="pcap_index",
    ),
    Topic(
        name="capture.health",
        event="a sensor's packets, drops by reason, memory, disk, lag",
        partition_by="sensor",
        key="sensor",
        producer="capture",
        retention_hours=7 * DAY,
        schema="capture_health",
        forwardable=True,
    ),
    Topic(
        name="dead.letters",
        event="what could not be read, and why",
        partition_by="source",
        key="source",
        producer="every room",
        retention_hours=7 * DAY,
        schema="dead_letters",
    ),
)

BY_NAME: Final[dict[str, Topic]] = {topic.name: topic for topic in TOPICS}

# -- partitioning -------------------------------------------------------------------------------------

_MULTIPLIER: Final = 0x5BD1E995
_SEED: Final = 0x9747B28C
_WORD: Final = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """32-bit MurmurHash2 with Kafka's seed (org.apache.kafka.common.utils.Utils.murmur2), unsigned."""
    length = len(data)
    hashed = _SEED ^ length
    for word in unpack_from(f"<{length >> 2}I", data):
        mixed = word * _MULTIPLIER & _WORD
        hashed = hashed * _MULTIPLIER & _WORD ^ (mixed ^ mixed >> 24) * _MULTIPLIER & _WORD
    if length & 3:
        hashed = (hashed ^ int.from_bytes(data[length & ~3 :], "little")) * _MULTIPLIER & _WORD
    hashed = (hashed ^ hashed >> 13) * _MULTIPLIER & _WORD
    return hashed ^ hashed >> 15


_remembered_murmur2 = lru_cache(maxsize=REMEMBERED_KEYS)(murmur2)  # a call's messages follow each other


def partition(key: bytes, count: int) -> int:
    """The partition, of `count`, that Kafka's default partitioner gives a key: positive murmur2 modulo."""
    if count == 1:
        return 0
    hashed = _remembered_murmur2(key) if len(key) <= REMEMBERED_KEY_BYTES else murmur2(key)
    return (hashed & 0x7FFFFFFF) % count


def routing(*parts: str | bytes) -> bytes:
    """The bytes to partition by, of named parts: routing(account, site, call_id). Parts are kept apart."""
    return b"\0".join(
        part if isinstance(part, bytes) else part.encode("utf-8", "surrogatepass") for part in parts
    )


# -- description --------------------------------------------------------------------------------------


class TopicRow(NamedTuple):
    """One topic as people read it; what `offhook topics` prints."""

    topic: str
    event: str
    partition_by: str
    key: str
    partitions: str
    kept: str
    schema: str
    clock: str
    leaves: str
    replication: str
    acks: str


def describe() -> list[TopicRow]:
    """The catalogue as rows of text, in the order data flows."""
    return [
        TopicRow(
            topic=topic.name,
            event=topic.event,
            partition_by=topic.partition_by,
            key=topic.key,
            partitions=str(topic.partitions),
            kept=_kept(topic),
            schema=topic.schema or "the stage's own",
            clock=f"{topic.producer} → {', '.join(topic.clock_to)}" if topic.clock_to else "none",
            leaves="to the cloud" if topic.forwardable else "never",
            replication=str(topic.replication),
            acks=topic.acks,
        )
        for topic in TOPICS
    ]


def _kept(topic: Topic) -> str:
    if topic.compacted:
        return "compacted"
    if topic.retention_hours is None:
        return "as the spool"
    if topic.retention_hours > 2 * DAY:
        return f"{topic.retention_hours // DAY} d"
    return f"{topic.retention_hours} h"


_HEADINGS: Final = (
    "topic",
    "event",
    "partition by",
    "key",
    "partitions",
    "kept",
    "schema",
    "clock",
    "leaves the site",
    "replication",
    "acks",
)


_READING: Final = """\
## Reading them

Any Kafka client reads the topics. Read `read_committed`: what stages write is in transactions, and other
readers see what was aborted. Records of a call come again with a higher `version` where they improve; keep
the highest of each `cdr_id`. A schema only grows, by fields with a default, and then has a new id: read with
the schema of the id in the head, or with the newest as here while there is one.

With `SCHEMA_REGISTRY_URL` set (Confluent's REST protocol) every schema is registered as `TOPIC-value`, and
the ids in the heads are the registry's. Decide before the first record: both kinds in one topic cannot be
told apart.

```python
import asyncio, io, json, sys
import fastavro
from aiokafka import AIOKafkaConsumer

async def main(bootstrap, topic, schema_file):
    schema = fastavro.parse_schema(json.load(open(schema_file)))
    options = {"isolation_level": "read_committed", "auto_offset_reset": "earliest"}
    async with AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, **options) as consumer:
        async for record in consumer:
            print(fastavro.schemaless_reader(io.BytesIO(record.value[5:]), schema), flush=True)

asyncio.run(main(*sys.argv[1:]))  # 127.0.0.1:9092 cdr schemas/avro/cdr.avsc
```
"""


def markdown() -> str:
    """docs/topics.md."""
    rows = [_HEADINGS, ("---",) * len(_HEADINGS), *describe()]
    table = "\n".join(
        "| " + " | ".join(_cell(at, text) for at, text in enumerate(row)) + " |" for row in rows
    )
    return (
        "# Topics\n\n"
        "Made from `eventlog/topics.py` by `python -m eventlog.topics --markdown`; change it there.\n\n"
        "Keys are hashed with murmur2, as Kafka's default partitioner does. A value is a zero byte, the\n"
        "schema's id in four bytes, big-endian (`schemas/avro/ids.json`), and the Avro body of\n"
        "`schemas/avro/<schema>.avsc`; schemas/columns.py tells how columns are packed.\n"
        "Clock: who says up to which packet time it has spoken, and who waits for it.\n\n"
        f"{table}\n\n"
        f"{_READING}"
    )


def _cell(column: int, text: str) -> str:
    named = column == 0 and text != "topic" and not text.startswith("-")
    return f"`{text}`" if named else text


def main(arguments: list[str] | None = None) -> int:
    """Print the catalogue."""
    parser = argparse.ArgumentParser(
        prog="python -m eventlog.topics", description="Print the catalogue of topics."
    )
    parser.add_argument("--markdown", action="store_true", help="as docs/topics.md")
    if parser.parse_args(arguments).markdown:
        sys.stdout.write(markdown())
    else:
        for row in describe():
            sys.stdout.write(
                f"{row.topic:18} {row.partitions:>2} x {row.partition_by}; {row.kept}; {row.event}\n"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
