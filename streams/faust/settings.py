"""What a user may set about `offhook streams`."""

import msgspec


class StreamsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One worker, and the group it belongs to.

    `group` names all workers that share the partitions. `member` is a fixed name of this worker (static
    membership): a restart within `session_s` keeps its partitions, and others take them over only after it.
    Without one a worker that ends gives its partitions up at once.
    """

    group: str = "streams"
    member: str | None = None
    session_s: float = 10  # a worker not heard of for so long loses its partitions
    commit_ms: int = 20  # least time between two transactions of a partition
    checkpoint_s: float = 30  # longest time between two saves of a partition's whole change of state
    stalled_s: float = 60  # a worker that has work and gets no further for so long ends

    def __post_init__(self) -> None:
        """Refuse what cannot work; ValueError."""
        if not 1 <= self.session_s <= 300:
            raise ValueError(f"session_s: 1 to 300, not {self.session_s}")
        if not 0 <= self.commit_ms <= 10_000:
            raise ValueError(f"commit_ms: 0 to 10000, not {self.commit_ms}")
        if not 0 <= self.checkpoint_s <= 300:
            raise ValueError(f"checkpoint_s: 0 to 300, not {self.checkpoint_s}")
        if self.stalled_s < 1:
            raise ValueError(f"stalled_s: at least 1, not {self.stalled_s}")
