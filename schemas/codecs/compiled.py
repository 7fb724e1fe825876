"""Avro bodies of records, written and read by two compiled loops.

What Python has to do for each of a record's values is most of the record's cost: fastavro takes 0.4 ms both
ways for a call record with two streams, code made from its schema 0.25 ms. So the values are left to
msgspec, which turns our records into MessagePack and back in C, and kernels turn that into the Avro body and
back, by a program made from the schema (schemas/codecs/program.py). What they write is byte for byte what
fastavro and the avro package write; tests hold all three together.

Reading trusts nothing: lengths are checked against the bytes, numbers against 64 bits.
"""

from collections.abc import Mapping
from typing import Any, NoReturn

import msgspec
import numpy as np

from schemas.bounds import RECORD_BYTES
from schemas.codecs import avro_kernel
from schemas.codecs.generic import Schema
from schemas.codecs.program import Program, program_of


class BodyError(ValueError):
    """The bytes are not what the schema says."""


class Compiled:
    """How a record's schema is written and read; `classes` as in program_of."""

    def __init__(self, schema: Schema, classes: Mapping[str, type]) -> None:
        """Raises ValueError where a class does not have the fields of its record."""
        self._program = program_of(schema, classes)
        fields = tuple(field["name"] for field in schema["fields"])
        own = getattr(classes.get(schema["name"]), "__struct_encode_fields__", fields)
        self._fields = fields if own != fields else None
        self._to_msgpack = msgspec.msgpack.Encoder().encode
        self._from_msgpack = msgspec.msgpack.Decoder(self._program.kind).decode

    def write(self, value: Any) -> memoryview:
        """The record's Avro body; TypeError, OverflowError where it does not fit the schema."""
        rows, literals, depth, *_ = self._program
        if self._fields is not None:  # a batch has at its end what came to it later, the schema its packets
            value = {name: getattr(value, name) for name in self._fields}
        packed = self._to_msgpack(value)
        stack = np.empty(2 + 3 * depth, np.int64)
        room = len(packed) + 256
        while True:
            body = np.empty(room, np.uint8)
            written = avro_kernel.to_avro(rows, literals, packed, body, stack)
            if written >= 0:
                return body[:written].data
            if written != avro_kernel.ROOM:
                _cannot_write(self._program, written, int(stack[1]))
            room *= 2

    def read(self, data: bytes, at: int) -> tuple[Any, int]:
        """The record whose body begins at `at`, and where it ends; BodyError, UnicodeDecodeError."""
        rows, literals, depth, *_ = self._program
        stack = np.empty(2 + 3 * depth, np.int64)
        room = 4 * len(data) + 1024
        while True:
            packed = np.empty(room, np.uint8)
            written = avro_kernel.to_msgpack(rows, literals, data, at, packed, stack)
            if written >= 0:
                return self._from_msgpack(packed[:written].data), int(stack[0])
            if written != avro_kernel.ROOM:
                _cannot_read(self._program, written, data, int(stack[0]), int(stack[1]))
            if room >= RECORD_BYTES:
                raise BodyError(f"{len(data)} bytes become more than {RECORD_BYTES} of values")
            room = min(4 * room, RECORD_BYTES)


def _cannot_write(program: Program, problem: int, row: int) -> NoReturn:
    place = program.places[row]
    if problem == avro_kernel.LARGE:
        raise OverflowError(f"{place} does not fit 64 bits")
    raise TypeError(f"{place} is not what the schema says" if problem == avro_kernel.KIND else f"no {place}")


def _cannot_read(program: Program, problem: int, data: bytes, at: int, row: int) -> NoReturn:
    where = f"{program.places[row]} at byte {at}"
    if problem == avro_kernel.LARGE:
        raise BodyError(f"{where}: a number of more than 64 bits")
    if problem == avro_kernel.BRANCH:
        raise BodyError(f"{where}: no branch {data[at] >> 1} in the union")
    if problem == avro_kernel.LENGTH:
        raise BodyError(f"{where}: a length that reaches beyond the end")
    raise BodyError(f"{where}: the bytes end too early")
