"""A broker that is killed, under a publisher and under a stage: nothing lost, nothing twice."""

import asyncio
import threading
from pathlib import Path

import pytest

from eventlog.kafka.errors import KafkaLogError, UnsettledError
from eventlog.kafka.log import KafkaLog
from eventlog.kafka.partition import StagePartition
from eventlog.kafka.settings import KafkaSettings
from eventlog.kafka.transactor import Record
from offhook.dev.kafka import Broker
from tests.eventlog.kafka.cluster import created, run, seen
from tests.eventlog.test_log import decision

RECORDS = 2000
STEPS = 120
INPUT = ("sip.messages", 0)


def test_a_killed_broker_loses_and_doubles_nothing(tmp_path: Path) -> None:
    broker = Broker(tmp_path).start()
    chosen = KafkaSettings(bootstrap_servers=(broker.bootstrap,), partitions=2)
    half_way = threading.Barrier(3)

    def kill_and_restart() -> None:
        half_way.wait()
        broker.kill()
        broker.start()

    try:
        run(created(chosen, "channel.decisions", "calls.state", "cdr"))
        workers = [
            threading.Thread(target=kill_and_restart),
            threading.Thread(target=lambda: asyncio.run(_steps(chosen, half_way))),
        ]
        for worker in workers:
            worker.start()
        with KafkaLog(chosen) as log:
            for number in range(RECORDS):
                log.append("channel.decisions", number % 2, b"", decision(number))
                if number == RECORDS // 2:
                    log.flush(30)
                    half_way.wait()  # what follows finds a broker that dies, none, and one that starts
            log.flush(60)
            for worker in workers:
                worker.join()
            for part in range(2):
                taken = [entry.value.taken for entry in log.read("channel.decisions", part, 0)]
                assert taken == list(range(part, RECORDS, 2))
        facts = [int(record.value) for record in run(seen(chosen, "cdr"))]
        assert facts == list(range(STEPS))
        run(_hang(chosen, broker))
    finally:
        broker.kill()


async def _hang(chosen: KafkaSettings, broker: Broker) -> None:
    """A broker that stops answering fails the step in time; the next owner knows what came of it."""
    part = StagePartition(chosen, "calls", 1, commit_s=1)
    await part.open()
    await part.commit({b"count": b"1"}, [Record("cdr", 1, b"", b"1")], {INPUT: 0})
    broker.pause()
    with pytest.raises(UnsettledError, match="calls-1: the step's outcome is unknown"):
        await part.commit({b"count": b"2"}, [Record("cdr", 1, b"", b"2")], {INPUT: 1})
    broker.resume()
    state = await part.open()
    facts = [record.value for record in await seen(chosen, "cdr", 1)]
    assert (state, part.applied, facts) in (
        ({b"count": b"1"}, {INPUT: 0}, [b"1"]),
        ({b"count": b"2"}, {INPUT: 1}, [b"1", b"2"]),
    )
    await part.commit({b"count": b"3"}, [], {INPUT: 2})
    await part.close()


async def _steps(chosen: KafkaSettings, half_way: threading.Barrier) -> None:
    """A stage that counts its inputs; whatever fails, it is made anew from what Kafka holds."""
    part, count = StagePartition(chosen, "calls", 0), 0
    for number in range(STEPS):
        if number == STEPS // 2:
            await asyncio.to_thread(half_way.wait)
        while part.next_offset(*INPUT) <= number or not part.is_open:
            try:
                if not part.is_open:
                    state = await part.open()
                    count = int(state.get(b"count", b"0"))
                    assert count == part.next_offset(*INPUT)
                    continue
                facts = [Record("cdr", 0, b"", b"%d" % count)]
                await part.commit({b"count": b"%d" % (count + 1)}, facts, {INPUT: number})
                count += 1
            except KafkaLogError:  # the broker is away: the outcome of the step is unknown
                await asyncio.sleep(0.1)
    await part.close()
