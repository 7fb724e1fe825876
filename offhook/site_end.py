"""Remembers in Kafka that a capture of a site said its end, for the next one to know.

Where all sensors of a site have ended, its calls are closed and its clock is at its end: the stages take
nothing more of it. Kept as an offset of a consumer group, so Kafka forgets it a week later.
"""

import hashlib
from contextlib import suppress
from typing import Final

from capture.publisher import SIP
from eventlog.kafka.errors import FencedError
from eventlog.kafka.log import KafkaLog

_PLACE: Final = (SIP, 0)
_TRIES: Final = 5
"""Captures of one site that end together fence each other."""


class SiteEnd:
    """Whether a capture of a site has said the end."""

    def __init__(self, log: KafkaLog, account: str, site: str) -> None:
        self._log = log
        self._owner = f"site-end-{hashlib.sha256(repr((account, site)).encode()).hexdigest()[:24]}"

    @property
    def said(self) -> bool:
        """Whether one did; KafkaLogError."""
        return _PLACE in self._log.applied_offsets(self._owner)

    def say(self) -> None:
        """One does now; KafkaLogError."""
        for _ in range(_TRIES):
            with suppress(FencedError):
                if self.said:
                    return
                with self._log.transaction(self._owner) as step:
                    step.applied(*_PLACE, 0)
