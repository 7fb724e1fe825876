"""Readers see what was committed, once, and again where their effect failed."""

import asyncio
import time

import pytest

from eventlog.kafka.errors import KafkaLogError
from eventlog.kafka.partition import StagePartition
from eventlog.kafka.reader import GAP_LOOKED_AT, Reader, read_to_end
from eventlog.kafka.transactor import Record, Transactor
from tests.eventlog.kafka.cluster import created, run, settings, write
from tests.kafka_broker import Kafka

CDR = ("cdr", 0)


async def some(reader: Reader, count: int) -> list[bytes | None]:
    """The values of the next so many records."""
    found: list[bytes | None] = []
    while len(found) < count:
        found += [record.value for record in await reader.read(count - len(found))]
    return found


def test_what_was_aborted_or_is_still_open_is_invisible(kafka: Kafka, prefix: str) -> None:
    async def story() -> None:
        chosen = await created(settings(kafka, prefix), "cdr", "calls.state")
        part = StagePartition(chosen, "calls", 0)
        await part.open()
        await part.commit({}, [Record("cdr", 0, b"", b"one")], {("sip.messages", 0): 0})
        dead = Transactor(chosen, "another")
        await dead.open()
        assert dead._producer is not None
        await dead._producer.begin_transaction()
        await dead._producer.send_and_wait(chosen.topic("cdr"), b"open", partition=0)
        async with Reader(chosen, ["cdr"]) as reader:
            assert await some(reader, 1) == [b"one"]
            await part.commit({}, [Record("cdr", 0, b"", b"two")], {("sip.messages", 0): 1})
            assert await reader.read(wait_ms=100) == []  # behind the open one nothing is stable yet
            await dead._producer.abort_transaction()
            assert await some(reader, 1) == [b"two"]
        await part.close()
        await dead.close()

    run(story())


def test_a_group_goes_on_behind_what_was_committed_and_reads_the_rest_again(
    kafka: Kafka, prefix: str
) -> None:
    async def story() -> None:
        chosen = await created(settings(kafka, prefix), "cdr")
        await write(chosen, "cdr", *(b"%d" % n for n in range(6)))
        async with Reader(chosen, ["cdr"], group="sink", member="sink-0") as reader:
            assert await some(reader, 4) == [b"0", b"1", b"2", b"3"]
            await reader.commit({CDR: 1})
            await reader.seek_back()  # the insert of 2 and 3 failed
            assert await some(reader, 2) == [b"2", b"3"]
            await reader.commit({CDR: 3, ("cdr", 7): 5})  # another member's partition is left out
            assert reader.assigned() == {CDR}
        async with Reader(chosen, ["cdr"], group="sink", member="sink-0") as reader:
            assert await some(reader, 2) == [b"4", b"5"]
            assert reader.lag() == {CDR: 0}
            await reader.seek_back()
            assert await some(reader, 2) == [b"4", b"5"]

    run(story())


def test_members_share_the_partitions_and_take_over_without_loss(kafka: Kafka, prefix: str) -> None:
    async def story() -> None:
        chosen = await created(settings(kafka, prefix, 2), "cdr")
        one, two = (Reader(chosen, ["cdr"], group="sink") for _ in range(2))
        await one.start()
        await _until(one, 2)
        await two.start()
        assert await asyncio.gather(_until(one, 1), _until(two, 1)) == [[], []]
        assert one.assigned() | two.assigned() == {("cdr", 0), ("cdr", 1)}
        for part in range(2):
            await write(chosen, "cdr", b"%d" % part, partition=part)
        read = await asyncio.gather(some(one, 1), some(two, 1))
        assert sorted(value for values in read for value in values) == [b"0", b"1"]
        ((topic, number),) = two.assigned()
        await two.commit({(topic, number): 0})
        await two.stop()  # leaves; what the other read and did not commit comes again, its own does not
        again = await _until(one, 2)
        assert again or await some(one, 1) == [b"%d" % (1 - number)]
        assert set(again) <= {b"%d" % (1 - number)}
        await one.commit({("cdr", 0): 0, ("cdr", 1): 0})
        await one.stop()

    async def _until(reader: Reader, count: int) -> list[bytes | None]:
        found: list[bytes | None] = []
        while len(reader.assigned()) != count:
            found += [record.value for record in await reader.read(wait_ms=50)]
        return found

    run(story())


