"""The file of the log in SQLite: its tables, and how it is opened."""

import sqlite3
from pathlib import Path
from typing import Final

from eventlog.log import LogError
from eventlog.sqlite.bounds import PAGE_CACHE_KIB, STATEMENTS, WAL_BYTES
from eventlog.sqlite.settings import SqliteSettings

_VERSION: Final = 1

# `state` has row ids and is updated in place: for values of 600 bytes to 100 kB that takes a third to a
# seventh of the CPU of a table whose rows lie in the tree of its key.
_TABLES: Final = """
CREATE TABLE places (number INTEGER PRIMARY KEY, topic TEXT NOT NULL, part INTEGER NOT NULL,
    first INTEGER NOT NULL, next INTEGER NOT NULL, UNIQUE (topic, part));
CREATE TABLE records (id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL);
CREATE TABLE state (owner TEXT NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, PRIMARY KEY (owner, key));
CREATE TABLE applied (owner TEXT NOT NULL, topic TEXT NOT NULL, part INTEGER NOT NULL, at INTEGER NOT NULL,
    PRIMARY KEY (owner, topic, part)) WITHOUT ROWID;
"""


def open_file(path: Path, settings: SqliteSettings) -> sqlite3.Connection:
    """Open or make the file for this process alone; LogError where it is no log of ours, or in use."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)  # it holds what people say to whom
        db = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, cached_statements=STATEMENTS
        )
        try:
            # One process alone: it keeps the numbers of the next offsets in memory.
            db.execute("PRAGMA locking_mode = EXCLUSIVE")
            db.execute("PRAGMA busy_timeout = 0")
            db.execute("PRAGMA journal_mode = WAL")
            db.execute(f"PRAGMA synchronous = {settings.synchronous}")
            db.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
            db.execute(f"PRAGMA cache_size = -{PAGE_CACHE_KIB}")
            _prepare(db, path)
        except BaseException:
            db.close()
            raise
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise LogError(f"{path}: another process has this log open (offhook up?): end it first") from None
        raise LogError(f"{path}: cannot be opened: {error}") from None
    except sqlite3.DatabaseError as error:
        raise LogError(f"{path}: is no log of offhook: {error}") from None
    except OSError as error:
        raise LogError(f"{path}: {error.strerror}") from None
    return db


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    """Make the tables of a new file; refuse another program's."""
    db.execute("BEGIN IMMEDIATE")
    (version,) = db.execute("PRAGMA user_version").fetchone()
    (tables,) = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if version == 0 and tables == 0:
        for statement in _TABLES.split(";"):
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {_VERSION}")
    elif version != _VERSION:
        raise LogError(f"{path}: is no log of this version ({version}, wanted {_VERSION})")
    db.execute("COMMIT")
