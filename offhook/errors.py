"""What the command line says when it cannot go on: one line, and an exit code."""

from typing import Final

DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130


class CommandError(Exception):
    """Something the reader can act on; printed as one line."""

    code = FAILED


class UsageError(CommandError):
    """The command was called wrongly: an option, a filter, a setting."""

    code = USAGE
