"""A Kafka broker for tests: a container where a Docker engine and its image are, else from Kafka's jars."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from offhook.dev.kafka import Broker, free_ports

IMAGE: Final = "apache/kafka:4.3.1"
STARTED: Final = "Kafka Server started"


class Found(NamedTuple):
    """Where the broker is, and whether it runs in a container."""

    bootstrap: str
    in_container: bool


@contextmanager
def broker(folder: Path, image: str = IMAGE) -> Iterator[Found]:
    """Run a broker; `folder` keeps the records of one that runs from its jars."""
    if has_image(image):
        with _container(image) as bootstrap:
            yield Found(bootstrap, True)
        return
    local = Broker(folder).start()
    try:
        yield Found(local.bootstrap, False)
    finally:
        local.stop()


def has_image(image: str) -> bool:
    """Whether a Docker engine answers and has the image; it is not fetched for a test."""
    import docker  # type: ignore[import-untyped]
    from docker.errors import DockerException  # type: ignore[import-untyped]

    try:
        docker.from_env().images.get(image)
    except DockerException:
        return False
    return True


@contextmanager
def _container(image: str) -> Iterator[str]:
    from testcontainers.core.config import testcontainers_config
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy

    testcontainers_config.ryuk_disabled = True  # its reaper is one more image; `with` ends the container
    (port,) = free_ports(1)
    container = (
        DockerContainer(image)
        .with_bind_ports(9092, port)
        .with_env("KAFKA_NODE_ID", "1")
        .with_env("KAFKA_PROCESS_ROLES", "broker,controller")
        .with_env("KAFKA_LISTENERS", "PLAINTEXT://:9092,CONTROLLER://localhost:9093")
        .with_env("KAFKA_ADVERTISED_LISTENERS", f"PLAINTEXT://127.0.0.1:{port}")
        .with_env("KAFKA_LISTENER_SECURITY_PROTOCOL_MAP", "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT")
        .with_env("KAFKA_CONTROLLER_LISTENER_NAMES", "CONTROLLER")
        .with_env("KAFKA_CONTROLLER_QUORUM_VOTERS", "1@localhost:9093")
        .with_env("KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR", "1")
        .with_env("KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR", "1")
        .with_env("KAFKA_TRANSACTION_STATE_LOG_MIN_ISR", "1")
        .with_env("KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS", "0")
        .with_env("KAFKA_LOG_DIRS", "/var/lib/kafka/data")
        .waiting_for(LogMessageWaitStrategy(STARTED))
    )
    with container:
        yield f"127.0.0.1:{port}"
