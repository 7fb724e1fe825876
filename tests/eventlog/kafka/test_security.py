"""SASL and SSL, against the real broker; and secrets stay secret."""

import os
from pathlib import Path
from typing import Any

import pytest

from eventlog.kafka import topics
from eventlog.kafka.errors import KafkaLogError, KafkaSettingError, UnavailableError
from eventlog.kafka.log import KafkaLog
from eventlog.kafka.settings import KafkaSettings
from eventlog.topics import BY_NAME
from tests.eventlog.kafka.cluster import run
from tests.eventlog.test_log import TOPIC, append, numbers
from tests.kafka_broker import PASSWORD, USER, Kafka


def use(chosen: KafkaSettings) -> None:
    """Create a topic, append to it, step and read."""
    run(topics.create(chosen, [BY_NAME[TOPIC], BY_NAME["calls.state"]]))
    with KafkaLog(chosen) as log:
        append(log, 1, 2)
        with log.transaction("calls-0") as step:
            step.save({b"k": b"v"})
            step.applied(TOPIC, 0, 1)
        assert numbers(log) == [1, 2]
        assert log.state("calls-0") == {b"k": b"v"}


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
def test_a_password_opens_the_door(kafka: Kafka, prefix: str, mechanism: Any, tmp_path: Path) -> None:
    (tmp_path / "password").write_text(PASSWORD + "\n")
    chosen = KafkaSettings(
        bootstrap_servers=(kafka.sasl,), topic_prefix=prefix, partitions=1,
        security_protocol="SASL_PLAINTEXT", sasl_mechanism=mechanism,
        username=USER, password_file=str(tmp_path / "password"),
    )  # fmt: skip
    use(chosen)


def test_a_password_within_ssl_opens_the_door(kafka: Kafka, prefix: str) -> None:
    use(
        KafkaSettings(
            bootstrap_servers=(kafka.sasl_ssl,), topic_prefix=prefix, partitions=1,
            security_protocol="SASL_SSL", sasl_mechanism="SCRAM-SHA-256",
            username=USER, password=PASSWORD, ssl_ca_file=kafka.certificate("ca.pem"),
        )
    )  # fmt: skip


def test_certificates_open_the_door(kafka: Kafka, prefix: str) -> None:
    use(_ssl(kafka, topic_prefix=prefix, partitions=1))


def test_without_our_certificate_the_door_stays_shut(kafka: Kafka) -> None:
    with pytest.raises(UnavailableError, match="cannot describe topics"):
        run(topics.describe(_ssl(kafka, ssl_cert_file=None, ssl_key_file=None)))


def test_a_broker_of_another_authority_is_not_believed(kafka: Kafka) -> None:
    with pytest.raises(UnavailableError, match="CERTIFICATE_VERIFY_FAILED"):
        run(topics.describe(_ssl(kafka, ssl_ca_file=None)))


def test_a_wrong_password_is_said_without_it(kafka: Kafka) -> None:
    chosen = KafkaSettings(
        bootstrap_servers=(kafka.sasl,), security_protocol="SASL_PLAINTEXT", sasl_mechanism="PLAIN",
        username=USER, password="mistyped secret",
    )  # fmt: skip
    with pytest.raises(UnavailableError, match="Authentication") as raised:
        run(topics.describe(chosen))
    told = str(raised.value) + repr(chosen)
    assert "mistyped" not in told
    assert USER in repr(chosen)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ssl_ca_file": "/nonexistent/ca.pem"}, r"kafka\.ssl_ca_file: /nonexistent/ca\.pem: No such file"),
        (
            {"ssl_cert_file": os.devnull, "ssl_key_file": os.devnull},
            r"ssl_key_file: /dev/null, /dev/null: no PEM",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_named(kafka: Kafka, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(KafkaSettingError, match=said):
        run(topics.describe(_ssl(kafka, **changes)))


def test_a_password_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    chosen = KafkaSettings(security_protocol="SASL_SSL", username="u", password_file=str(tmp_path / "none"))
    with pytest.raises(KafkaSettingError, match=r"kafka\.password_file: .*none: No such file"):
        run(topics.describe(chosen))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"bootstrap_servers": ()}, "at least one broker"),
        ({"bootstrap_servers": ("kafka",)}, "'kafka' is not HOST:PORT"),
        ({"security_protocol": "SASL_SSL"}, "needs username"),
        ({"security_protocol": "SASL_SSL", "username": "u"}, "OFFHOOK_KAFKA_PASSWORD"),
        ({"ssl_cert_file": "a"}, "go together"),
        ({"schema_registry_url": "http://me:secret@registry"}, "settings of their own"),
        ({"partitions": 0}, "at least 1"),
    ],
)
def test_settings_that_cannot_work_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said) as raised:
        KafkaSettings(**changes)
    assert "secret@" not in str(raised.value)


def test_replication_is_refused_in_one_line_where_there_are_too_few_brokers(
    kafka: Kafka, prefix: str
) -> None:
    chosen = KafkaSettings(bootstrap_servers=(kafka.bootstrap,), topic_prefix=prefix, replication_factor=3)
    with pytest.raises(KafkaLogError, match=r"would not create topic \w+\.cdr: .*replic"):
        run(topics.create(chosen, [BY_NAME["cdr"]]))


def _ssl(kafka: Kafka, **changes: Any) -> KafkaSettings:
    values: dict[str, Any] = {
        "bootstrap_servers": (kafka.ssl,),
        "security_protocol": "SSL",
        "ssl_ca_file": kafka.certificate("ca.pem"),
        "ssl_cert_file": kafka.certificate("client.pem"),
        "ssl_key_file": kafka.certificate("client.key"),
    }
    return KafkaSettings(**{**values, **changes})
