"""Events as bytes: a zero byte, the schema's id in four bytes, big-endian, and the Avro body.

Framing is the Confluent wire format; ids come from `schemas/avro/ids.json`. A value written with an older,
released schema of its topic is read into today's record (by fastavro; what is current by code made from the
schema, schemas/codecs/compiled.py). The codecs are loaded when the first value passes, not before.
"""

from collections.abc import Callable
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from schemas.bounds import VALUE_BYTES
from schemas.files import Released, ids, plain_schema, released

if TYPE_CHECKING:
    from schemas.codecs.compiled import Compiled

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
    to_data: Callable[[Any], Any]
    write: Callable[[Any], memoryview]


class _Reader(NamedTuple):
    topic: str
    read: Callable[[bytes, int], tuple[Any, int]]
    from_data: Callable[[Any], Any]


def encode(topic: str, value: Any) -> bytes:
    """The value as its topic's bytes; EncodeError where it does not fit the topic's schema."""
    writer = _writer(topic)
    try:
        data = b"".join((writer.head, writer.write(writer.to_data(value))))
    except (ValueError, TypeError, AttributeError, LookupError, OverflowError) as error:
        raise EncodeError(
            f"{topic}: {type(value).__name__} does not fit the schema: {_line(error)}"
        ) from error
    if len(data) > VALUE_BYTES:
        raise EncodeError(f"{topic}: {len(data)} bytes, more than {VALUE_BYTES}")
    return data


def decode(data: bytes) -> Any:
    """The value of framed bytes, as its topic's record; FramingError (DecodeError) where it is none."""
    reader = _reader(schema_id(data))
    try:
        read, end = reader.read(data, _HEAD_BYTES)
        value = reader.from_data(read)
    except Exception as error:  # whatever Avro, numpy and lz4 make of hostile bytes, the bytes are bad
        raise DecodeError(f"{reader.topic}: {len(data)} bytes cannot be decoded: {_line(error)}") from error
    if end != len(data):
        raise DecodeError(f"{reader.topic}: {len(data) - end} of {len(data)} bytes are too many")
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
    from schemas.codecs import codec

    number = ids().get(topic)
    if number is None:
        raise EncodeError(f"no schema for topic {topic!r}")
    head = b"\0" + number.to_bytes(4, "big")
    return _Writer(head, codec(topic).to_data, _compiled(topic).write)


@cache
def _reader(number: int) -> _Reader:
    from schemas.codecs import codec

    topic = next((name for name, known in ids().items() if known == number), None)
    if topic is not None:
        return _Reader(topic, _compiled(topic).read, codec(topic).from_data)
    older = released().get(number)
    if older is None:
        raise FramingError(f"no schema has the id {number}")
    return _Reader(older.topic, _older(older), codec(older.topic).from_data)


@cache
def _compiled(topic: str) -> "Compiled":
    from schemas.codecs import codec
    from schemas.codecs.compiled import Compiled

    return Compiled(plain_schema(topic), codec(topic).classes)


def _older(release: Released) -> Callable[[bytes, int], tuple[Any, int]]:
    """How to read what was written with a released version into today's schema."""
    from fastavro import parse_schema, schemaless_reader

    from schemas.codecs import codec
    from schemas.codecs.generic import from_data, with_names_resolved

    written, wanted = parse_schema(release.schema), parse_schema(plain_schema(release.topic))
    schema = with_names_resolved(plain_schema(release.topic))
    classes = codec(release.topic).classes

    def read(data: bytes, at: int) -> tuple[Any, int]:
        body = BytesIO(data)
        body.seek(at)
        found = schemaless_reader(
            body, written, wanted, return_record_name=True, return_record_name_override=True
        )
        return from_data(found, schema, classes), body.tell()

    return read


def _line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__} {error}".split())[:_REASON_CHARACTERS]
