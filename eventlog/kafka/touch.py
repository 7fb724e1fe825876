"""Whether the brokers are heard; said once when they are away, and once when they are back."""

import logging
import time
from collections.abc import Callable
from typing import Any, Final

from eventlog.kafka.settings import KafkaSettings

AWAY_S: Final = 5.0
"""Brokers that were not heard for so long are away; a moment without a coordinator is none."""

_log = logging.getLogger(__name__)


def in_touch(consumer: Any) -> bool:
    """Whether a member of a group knows its coordinator, which it asks several times a session.

    aiokafka tells nobody that its brokers are away: reading then just finds nothing.
    """
    coordinator = consumer._coordinator
    return coordinator is None or coordinator.coordinator_id is not None  # None: it is only starting


class Touch:
    """What one process knows of its brokers. `look` is for one thread, `trouble` for any."""

    def __init__(self, settings: KafkaSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._servers = ", ".join(settings.bootstrap_servers)
        self._clock = clock
        self._since: float | None = None
        self._said = False

    @property
    def trouble(self) -> str | None:
        """What is wrong, in a line; None while the brokers are heard."""
        since = self._since
        if since is None or self._clock() - since < AWAY_S:
            return None
        return f"Kafka at {self._servers} has not answered for {self._clock() - since:.0f} s"

    def look(self, heard: bool) -> None:
        """The brokers are heard now, or not."""
        if heard:
            if self._said and self._since is not None:
                away_s = round(self._clock() - self._since, 1)
                _log.info("kafka is back", extra={"fields": {"away_s": away_s}})
            self._since, self._said = None, False
            return
        self._since = self._clock() if self._since is None else self._since
        if self.trouble and not self._said:
            self._said = True
            _log.warning("kafka is away", extra={"fields": {"servers": self._servers}})
