"""The commands: a module each, with its arguments (`add`) and what it calls (`run`).

Every module is imported to show the help, so it imports nothing heavy before `run`.
"""

from typing import Final

NAMES: Final = (
    "analyze",
    "call",
    "calls",
    "report",
    "sql",
    "serve-db",
    "migrate",
    "up",
    "capture",
    "streams",
    "sink",
    "topics",
    "tail",
    "deadletters",
    "dev",
    "config",
)
"""In the order of the help."""
