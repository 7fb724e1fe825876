"""Avro bodies written and read by code made from the schema.

fastavro spends most of a record's time on finding out, field by field, which branch of a union a value is
(a call record with two streams: 0.4 ms both ways). Here each schema becomes two Python functions, once, in
which that is decided: nullable fields test for None, unions of records look at the class. What they write is
byte for byte what fastavro and the avro package write; tests hold all three together.

A record is an object of the class that `classes` names for it (its fields are attributes, of a tuple its
members), or else a dictionary. Reading trusts nothing: lengths are checked against the bytes, numbers
against 64 bits.
"""

from collections.abc import Callable, Mapping
from struct import Struct, pack
from typing import Any, Final, NamedTuple

Schema = Any
Write = Callable[[Callable[[bytes], None], Any], None]
"""write(add, value) hands the body's pieces to `add`."""
Read = Callable[[bytes, int], tuple[Any, int]]
"""read(data, at) gives the value at `at`, and where it ends."""

_SMALL_FROM, _SMALL_TO = -64, 8192


class BodyError(ValueError):
    """The bytes are not what the schema says."""


def _slow_long(value: int) -> bytes:
    """Avro's long: zigzag, then seven bits a byte, least first (Avro 1.12, "Binary Encoding")."""
    if not -(1 << 63) <= value < 1 << 63:
        raise OverflowError(f"{value} does not fit 64 bits")
    rest = value << 1 ^ value >> 63
    octets = bytearray()
    while rest > 127:
        octets.append(rest & 127 | 128)
        rest >>= 7
    octets.append(rest)
    return bytes(octets)


_SMALL: Final = [_slow_long(value) for value in (*range(_SMALL_TO), *range(_SMALL_FROM, 0))]
_LAST: Final = [bytes((octet,)) for octet in range(128)]
_PAIRS: Final = [bytes((both & 127 | 128, both >> 7 | 128)) for both in range(1 << 14)]


def _long(value: int) -> bytes:
    """The same, fast for three and four bytes, and for times: two bytes by one table."""
    rest = value << 1 ^ value >> 63
    if rest < 1 << 21 and rest >> 14:
        return _PAIRS[rest & 16383] + _LAST[rest >> 14]
    if rest < 1 << 28 and rest >> 21:
        return _PAIRS[rest & 16383] + pack("BB", rest >> 14 & 127 | 128, rest >> 21)
    if rest >> 49 and not rest >> 56:
        return b"%b%b%b%b" % (
            _PAIRS[rest & 16383],
            _PAIRS[rest >> 14 & 16383],
            _PAIRS[rest >> 28 & 16383],
            pack("BB", rest >> 42 & 127 | 128, rest >> 49),
        )
    return _slow_long(value)


def _more(data: bytes, at: int, first: int) -> tuple[int, int]:
    """The unsigned number whose first byte, `first`, says that it goes on at `at`; and where it ends.

    Eight bytes, as a time has, are folded by halves.
    """
    third = data[at + 1]  # the second one goes on as well
    if third < 128:
        return first & 127 | (data[at] & 127) << 7 | third << 14, at + 2
    eight = int.from_bytes(data[at - 1 : at + 7], "little")
    if eight & 0x8080808080808080 == 0x0080808080808080 and at + 7 <= len(data):
        eight &= 0x7F7F7F7F7F7F7F7F
        eight = eight & 0x007F007F007F007F | (eight & 0x7F007F007F007F00) >> 1
        eight = eight & 0x00003FFF00003FFF | (eight & 0x3FFF00003FFF0000) >> 2
        return eight & 0x0FFFFFFF | (eight & 0x0FFFFFFF00000000) >> 4, at + 7
    number, shift = first & 127, 7
    while True:
        octet = data[at]
        at += 1
        number |= (octet & 127) << shift
        if octet < 128:
            break
        shift += 7
        if shift > 63:
            raise BodyError(f"a number of more than 64 bits at byte {at}")
    if number >> 64:
        raise BodyError(f"a number of more than 64 bits at byte {at}")
    return number, at


def _bad_branch(at: int, branch: int) -> None:
    raise BodyError(f"no branch {branch} in the union at byte {at}")


def _bad_length(at: int, length: int) -> None:
    raise BodyError(f"a length of {length} at byte {at} reaches beyond the end")


