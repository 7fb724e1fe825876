"""`dead.letters`: what could not be read, and why."""

from typing import Final

import msgspec

KEPT_BYTES: Final = 4096
"""Bytes of a bad record that its letter keeps."""


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """One record that could not be read. `source` is who refused it (a stage, a sink, a sensor).

    `topic`, `partition`, `offset` name the record, offset -1 where it never was in a topic. `reason` is one
    line. `value` is the record's first bytes, at most KEPT_BYTES of its `value_bytes`.
    """

    account: str
    site: str
    source: str
    time_us: int
    topic: str
    partition: int
    offset: int
    reason: str
    key: bytes
    value: bytes
    value_bytes: int
