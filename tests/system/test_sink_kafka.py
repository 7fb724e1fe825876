"""From Kafka into ClickHouse: what is in the topics is in the tables once, whatever dies on the way."""

import asyncio
import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from eventlog.kafka.log import KafkaLog
from eventlog.kafka.settings import KafkaSettings
from eventlog.kafka.topics import create
from eventlog.topics import BY_NAME, partition
from protocols.secrets import mask_secrets
from schemas import framing
from schemas.dead_letters import DeadLetter
from sinks.clickhouse.client import Store, open_store
from sinks.clickhouse.migrate import migrate
from sinks.clickhouse.sink import ClickHouseSink
from sinks.deliver_kafka import KafkaDelivery
from sinks.settings import SinkSettings
from tests.eventlog.kafka.cluster import run, seen, settings, write
from tests.kafka_broker import Kafka
from tests.paths import ROOT
from tests.sinks.clickhouse.served.conftest import TOKEN, Served
from tests.sinks.records import call, count

GIVE_UP_S = 50.0
TOPICS = [BY_NAME[name] for name in (*ClickHouseSink.topics, "dead.letters")]
PASSWORD = {"OFFHOOK_DB_PASSWORD": TOKEN}


@pytest.fixture
def chosen(kafka: Kafka, prefix: str) -> KafkaSettings:
    """Topics of two partitions."""
    made = settings(kafka, prefix, 2)
    run(create(made, TOPICS))
    return made


@pytest.fixture
def served(tmp_path: Path) -> Iterator[list[Served]]:
    """A ClickHouse that can be stopped and started: the last one runs."""
    servers = [Served(tmp_path / "store", "--write", token=TOKEN)]
    yield servers
    servers[-1].stop()


def db(server: Served) -> str:
    return f"clickhouse://ann@{server.host}:{server.port}"


def opened(server: Served) -> Store:
    store = open_store(db(server), create=True, environment=PASSWORD)
    migrate(store)
    return store


def publish(chosen: KafkaSettings, numbers: range) -> None:
    """Calls by their numbers."""
    with KafkaLog(chosen) as log:
        for number in numbers:
            record = call(number)
            key = record.cdr_id.encode()
            log.append("cdr", partition(key, 2), key, record)
        log.flush(30)


async def until(true: Callable[[], Any]) -> None:
    """Look again and again; TimeoutError after GIVE_UP_S."""
    async with asyncio.timeout(GIVE_UP_S):
        while not await asyncio.to_thread(true):
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def delivering(chosen: KafkaSettings, store: Store) -> AsyncIterator[KafkaDelivery]:
    """A sink at work."""
    options = SinkSettings(batch_age_s=0.05)
    sink = ClickHouseSink(store, retention_days=0, settings=options)
    delivery = KafkaDelivery(chosen, sink, options, mask=mask_secrets)
    stop = asyncio.Event()
    task = asyncio.create_task(delivery.run(stop))
    try:
        yield delivery
    finally:
        stop.set()
        await task


def stored(store: Store) -> Callable[[], int]:
    return lambda: count(store, "(SELECT DISTINCT cdr_id FROM cdr)")


def test_what_cannot_be_stored_is_set_aside_alone(chosen: KafkaSettings, served: list[Served]) -> None:
    with KafkaLog(chosen) as log:
        for number in range(10):
            log.append("cdr", 0, b"k", call(number, src_port=70_000 if number == 3 else 5060))
        log.flush(30)
    proof = (
        b'REGISTER sip:x SIP/2.0\r\nAuthorization: Digest username="u", response="0123456789abcdef"\r\n\r\n'
    )
    elsewhere = framing.encode("cdr", call(99))

    async def deliver() -> list[DeadLetter]:
        await write(chosen, "cdr", proof, partition=1)
        await write(chosen, "registrations", elsewhere, partition=1)
        with opened(served[-1]) as store:
            async with delivering(chosen, store) as delivery:
                await until(lambda: delivery.dead_letters == 3 and count(store, "cdr") == 9)
            async with delivering(chosen, store) as again:  # everything is committed
                publish(chosen, range(20, 21))
                await until(lambda: count(store, "cdr") == 10)
                assert again.dead_letters == 0
        records = [record for number in (0, 1) for record in await seen(chosen, "dead.letters", number)]
        return [framing.decode(record.value) for record in records]

    letters = {(letter.topic, letter.partition, letter.offset): letter for letter in run(deliver())}
    assert letters.keys() == {("cdr", 0, 3), ("cdr", 1, 0), ("registrations", 1, 0)}
    assert letters["cdr", 0, 3].reason.startswith("cdr: ")
    assert letters["registrations", 1, 0].reason == "registrations carries Registration, this is CallRecord"
    assert letters["cdr", 1, 0].value == proof.replace(b"0123456789abcdef", b"*" * 16)
    assert {letter.source for letter in letters.values()} == {"sink-clickhouse"}


