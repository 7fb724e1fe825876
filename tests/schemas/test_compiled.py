"""Records through the two kernels: values of every kind and length, and what they refuse."""

import io
from typing import Any

import fastavro
import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codecs import avro_kernel, codec
from schemas.codecs.compiled import BodyError, Compiled
from schemas.codecs.program import program_of
from schemas.files import plain_schema
from tests.schemas.events import events

NUMBER = {"type": "record", "name": "N", "fields": [{"name": "n", "type": "long"}]}
LISTS: dict[str, Any] = {
    "type": "record",
    "name": "L",
    "fields": [
        {"name": "text", "type": {"type": "array", "items": "string"}},
        {"name": "maybe", "type": ["null", {"type": "map", "values": "double"}]},
        {"name": "grid", "type": {"type": "array", "items": {"type": "array", "items": "long"}}},
    ],
}
NUMBERS = Compiled(NUMBER, {})
LISTED = Compiled(LISTS, {})
ANY_LONG = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.builds(lambda bits, less: 2**bits - less, st.integers(0, 62), st.integers(-1, 2)),
    st.builds(lambda bits, less: less - 2**bits, st.integers(0, 62), st.integers(-1, 2)),
)


def write(made: Any, value: Any) -> bytes:
    return bytes(made.write(value))


def by_fastavro(schema: Any, value: Any) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, value)
    return out.getvalue()


@settings(max_examples=1000, deadline=None)
@given(n=ANY_LONG)
def test_a_number_of_any_size_is_avros_and_comes_back(n: int) -> None:
    data = write(NUMBERS, {"n": n})
    assert data == by_fastavro(NUMBER, {"n": n})
    assert NUMBERS.read(data, 0) == ({"n": n}, len(data))
    assert NUMBERS.read(b"\xff" + data + b"\xff" * 9, 1) == ({"n": n}, len(data) + 1)


@pytest.mark.parametrize("n", [2**63, -(2**63) - 1, 2**70, -(2**70)])
def test_a_number_beyond_64_bits_is_not_written(n: int) -> None:
    with pytest.raises(OverflowError):
        write(NUMBERS, {"n": n})


@pytest.mark.parametrize("data", ["8080808080808080808001", "ffffffffffffffffff7f", "ffffffffffffffffff02"])
def test_a_number_beyond_64_bits_is_not_read(data: str) -> None:
    with pytest.raises(BodyError, match="64 bits"):
        NUMBERS.read(bytes.fromhex(data), 0)


@settings(max_examples=200, deadline=None)
@given(
    text=st.lists(st.text(max_size=80), max_size=4),
    maybe=st.none() | st.dictionaries(st.text(max_size=4), st.floats(allow_nan=False), max_size=3),
    grid=st.lists(st.lists(ANY_LONG, max_size=4), max_size=4),
)
def test_lists_in_lists_and_maps_are_avros_and_come_back(text: Any, maybe: Any, grid: Any) -> None:
    value = {"text": text, "maybe": maybe, "grid": grid}
    data = write(LISTED, value)
    assert data == by_fastavro(LISTS, value)
    assert LISTED.read(data, 0) == (value, len(data))


def test_blocks_that_say_their_size_and_follow_each_other_are_read() -> None:
    data = bytes.fromhex("03" + "04" + "0261" + "0262" + "02" + "0263" + "00" + "00" + "00")
    assert LISTED.read(data, 0)[0] == {"text": ["a", "b", "c"], "maybe": None, "grid": []}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("00" + "04" + "00", "no branch 2"),
        ("00" + "01" + "00", "no branch 0"),
        ("02" + "7f61", "reaches beyond"),  # a negative length
        ("02" + "0861", "reaches beyond"),
        ("feffffff0f" + "00", "reaches beyond"),  # more items than bytes
    ],
)
def test_branches_and_lengths_that_cannot_be_are_refused(data: str, reason: str) -> None:
    with pytest.raises(BodyError, match=reason):
        LISTED.read(bytes.fromhex(data), 0)


@pytest.mark.parametrize("value", [{"n": "1"}, {"n": None}, {"n": 1.5}])
def test_what_is_no_number_is_not_written(value: Any) -> None:
    with pytest.raises(TypeError):
        write(NUMBERS, value)


class Point(msgspec.Struct):
    x: int
    name: str
    share: float
    seen: bool
    marks: list[int]


class Other(msgspec.Struct):
    x: int


