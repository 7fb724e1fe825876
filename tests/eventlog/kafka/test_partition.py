"""One step of a stage is there at once or not at all, whatever dies."""

import asyncio
import os

import pytest
from hypothesis import given
from hypothesis import settings as bounded
from hypothesis import strategies as st

from eventlog.kafka.bounds import RECORD_BYTES, STATE_PIECE_BYTES
from eventlog.kafka.errors import FencedError, KafkaLogError, RefusedError, UnsettledError
from eventlog.kafka.partition import Guard, StagePartition
from eventlog.kafka.state import StatePieces
from eventlog.kafka.transactor import Record, Transactor
from tests.eventlog.kafka.cluster import created, run, seen, settings
from tests.kafka_broker import Kafka

TOPICS = ("sip.messages", "calls.state", "cdr")
SIP = ("sip.messages", 0)


def test_state_facts_and_offsets_are_there_together_after_a_restart(kafka: Kafka, prefix: str) -> None:
    async def story() -> None:
        chosen = await created(settings(kafka, prefix), *TOPICS)
        first = StagePartition(chosen, "calls", 0)
        assert await first.open() == {}
        assert first.next_offset(*SIP) == 0
        await first.commit({b"a": b"1", b"b": b"2"}, [Record("cdr", 0, b"k", b"fact")], {SIP: 4})
        await first.commit({b"a": None, b"c": b""}, [], {SIP: 9})
        await first.close()

        second = StagePartition(chosen, "calls", 0)
        assert await second.open() == {b"b": b"2", b"c": b""}
        assert second.applied == {SIP: 9}
        assert second.next_offset(*SIP) == 10
        assert [(record.key, record.value) for record in await seen(chosen, "cdr")] == [(b"k", b"fact")]
        await second.close()

    run(story())


def test_a_paused_former_owner_that_wakes_up_is_fenced_and_writes_nothing(kafka: Kafka, prefix: str) -> None:
    async def story() -> None:
        chosen = await created(settings(kafka, prefix), *TOPICS)
        zombie, heir = StagePartition(chosen, "calls", 0), StagePartition(chosen, "calls", 0)
        await zombie.open()
        await zombie.commit({b"call": b"by the first"}, [], {SIP: 1})
        assert await heir.open() == {b"call": b"by the first"}
        with pytest.raises(FencedError, match="calls-0"):
            await zombie.commit({b"call": b"by a zombie"}, [Record("cdr", 0, b"", b"zombie")], {SIP: 2})
        assert not zombie.is_open
        await heir.commit({b"call": b"by the heir"}, [], {SIP: 2})
        await heir.close()
        assert await seen(chosen, "cdr") == []
        assert await StagePartitionOnce(chosen).state() == {b"call": b"by the heir"}

    run(story())


class StagePartitionOnce:
    """Opens calls-0, and closes it."""

    def __init__(self, chosen: object) -> None:
        self.part = StagePartition(chosen, "calls", 0)  # type: ignore[arg-type]

    async def state(self) -> dict[bytes, bytes]:
        try:
            return await self.part.open()
        finally:
            await self.part.close()


def test_what_a_dead_owner_left_open_is_aborted_and_never_seen(kafka: Kafka, prefix: str) -> None:
    async def story() -> None:
        chosen = await created(settings(kafka, prefix), *TOPICS)
        dead = Transactor(chosen, "calls-0")
        await dead.open()
        producer = dead._producer
        assert producer is not None
        await producer.begin_transaction()
        await producer.send_and_wait(chosen.topic("cdr"), b"half a step", partition=0)
        await producer.send_and_wait(chosen.topic("calls.state"), b"half", key=b"\1x", partition=0)

        heir = StagePartition(chosen, "calls", 0)
        assert await heir.open() == {}
        await heir.commit({}, [Record("cdr", 0, b"", b"whole step")], {SIP: 0})
        assert [record.value for record in await seen(chosen, "cdr")] == [b"whole step"]
        raw = [record.value for record in await seen(chosen, "cdr", uncommitted=True)]
        assert raw == [b"half a step", b"whole step"]
        await heir.close()
        await dead.close()

    run(story())


