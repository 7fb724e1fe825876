"""How Kafka keeps each topic of the catalogue."""

from typing import Final

from eventlog.topics import Topic
from schemas.bounds import VALUE_BYTES

_HOUR_MS: Final = 3_600_000
_SEGMENTS_KEPT: Final = 6  # Kafka forgets whole segments: so many make up a topic's retention
_SEGMENT_MS_MAX: Final = 24 * _HOUR_MS
_MESSAGE_BYTES: Final = VALUE_BYTES + (1 << 16)  # the longest framed value, with key, head and batch

_STATE_CONFIG: Final = {
    "cleanup.policy": "compact",
    # A restart reads the topic from its beginning: compact early and in small segments.
    "min.cleanable.dirty.ratio": "0.1",
    "segment.ms": "60000",
    "segment.bytes": str(16 << 20),
    "delete.retention.ms": "600000",
}


def kafka_config(topic: Topic, replication: int) -> dict[str, str]:
    """Kafka's settings of the topic with so many replicas, as `offhook topics create` makes it.

    Times are the broker's (LogAppendTime): a sensor with a wrong clock could else have its records
    forgotten at once. With three replicas and more, two must have a record before it counts as written.
    """
    config = {
        "message.timestamp.type": "LogAppendTime",
        "min.insync.replicas": str(min(2, max(1, replication - 1))),
    }
    if topic.compacted:
        return {**_STATE_CONFIG, **config}
    config |= {"cleanup.policy": "delete", "max.message.bytes": str(_MESSAGE_BYTES)}
    if topic.retention_hours is None:
        return {**config, "retention.ms": "-1"}
    kept_ms = topic.retention_hours * _HOUR_MS
    return {
        **config,
        "retention.ms": str(kept_ms),
        "segment.ms": str(min(_SEGMENT_MS_MAX, kept_ms // _SEGMENTS_KEPT)),
    }
