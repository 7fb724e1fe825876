"""The way to the brokers: arguments of every aiokafka client, and errors that a person can read."""

import asyncio
import logging
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from aiokafka.errors import KafkaConnectionError, KafkaError

from eventlog.kafka.errors import KafkaLogError, KafkaSettingError, UnavailableError
from eventlog.kafka.settings import KafkaSettings

FETCH_WAIT_MS: Final = 20
"""How long a broker may hold a fetch that finds nothing. A reader wakes by it, not by commits."""

REQUEST_TIMEOUT_MS: Final = 30_000

METADATA_AGE_MS: Final = 30_000
"""A topic that was deleted and made again is found after so long."""

READY_S: Final = 20.0
"""How long a cluster that has just started may not be ready."""

_AGAIN_S: Final = 0.1

T = TypeVar("T")

OUTSIDE: Final = (KafkaError, OSError, asyncio.TimeoutError)
"""What aiokafka raises when the brokers, the network or our rights there are the trouble."""


def arguments(settings: KafkaSettings, client_id: str | None = None) -> dict[str, Any]:
    """Keyword arguments of an aiokafka client; KafkaSettingError where a file cannot be used."""
    found: dict[str, Any] = {
        "bootstrap_servers": list(settings.bootstrap_servers),
        "client_id": client_id or settings.client_id,
        "security_protocol": settings.security_protocol,
    }
    if settings.security_protocol.startswith("SASL"):
        found |= {
            "sasl_mechanism": settings.sasl_mechanism,
            "sasl_plain_username": settings.username,
            "sasl_plain_password": settings.secret(),
        }
    if settings.security_protocol.endswith("SSL"):
        found["ssl_context"] = _ssl_context(settings)
    return found


def _ssl_context(settings: KafkaSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ssl_ca_file)
    except (OSError, ssl.SSLError) as error:
        raise KafkaSettingError(f"kafka.ssl_ca_file: {settings.ssl_ca_file}: {_reason(error)}") from None
    if settings.ssl_cert_file and settings.ssl_key_file:
        try:
            context.load_cert_chain(settings.ssl_cert_file, settings.ssl_key_file)
        except (OSError, ssl.SSLError) as error:
            files = f"{settings.ssl_cert_file}, {settings.ssl_key_file}"
            raise KafkaSettingError(f"kafka.ssl_cert_file, ssl_key_file: {files}: {_reason(error)}") from None
    return context


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return f"no PEM that can be used ({error.reason or 'SSL'})"
    return error.strerror or str(error)


@contextmanager
def readable(settings: KafkaSettings, doing: str) -> Iterator[None]:
    """Turn what aiokafka raises into one line: what we did, where, why not.

    aiokafka writes the reason of a failed connection to its log alone; it is read from there.
    """
    heard = _LastWords()
    logger = logging.getLogger("aiokafka")
    logger.addHandler(heard)
    try:
        yield
    except KafkaLogError:
        raise
    except OUTSIDE as error:
        servers = ", ".join(settings.bootstrap_servers)
        raise UnavailableError(f"Kafka at {servers}: cannot {doing}: {_why(error, heard.words)}") from error
    finally:
        logger.removeHandler(heard)


async def patient(ask: Callable[..., Awaitable[T]], *arguments: Any) -> T:
    """Ask again for a while where the cluster is not ready yet: after its start it makes internal topics."""
    until = time.monotonic() + READY_S
    while True:
        try:
            return await ask(*arguments)
        except KafkaError as error:
            if not error.retriable or time.monotonic() > until:
                raise
            await asyncio.sleep(_AGAIN_S)


def _why(error: BaseException, heard: str) -> str:
    if heard and isinstance(error, KafkaConnectionError):  # the error itself only says where
        return heard
    if isinstance(error, asyncio.TimeoutError):
        return "no answer in time"
    return " ".join(str(error).split()) or type(error).__name__


class _LastWords(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.words = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.words = " ".join(record.getMessage().split())[:300]


class _NotLeft(logging.Filter):
    """aiokafka leaves futures of a failed batch to themselves; whoever sent it has been told by another."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return not (
            isinstance(error, KafkaError) and str(record.msg).startswith("Future exception was never")
        )


_NOT_LEFT: Final = _NotLeft()


def quiet() -> None:
    """Keep aiokafka's log of each connection attempt from standard error: a command says it once."""
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())
    logging.getLogger("aiokafka").propagate = False
    logging.getLogger("asyncio").addFilter(_NOT_LEFT)
