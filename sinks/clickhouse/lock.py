"""One process a folder: chDB cannot share one, and says so in words that help nobody."""

import fcntl
import os
import re
import sys
from pathlib import Path
from typing import Final

from sinks.bounds import COMMAND_CHARACTERS
from sinks.clickhouse.errors import InUseError, StoreError

NAME: Final = "offhook.lock"
"""The file that is locked; a folder that has it is a store."""


class FolderLock:
    """Holds a store's folder for this process, until `release` or the process's end, however it ends."""

    def __init__(self, folder: Path, *, create: bool) -> None:
        """Take the folder, made where it is missing and `create`; StoreError where it cannot be had."""
        _check(folder, create=create)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = os.open(folder / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(f"{folder}: {error.strerror}") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(self._file, 200, 0).decode("utf-8", "replace").strip()
            os.close(self._file)
            raise InUseError(
                f"{folder} is in use by {holder or 'another process'}{_way_in(holder)}"
            ) from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"process {os.getpid()} ({_command()})\n".encode(), 0)

    def release(self) -> None:
        """Let the next process in."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _check(folder: Path, *, create: bool) -> None:
    if not folder.exists():
        if not create:
            raise StoreError(f"{folder}: no store there; offhook analyze FILE --db {folder} makes one")
    elif not folder.is_dir():
        raise StoreError(f"{folder}: a file, and a store is a folder")
    elif not (folder / NAME).exists() and any(folder.iterdir()):
        raise StoreError(f"{folder}: a folder with other things in it, and no store")


def _way_in(holder: str) -> str:
    """What to do where the other process answers for the store."""
    serves = re.search(r" (serve-db|up)\)$", holder)
    return "; ask it where it serves the store: --db clickhouse://127.0.0.1:8123" if serves else ""


def _command() -> str:
    """The command by name alone: what follows may hold a secret."""
    program = Path(sys.argv[0])
    name = program.parent.name if program.name == "__main__.py" else program.name
    words = [name, *sys.argv[1:2]]
    shown = [word for word in words if word and not word.startswith("-")]
    return "".join(c for c in " ".join(shown)[:COMMAND_CHARACTERS] if c.isprintable()) or "python"
