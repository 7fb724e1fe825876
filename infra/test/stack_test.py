"""The compose stack, really: up, a capture through it while everything is killed in turn, the records by SQL.

`make stack` runs it; it needs an engine (infra/test/engine.sh) and images (infra/test/images.sh).
"""

import json
import subprocess
import sys
import urllib.error
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from infra.test.stack import INFRA, OVERLAY, PUBLISHED, ROOT, Stack, until
from offhook import demo
from tests.kafka_container import broker

SPEED: Final = "1"
"""The pace of the packets, 82 s: time enough to kill everything meanwhile."""

KILLED: Final = ("streams", "clickhouse", "kafka", "sink", "streams")
CALLS: Final = "SELECT * EXCEPT (version, stored_at, expire_at) FROM calls ORDER BY cdr_id"
WINDOWS: Final = """
SELECT * EXCEPT (stored_at, expire_at) FROM rtp_windows FINAL ORDER BY stream_id, window, part
"""


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("captures")
    folder.chmod(0o755)  # the sensor's user is another one than ours
    folder.parent.chmod(0o755)
    demo.main([str(folder)])
    return folder


@pytest.fixture(scope="module")
def stack(captures: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("stack"), captures)
    try:
        stack.up()
        yield stack
    finally:
        stack.down()


def test_dockerfiles_are_clean() -> None:
    files = [INFRA / "images" / "offhook" / "Dockerfile", *sorted((INFRA / "test").glob("*/Dockerfile"))]
    done = subprocess.run(
        [Path(sys.executable).with_name("hadolint"), *files], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout.decode()


def test_compose_reads_both_files_and_they_are_the_same_stack(stack: Stack) -> None:
    published, standing_in = (
        json.loads(stack.compose("--profile", "*", "config", "--format", "json", files=files))
        for files in ([PUBLISHED], [PUBLISHED, OVERLAY])
    )
    differs = {path for path, _, _ in differences(published, standing_in)}
    for path in sorted(differs):
        service, *rest = path.removeprefix("services.").split(".")
        assert rest[0] in {"image", "build"} or f"{service}.{'.'.join(rest)}" in {
            "kafka.environment.KAFKA_BROKER_SESSION_TIMEOUT_MS",
            "kafka.environment.KAFKA_BROKER_HEARTBEAT_INTERVAL_MS",
            "clickhouse.ulimits",
            "clickhouse.secrets",
            "grafana.profiles",
        }, path


def differences(one: Any, other: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Where two documents differ, as dotted paths."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in one.keys() | other.keys():
            yield from differences(one.get(key), other.get(key), f"{path}.{key}" if path else key)
    elif one != other:
        yield path, one, other


def test_compose_refuses_to_start_without_passwords(stack: Stack) -> None:
    without = {name: value for name, value in stack.environment.items() if name != "OFFHOOK_SECRETS"}
    command = ["docker", "compose", "--env-file", "/dev/null", "-f", str(PUBLISHED), "config", "--quiet"]
    done = subprocess.run(command, env=without, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "run infra/init first, it makes the passwords" in done.stderr


def test_alerts_come_when_they_have_to(stack: Stack) -> None:
    image = json.loads(stack.compose("config", "--format", "json"))["services"]["prometheus"]["image"]
    rules = f"{INFRA / 'prometheus'}:/etc/prometheus:ro"
    for check in (["check", "config", "prometheus.yml"], ["test", "rules", "rules_test.yml"]):
        command = ["docker", "run", "--rm", "--entrypoint", "promtool", "-v", rules, "-w", "/etc/prometheus"]
        done = subprocess.run(
            [*command, image, *check], env=stack.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_nobody_gets_in_without_a_password(stack: Stack) -> None:
    with pytest.raises(urllib.error.HTTPError):
        stack.sql("SELECT 1 AS one", password="wrong")
    assert stack.sql("SELECT 1 AS one") == [{"one": 1}]
    topics = offhook(
        "topics", "describe", "--bootstrap", f"127.0.0.1:{stack.ports['KAFKA_PORT']}", check=False
    )
    assert topics.returncode != 0
    assert b"Traceback" not in topics.stderr


def test_the_records_are_those_of_analyze_whatever_was_killed(
    stack: Stack, captures: Path, tmp_path: Path
) -> None:
    sensor = stack.capture("calls.pcap", "--site", "local", "--sensor", "file", "--speed", SPEED)
    for service in KILLED:
        print(f"kill -9 {service}: healthy again after {stack.kill(service):.1f} s", flush=True)
    until(lambda: stack.ended(sensor) is not None, "the capture is published")
    assert stack.ended(sensor) == 0, stack.logs(sensor)

    offhook("analyze", str(captures / "calls.pcap"), "--db", str(tmp_path / "store"))
    calls, windows = (rows_of(tmp_path / "store", question) for question in (CALLS, WINDOWS))
    assert len(calls) == 50
    until(lambda: stack.sql(CALLS) == calls, "the records are those of analyze", 90)
    until(lambda: stack.sql(WINDOWS) == windows, "the windows are those of analyze", 30)
    (counted,) = stack.sql("SELECT count() AS rows, uniqExact(cdr_id) AS calls FROM cdr FINAL")
    assert {name: int(count) for name, count in counted.items()} == {"rows": 50, "calls": 50}
    assert not stack.sql("SELECT cdr_id FROM calls WHERE NOT complete")


def test_more_workers_share_the_partitions(stack: Stack) -> None:
    stack.compose("up", "--detach", "--wait", "--scale", "streams=2", "--no-recreate", "streams")
    owned = "count(sum by (instance) (offhook_streams_partitions) > 0)"
    until(lambda: value(stack, owned) == 2, "Prometheus sees partitions at both workers", 60)


def test_prometheus_watches_everything(stack: Stack) -> None:
    until(lambda: value(stack, 'min(up{job=~"streams|sink"})') == 1, "every target answers", 60)
    rows = 'sum(offhook_sink_rows_total{table="cdr"})'
    assert value(stack, rows) is not None
    groups = stack.prometheus("rules")["groups"]
    assert all(rule["health"] in {"ok", "unknown"} for group in groups for rule in group["rules"])


def rows_of(store: Path, question: str) -> list[dict[str, Any]]:
    """Rows of a store in a folder."""
    answer = offhook("sql", question, "--db", str(store), "--format", "JSONEachRow").stdout
    return [json.loads(line) for line in answer.splitlines()]


def value(stack: Stack, question: str) -> float | None:
    """The one value of a PromQL question, None where there is none."""
    found = stack.prometheus("query?query=" + urllib.parse.quote(question))["result"]
    return float(found[0]["value"][1]) if found else None


def test_kafka_comes_as_a_container_where_an_engine_answers(stack: Stack, tmp_path: Path) -> None:
    image = json.loads(stack.compose("config", "--format", "json"))["services"]["kafka"]["image"]
    with broker(tmp_path, image) as kafka:
        assert kafka.in_container
        offhook("topics", "create", "--bootstrap", kafka.bootstrap)
        assert b"as it should be" in offhook("topics", "describe", "--bootstrap", kafka.bootstrap).stdout


def test_kafka_runs_from_its_jars_where_there_is_no_image(tmp_path: Path) -> None:
    with broker(tmp_path, "offhook-test/no-such-image:local") as kafka:
        assert not kafka.in_container
        offhook("topics", "create", "--bootstrap", kafka.bootstrap)


def offhook(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[bytes]:
    """Run offhook on this machine, as a user would."""
    command = [sys.executable, "-m", "offhook.main", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=check)
