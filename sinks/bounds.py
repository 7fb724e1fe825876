"""Bounds of the sinks against hostile or huge input."""

from typing import Final

BATCH_ROWS: Final = 10_000
"""Rows of one kind in one insert."""

BATCH_BYTES: Final = 32 << 20
"""Bytes of one insert, as estimated from what the rows hold."""

PASSWORD_BYTES: Final = 4096
"""Longest password read from a file."""

ERROR_CHARACTERS: Final = 300
"""Longest text of the database's own that an error of ours repeats."""

COMMAND_CHARACTERS: Final = 80
"""Longest command named in a store's lock."""

DESCRIPTIONS: Final = 200_000
"""Streams whose description a sink remembers; of others it asks the store."""

DESCRIPTIONS_ASKED: Final = 500
"""Streams in one question to the store: their ids travel in a URL."""

READ_AT_ONCE: Final = 2_000
"""Records that a sink takes from the log at a time."""
