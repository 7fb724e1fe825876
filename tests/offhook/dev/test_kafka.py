"""`offhook dev kafka` and the broker behind it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from offhook.dev import jars
from offhook.dev.kafka import Broker, free_ports
from offhook.errors import CommandError
from tests.kafka_broker import Kafka


@pytest.mark.parametrize(("program", "package"), [("java", "default-jre-headless"), ("mvn", "maven")])
def test_what_to_install_is_said_where_a_program_is_missing(
    program: str, package: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("OFFHOOK_CACHE", str(tmp_path / "cache"))
    with pytest.raises(CommandError, match=f"no {program} on the PATH.*apt-get install {package}"):
        jars.java() if program == "java" else jars.fetched()


def test_a_release_that_does_not_exist_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    maven = tmp_path / "mvn"
    maven.write_text("#!/bin/sh\necho '[ERROR] Could not find artifact kafka_2.13:0.0.0'\nexit 1\n")
    maven.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("OFFHOOK_CACHE", str(tmp_path / "cache"))
    with pytest.raises(CommandError, match=r"could not fetch Kafka 0\.0\.0: Could not find artifact"):
        jars.fetched("0.0.0")


def test_a_java_that_is_too_old_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    jars.fetched()
    java = tmp_path / "java"
    java.write_text(
        "#!/bin/sh\n"
        "echo 'Error: LinkageError occurred while loading main class kafka.tools.StorageTool'\n"
        "echo 'java.lang.UnsupportedClassVersionError: class file version 61.0, up to 55.0'\n"
        "exit 1\n"
    )
    java.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(CommandError, match=r"this Java is too old; Kafka needs Java 17"):
        Broker(tmp_path / "kafka").start()


def test_it_says_where_it_is_and_stops_in_order(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    command = [
        sys.executable,
        "-m",
        "offhook.main",
        "dev",
        "kafka",
        "--folder",
        str(tmp_path),
        "--port",
        str(port),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"bootstrap: 127.0.0.1:{port}\n"
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Traceback" not in errors
    assert Broker(tmp_path).bootstrap == f"127.0.0.1:{port}"  # the folder keeps its port


def test_a_broker_that_cannot_start_says_why(tmp_path: Path) -> None:
    broker = Broker(tmp_path, properties={"log.retention.hours": "many"})
    with pytest.raises(CommandError, match=r"log\.retention\.hours"):
        broker.start()


def test_one_broker_serves_the_whole_run(kafka: Kafka) -> None:
    assert kafka.bootstrap.startswith("127.0.0.1:")
    assert os.environ["TEST_RUN_FOLDER"]
