"""What one partition of a stage has done, for whoever watches it."""

import time
from dataclasses import dataclass, field


@dataclass(slots=True)
class Figures:
    """Counts since the worker began; times in seconds."""

    steps: int = 0
    events: int = 0
    facts: int = 0
    step_s: float = 0.0
    commit_s: float = 0.0
    checkpoints: int = 0
    checkpoint_bytes: int = 0
    opened: int = 0
    replayed: int = 0  # events taken again when the partition was opened
    replay_differs: int = 0  # steps that gave another number of facts when taken again
    dead_letters: int = 0
    expired: int = 0  # offsets of inputs that the broker forgot before we read them
    counters: dict[str, int] = field(default_factory=dict)
    """The stage's own, by reason; of former openings."""
    moved: float = field(default_factory=time.monotonic)
    """When it last got further."""
