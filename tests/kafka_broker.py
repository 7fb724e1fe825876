"""The real Kafka broker of the tests: one for the whole run, also with pytest-xdist.

The first process that needs it starts it; tests/conftest.py ends it when the run is over. A test takes
`kafka` (where the broker is) and a topic prefix of its own, `prefix`.
"""

import fcntl
import json
import os
import shutil
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from offhook.dev.kafka import Broker
from tests.certificates import issue

USER: Final = "sensor"
PASSWORD: Final = "correct horse"
"""Who may connect to the SASL listeners."""

STARTED: Final = "kafka-broker.json"


class Kafka(NamedTuple):
    """Where the run's broker listens, and the certificates of its SSL listener."""

    bootstrap: str
    sasl: str
    ssl: str
    sasl_ssl: str
    certificates: str
    """Folder with ca.pem, client.pem and client.key."""

    def certificate(self, name: str) -> str:
        """The path of a certificate or key."""
        return str(Path(self.certificates) / name)


def shared_broker(folder: Path) -> Kafka:
    """The run's broker; `folder` is the same for all processes of the run."""
    started = folder / STARTED
    with (folder / "kafka-broker.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not started.exists():
            broker = secured_broker(folder / "kafka-broker").start()
            assert broker.process is not None
            where = Kafka(
                broker.bootstrap,
                broker.address("SASL"),
                broker.address("SSL"),
                broker.address("SASLSSL"),
                str(broker.folder / "certificates"),
            )
            started.write_text(json.dumps({"pid": broker.process.pid, **where._asdict()}), encoding="utf-8")
    found = json.loads(started.read_text(encoding="utf-8"))
    del found["pid"]
    return Kafka(**found)


def end_shared_broker(folder: Path) -> None:
    """End the run's broker, if one was started, and forget its records."""
    started = folder / STARTED
    if not started.exists():
        return
    pid = json.loads(started.read_text(encoding="utf-8"))["pid"]
    started.unlink()
    status = Path(f"/proc/{pid}/cmdline")
    if status.exists() and b"kafka.Kafka" in status.read_bytes():
        os.kill(pid, signal.SIGTERM)
        until = time.monotonic() + 20
        while status.exists() and status.read_bytes() and time.monotonic() < until:
            time.sleep(0.05)
    shutil.rmtree(folder / "kafka-broker", ignore_errors=True)


def secured_broker(folder: Path) -> Broker:
    """A broker that also has a listener with SASL (PLAIN, SCRAM-SHA-256), one with SSL and client
    certificates, and one with SASL over SSL."""
    certificates = folder / "certificates"
    certificates.mkdir(parents=True)
    issue(certificates)
    return Broker(
        folder,
        listeners={"SASL": "SASL_PLAINTEXT", "SSL": "SSL", "SASLSSL": "SASL_SSL"},
        properties=_security(certificates),
        scram={USER: PASSWORD},
    )


def _security(certificates: Path) -> Mapping[str, str]:
    plain = "org.apache.kafka.common.security.plain.PlainLoginModule"
    scram = "org.apache.kafka.common.security.scram.ScramLoginModule"
    keys = {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(certificates / "broker.pem"),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(certificates / "ca.pem"),
    }
    return {
        **{
            f"listener.name.{name}.{key}": value for name in ("ssl", "saslssl") for key, value in keys.items()
        },
        "listener.name.saslssl.sasl.enabled.mechanisms": "SCRAM-SHA-256",
        "listener.name.saslssl.scram-sha-256.sasl.jaas.config": f"{scram} required;",
        "listener.name.sasl.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256",
        "listener.name.sasl.plain.sasl.jaas.config": f'{plain} required user_{USER}="{PASSWORD}";',
        "listener.name.sasl.scram-sha-256.sasl.jaas.config": f"{scram} required;",
        "listener.name.ssl.ssl.client.auth": "required",
    }
