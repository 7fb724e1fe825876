"""An Avro schema as a program: the rows by which the kernels walk a record (schemas/codecs/avro_kernel.py).

On one side of a kernel lies the Avro body, on the other the MessagePack that msgspec makes of our records.
The two have the same values in the same order, and differ in how a value is written and in what stands
between values: MessagePack has the names of fields and the sizes of records, which Avro leaves to the schema.

A row has ROW numbers: what to do, where to go on (below), and a *literal*, by its place and length: octets
that MessagePack has before the row's value. The rows of a record are those of its fields, one after another.

- LONG, DOUBLE, BOOLEAN, STRING, BYTES: a value. With NULLABLE it is a union with null, and where it is null
  the program goes on at the row's target.
- NOTHING: no value; with NULLABLE before what takes several rows.
- ARRAY, MAP: the rows of an item follow, then AGAIN, its target; AGAIN's is the item's first row.
- CHOICE: a union of as many records as its target says; as many JUMPs follow, one a branch, each with what
  MessagePack has before that record's fields.
- JUMP: go on at its target. END: the record ends.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypedDict, Union

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas.codecs.generic import Schema, with_names_resolved

ROW = 4
NOTHING, LONG, DOUBLE, BOOLEAN, STRING, BYTES, ARRAY, MAP, AGAIN, CHOICE, JUMP, END = range(12)
NULLABLE = 16

_SCALARS: Final[Mapping[str, tuple[int, type]]] = {
    "int": (LONG, int),
    "long": (LONG, int),
    "double": (DOUBLE, float),
    "boolean": (BOOLEAN, bool),
    "string": (STRING, str),
    "bytes": (BYTES, bytes),
}


class Program(NamedTuple):
    """What the kernels need of a schema, and what errors and msgspec do."""

    rows: NDArray[np.int64]  # ROW numbers a row
    literals: bytes
    depth: int  # arrays and maps inside each other
    places: list[str]  # each row's field, for a person
    kind: Any  # the type of the record, as msgspec takes it


def program_of(schema: Schema, classes: Mapping[str, type]) -> Program:
    """The program of a record's schema; ValueError where a class does not have the fields of its record.

    A record is an object of the msgspec class (or the tuple) that `classes` names for it, or a dictionary;
    to be written, its fields are in the schema's order.
    """
    maker = _Maker(classes)
    kind = maker.value(with_names_resolved(schema), schema["name"])
    maker.row(END, schema["name"])
    rows = np.array(maker.rows, np.int64).reshape(-1)
    return Program(rows, bytes(maker.literals), maker.deepest, maker.places, kind)


class _Maker:
    """Appends rows value by value; each method gives the value's type."""

    def __init__(self, classes: Mapping[str, type]) -> None:
        self.rows: list[list[int]] = []
        self.literals = bytearray()
        self.places: list[str] = []
        self.deepest = 0
        self._classes = classes
        self._literal = b""  # of the next row
        self._depth = 0

    def row(self, what: int, place: str, target: int = 0) -> int:
        """Append a row with the octets that wait for one; its number."""
        self.rows.append([what, target, len(self.literals), len(self._literal)])
        self.literals += self._literal
        self._literal = b""
        self.places.append(place)
        return len(self.rows) - 1

    def value(self, schema: Schema, place: str) -> Any:
        """The rows of a value of any kind."""
        if isinstance(schema, list):
            return self._nullable(schema[1], place) if schema[0] == "null" else self._choice(schema, place)
        name = schema if isinstance(schema, str) else schema["type"]
        if name in _SCALARS:
            what, kind = _SCALARS[name]
            self.row(what, place)
            return kind
        if name == "record":
            self._literal += self._before_fields(schema)
            return self._fields(schema)
        return self._blocks(schema, place)

    def _nullable(self, schema: Schema, place: str) -> Any:
        number = len(self.rows)
        if not isinstance(schema, str):
            self.row(NOTHING, place)
        kind = self.value(schema, place)
        self.rows[number][0] |= NULLABLE
        self._aim(number)
        return kind | None

    def _choice(self, branches: list[Schema], place: str) -> Any:
        self.row(CHOICE, place, len(branches))
        jumps = []
        for branch in branches:
            self._literal = self._before_fields(branch)
            jumps.append(self.row(JUMP, place))
        kinds, ends = [], []
        for jump, branch in zip(jumps, branches, strict=True):
            self._aim(jump)
            kinds.append(self._fields(branch))
            ends.append(self.row(JUMP, place))
        for end in ends:
            self._aim(end)
        return Union[tuple(kinds)]  # noqa: UP007 - there is no | for a tuple

    def _blocks(self, schema: Schema, place: str) -> Any:
        self._depth += 1
        self.deepest = max(self.deepest, self._depth)
        is_map = schema["type"] == "map"
        begin = self.row(MAP if is_map else ARRAY, place)
        if is_map:
            self.row(STRING, place)
        kind = self.value(schema["values" if is_map else "items"], place)
        self._aim(begin)
        self.row(AGAIN, place, begin + 1)
        self._depth -= 1
        return dict[str, kind] if is_map else list[kind]  # type: ignore[valid-type]

    def _fields(self, schema: Schema) -> Any:
        name, kind = schema["name"], self._class(schema)
        kinds = {}
        for field in schema["fields"]:
            key = field["name"]
            if not _is_listed(kind):
                self._literal += msgspec.msgpack.encode(key)
            kinds[key] = self.value(field["type"], f"{name}.{key}")
        if kind is tuple:
            return tuple[tuple(kinds.values())]  # type: ignore[misc]
        return TypedDict(name, kinds) if kind is dict else kind  # type: ignore[operator]

    def _before_fields(self, schema: Schema) -> bytes:
        """What MessagePack has before a record's first field: its size, and its tag where it has one."""
        kind, count = self._class(schema), len(schema["fields"])
        config = getattr(kind, "__struct_config__", None)
        tag = b""
        if config is not None and config.tag is not None:
            count += 1
            tag = msgspec.msgpack.encode(config.tag)
            if not config.array_like:
                tag = msgspec.msgpack.encode(config.tag_field) + tag
        few, many = (0x90, b"\xdc") if _is_listed(kind) else (0x80, b"\xde")
        return (bytes((few | count,)) if count < 16 else many + count.to_bytes(2, "big")) + tag

    def _class(self, schema: Schema) -> type:
        kind = self._classes.get(schema["name"], dict)
        names = tuple(field["name"] for field in schema["fields"])
        if not names:
            raise ValueError(f"{schema['name']} has no fields")
        own = getattr(kind, "__struct_encode_fields__", names)
        if own != names if _is_listed(kind) else set(own) != set(names):
            raise ValueError(f"{kind.__name__} has not the fields of its schema")
        return kind

    def _aim(self, number: int) -> None:
        """Let a row go on at the row that comes next."""
        self.rows[number][1] = len(self.rows)


def _is_listed(kind: type) -> bool:
    """Whether MessagePack has its fields without their names."""
    return kind is tuple or getattr(getattr(kind, "__struct_config__", None), "array_like", False)
