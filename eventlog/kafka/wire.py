"""Values of topics as the bytes of records: framed Avro, with our schema ids or a registry's."""

from typing import Any

from eventlog.kafka.registry import Registry
from eventlog.kafka.settings import KafkaSettings
from eventlog.topics import BY_NAME
from schemas import framing

_HEAD_BYTES = 5


class Wire:
    """Encodes and decodes values; with a registry the ids in the head are the registry's."""

    def __init__(self, registry: Registry | None = None) -> None:
        self._registry = registry

    @classmethod
    def of(cls, settings: KafkaSettings) -> "Wire":
        """As the settings say; UnavailableError where their registry does not answer."""
        return cls(Registry(settings) if settings.schema_registry_url else None)

    def encode(self, topic: str, value: Any) -> bytes:
        """The value as its topic's bytes; a stage's own state is bytes already."""
        if BY_NAME[topic].schema is None:
            return bytes(value)
        data = framing.encode(topic, value)
        if self._registry is None:
            return data
        return b"\0" + self._registry.written(topic).to_bytes(4, "big") + data[_HEAD_BYTES:]

    def decode(self, topic: str, data: bytes) -> Any:
        """The value of a topic's record; FramingError where it is none."""
        if BY_NAME[topic].schema is None:
            return data
        if self._registry is None:
            return framing.decode(data)
        number = self._registry.known(framing.schema_id(data))
        return framing.decode(b"\0" + number.to_bytes(4, "big") + data[_HEAD_BYTES:])
