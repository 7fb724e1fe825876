"""topics, tail and deadletters, as they are called, against a real broker."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from capture.files import open_capture
from capture.publisher import Publisher
from capture.sensor import Sensor
from capture.settings import CaptureSettings
from eventlog.kafka.log import KafkaLog
from eventlog.kafka.settings import KafkaSettings
from eventlog.letters import dead_letter
from offhook.main import main
from schemas.framing import encode
from tests.eventlog.kafka.cluster import created, run, seen, settings, write
from tests.eventlog.test_log import decision
from tests.kafka_broker import Kafka
from tests.paths import OWN_CAPTURES, ROOT

Offhook = Callable[..., tuple[int, str, str]]


@pytest.fixture
def chosen(kafka: Kafka, prefix: str) -> KafkaSettings:
    return settings(kafka, prefix, 2)


@pytest.fixture
def offhook(
    chosen: KafkaSettings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Offhook:
    """Calls the command for the test's topics: exit code, output, errors."""
    monkeypatch.setenv("OFFHOOK_KAFKA_TOPIC_PREFIX", chosen.topic_prefix)
    monkeypatch.setenv("OFFHOOK_KAFKA_PARTITIONS", "2")

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main([*arguments, "--bootstrap", chosen.bootstrap_servers[0]])
        out, err = capsys.readouterr()
        return code, out, err

    return call


def lines(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def test_topics_are_created_once_and_compared_afterwards(
    offhook: Offhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, _ = offhook("topics", "describe", "--format", "json")
    assert code == 1
    assert {row["found"] for row in lines(out)} == {"missing"}
    code, out, _ = offhook("topics", "create")
    assert code == 0
    assert "cdr                2 partitions x 1  created" in out
    code, out, _ = offhook("topics", "create", "--format", "json")
    assert code == 0
    assert {(row["found"], row["partitions"]) for row in lines(out)} == {("as it should be", 2)}
    monkeypatch.setenv("OFFHOOK_KAFKA_PARTITIONS", "8")
    code, out, _ = offhook("topics", "create")
    assert code == 1
    assert "2 partitions, wanted 8: cannot be changed" in out


def test_a_capture_that_was_published_is_printed_by_tail(offhook: Offhook, chosen: KafkaSettings) -> None:
    run(created(chosen, "sip.messages", "rtp.packets", "rtcp.packets"))
    sensor, truth = Sensor("local", "local", "file", settings=CaptureSettings()), {"sip": 0, "rtp": 0}
    with KafkaLog(chosen) as log:
        publisher = Publisher(log)
        for block in open_capture(str(next(OWN_CAPTURES.glob("isa-sip.pcapng"))), sensor="file"):
            publisher.publish(sensor.feed(block))
        publisher.publish(sensor.close())
        log.flush(30)
        for part in range(2):
            truth["sip"] += sum(len(e.value.messages) for e in log.read("sip.messages", part, 0))
            truth["rtp"] += sum(len(e.value.arrival_us) for e in log.read("rtp.packets", part, 0))
    code, out, _ = offhook("tail", "sip.messages", "--from", "beginning", "--no-follow")
    assert code == 0
    messages = [message for row in lines(out) for message in row["value"]["messages"]]
    assert len(messages) == truth["sip"] > 0
    assert all("SIP/2.0" in message["raw"] and message["src_ip"].count(".") == 3 for message in messages)
    code, out, _ = offhook("tail", "rtp.packets", "--from", "beginning", "--no-follow")
    assert code == 0
    assert sum(row["value"]["packets"] for row in lines(out)) == truth["rtp"]


def test_tail_begins_and_stops_where_it_is_told(offhook: Offhook, chosen: KafkaSettings) -> None:
    run(created(chosen, "channel.decisions"))
    values = [encode("channel.decisions", decision(number)) for number in range(4)]
    run(write(chosen, "channel.decisions", *values, partition=1))
    _, out, _ = offhook("tail", "channel.decisions", "--from", "beginning", "--limit", "3")
    assert [row["value"]["taken"] for row in lines(out)] == [0, 1, 2]
    assert lines(out)[0] | {"time": ""} == {
        "topic": "channel.decisions", "partition": 1, "offset": 0, "time": "", "key": "",
        "value": lines(out)[0]["value"],
    }  # fmt: skip
    for arguments in (
        ["--from", "end"],
        ["--from", "2100-01-01"],
        ["--from", "beginning", "--partition=0"],
    ):
        assert offhook("tail", "channel.decisions", "--no-follow", *arguments)[:2] == (0, "")


def test_tail_says_what_cannot_be_read_and_goes_on(offhook: Offhook, chosen: KafkaSettings) -> None:
    run(created(chosen, "channel.decisions"))
    good = encode("channel.decisions", decision(7))
    run(write(chosen, "channel.decisions", b"\x1b[2Jno event", good[:-2], good))
    code, out, _ = offhook("tail", "channel.decisions", "--from", "beginning", "--no-follow")
    rows = lines(out)
    assert code == 0
    assert "begins with a zero byte" in rows[0]["error"]
    assert "cannot be decoded" in rows[1]["error"]
    assert rows[2]["value"]["taken"] == 7


def test_a_dead_letter_is_listed_shown_and_replayed(offhook: Offhook, chosen: KafkaSettings) -> None:
    run(created(chosen, "dead.letters", "cdr", "channel.decisions"))
    long = bytes(range(256)) * 40
    run(write(chosen, "cdr", b"before", long, partition=1))
    click = "clickhouse"
    letters = (
        dead_letter(click, "Code: 6\nCannot \x1b[31m", long, time_us=1, topic="cdr", number=1, offset=1),
        dead_letter(click, "gone", b"small", time_us=2, key=b"k", topic="cdr", number=0, offset=40),
        dead_letter(click, "gone, cut", long, time_us=3, topic="cdr", number=0, offset=41),
        dead_letter("capture", "no SIP", b"x", time_us=4),
        dead_letter("media", "no topic", b"x", time_us=5, topic="rtp.packets", number=0, offset=2),
    )
    with KafkaLog(chosen) as log:
        for letter in letters:
            log.append("dead.letters", 0, b"", letter)
        log.flush(30)

    code, out, _ = offhook("deadletters", "list")
    assert code == 0
    assert len(out.splitlines()) == 5
    first = "0:0      1970-01-01T00:00:00.000001Z  clickhouse  cdr/1:1  Code: 6 Cannot ?[31m"
    assert out.splitlines()[0] == first
    assert "\x1b" not in out
    assert len(offhook("deadletters", "list", "--source", "capture")[1].splitlines()) == 1

    code, out, _ = offhook("deadletters", "show", "0:0")
    assert code == 0
    assert "the first 4096 of 10240 bytes:" in out
    assert "00000010  10 11 12" in out

    code, out, _ = offhook("deadletters", "replay", "0:0", "0:1")
    assert (code, out) == (0, "0:0 → cdr/1 offset 2\n0:1 → cdr/0 offset 0\n")
    assert [(one.value, one.headers) for one in run(seen(chosen, "cdr", 1))][-1] == (
        long, (("offhook-replayed", b"0:0"),),
    )  # fmt: skip
    assert [(one.key, one.value) for one in run(seen(chosen, "cdr", 0))] == [(b"k", b"small")]

    code, out, _ = offhook("deadletters", "replay", "--all")
    assert code == 1
    assert "0:2 stays: cdr/0:41 is no longer kept, and the letter has 4096 of its 10240 bytes" in out
    assert "0:3 stays: it never was in a topic: no SIP" in out
    assert "0:4 stays: Kafka has no topic" in out


def test_tail_ends_when_its_reader_has_gone_though_nothing_comes(
    chosen: KafkaSettings, offhook: Offhook
) -> None:
    run(created(chosen, "cdr"))
    command = [
        sys.executable,
        "-m",
        "offhook.main",
        "tail",
        "cdr",
        "--bootstrap",
        chosen.bootstrap_servers[0],
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as tail:
        assert tail.stdout and tail.stderr
        tail.stdout.close()
        assert (tail.wait(60), tail.stderr.read()) == (0, "")
    assert offhook("tail", "cdr", "--no-follow") == (0, "", "")


def test_where_there_is_nothing_it_is_said(offhook: Offhook, chosen: KafkaSettings) -> None:
    assert "topics are missing: offhook topics create makes them" in offhook("topics", "describe")[2]
    run(created(chosen, "dead.letters"))
    assert offhook("deadletters", "list") == (0, "", "offhook: there are no dead letters\n")
    assert offhook("deadletters", "replay", "--all")[2] == "offhook: there are no dead letters to replay\n"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["tail", "nonsense"], 2, "no topic 'nonsense'"),
        (["tail", "RTP"], 2, "did you mean rtp.packets or rtp.unmatched?"),
        (["tail", "cdrs"], 2, "did you mean cdr?"),
        (["tail", "cdr", "--from", "tomorrow"], 2, "'tomorrow' is no time"),
        (["tail", "cdr", "--limit", "0"], 2, "at least 1"),
        (["tail", "cdr"], 1, "offhook topics create"),
        (["deadletters", "show", "x"], 2, "write PARTITION:OFFSET"),
        (["deadletters", "replay"], 2, "or --all"),
        (["deadletters", "replay", "0:1", "--all"], 2, "or --all"),
        (["deadletters", "list"], 1, "offhook topics create"),
    ],
)
def test_a_mistake_is_one_line(offhook: Offhook, arguments: list[str], code: int, said: str) -> None:
    ended, out, err = offhook(*arguments)
    assert (ended, out) == (code, "")
    assert said in err
    assert len(err.splitlines()) == 1


