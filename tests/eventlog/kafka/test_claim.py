"""A name is one process's: a second one that claims it takes it away, and the first finds out."""

import time

from eventlog.kafka.claim import Claim
from eventlog.kafka.log import KafkaLog
from eventlog.kafka.transactor import Record
from tests.eventlog.kafka.cluster import created, run, seen, settings
from tests.kafka_broker import Kafka

GIVE_UP_S = 20.0


def lost(claim: Claim) -> bool:
    deadline = time.monotonic() + GIVE_UP_S
    while not claim.lost and time.monotonic() < deadline:
        time.sleep(0.02)
    return claim.lost


def test_whoever_claims_a_name_later_takes_it_away(kafka: Kafka, prefix: str) -> None:
    chosen = run(created(settings(kafka, prefix), "capture.health"))
    with KafkaLog(chosen) as one, KafkaLog(chosen) as two:
        first, other = one.claim("sensor-a/s/gw1"), one.claim("sensor-a/s/gw2")
        for number in range(3):
            first.append(Record("capture.health", 0, b"", b"first %d" % number))
        deadline = time.monotonic() + GIVE_UP_S
        while len(run(seen(chosen, "capture.health"))) < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
        second = two.claim("sensor-a/s/gw1")
        first.append(Record("capture.health", 0, b"", b"by a twin"))
        assert lost(first)
        second.append(Record("capture.health", 0, b"", b"second"))
        other.append(Record("capture.health", 0, b"", b"other"))
    assert not (second.lost or other.lost)
    values = [record.value for record in run(seen(chosen, "capture.health"))]
    assert values[:3] == [b"first 0", b"first 1", b"first 2"]
    assert sorted(values[3:]) == [
        b"other",
        b"second",
    ]  # what was not there when it was closed has been waited for
