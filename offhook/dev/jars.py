"""Apache Kafka's jars, fetched once by Maven into the user's cache."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from offhook.errors import CommandError

KAFKA_VERSION: Final = "4.3.1"
"""Pinned: what the figures of docs/architecture.md were measured with."""

JAVA_ADVICE: Final = "Kafka needs Java 17 or newer: apt-get install default-jre-headless"

_POM: Final = """<project xmlns="http://maven.apache.org/POM/4.0.0">
<modelVersion>4.0.0</modelVersion><groupId>offhook</groupId><artifactId>kafka-broker</artifactId><version>1</version>
<dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{version}</version></dependency>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
</dependencies></project>
"""

_COMPLETE: Final = "complete"
"""File that says that all jars are there."""


def java() -> str:
    """The java program; CommandError says what to install where there is none."""
    return _program("java", JAVA_ADVICE)


def fetched(version: str = KAFKA_VERSION) -> Path:
    """The folder of Kafka's jars in the cache, fetched first where they are not there yet (43 MB)."""
    folder = _cache() / f"kafka-{version}"
    if not (folder / _COMPLETE).exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _alone(folder.with_suffix(".lock")):
            if not (folder / _COMPLETE).exists():
                _fetch(folder, version)
    return folder


def _fetch(folder: Path, version: str) -> None:
    maven = _program("mvn", "Kafka's jars are fetched by Maven: apt-get install maven")
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="kafka-") as name:
        work = Path(name)
        (work / "pom.xml").write_text(_POM.format(version=version), encoding="utf-8")
        command = [maven, "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=jars"]
        done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CommandError(
                f"mvn could not fetch Kafka {version}: {_first_error(done.stdout + done.stderr)}"
            )
        (work / "jars" / _COMPLETE).touch()
        shutil.rmtree(folder, ignore_errors=True)
        (work / "jars").rename(folder)


def _first_error(text: str) -> str:
    lines = [
        line.removeprefix("[ERROR] ").strip() for line in text.splitlines() if line.startswith("[ERROR]")
    ]
    return next((line for line in lines if line), "it gave no reason")[:300]


def _program(name: str, advice: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise CommandError(f"no {name} on the PATH. {advice}")
    return found


def _cache() -> Path:
    if own := os.environ.get("OFFHOOK_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "offhook"


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Only one process at a time; the lock goes with the process."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
