"""The migrations in their order: a file each, with the statements forward and back."""

import hashlib
from types import ModuleType
from typing import Final

import msgspec

from sinks.clickhouse.migrations import (
    m0001_records,
    m0002_views,
    m0003_registrations,
    m0004_descriptions,
)


class Migration(msgspec.Struct, frozen=True):
    """One step of the schema. `dangerous` says what going back loses, or is empty."""

    version: int
    name: str
    forward: tuple[str, ...]
    back: tuple[str, ...]
    dangerous: str

    @property
    def checksum(self) -> str:
        """Of the statements, so that a step that was changed after it was applied is noticed."""
        return hashlib.sha256("\0".join((*self.forward, "", *self.back)).encode()).hexdigest()[:16]


def _migration(version: int, module: ModuleType) -> Migration:
    return Migration(version, module.NAME, module.FORWARD, module.BACK, module.DANGEROUS)


MIGRATIONS: Final = (
    _migration(1, m0001_records),
    _migration(2, m0002_views),
    _migration(3, m0003_registrations),
    _migration(4, m0004_descriptions),
)