POINT: dict[str, Any] = {
    "type": "record",
    "name": "Point",
    "fields": [
        {"name": "x", "type": "long"},
        {"name": "name", "type": "string"},
        {"name": "share", "type": "double"},
        {"name": "seen", "type": "boolean"},
        {"name": "marks", "type": {"type": "array", "items": "long"}},
    ],
}
GOOD = Point(1, "one", 1.5, True, [1])


@pytest.mark.parametrize(
    ("field", "value"),
    [("x", "1"), ("x", 1.0), ("name", b"1"), ("share", "1"), ("seen", 1), ("marks", 1), ("marks", [None])],
)
def test_a_value_of_another_kind_is_named_and_not_written(field: str, value: Any) -> None:
    wrong = msgspec.structs.replace(GOOD, **{field: value})
    with pytest.raises(TypeError, match=rf"Point\.{field} is not what the schema says"):
        Compiled(POINT, {"Point": Point}).write(wrong)


@pytest.mark.parametrize("value", [Other(1), 17, None, {}, {"x": 1}, [1, "one", 1.5, True, []]])
def test_what_has_not_the_records_fields_is_not_written(value: Any) -> None:
    with pytest.raises(TypeError, match="Point"):
        Compiled(POINT, {"Point": Point}).write(value)


def test_a_class_without_the_schemas_fields_is_our_defect() -> None:
    with pytest.raises(ValueError, match="Other has not the fields of its schema"):
        Compiled(POINT, {"Point": Other})


@given(share=st.integers(-(2**63), 2**63 - 1))
def test_a_whole_number_is_written_as_the_double_it_is(share: int) -> None:
    made = Compiled(POINT, {"Point": Point})
    data = write(made, msgspec.structs.replace(GOOD, share=share))
    assert made.read(data, 0)[0].share == float(share)


@settings(max_examples=15, deadline=None)
@given(length=st.integers(0, 70_000), count=st.integers(0, 70_000))
def test_what_is_longer_than_one_octet_can_say_comes_back(length: int, count: int) -> None:
    value = {"text": ["x" * length], "maybe": None, "grid": [list(range(count))]}
    data = write(LISTED, value)
    assert data == by_fastavro(LISTS, value)
    assert LISTED.read(data, 0) == (value, len(data))


@pytest.mark.parametrize("topic", ["cdr", "media.endpoints", "capture.health", "media.windows"])
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_kernels_stay_inside_their_arrays_whatever_they_are_given(topic: str, data: st.DataObject) -> None:
    """As plain Python, which says so where an index lies outside, the loops find the same."""
    schema, own = plain_schema(topic), codec(topic)
    event = own.to_data(data.draw(events(topic)))
    packed = damaged(data, msgspec.msgpack.encode(event))
    body = damaged(data, write(Compiled(schema, own.classes), event))
    program, room = program_of(schema, own.classes), data.draw(st.integers(0, 10_000))
    runs: list[tuple[Any, Any]] = [(avro_kernel.to_avro, (packed,)), (avro_kernel.to_msgpack, (body, 0))]
    for kernel, given_to in runs:
        found = []
        for way in (kernel, kernel.python):
            out, stack = np.zeros(room, np.uint8), np.zeros(2 + 3 * program.depth, np.int64)
            with np.errstate(over="ignore"):
                written = int(way(program.rows, program.literals, *given_to, out, stack))
            found.append((written, out[: max(0, written)].tobytes(), stack[:2].tolist()))
        assert found[0] == found[1]


def damaged(data: st.DataObject, good: bytes) -> bytes:
    """The octets with up to two of them changed, or cut off somewhere, or as they are."""
    octets = bytearray(good)
    for _ in range(data.draw(st.integers(0, 2))):
        at = data.draw(st.integers(0, len(octets) - 1))
        octets[at] = data.draw(st.sampled_from([0, 1, 2, 127, 128, 192, 217, 221, 255]))
    return bytes(octets[: data.draw(st.integers(0, 2 * len(octets)))])


def test_few_bytes_that_become_too_many_values_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    small = {"type": "record", "name": "Small", "fields": [{"name": "x" * 90, "type": "boolean"}]}
    many = {"name": "many", "type": {"type": "array", "items": small}}
    made = Compiled({"type": "record", "name": "Many", "fields": [many]}, {})
    value = {"many": [{"x" * 90: True}] * 1000}
    data = write(made, value)
    assert made.read(data, 0) == (value, len(data))
    monkeypatch.setattr("schemas.codecs.compiled.RECORD_BYTES", 50_000)
    with pytest.raises(BodyError, match="1003 bytes become more than 50000"):
        made.read(data, 0)
