"""Bounds of the served store against hostile or huge requests."""

from typing import Final

STATEMENT_BYTES: Final = 256 << 10
"""Longest statement, without the data of an INSERT."""

BODY_BYTES: Final = 64 << 20
"""Longest body as sent."""

DATA_BYTES: Final = 256 << 20
"""Longest body when decompressed."""

RESULT_BYTES: Final = 256 << 20
"""Largest answer in a format that is held whole (JSON, Pretty, Parquet); the others are streamed."""

MEMORY_BYTES: Final = 2 << 30
"""Most memory of one query."""

THREADS: Final = 8
"""Most threads of one query."""

SECONDS: Final = 30
"""Time of a query that names none."""

SECONDS_MOST: Final = 300
"""Longest time a query may ask for."""

ANSWER_SECONDS: Final = 600
"""Longest time a client may take to read an answer."""

RUNNING: Final = 8
"""Queries at once; the others wait."""

WAITING: Final = 64
"""Queries that may wait; the others are told to come again."""

IDLE_CONNECTIONS: Final = 16
"""Connections kept for requests with the same settings."""

VERDICTS: Final = 1024
"""Statements whose verdict is remembered."""

PARAMETERS: Final = 256
"""Most parameters of a request's URL."""

TOKEN_BYTES: Final = 4096
"""Longest token read from a file."""

HEADER_BYTES: Final = 64 << 10
"""Longest request line and longest header: statements travel in URLs."""

BLOCK_BYTES: Final = 1 << 20
"""Bytes in one block of ClickHouse's own compression."""
