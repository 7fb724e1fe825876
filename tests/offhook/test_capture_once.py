"""A capture that is stopped, or dies, goes on where it was: nothing is left out, nothing published twice."""

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from eventlog.kafka.errors import FencedError, UnsettledError
from eventlog.kafka.log import KafkaLog
from eventlog.kafka.settings import KafkaSettings
from eventlog.kafka.topics import create
from eventlog.topics import BY_NAME
from offhook.capture_file import FileCapture
from offhook.settings import Settings
from tests.eventlog.kafka.cluster import run, settings
from tests.kafka_broker import Kafka
from tests.paths import TOOLS

RAW = ("sip.messages", "rtp.packets", "rtcp.packets")
Published = list[list[Any]]


class DeathError(Exception):
    """A death between two commits."""


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("calls") / "calls.pcap"
    options = ["--calls", "4", "--seconds", "4", "--out", str(path)]
    subprocess.run([sys.executable, TOOLS / "gen_calls.py", *options], check=True, capture_output=True)
    return path


def chosen(kafka: Kafka, prefix: str) -> KafkaSettings:
    made = settings(kafka, prefix, 2)
    run(create(made, [BY_NAME[name] for name in (*RAW, "capture.health")]))
    return made


def capture(log: KafkaLog, path: Path, speed: float | None = 1e6) -> FileCapture:
    options = argparse.Namespace(file=[str(path)], sensor="s", account="acc", site="site", no_end=False)
    return FileCapture(options, Settings(), log, speed)


def published(log: KafkaLog) -> Published:
    return [[entry.value for entry in log.read(topic, number, 0)] for topic in RAW for number in (0, 1)]


def encoded(log: KafkaLog, found: Published) -> list[list[bytes]]:
    topics = [topic for topic in RAW for _ in (0, 1)]
    return [
        [log.wire.encode(topic, value) for value in values]
        for topic, values in zip(topics, found, strict=True)
    ]


@pytest.mark.parametrize(("speed", "life"), [(1e6, 4), (None, 2)])
def test_after_each_death_it_goes_on_behind_what_kafka_has(
    kafka: Kafka, prefix: str, calls: Path, speed: float | None, life: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with KafkaLog(chosen(kafka, f"{prefix}whole.")) as log:
        capture(log, calls, speed).publish()
        whole = encoded(log, published(log))
    assert sum(map(len, whole)) > 12

    commit = KafkaLog.transaction
    commits = 0

    def dies(self: KafkaLog, owner: str) -> Any:
        nonlocal commits
        commits += 1
        if commits % life == 0:
            raise DeathError
        return commit(self, owner)

    monkeypatch.setattr(KafkaLog, "transaction", dies)
    monkeypatch.setattr("offhook.capture_once.STEP_BATCHES", 1)
    where = chosen(kafka, prefix)
    deaths = 0
    while True:
        with KafkaLog(where) as log:
            try:
                capture(log, calls, speed).publish()
            except DeathError:
                deaths += 1
                continue
            assert encoded(log, published(log)) == whole
            break
    assert deaths >= (2 if speed is None else 6)


def test_a_commit_whose_answer_is_lost_is_not_made_twice(
    kafka: Kafka, prefix: str, calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = KafkaLog._commit
    count = 0

    async def lost(self: KafkaLog, owner: str, step: Any) -> None:
        nonlocal count
        count += 1
        if count % 3 != 1:  # the second is lost before it is done, the third afterwards
            if count % 3 == 0:
                await real(self, owner, step)
            await self._owners[owner].close()
            raise UnsettledError("the answer is lost")
        await real(self, owner, step)

    with KafkaLog(chosen(kafka, f"{prefix}whole.")) as log:
        capture(log, calls).publish()
        whole = encoded(log, published(log))
    monkeypatch.setattr(KafkaLog, "_commit", lost)
    monkeypatch.setattr("offhook.capture_once.AGAIN_S", 0.0)
    with KafkaLog(chosen(kafka, prefix)) as log:
        capture(log, calls).publish()
        assert count > 12
        assert encoded(log, published(log)) == whole


def test_a_stopped_capture_goes_on_and_a_published_one_adds_nothing(
    kafka: Kafka, prefix: str, calls: Path
) -> None:
    with KafkaLog(chosen(kafka, f"{prefix}whole.")) as log:
        capture(log, calls).publish()
        whole = encoded(log, published(log))
        again = capture(log, calls)
        again.publish()
        assert encoded(log, published(log)) == whole
    where = chosen(kafka, prefix)
    with KafkaLog(where) as log:
        first = capture(log, calls)
        take = first._take

        def stops(batches: Any) -> None:
            take(batches)
            if first._publisher.given > 18:  # type: ignore[union-attr]
                first._stopped.set()

        first._take = stops  # type: ignore[method-assign]
        first.publish()
    with KafkaLog(where) as log:
        second = capture(log, calls)
        assert second.pace.skips
        second.publish()
        assert encoded(log, published(log)) == whole


def test_of_two_that_publish_the_same_the_first_ends(kafka: Kafka, prefix: str, calls: Path) -> None:
    where = chosen(kafka, prefix)
    with KafkaLog(where) as log, KafkaLog(where) as other:
        first = capture(log, calls)
        capture(other, calls)
        with pytest.raises(FencedError):
            first.publish()


def test_a_capture_of_a_site_that_has_ended_says_so(
    kafka: Kafka, prefix: str, calls: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def said() -> list[str]:
        found = [record.message for record in caplog.records if record.message.startswith("site has ended")]
        caplog.clear()
        return found

    other = tmp_path / "other.pcap"
    other.write_bytes(calls.read_bytes())
    made = chosen(kafka, prefix)
    with KafkaLog(made) as log:
        capture(log, calls, None).publish()
        assert not said()
    with KafkaLog(made) as log:
        capture(log, calls, None).publish()  # the same: nothing is published
        assert not said()
    with KafkaLog(made) as log:
        capture(log, other, None).publish()
        assert len(said()) == 1
