"""What a partition did since its state was last saved: which inputs each step took.

A stage is a function of its inputs, so its state is the saved one and the steps since, taken again. Each
step's transaction holds the journal; every few seconds one holds the changed state instead, and the journal
begins anew. So state, facts and offsets agree after every transaction, and state is written seldom.
"""

from typing import Final

import msgspec

from eventlog.kafka.errors import StateError

KEY: Final = b"~journal"
"""Its key among the stage's own in the state topic."""


class Step(msgspec.Struct, array_like=True, frozen=True):
    """One step: by input the last offset it took, and how many facts came of it."""

    until: list[int]
    facts: int


class Journal(msgspec.Struct, array_like=True):
    """`saved` is by input the last offset that the saved state has applied; -1 none."""

    saved: list[int]
    steps: list[Step] = []

    def encode(self) -> bytes:
        """As stored."""
        return _encode(self)


def decode(data: bytes) -> Journal:
    """From what was stored; StateError."""
    try:
        return _decode(data)
    except msgspec.DecodeError as error:
        raise StateError(f"the journal cannot be read: {error}") from error


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Journal).decode
