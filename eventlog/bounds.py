"""Bounds of the event log."""

from typing import Final

REMEMBERED_KEYS: Final = 1 << 14
"""Partitioning keys whose hash is kept."""

REMEMBERED_KEY_BYTES: Final = 256
"""Longest key whose hash is kept; longer ones (a hostile Call-ID) are hashed each time."""