def test_a_record_that_the_broker_refuses_abandons_the_whole_step(kafka: Kafka, prefix: str) -> None:
    async def story() -> None:
        chosen = await created(settings(kafka, prefix), *TOPICS)
        part = StagePartition(chosen, "calls", 0)
        await part.open()
        # Too long for the topic of states (1 MiB), not for the client: only the broker can tell.
        refused = Record("calls.state", 0, b"\1long", os.urandom(3 << 20))
        with pytest.raises(RefusedError, match="abandoned"):
            await part.commit({b"call": b"1"}, [Record("cdr", 0, b"", b"good"), refused], {SIP: 0})
        assert not part.is_open
        assert await seen(chosen, "cdr") == []
        assert await part.open() == {}
        assert part.applied == {}
        await part.commit({b"call": b"1"}, [Record("cdr", 0, b"", b"good")], {SIP: 0})
        assert [record.value for record in await seen(chosen, "cdr")] == [b"good"]
        await part.close()

    run(story())


def test_a_step_with_a_wrong_partition_or_a_record_too_long_leaves_nothing(kafka: Kafka, prefix: str) -> None:
    async def story() -> None:
        chosen = await created(settings(kafka, prefix), *TOPICS)
        part = StagePartition(chosen, "calls", 0)
        for bad in (Record("cdr", 7, b"", b""), Record("cdr", 0, b"", bytes(RECORD_BYTES + 1))):
            await part.open()
            with pytest.raises(RefusedError):
                await part.commit({b"call": b"1"}, [bad], {SIP: 0})
        assert await part.open() == {}
        await part.close()

    run(story())


def test_a_topic_that_is_gone_is_named(kafka: Kafka, prefix: str) -> None:
    async def story() -> None:
        chosen = await created(settings(kafka, prefix), "sip.messages", "calls.state")
        partition = StagePartition(chosen, "calls", 0, commit_s=1)
        await partition.open()
        with pytest.raises(UnsettledError, match=rf"Kafka has no topic {prefix}cdr: offhook topics create"):
            await partition.commit({}, [Record("cdr", 0, b"k", b"fact")], {SIP: 1})

    run(story())


def test_state_of_many_segments_and_of_long_values_comes_back(kafka: Kafka, prefix: str) -> None:
    long = b"".join(number.to_bytes(4, "big") for number in range(STATE_PIECE_BYTES))  # four pieces
    noise = os.urandom(900 << 10)  # cannot be compressed: each step fills a twentieth of a segment

    async def story() -> None:
        chosen = await created(settings(kafka, prefix), *TOPICS)
        part = StagePartition(chosen, "calls", 0)
        await part.open()
        for step in range(24):
            changes = {b"noise %d" % (step % 5): noise, b"n %d" % step: b"%d" % step}
            await part.commit(changes, [], {SIP: step})
        await part.commit({b"long": long, b"short": long}, [], {SIP: 50})
        await part.commit({b"short": b"now short", b"noise 1": None, b"": b"empty key"}, [], {SIP: 51})
        await part.close()
        again = StagePartition(chosen, "calls", 0)
        state = await again.open()
        assert again.applied == {SIP: 51}
        assert state.pop(b"long") == long
        assert {state.pop(b"noise %d" % n) for n in (0, 2, 3, 4)} == {noise}
        assert state == {b"n %d" % n: b"%d" % n for n in range(24)} | {
            b"short": b"now short",
            b"": b"empty key",
        }
        await again.commit({b"long": b"x"}, [], {SIP: 52})
        await again.close()
        assert (await StagePartitionOnce(chosen).state())[b"long"] == b"x"

    run(story())


