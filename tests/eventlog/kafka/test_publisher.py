"""What capture publishes stays in order and is never given up while the broker is away."""

import math
import os

import pytest

from eventlog.kafka.bounds import PUBLISHED_BATCH_BYTES
from eventlog.kafka.clients import TopicPartition, idempotent_producer
from eventlog.kafka.errors import RefusedError, UnavailableError
from eventlog.kafka.log import KafkaLog
from eventlog.kafka.loop import LoopThread
from eventlog.kafka.publisher import Publisher
from eventlog.kafka.settings import KafkaSettings
from tests.eventlog.kafka.cluster import created, run, seen, settings
from tests.eventlog.test_log import decision
from tests.kafka_broker import Kafka


def test_no_record_is_given_up_because_no_leader_is_known(kafka: Kafka) -> None:
    """aiokafka drops a batch after request_timeout_ms without a leader, unless this private limit is off."""

    async def story() -> float:
        producer = idempotent_producer(KafkaSettings(bootstrap_servers=(kafka.bootstrap,)), "test", 5)
        accumulator = producer._message_accumulator
        batch = accumulator._append_batch(accumulator.create_builder(), TopicPartition("any", 0))
        producer._closed = True
        return float(batch._ttl)

    assert run(story()) == math.inf


def test_a_caller_waits_while_too_much_is_unacknowledged(kafka: Kafka, prefix: str) -> None:
    chosen = run(created(settings(kafka, prefix), "cdr"))
    thread = LoopThread("test")
    publisher = Publisher(chosen, thread, unacknowledged_bytes=10_000)
    held = []
    for number in range(50):
        publisher.append("cdr", 0, b"", b"%04d" % number * 1000)
        held.append(publisher.unacknowledged_bytes)
    publisher.flush(30)
    publisher.close()
    thread.close()
    assert max(held) <= 10_000
    assert publisher.waited_s > 0
    assert [record.value[:4] for record in run(seen(chosen, "cdr"))] == [b"%04d" % n for n in range(50)]


def test_a_batch_of_packets_longer_than_the_producers_batches_goes_through(kafka: Kafka, prefix: str) -> None:

    long = os.urandom(3 * PUBLISHED_BATCH_BYTES)
    chosen = run(created(settings(kafka, prefix), "rtp.packets"))
    thread = LoopThread("test")
    publisher = Publisher(chosen, thread)
    for value in (b"before", long, b"after"):
        publisher.append("rtp.packets", 0, b"", value)
    publisher.flush(30)
    publisher.close()
    thread.close()
    assert [record.value for record in run(seen(chosen, "rtp.packets"))] == [b"before", long, b"after"]


def test_a_record_that_the_broker_refuses_ends_the_publishing_loudly(kafka: Kafka, prefix: str) -> None:

    chosen = run(created(settings(kafka, prefix), "calls.state"))
    thread = LoopThread("test")
    publisher = Publisher(chosen, thread)
    publisher.append("calls.state", 0, b"k", os.urandom(2 << 20))  # that topic takes 1 MiB
    with pytest.raises(RefusedError, match="refused a record"):
        publisher.flush(30)
    with pytest.raises(RefusedError, match="refused a record"):
        publisher.append("calls.state", 0, b"k", b"later")
    publisher.close()
    thread.close()


def test_brokers_that_do_not_answer_are_one_line() -> None:
    with pytest.raises(UnavailableError, match=r"Kafka at 127\.0\.0\.1:1: cannot publish: .*127\.0\.0\.1"):
        KafkaLog(KafkaSettings(bootstrap_servers=("127.0.0.1:1",)))


def test_a_publisher_of_a_file_counts_its_batches_and_goes_on_exactly(kafka: Kafka, prefix: str) -> None:
    chosen = run(created(settings(kafka, prefix), "channel.decisions"))
    place = ("channel.decisions", 0)
    for stop_at in (3, 7):  # two processes; the first dies after its third batch
        with KafkaLog(chosen) as log:
            done = log.applied_offsets("capture of monday.pcap").get(place, -1)
            for batch in range(done + 1, stop_at):
                with log.transaction("capture of monday.pcap") as step:
                    step.append(*place, b"", decision(batch))
                    step.applied(*place, batch)
    with KafkaLog(chosen) as log:
        assert [entry.value.taken for entry in log.read(*place, 0)] == list(range(7))