def _bad_value(name: str, value: Any) -> None:
    raise TypeError(f"{name} cannot be a {type(value).__name__}")


_DOUBLE: Final = Struct("<d")
_HELPERS: Final[dict[str, Any]] = {
    "SMALL": _SMALL,
    "long": _long,
    "more": _more,
    "bad_branch": _bad_branch,
    "bad_length": _bad_length,
    "bad_value": _bad_value,
    "pack_double": _DOUBLE.pack,
    "unpack_double": _DOUBLE.unpack_from,
}


class Compiled(NamedTuple):
    """The two functions of a schema."""

    write: Write
    read: Read


def compiled(schema: Schema, classes: Mapping[str, type]) -> Compiled:
    """The functions of a record schema, with all records inside it."""
    maker = _Maker(classes)
    name = maker.record(schema)
    names: dict[str, Any] = _HELPERS | {f"class_{kind}": made for kind, made in classes.items()}
    exec(compile("\n".join(maker.lines), f"<{name}>", "exec"), names)
    return Compiled(names[f"write_{name}"], names[f"read_{name}"])


class _Maker:
    """Makes the source text; `lines` has the functions of every record met."""

    def __init__(self, classes: Mapping[str, type]) -> None:
        self.lines: list[str] = []
        self._classes = classes
        self._made: set[str] = set()
        self._depth = 0

    def record(self, schema: Schema) -> str:
        """Make the functions of a record (once), and give its name."""
        name: str = schema if isinstance(schema, str) else schema["name"]
        if name in self._made:
            return name
        self._made.add(name)
        kind = self._classes.get(name, dict)
        access = "r[{key!r}]" if kind is dict else "r[{at}]" if kind is tuple else "r.{key}"
        write = [f"def write_{name}(add, r):"]
        if name in self._classes:
            write += [f"  if r.__class__ is not class_{name}: bad_value({name!r}, r)"]
        read = [f"def read_{name}(data, at):"]
        given = []
        for at, field in enumerate(schema["fields"]):
            key = field["name"]
            write += ["  v = " + access.format(key=key, at=at)]
            write += self._write(field["type"], "v", "  ")
            read += self._read(field["type"], f"f_{key}", "  ")
            given.append(key)
        self.lines += [*write, *read, f"  return {self._construct(name, given)}, at"]
        return name

    def _construct(self, name: str, given: list[str]) -> str:
        kind = self._classes.get(name, dict)
        if kind is tuple:
            return f"({', '.join(f'f_{key}' for key in given)},)"
        made = "dict" if kind is dict else f"class_{name}"
        if _in_order(kind, given):  # by name a call record's fields cost 9 µs instead of 1
            return f"{made}({', '.join(f'f_{key}' for key in given)})"
        return f"{made}({', '.join(f'{key}=f_{key}' for key in given)})"

    def _write(self, kind: Schema, value: str, pad: str) -> list[str]:
        name = kind if isinstance(kind, str) else kind["type"] if isinstance(kind, dict) else "union"
        if name in {"long", "int"}:
            return [
                f"{pad}add(SMALL[{value}] if {_SMALL_FROM} <= {value} < {_SMALL_TO} else long({value}))",
            ]
        if name == "boolean":
            return [f"{pad}add(b'\\1' if {value} else b'\\0')"]
        if name == "double":
            return [f"{pad}add(pack_double({value}))"]
        if name in {"string", "bytes"}:
            octets = f"{value}.encode()" if name == "string" else value
            return [f"{pad}b = {octets}", *_write_length("b", pad), f"{pad}add(b)"]
        if name == "union":
            return self._write_union(kind, value, pad)
        if name in {"array", "map"}:
            return self._write_block(kind, value, pad)
        return [f"{pad}write_{self.record(kind)}(add, {value})"]

    def _write_union(self, kind: Schema, value: str, pad: str) -> list[str]:
        if kind[0] == "null":
            inside = self._write(kind[1], value, pad + "  ")
            return [f"{pad}if {value} is None: add(b'\\0')", f"{pad}else:", f"{pad}  add(b'\\2')", *inside]
        lines = [f"{pad}kind = {value}.__class__"]
        for number, branch in enumerate(kind):
            name = self.record(branch)
            lines += [
                f"{pad}{'el' if number else ''}if kind is class_{name}:",
                f"{pad}  add(SMALL[{number}]); write_{name}(add, {value})",
            ]
        return [*lines, f"{pad}else: bad_value('a branch', {value})"]

    def _write_block(self, kind: Schema, value: str, pad: str) -> list[str]:
        self._depth += 1
        item, key = f"v{self._depth}", f"k{self._depth}"
        inside = pad + "    "
        if kind["type"] == "array":
            loop = [f"{pad}  for {item} in {value}:"]
        else:
            loop = [f"{pad}  for {key}, {item} in {value}.items():", *self._write("string", key, inside)]
        body = self._write(kind.get("items") or kind["values"], item, inside)
        self._depth -= 1
        return [f"{pad}if {value}:", *_write_length(value, pad + "  "), *loop, *body, f"{pad}add(b'\\0')"]

    def _read(self, kind: Schema, into: str, pad: str) -> list[str]:
        name = kind if isinstance(kind, str) else kind["type"] if isinstance(kind, dict) else "union"
        if name in {"long", "int"}:
            return [*_read_number(pad), f"{pad}{into} = n >> 1 ^ -(n & 1)"]
        if name == "boolean":
            return [f"{pad}{into} = data[at] != 0", f"{pad}at += 1"]
        if name == "double":
            return [f"{pad}({into},) = unpack_double(data, at)", f"{pad}at += 8"]
        if name in {"string", "bytes"}:
            made = "data[at:end].decode()" if name == "string" else "data[at:end]"
            return [
                *_read_number(pad),
                f"{pad}end = at + (n >> 1)",
                f"{pad}if n & 1 or end > len(data): bad_length(at, n >> 1 ^ -(n & 1))",
                f"{pad}{into} = {made}",
                f"{pad}at = end",
            ]
        if name == "union":
            return self._read_union(kind, into, pad)
        if name in {"array", "map"}:
            return self._read_blocks(kind, into, pad)
        return [f"{pad}{into}, at = read_{self.record(kind)}(data, at)"]

    def _read_union(self, kind: Schema, into: str, pad: str) -> list[str]:
        lines = [f"{pad}branch = data[at]", f"{pad}at += 1"]
        for number, branch in enumerate(kind):
            lines += [f"{pad}{'el' if number else ''}if branch == {2 * number}:"]
            if branch == "null":
                lines += [f"{pad}  {into} = None"]
            else:
                lines += self._read(branch, into, pad + "  ")
        return [*lines, f"{pad}else: bad_branch(at - 1, branch >> 1)"]

    def _read_blocks(self, kind: Schema, into: str, pad: str) -> list[str]:
        self._depth += 1
        left, item, key = f"left{self._depth}", f"item{self._depth}", f"key{self._depth}"
        inside = pad + "    "
        is_map = kind["type"] == "map"
        lines = [
            f"{pad}{into} = {'{}' if is_map else '[]'}",
            f"{pad}while True:",
            *_read_number(pad + "  "),
            f"{pad}  if n == 0: break",
            f"{pad}  {left} = n >> 1 ^ -(n & 1)",
            f"{pad}  if {left} < 0:",  # then the block's size in bytes follows, which nobody here needs
            f"{pad}    {left} = -{left}",
            *_read_number(inside),
            f"{pad}  if {left} > len(data): bad_length(at, {left})",
            f"{pad}  for _ in range({left}):",
        ]
        if is_map:
            lines += self._read("string", key, inside)
        lines += self._read(kind.get("items") or kind["values"], item, inside)
        lines += [f"{inside}{into}[{key}] = {item}" if is_map else f"{inside}{into}.append({item})"]
        self._depth -= 1
        return lines


def _in_order(kind: type, given: list[str]) -> bool:
    """Whether a class takes these fields in this order without their names."""
    return getattr(kind, "__match_args__", ()) == tuple(given)


def _write_length(of: str, pad: str) -> list[str]:
    return [f"{pad}n = len({of})", f"{pad}add(SMALL[n] if n < {_SMALL_TO} else long(n))"]


def _read_number(pad: str) -> list[str]:
    return [
        f"{pad}n = data[at]",
        f"{pad}at += 1",
        f"{pad}if n > 127:",
        f"{pad}  m = data[at]",
        f"{pad}  if m < 128:",
        f"{pad}    n = n & 127 | m << 7",
        f"{pad}    at += 1",
        f"{pad}  else: n, at = more(data, at, n)",
    ]