def test_partitions_of_a_stage_do_not_disturb_each_other(kafka: Kafka, prefix: str) -> None:
    async def story() -> None:
        chosen = await created(settings(kafka, prefix, 2), *TOPICS)
        parts = [StagePartition(chosen, "calls", number) for number in range(2)]
        await asyncio.gather(*(part.open() for part in parts))
        await asyncio.gather(*(part.commit({b"k": part.owner.encode()}, [], {}) for part in parts))
        assert [await part.open() for part in parts] == [{b"k": b"calls-0"}, {b"k": b"calls-1"}]
        for part in parts:
            await part.close()

    run(story())


def test_what_is_not_there_is_said(kafka: Kafka, prefix: str) -> None:
    async def story() -> None:
        chosen = await created(settings(kafka, prefix), "calls.state")
        with pytest.raises(KafkaLogError, match="no topic nonsense"):
            StagePartition(chosen, "nonsense", 0)
        with pytest.raises(KafkaLogError, match=r"no topic t\w+\.media\.state.*topics create"):
            await StagePartition(chosen, "media", 0).open()
        with pytest.raises(KafkaLogError, match="has 1 partitions, number 3"):
            await StagePartition(chosen, "calls", 3).open()
        part = StagePartition(chosen, "calls", 0)
        with pytest.raises(KafkaLogError, match="not open"):
            await part.commit({b"k": b""}, [], {})
        await part.open()
        await part.commit({}, [], {SIP: 5})
        with pytest.raises(KafkaLogError, match="cannot go back"):
            await part.commit({}, [], {SIP: 4})
        await part.close()

    run(story())


def test_the_guard_lets_each_event_pass_once_also_within_a_batch() -> None:
    guard = Guard({SIP: 10})
    passed = [offset for offset in (9, 10, 11, 12, 11, 12, 13) if guard.admits(*SIP, offset)]
    assert passed == [11, 12, 13]
    assert guard.admits("media.windows", 0, 0)
    assert guard.applied == {SIP: 13, ("media.windows", 0): 0}


@bounded(max_examples=30, deadline=None)
@given(
    st.lists(
        st.dictionaries(
            st.binary(max_size=2), st.none() | st.sampled_from([0, 1, 2**19, 2**19 + 1, 3 * 2**19])
        ),
        max_size=8,
    )
)
def test_pieces_put_together_are_the_values_after_any_changes(steps: list[dict[bytes, int | None]]) -> None:
    pieces, topic, truth = StatePieces(), dict[bytes, bytes](), dict[bytes, bytes]()
    for step in steps:
        changes = {key: None if size is None else bytes([size % 251]) * size for key, size in step.items()}
        for key, value in pieces.records(changes):
            if value is None:
                topic.pop(key, None)
            else:
                topic[key] = value
        pieces.keep(changes)
        truth |= {key: value for key, value in changes.items() if value is not None}
        for key in [key for key, value in changes.items() if value is None]:
            truth.pop(key, None)
    assert StatePieces().read(topic) == truth
    assert all(len(value) <= STATE_PIECE_BYTES + 2 for value in topic.values())


def test_however_far_a_step_is_when_it_is_fenced_it_says_so(kafka: Kafka, prefix: str) -> None:
    """aiokafka's sends only say that there is no transaction, once its sender knows that it is fenced."""

    async def story() -> None:
        chosen = await created(settings(kafka, prefix), *TOPICS)
        for records in (0, 1, 300):
            zombie, heir = StagePartition(chosen, "calls", 0), StagePartition(chosen, "calls", 0)
            await zombie.open()
            await heir.open()
            changes = {b"%d" % number: os.urandom(5000) for number in range(records)}
            with pytest.raises(FencedError):
                await zombie.commit(changes, [Record("cdr", 0, b"", b"zombie")], {SIP: records})
            await heir.close()
        assert await seen(chosen, "cdr") == []

    run(story())
