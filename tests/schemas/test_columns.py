"""Packed columns."""

from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.columns import (
    ColumnError,
    difference,
    pack,
    pack_table,
    undo_difference,
    unpack,
    unpack_table,
    unzigzag,
    zigzag,
)
from tests.schemas.events import column

UNSIGNED = st.sampled_from([np.uint8, np.uint16, np.uint32, np.uint64])
INTEGERS = st.sampled_from([np.uint8, np.uint16, np.uint32, np.int32, np.int64])


@settings(max_examples=200, deadline=None)
@given(data=st.data(), dtype=UNSIGNED, n=st.integers(0, 120))
def test_a_column_comes_back(data: st.DataObject, dtype: Any, n: int) -> None:
    values = data.draw(column(dtype, n))
    back = unpack(pack(values), n, dtype)
    assert back.dtype == dtype
    assert np.array_equal(back, values)


@settings(max_examples=100, deadline=None)
@given(data=st.data(), n=st.integers(100, 400), dtype=UNSIGNED)
def test_a_column_with_few_values_in_it_comes_back(data: st.DataObject, n: int, dtype: Any) -> None:
    values = np.zeros(n, dtype)
    for at in data.draw(st.lists(st.integers(0, n - 1), max_size=5)):
        values[at] = data.draw(st.integers(0, np.iinfo(dtype).max))
    packed = pack(values)
    assert np.array_equal(unpack(packed, n, dtype), values)
    assert len(packed) < 80


@settings(max_examples=100, deadline=None)
@given(data=st.data(), n=st.integers(0, 40), c=st.integers(1, 6), dtype=UNSIGNED)
def test_a_table_comes_back(data: st.DataObject, n: int, c: int, dtype: Any) -> None:
    values = data.draw(column(dtype, (n, c)))
    assert np.array_equal(unpack_table(pack_table(values), n, c, dtype), values)


@settings(max_examples=200, deadline=None)
@given(data=st.data(), dtype=INTEGERS, n=st.integers(0, 40))
def test_differences_are_undone(data: st.DataObject, dtype: Any, n: int) -> None:
    values = data.draw(column(dtype, n))
    kept = values.copy()
    back = undo_difference(difference(values), dtype)
    assert back.dtype == dtype
    assert np.array_equal(back, values)
    assert np.array_equal(values, kept)


def test_zigzag_counts_away_from_zero() -> None:
    assert zigzag(np.array([0, -1, 1, -2, 2, -(2**31), 2**31 - 1], np.int32)).tolist() == [
        0, 1, 2, 3, 4, 2**32 - 1, 2**32 - 2,
    ]  # fmt: skip
    assert unzigzag(np.array([0, 1, 2, 255], np.uint8)).tolist() == [0, -1, 1, -128]


def test_the_bytes_are_those_of_the_description() -> None:
    assert pack(np.zeros(9, np.uint32)) == b""
    assert pack(np.array([1, 0x0300], np.uint16)).hex() == "0003" + "0100" + "0003"
    assert pack(np.array([0x010000, 0x02], np.uint32)).hex() == "0005" + "0002" + "0100"
    sparse = np.zeros(100, np.uint8)
    sparse[[7, 8]] = 5, 6
    assert pack(sparse).hex() == "02" + "02000000" + "04000000" + "0001" + "0700" + "0001" + "0506"
    assert pack(np.full(1000, 7, np.uint8))[:2].hex() == "0101"
    assert pack_table(np.array([[1, 0], [2, 0x0100]], np.uint16)).hex() == "00" + "0102" + "0102" + "0001"


@pytest.mark.parametrize(
    ("data", "n"),
    [
        ("00", 4),  # no planes
        ("0000", 4),  # none present
        ("0004ffffffff", 4),  # a plane 16 bits do not have
        ("000101", 4),  # too few values
        ("00010102030405", 4),  # too many
        ("0101ffffffff", 4),  # no lz4
        ("040101020304", 4),  # a form that is not
        ("0201000000", 4),  # sparse, cut
        ("02ffffffff00000000", 4),  # more values than the column has
        ("02010000000300000000010400010b", 4),  # a value after the end
        ("0201000000090000000001", 4),  # gaps, cut
    ],
)
def test_bytes_that_are_no_column_are_refused(data: str, n: int) -> None:
    with pytest.raises(ColumnError):
        unpack(bytes.fromhex(data), n, np.uint16)


@pytest.mark.parametrize(
    ("data", "n"), [("00", 2), ("000400", 2), ("000101", 2), ("010101ff", 2), ("0001000102", 0)]
)
def test_bytes_that_are_no_table_are_refused(data: str, n: int) -> None:
    with pytest.raises(ColumnError):
        unpack_table(bytes.fromhex(data), n, 2, np.uint16)


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=60), n=st.integers(0, 200), dtype=UNSIGNED)
def test_any_bytes_are_a_column_or_refused(data: bytes, n: int, dtype: Any) -> None:
    with suppress(ColumnError):
        assert unpack(data, n, dtype).shape == (n,)
