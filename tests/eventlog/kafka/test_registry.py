"""Schema ids from a registry, by Confluent's REST protocol."""

import json
from typing import Any

import pytest

from eventlog.kafka.errors import KafkaSettingError, UnavailableError
from eventlog.kafka.settings import KafkaSettings
from eventlog.kafka.wire import Wire
from schemas import files
from schemas.framing import FramingError, encode, schema_id
from tests.eventlog.kafka.registry import FIRST_ID, FakeRegistry
from tests.eventlog.test_log import TOPIC, decision


def chosen(registry: FakeRegistry, **changes: Any) -> KafkaSettings:
    return KafkaSettings(schema_registry_url=registry.url, **changes)


def test_the_registrys_ids_stand_in_the_head_and_lead_back_to_the_value() -> None:
    with FakeRegistry().serving() as registry:
        wire = Wire.of(chosen(registry, topic_prefix="lab."))
        data = wire.encode(TOPIC, decision(3))
        assert schema_id(data) >= FIRST_ID
        assert json.loads(registry.schemas[schema_id(data)])["name"] == "ChannelDecision"
        assert data[5:] == encode(TOPIC, decision(3))[5:]
        assert wire.decode(TOPIC, data) == decision(3)
        assert set(registry.subjects) == {f"lab.{topic}-value" for topic in files.ids()}
        assert wire.encode("calls.state", b"ours") == b"ours"


def test_a_second_program_finds_the_same_ids() -> None:
    with FakeRegistry().serving() as registry:
        written = Wire.of(chosen(registry)).encode(TOPIC, decision(1))
        count = len(registry.schemas)
        assert Wire.of(chosen(registry)).decode(TOPIC, written) == decision(1)
        assert len(registry.schemas) == count


def test_an_id_that_another_version_registered_is_known_by_its_schema() -> None:
    with FakeRegistry().serving() as registry:
        wire = Wire.of(chosen(registry))
        # The same schema, written down in another way, got an id of its own.
        canonical = json.dumps(next(r.schema for r in files.released().values() if r.topic == TOPIC))
        other = registry.add(canonical)
        data = b"\0" + other.to_bytes(4, "big") + encode(TOPIC, decision(5))[5:]
        assert wire.decode(TOPIC, data) == decision(5)


def test_a_schema_that_is_none_of_ours_is_a_bad_record() -> None:
    with FakeRegistry().serving() as registry:
        wire = Wire.of(chosen(registry))
        foreign = registry.add('{"type": "record", "name": "Order", "fields": []}')
        with pytest.raises(FramingError, match=f"schema {foreign} of the registry is none"):
            wire.decode(TOPIC, b"\0" + foreign.to_bytes(4, "big"))
        with pytest.raises(FramingError, match="has no schema 7"):
            wire.decode(TOPIC, b"\0\0\0\0\7")


def test_the_registry_may_ask_for_a_password() -> None:
    with FakeRegistry(users={"offhook": "s3cret"}).serving() as registry:
        settings = chosen(registry, schema_registry_username="offhook", schema_registry_password="s3cret")
        assert Wire.of(settings).decode(TOPIC, Wire.of(settings).encode(TOPIC, decision(1))) == decision(1)
        with pytest.raises(UnavailableError, match="401 Unauthorized") as raised:
            Wire.of(chosen(registry, schema_registry_username="offhook", schema_registry_password="mistyped"))
        assert "mistyped" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "error", "said"),
    [
        ("http://127.0.0.1:1", UnavailableError, r"schema registry http://127\.0\.0\.1:1: .*refused"),
        ("file:///etc/passwd", KafkaSettingError, "is no http:// or https:// address"),
    ],
)
def test_a_registry_that_cannot_be_used_is_one_line(url: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        Wire.of(KafkaSettings(schema_registry_url=url))


def test_without_a_registry_the_ids_are_ours() -> None:
    data = Wire.of(KafkaSettings()).encode(TOPIC, decision(1))
    assert schema_id(data) == files.ids()[TOPIC]
