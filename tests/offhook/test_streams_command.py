"""`offhook streams` and `offhook capture` called wrongly say so in one line."""

import pytest

from offhook.main import main
from tests.eventlog.kafka.cluster import created, run, settings
from tests.kafka_broker import Kafka
from tests.paths import CAPTURES

CAPTURE = str(CAPTURES / "sip_rtp_dtmf_lo.pcap")
WHO = ["--sensor", "s", "--account", "a", "--site", "h"]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["streams", "--stages", "calls,cdr"], 2, "no stage 'cdr'"),
        (["streams", "--stages", ","], 2, "name some of"),
        (["streams", "--http", "9100"], 2, "HOST:PORT"),
        (["streams", "--set", "streams.session_s=0"], 2, "session_s"),
        (["capture", "--file", CAPTURE, "--speed", "fast", *WHO], 2, "--speed fast"),
        (["capture", "--file", CAPTURE, "--speed", "-1", *WHO], 2, "--speed -1"),
        (["capture", "--file", CAPTURE], 2, "--sensor"),
    ],
)
def test_called_wrongly(
    arguments: list[str], code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == code
    assert says in capsys.readouterr().err


def test_topics_that_are_missing_or_differ_are_named(
    kafka: Kafka, prefix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--bootstrap", kafka.bootstrap, "--set", f"kafka.topic_prefix={prefix}"]
    assert main(["streams", *where]) == 1
    assert "offhook topics create" in capsys.readouterr().err
    run(created(settings(kafka, prefix, 2), "sip.messages"))
    assert main(["topics", "create", *where]) == 1
    assert main(["streams", *where]) == 1
    assert "stage calls: its topics have different numbers of partitions" in capsys.readouterr().err