def test_a_paused_reader_fetches_nothing_and_stays_in_its_group(kafka: Kafka, prefix: str) -> None:
    async def story() -> None:
        chosen = await created(settings(kafka, prefix), "cdr")
        await write(chosen, "cdr", b"0")
        async with Reader(chosen, ["cdr"], group="sink") as reader:
            assert await some(reader, 1) == [b"0"]
            reader.pause()
            await write(chosen, "cdr", b"1")
            assert await reader.read(wait_ms=200) == []
            assert reader.assigned() == {CDR}
            reader.resume()
            assert await some(reader, 1) == [b"1"]

    run(story())


def test_reading_begins_at_the_beginning_the_end_or_a_time(kafka: Kafka, prefix: str) -> None:
    async def story() -> None:
        chosen = await created(settings(kafka, prefix, 2), "cdr")
        await write(chosen, "cdr", b"old", partition=1)
        between = time.time_ns() // 1_000_000 + 1
        while time.time_ns() // 1_000_000 <= between:
            pass
        await write(chosen, "cdr", b"new", partition=1)
        async with Reader(chosen, ["cdr"], start=between) as reader:
            assert [record.value for record in await read_to_end(reader)] == [b"new"]
        async with Reader(chosen, ["cdr"], partitions=[1]) as reader:
            found = await read_to_end(reader)
            assert [(record.partition, record.offset, record.value) for record in found] == [
                (1, 0, b"old"), (1, 1, b"new"),
            ]  # fmt: skip
            assert found[0].time_ms < between <= found[1].time_ms
        async with Reader(chosen, ["cdr"], start="end") as reader:
            await write(chosen, "cdr", b"newest", partition=0)
            assert await some(reader, 1) == [b"newest"]

    run(story())


def test_what_retention_took_before_it_was_read_is_counted(kafka: Kafka, prefix: str) -> None:
    async def story() -> None:
        from aiokafka.admin import AIOKafkaAdminClient
        from aiokafka.admin.records_to_delete import RecordsToDelete

        chosen = await created(settings(kafka, prefix), "cdr")
        count = GAP_LOOKED_AT + 20
        await write(chosen, "cdr", b"read", *(b"lost" for _ in range(count)), b"kept")
        async with Reader(chosen, ["cdr"], group="sink") as reader:
            await some(reader, 1)
            await reader.commit({CDR: 0})
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
        await admin.start()
        from aiokafka import TopicPartition

        place = TopicPartition(chosen.topic("cdr"), 0)
        await admin.delete_records({place: RecordsToDelete(before_offset=count + 1)})
        await admin.close()
        async with Reader(chosen, ["cdr"], group="sink") as reader:
            assert await some(reader, 1) == [b"kept"]
            assert reader.expired == {CDR: count}

    run(story())


def test_a_topic_or_partition_that_is_missing_is_said_at_once(kafka: Kafka, prefix: str) -> None:
    async def story() -> None:
        chosen = await created(settings(kafka, prefix), "cdr")
        with pytest.raises(KafkaLogError, match=r"no topic \w+\.channels: offhook topics create"):
            await Reader(chosen, ["channels"]).start()
        with pytest.raises(KafkaLogError, match=r"has 1 partitions \(0 to 0\), not number 4"):
            await Reader(chosen, ["cdr"], partitions=[4]).start()
        with pytest.raises(KafkaLogError, match="not started"):
            await Reader(chosen, ["cdr"]).read()

    run(story())