def test_nothing_is_lost_and_nobody_is_needed_while_clickhouse_is_away(
    chosen: KafkaSettings, served: list[Served], caplog: pytest.LogCaptureFixture
) -> None:
    async def deliver() -> None:
        with opened(served[-1]) as store:
            async with delivering(chosen, store) as delivery:
                publish(chosen, range(50))
                await until(lambda: stored(store)() == 50)
                port = str(served[-1].port)
                served[-1].process.kill()
                served[-1].stop()
                publish(chosen, range(50, 120))
                await until(lambda: delivery.retries >= 2 and sum(delivery.lag().values()) == 70)
                assert delivery.trouble
                served.append(Served(served[0].folder, "--write", "--port", port, token=TOKEN))
                await until(lambda: stored(store)() == 120)
                await until(lambda: delivery.trouble is None)
                assert count(store, "cdr FINAL") == 120

    with caplog.at_level(logging.INFO, "sinks"):
        run(deliver())
    said = [record.message for record in caplog.records if record.name.startswith("sinks.")]
    assert said == ["sink waits", "sink delivers again"]
    assert TOKEN not in caplog.text


def test_sinks_share_the_partitions_and_take_over(chosen: KafkaSettings, served: list[Served]) -> None:
    async def deliver() -> None:
        with opened(served[-1]) as store, opened(served[-1]) as other:
            async with delivering(chosen, store) as first:
                publish(chosen, range(40))
                await until(lambda: stored(store)() == 40)
                async with delivering(chosen, other) as second:
                    await until(lambda: second.lag() and not second.lag().keys() & first.lag().keys())
                    publish(chosen, range(40, 80))
                    await until(lambda: stored(store)() == 80)
                publish(chosen, range(80, 120))
                await until(lambda: stored(store)() == 120)
            assert count(store, "cdr FINAL") == 120

    run(deliver())


def sink_process(chosen: KafkaSettings, server: Served, folder: Path) -> tuple["subprocess.Popen[str]", str]:
    """`offhook sink clickhouse`, and where its monitoring listens."""
    command = [
        *(sys.executable, "-m", "offhook.main", "sink", "clickhouse", "--db", db(server)),
        *("--bootstrap", chosen.bootstrap_servers[0], "--set", f"kafka.topic_prefix={chosen.topic_prefix}"),
        *("--set", "sink.batch_rows=20", "--http", "127.0.0.1:0"),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **PASSWORD}
    process = subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    return process, json.loads(process.stderr.readline())["http"]


def asked(http: str, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://{http}{path}") as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_a_sink_that_is_killed_leaves_nothing_out_and_nothing_double(
    chosen: KafkaSettings, served: list[Served], tmp_path: Path
) -> None:
    async def killed(store: Store) -> None:
        first, http = sink_process(chosen, served[-1], tmp_path)
        with first:
            await until(lambda: stored(store)() >= 20)
            first.send_signal(signal.SIGKILL)
        publish(chosen, range(400, 600))
        second, http = sink_process(chosen, served[-1], tmp_path)
        with second:
            await until(lambda: stored(store)() == 600)
            await until(lambda: asked(http, "/readyz")[0] == 200)
            assert asked(http, "/healthz") == (200, "ok\n")
            assert 'offhook_sink_rows_total{table="cdr"}' in asked(http, "/metrics")[1]
            second.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(second.wait) == 0
            assert second.stderr
            assert TOKEN not in second.stderr.read()

    publish(chosen, range(400))
    with opened(served[-1]) as store:
        run(killed(store))
        assert count(store, "cdr FINAL") == 600
        assert count(store, "cdr FINAL WHERE stored_at < start") == 0
