"""Events as bytes: a zero byte, the schema's id in four bytes, big-endian, and the Avro body.

Framing is the Confluent wire format; ids come from `schemas/avro/ids.json`. A value written with an older,
released schema of its topic is read into today's record. Avro itself and the codecs are loaded when the
first value passes, not before.
"""

import json
from collections.abc import Callable
from functools import cache
from io import BytesIO
from typing import Any, Final, NamedTuple

from schemas.bounds import VALUE_BYTES
from schemas.files import ids, released, schema_text

_HEAD_BYTES: Final = 5
_REASON_CHARACTERS: Final = 200


class FramingError(ValueError):
    """The bytes do not begin as a framed event, or name a schema we do not know."""


class DecodeError(FramingError):
    """The bytes are framed, but their body is not what the schema says."""


class EncodeError(ValueError):
    """The value does not fit its topic's schema: a defect of whoever made it."""


class _Writer(NamedTuple):
    head: bytes
    schema: Any
    to_datum: Callable[[Any], Any]
    write: Callable[..., None]


class _Reader(NamedTuple):
    topic: str
    written: Any
    wanted: Any  # None where it is as written
    from_datum: Callable[[Any], Any]
    read: Callable[..., Any]


def encode(topic: str, value: Any) -> bytes:
    """The value as its topic's bytes; EncodeError where it does not fit the topic's schema."""
    writer = _writer(topic)
    out = BytesIO()
    out.write(writer.head)
    try:
        writer.write(out, writer.schema, writer.to_datum(value))
    except (ValueError, TypeError, AttributeError, KeyError, OverflowError) as error:
        raise EncodeError(
            f"{topic}: {type(value).__name__} does not fit the schema: {_line(error)}"
        ) from error
    if out.tell() > VALUE_BYTES:
        raise EncodeError(f"{topic}: {out.tell()} bytes, more than {VALUE_BYTES}")
    return out.getvalue()


def decode(data: bytes) -> Any:
    """The value of framed bytes, as its topic's record; FramingError (DecodeError) where it is none."""
    reader = _reader(schema_id(data))
    body = BytesIO(data)
    body.seek(_HEAD_BYTES)
    try:
        datum = reader.read(
            body, reader.written, reader.wanted, return_record_name=True, return_record_name_override=True
        )
        value = reader.from_datum(datum)
    except Exception as error:  # whatever fastavro, numpy and lz4 make of hostile bytes, the bytes are bad
        raise DecodeError(f"{reader.topic}: {len(data)} bytes cannot be decoded: {_line(error)}") from error
    if body.tell() != len(data):
        raise DecodeError(f"{reader.topic}: {len(data) - body.tell()} of {len(data)} bytes are too many")
    return value


def schema_id(data: bytes) -> int:
    """The schema id of framed bytes; FramingError where they are not framed."""
    if len(data) > VALUE_BYTES:
        raise FramingError(f"an event of {len(data)} bytes: at most {VALUE_BYTES} are read")
    if len(data) < _HEAD_BYTES or data[0] != 0:
        raise FramingError(
            f"an event begins with a zero byte and a schema id, not with {data[:_HEAD_BYTES].hex()!r}"
        )
    return int.from_bytes(data[1:_HEAD_BYTES], "big")


def topic_of(data: bytes) -> str:
    """The topic whose schema the framed bytes are written with; FramingError where it is unknown."""
    return _reader(schema_id(data)).topic


@cache
def _writer(topic: str) -> _Writer:
    from fastavro import schemaless_writer

    from schemas.codecs import codec

    number = ids().get(topic)
    if number is None:
        raise EncodeError(f"no schema for topic {topic!r}")
    head = b"\0" + number.to_bytes(4, "big")
    return _Writer(head, _hot_schema(topic), codec(topic).to_datum, schemaless_writer)


@cache
def _reader(number: int) -> _Reader:
    from fastavro import parse_schema, schemaless_reader

    from schemas.codecs import codec

    topic = next((name for name, known in ids().items() if known == number), None)
    if topic is not None:
        return _Reader(topic, _hot_schema(topic), None, codec(topic).from_datum, schemaless_reader)
    older = released().get(number)
    if older is None:
        raise FramingError(f"no schema has the id {number}")
    written = parse_schema(older.schema)
    return _Reader(
        older.topic, written, _hot_schema(older.topic), codec(older.topic).from_datum, schemaless_reader
    )


@cache
def _hot_schema(topic: str) -> Any:
    """The topic's schema for fastavro, without logical types: our records hold times as µs."""
    from fastavro import parse_schema

    return parse_schema(_plain(json.loads(schema_text(topic))))


def _plain(node: Any) -> Any:
    if isinstance(node, dict):
        return {name: _plain(value) for name, value in node.items() if name not in {"logicalType", "doc"}}
    return [_plain(item) for item in node] if isinstance(node, list) else node


def _line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__} {error}".split())[:_REASON_CHARACTERS]
