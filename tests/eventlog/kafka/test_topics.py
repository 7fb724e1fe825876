"""The catalogue in Kafka, and what any Kafka client makes of it."""

import re
import subprocess
import sys

from eventlog.kafka.configs import kafka_config
from eventlog.kafka.topics import Found, create, describe
from eventlog.topics import BY_NAME, TOPICS
from schemas.files import schema_path
from schemas.framing import encode
from tests.eventlog.kafka.cluster import created, run, settings, write
from tests.kafka_broker import Kafka
from tests.offhook.fakes import CALL
from tests.paths import ROOT


def test_the_consumer_of_the_page_of_topics_reads_call_records(kafka: Kafka, prefix: str) -> None:
    page = (ROOT / "docs" / "topics.md").read_text(encoding="utf-8")
    found = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert found is not None
    chosen = run(created(settings(kafka, prefix), "cdr"))
    run(write(chosen, "cdr", encode("cdr", CALL)))
    command = [sys.executable, "-c", found[1], kafka.bootstrap, chosen.topic("cdr"), str(schema_path("cdr"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd="/") as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        process.kill()
    assert f"'call_id': '{CALL.call_id}'" in line
    assert f"'cdr_id': '{CALL.cdr_id}'" in line


def test_all_of_the_catalogue_is_created_with_its_retention(kafka: Kafka, prefix: str) -> None:
    chosen = settings(kafka, prefix, 3)
    reports = run(create(chosen))
    assert [(report.name, report.found, report.partitions) for report in reports] == [
        (topic.name, Found.CREATED, 3) for topic in TOPICS
    ]
    assert {report.found for report in run(create(chosen))} == {Found.SAME}


def test_what_differs_is_told(kafka: Kafka, prefix: str) -> None:
    chosen = run(created(settings(kafka, prefix, 2), "cdr"))
    others = settings(kafka, prefix, 4)
    cdr, rejected = run(describe(others, [BY_NAME["cdr"], BY_NAME["cdr.rejected"]]))
    assert (cdr.found, cdr.wrong_partitions) == (Found.DIFFERENT, True)
    assert cdr.differences == ["2 partitions, wanted 4: cannot be changed"]
    assert rejected.found is Found.MISSING
    run(write(chosen, "cdr", b"x", partition=1))  # and it was left as it is


def test_states_are_compacted_early_and_events_kept_as_the_catalogue_says() -> None:
    state = kafka_config(BY_NAME["media.state"], 3)
    assert (state["cleanup.policy"], state["min.insync.replicas"]) == ("compact", "2")
    assert int(state["segment.bytes"]) <= 16 << 20
    packets = kafka_config(BY_NAME["rtp.packets"], 1)
    assert (packets["retention.ms"], packets["min.insync.replicas"]) == ("3600000", "1")
    assert int(packets["segment.ms"]) <= 3_600_000 // 2  # else an hour's packets would lie there for a day
    assert kafka_config(BY_NAME["cdr"], 1)["retention.ms"] == str(25 * 24 * 3_600_000)
