"""The folder that keeps compiled kernels, a file each, from one run to the next."""

import contextlib
import json
import os
import time
from hashlib import blake2b
from pathlib import Path
from typing import Final, NamedTuple

UNFINISHED_S: Final = 3600
"""A file that is still not whole after this long was left by a process that died."""

KEPT: Final = 8
"""Objects of one kernel that stay, the newest: several versions and processors may share a folder."""


class Object(NamedTuple):
    """Machine code, the name of its entry, and the names it expects from outside."""

    entry: str
    externals: list[str]
    code: bytes


def cache_folder() -> Path:
    """Where compiled kernels lie: $OFFHOOK_CACHE, else $XDG_CACHE_HOME/offhook, else ~/.cache/offhook."""
    if own := os.environ.get("OFFHOOK_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "offhook"


def stored(path: Path) -> Object | None:
    """The cache file, None where there is none or it is not whole."""
    try:
        head, newline, code = path.read_bytes().partition(b"\n")
    except OSError:
        return None
    if not newline:
        return None
    try:
        described = json.loads(head)
        if described["digest"] != _digest(code):
            return None
        return Object(described["entry"], described["externals"], code)
    except (ValueError, KeyError, TypeError):
        return None


def refusal(folder: Path) -> OSError | None:
    """Why the folder can keep nothing, None where it can."""
    try:
        handle, unfinished = _begin(folder, "empty")
        os.close(handle)
        unfinished.unlink()
    except OSError as error:
        return error
    return None


def keep(path: Path, made: Object) -> None:
    """Write the cache file in one move, so that nobody meets half of it; OSError where it cannot be kept.

    Processes that compile the same kernel at once write the same, and the last one's file stays.
    """
    head = {"entry": made.entry, "externals": made.externals, "digest": _digest(made.code)}
    handle, unfinished = _begin(path.parent, path.stem)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(json.dumps(head).encode() + b"\n" + made.code)
        unfinished.chmod(0o644)  # the folder may serve several users
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    _sweep(path)


def _begin(folder: Path, name: str) -> tuple[int, Path]:
    """A new file beside the kept ones, open for writing."""
    import tempfile  # seldom needed, and slow to import

    folder.mkdir(parents=True, exist_ok=True)
    handle, unfinished = tempfile.mkstemp(dir=folder, prefix=f"{name}.", suffix=".part")
    return handle, Path(unfinished)


def _sweep(kept: Path) -> None:
    """Remove what processes left that died while they wrote, and the kernel's oldest objects."""
    folder, kernel = kept.parent, kept.stem.rpartition("-")[0]
    with contextlib.suppress(OSError):  # another process swept it, or it is another user's
        for unfinished in folder.glob("*.part"):
            if time.time() - _written(unfinished) > UNFINISHED_S:
                unfinished.unlink()
        for old in sorted(folder.glob(f"{kernel}-*.o"), key=_written)[:-KEPT]:
            old.unlink()


def _written(path: Path) -> float:
    return path.stat().st_mtime


def _digest(code: bytes) -> str:
    return blake2b(code, digest_size=12).hexdigest()
