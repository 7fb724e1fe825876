"""What a user may set about Kafka. Secrets come by file or environment and are never shown."""

from pathlib import Path
from typing import Literal

import msgspec

from eventlog.kafka.errors import KafkaSettingError


class KafkaSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach the brokers, and what our topics are called and made like.

    Each secret has a key of its own (`password`, by OFFHOOK_KAFKA_PASSWORD) and one that names a file with it
    (`password_file`). `topic_prefix` is put before every topic, consumer group and transactional id, so that
    two installations share a cluster. `partitions` and `replication_factor` count when topics are created;
    without them the catalogue's numbers do, and no more replicas than there are brokers.
    """

    bootstrap_servers: tuple[str, ...] = ("127.0.0.1:9092",)
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    username: str | None = None
    password: str | None = None
    password_file: str | None = None
    ssl_ca_file: str | None = None
    ssl_cert_file: str | None = None
    ssl_key_file: str | None = None
    topic_prefix: str = ""
    client_id: str = "offhook"
    partitions: int | None = None
    replication_factor: int | None = None
    schema_registry_url: str | None = None
    schema_registry_username: str | None = None
    schema_registry_password: str | None = None
    schema_registry_password_file: str | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot work; ValueError, which names no secret."""
        if not self.bootstrap_servers:
            raise ValueError("bootstrap_servers: name at least one broker, HOST:PORT")
        for server in self.bootstrap_servers:
            host, colon, port = server.rpartition(":")
            if not (host and colon and port.isdecimal()):
                raise ValueError(f"bootstrap_servers: {server!r} is not HOST:PORT")
        if self.security_protocol.startswith("SASL"):
            if not self.username:
                raise ValueError(f"{self.security_protocol} needs username and password (or password_file)")
            if self.password is None and self.password_file is None:
                raise ValueError("username needs a password: OFFHOOK_KAFKA_PASSWORD, or password_file")
        if bool(self.ssl_cert_file) != bool(self.ssl_key_file):
            raise ValueError("ssl_cert_file and ssl_key_file go together")
        if "@" in (self.schema_registry_url or "").partition("//")[2].partition("/")[0]:
            raise ValueError("schema_registry_url: user and password have settings of their own")
        for name in ("partitions", "replication_factor"):
            count = getattr(self, name)
            if count is not None and count < 1:
                raise ValueError(f"{name}: at least 1, not {count}")

    def secret(self) -> str | None:
        """The password, from its file where one is named; KafkaSettingError where that cannot be read."""
        return _secret("kafka.password_file", self.password, self.password_file)

    def registry_secret(self) -> str | None:
        """The schema registry's password."""
        return _secret(
            "kafka.schema_registry_password_file",
            self.schema_registry_password,
            self.schema_registry_password_file,
        )

    def topic(self, name: str) -> str:
        """What the cluster calls a topic of the catalogue."""
        return self.topic_prefix + name

    def __repr__(self) -> str:
        """Without the secrets."""
        shown = ", ".join(
            f"{name}={'(hidden)' if name.endswith('password') and value else repr(value)}"
            for name, value in ((name, getattr(self, name)) for name in self.__struct_fields__)
        )
        return f"KafkaSettings({shown})"


def _secret(setting: str, value: str | None, path: str | None) -> str | None:
    if path is None:
        return value
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no UTF-8"
        raise KafkaSettingError(f"{setting}: {path}: {reason}") from None
