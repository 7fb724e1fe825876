"""Code made from schemas: numbers of every length, and what it refuses."""

import io
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codecs.compiled import BodyError, Compiled

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