def test_a_letter_that_is_not_there_is_said(offhook: Offhook, chosen: KafkaSettings) -> None:
    run(created(chosen, "dead.letters"))
    code, _, err = offhook("deadletters", "show", "1:7")
    assert (code, err) == (1, "offhook: there is no dead letter 1:7; `offhook deadletters list` lists them\n")


def test_no_broker_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tail", "cdr", "--bootstrap", "127.0.0.1:1"]) == 1
    _, err = capsys.readouterr()
    assert len(err.splitlines()) == 1
    assert "Kafka at 127.0.0.1:1: cannot read cdr" in err


def test_no_secret_of_kafka_is_shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = {"KAFKA_PASSWORD": "first", "KAFKA_SCHEMA_REGISTRY_PASSWORD": "second"}
    for name, value in secrets.items():
        monkeypatch.setenv(f"OFFHOOK_{name}", f"{value}-hunter2")
    monkeypatch.setenv("SCHEMA_REGISTRY_URL", "http://registry:8081")
    assert main(["config", "show"]) == 0
    out, err = capsys.readouterr()
    assert 'kafka.password = "(hidden)"' in out
    assert 'kafka.schema_registry_password = "(hidden)"' in out
    assert 'kafka.schema_registry_url = "http://registry:8081"' in out
    monkeypatch.setenv("SCHEMA_REGISTRY_URL", "http://me:hunter2@registry:8081")
    assert main(["tail", "cdr"]) == 2
    assert "hunter2" not in out + err + capsys.readouterr().err
