"""What stands in a stage's state topic: values by key, long ones in pieces, and the applied offsets.

A record's key begins with what it is: 0 the applied offset of an input, `topic/partition` and eight bytes
little-endian; 1 a value of the stage, whose first two bytes count the further pieces; 2 a further piece,
numbered in two bytes. All of a step is in one transaction, so pieces never mix.
"""

import struct
from collections.abc import Iterator, Mapping
from typing import Final

from eventlog.kafka.bounds import STATE_KEY_BYTES, STATE_PIECE_BYTES, STATE_VALUE_BYTES
from eventlog.kafka.errors import RefusedError, StateError

Place = tuple[str, int]
"""Topic and partition."""

_APPLIED: Final = b"\0"
_VALUE: Final = b"\1"
_PIECE: Final = b"\2"
_OFFSET: Final = struct.Struct("<q")
_COUNT: Final = struct.Struct(">H")
_NO_PIECES: Final = _COUNT.pack(0)

Written = tuple[bytes, bytes | None]
"""Key and value of a record in the state topic."""


class StatePieces:
    """Turns changes into records and remembers how many pieces each long value has."""

    def __init__(self) -> None:
        self._pieces: dict[bytes, int] = {}

    def records(self, changes: Mapping[bytes, bytes | None]) -> Iterator[Written]:
        """The records of a step's changes; RefusedError where one is over its bound."""
        for key, value in changes.items():
            pieces = 0 if value is None else _pieces(key, value)
            if value is None:
                yield _VALUE + key, None
            else:
                yield _VALUE + key, _COUNT.pack(pieces) + value[:STATE_PIECE_BYTES]
            for number in range(1, pieces + 1):
                at = number * STATE_PIECE_BYTES
                assert value is not None
                yield _piece_key(key, number), value[at : at + STATE_PIECE_BYTES]
            for number in range(pieces + 1, self._pieces.get(key, 0) + 1):
                yield _piece_key(key, number), None

    def keep(self, changes: Mapping[bytes, bytes | None]) -> None:
        """The changes' records are committed."""
        for key, value in changes.items():
            self._remember(key, 0 if value is None else _pieces(key, value))

    def read(self, records: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
        """The values of the newest records by key, pieces joined; StateError where one is missing."""
        self._pieces.clear()
        state: dict[bytes, bytes] = {}
        for key, value in records.items():
            if key[:1] == _VALUE:
                whole = value[: _COUNT.size] == _NO_PIECES
                state[key[1:]] = value[_COUNT.size :] if whole else self._joined(key[1:], value, records)
        return state

    def _joined(self, key: bytes, value: bytes, records: Mapping[bytes, bytes]) -> bytes:
        if len(value) < _COUNT.size:
            raise StateError(f"state of key {key[:40]!r} has {len(value)} bytes, too few")
        (count,) = _COUNT.unpack_from(value)
        self._remember(key, count)
        try:
            rest = [records[_piece_key(key, number)] for number in range(1, count + 1)]
        except KeyError:
            raise StateError(f"state of key {key[:40]!r} lacks one of its {count + 1} pieces") from None
        return b"".join((value[_COUNT.size :], *rest))

    def _remember(self, key: bytes, pieces: int) -> None:
        if pieces:
            self._pieces[key] = pieces
        else:
            self._pieces.pop(key, None)


def applied_record(topic: str, partition: int, offset: int) -> Written:
    """The record that says up to where an input was applied."""
    return _APPLIED + f"{topic}/{partition}".encode(), _OFFSET.pack(offset)


def applied_offsets(records: Mapping[bytes, bytes]) -> dict[Place, int]:
    """The applied offsets among the newest records by key."""
    found: dict[Place, int] = {}
    for key, value in records.items():
        if key[:1] == _APPLIED:
            topic, slash, partition = key[1:].decode("utf-8", "replace").rpartition("/")
            if not slash or not partition.isdecimal() or len(value) != _OFFSET.size:
                raise StateError(f"applied offset {key[:40]!r} cannot be read")
            (found[topic, int(partition)],) = _OFFSET.unpack(value)
    return found


def _pieces(key: bytes, value: bytes) -> int:
    """How many pieces follow the first."""
    if len(value) > STATE_VALUE_BYTES or len(key) > STATE_KEY_BYTES:
        raise RefusedError(
            f"state of key {key[:40]!r}: {len(key)} and {len(value)} bytes of key and value;"
            f" at most {STATE_KEY_BYTES} and {STATE_VALUE_BYTES}"
        )
    return max(0, (len(value) - 1) // STATE_PIECE_BYTES)


def _piece_key(key: bytes, number: int) -> bytes:
    return _PIECE + _COUNT.pack(number) + key
