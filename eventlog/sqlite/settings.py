"""What a user may set about the log in SQLite."""

from typing import Literal

import msgspec


class SqliteSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the log of `offhook up` is kept.

    `synchronous` normal: a step survives the death of the process, whatever kills it, and is on the disk at
    the next checkpoint. A loss of power may take the last moments, but never a part of a step: facts, state
    and offsets go back together, and what a sink had already is sent again with the same ids. full: every
    step waits for the disk, 1 to 20 ms.
    """

    synchronous: Literal["normal", "full"] = "normal"
