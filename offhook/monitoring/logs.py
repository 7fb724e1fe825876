"""Logs of long-running commands: JSON lines on standard error, our own and those of libraries."""

import logging
import sys
import threading
import time
from collections.abc import Callable, MutableMapping
from typing import Any, Final, TextIO

import structlog

NOISY: Final = (
    *("aiokafka", "faust", "mode", "asyncio", "streams.faust.consumer"),
    *("urllib3", "clickhouse_connect"),
)
"""Libraries that log each attempt and each phase; what matters of it we say ourselves."""

AGAIN_S: Final = 60.0
"""How long a library's complaint is not repeated."""

COMPLAINTS_MAX: Final = 256
"""Different complaints that are remembered."""


class Seldom(logging.Filter):
    """Lets a library say the same once in AGAIN_S, with how often it wanted to meanwhile.

    With its brokers away aiokafka complains hundreds of times a second.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._lock = threading.Lock()
        self._told: dict[tuple[str, str], tuple[float, int]] = {}
        """By logger and text without its values: when it was said, and how often it was not since."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to say it."""
        if not record.name.startswith(NOISY):
            return True
        complaint = (record.name, str(record.msg).partition("\n")[0])
        now = self._clock()
        with self._lock:
            said, kept_back = self._told.get(complaint, (None, 0))
            if said is not None and now - said < AGAIN_S:
                self._told[complaint] = (said, kept_back + 1)
                return False
            if len(self._told) >= COMPLAINTS_MAX:
                self._told.clear()
            self._told[complaint] = (now, 0)
        if kept_back:
            record.fields = {"repeated": kept_back}
        return True


def configure(level: int = logging.INFO) -> None:
    """Write every log record as one JSON object: time, level, logger, event, and its fields."""
    handler = _Lines(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_log_level, structlog.stdlib.add_logger_name, _fields],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    handler.addFilter(Seldom())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in NOISY:
        logging.getLogger(name).setLevel(max(level, logging.ERROR))
        logging.getLogger(name).propagate = True


def configured() -> bool:
    """Whether this process writes such a log."""
    return any(isinstance(each, _Lines) for each in logging.getLogger().handlers)


def say_end(why: str) -> None:
    """The last line of a service that cannot go on."""
    logging.getLogger(__name__).critical("ends", extra={"fields": {"why": why}})


class _Lines(logging.StreamHandler[TextIO]):
    """Writes the log."""


def _fields(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The fields of `extra={"fields": {...}}`."""
    record = event.get("_record")
    if record is not None:
        event.update(getattr(record, "fields", {}))
    return event
