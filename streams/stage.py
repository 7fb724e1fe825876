"""What every stage is: a reducer over ordered inputs, without clock, I/O or broker.

A runner hands a stage the events of its input topics, in the order of each topic's partition and in any
interleaving of topics; `step` applies what the watermarks allow and returns facts. State is changed in
place by the stage alone. A runner that saves state asks for `changes()` after each step and stores them,
the facts and the applied offsets together; after a restart it gives everything stored to `restore()`.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple, Protocol

EVERY_PARTITION: Final = None
"""Routing of a fact that goes to every partition of its topic."""


class Input(NamedTuple):
    """One event of a topic."""

    topic: str
    value: Any


class Fact(NamedTuple):
    """One event for a topic. `routing` is hashed to the partition; EVERY_PARTITION sends it to all;
    an int names the partition itself."""

    topic: str
    routing: bytes | int | None
    key: bytes
    value: Any


class Stage(Protocol):
    """One partition of a stage."""

    def step(self, inputs: Iterable[Input]) -> list[Fact]:
        """Apply the inputs, in this order, and return what became known."""

    def changes(self) -> dict[bytes, bytes | None]:
        """State changed since the last call, by key; None deletes. Encoded, ready to be stored."""

    def restore(self, state: Mapping[bytes, bytes]) -> None:
        """Take the state over; the stage must be new."""
