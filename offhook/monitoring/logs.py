"""Logs of long-running commands: JSON lines on standard error, our own and those of libraries."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

NOISY: Final = (
    *("aiokafka", "faust", "mode", "asyncio", "streams.faust.consumer"),
    *("urllib3", "clickhouse_connect"),
)
"""Libraries that log each attempt and each phase; what matters of it we say ourselves."""


def configure(level: int = logging.INFO) -> None:
    """Write every log record as one JSON object: time, level, logger, event, and its fields."""
    handler = logging.StreamHandler(sys.stderr)
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
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in NOISY:
        logging.getLogger(name).setLevel(max(level, logging.ERROR))
        logging.getLogger(name).propagate = True


def _fields(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The fields of `extra={"fields": {...}}`."""
    record = event.get("_record")
    if record is not None:
        event.update(getattr(record, "fields", {}))
    return event
