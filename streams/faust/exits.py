"""Why a worker ends by itself: its exit code tells the supervisor, which starts it again."""

import logging
import os
import sys
from enum import IntEnum
from typing import NoReturn

_log = logging.getLogger(__name__)


class Exit(IntEnum):
    """Exit codes; of all of them a restart is the cure."""

    FENCED = 75
    """Another worker owns a partition of ours: this one stood still too long."""
    STALLED = 77
    """There is work, and it gets no further."""
    DEFECT = 78
    """A stage failed, or made a record that no broker takes."""
    APART = 79
    """The inputs of a partition are with different workers."""
    CRASHED = 80
    """Faust gave up, such as over an error of the group's that it does not know."""


def end_process(code: Exit, why: str) -> NoReturn:
    """End at once, with nothing more written: whatever we know of a partition may be wrong now."""
    _log.critical(
        "worker ends", extra={"fields": {"code": int(code), "reason": code.name.lower(), "why": why}}
    )
    for handler in logging.getLogger().handlers:
        handler.flush()
    sys.stderr.flush()
    os._exit(int(code))
