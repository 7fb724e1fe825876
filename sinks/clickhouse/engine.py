"""Which ClickHouse our tables and statements work on."""

import re
from typing import Final

OLDEST: Final = (26, 1)
"""Tests of the store pass on it; 25.8 cannot compress our times (Delta before T64)."""


def too_old(version: str | None) -> str | None:
    """What is wrong with a version as `version()` gives it (26.1.2.1); None where it is new enough.

    One that cannot be read is taken for new.
    """
    numbers = re.match(r"(\d+)\.(\d+)", version or "")
    if numbers is None or (int(numbers[1]), int(numbers[2])) >= OLDEST:
        return None
    return f"ClickHouse {version} is too old for our tables: take {OLDEST[0]}.{OLDEST[1]} or a later one"
