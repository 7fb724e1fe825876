"""Brokers that are not heard are away after a while; a moment is none."""

import logging

import pytest

from eventlog.kafka.settings import KafkaSettings
from eventlog.kafka.touch import AWAY_S, Touch


def test_brokers_that_are_not_heard_for_a_while_are_away(caplog: pytest.LogCaptureFixture) -> None:
    now = [100.0]
    touch = Touch(KafkaSettings(bootstrap_servers=("one:9092", "two:9092")), lambda: now[0])
    with caplog.at_level(logging.INFO, "eventlog.kafka.touch"):
        touch.look(heard=True)
        for _ in range(3):
            touch.look(heard=False)
        now[0] += AWAY_S - 0.1
        touch.look(heard=False)
        assert touch.trouble is None
        now[0] += 5
        for _ in range(3):
            touch.look(heard=False)
        assert touch.trouble == "Kafka at one:9092, two:9092 has not answered for 10 s"
        touch.look(heard=True)
        assert touch.trouble is None
        touch.look(heard=False)  # it begins anew
        assert touch.trouble is None
    assert [record.message for record in caplog.records] == ["kafka is away", "kafka is back"]
