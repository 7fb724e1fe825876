"""Bounds and sizes of the log in SQLite."""

from typing import Final

OFFSET_BITS: Final = 40
"""Bits of a record's row id that are its offset; the ones above number its topic and partition."""

STATEMENTS: Final = 64
"""Prepared statements kept."""

WAL_BYTES: Final = 64 << 20
"""What the write-ahead log is cut back to after it was checkpointed."""

PAGE_CACHE_KIB: Final = 16 << 10
"""Memory for pages."""

TRIMMED_AT_ONCE: Final = 10_000
"""Records that one transaction of a trim deletes."""
