"""Brokers that are not heard are away after a while; a moment is none. What aiokafka leaves is not said."""

import asyncio
import gc
import logging

import pytest
from aiokafka.errors import ProducerFenced

from eventlog.kafka.connection import quiet
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


def test_what_aiokafka_leaves_to_itself_is_not_said(caplog: pytest.LogCaptureFixture) -> None:
    quiet()

    async def leave(error: Exception) -> None:
        asyncio.get_running_loop().create_future().set_exception(error)
        gc.collect()

    asyncio.run(leave(ProducerFenced()))
    assert caplog.records == []
    asyncio.run(leave(ValueError("ours")))
    assert len(caplog.records) == 1
