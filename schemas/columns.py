"""Columns of numbers as bytes: byte planes, without the empty ones, lz4.

A packed column of n unsigned integers (n is known from elsewhere) is, in this order:

- nothing at all, if n is 0 or all values are 0; else
- one byte, the form: bit 0 lz4, bit 1 sparse, the others 0.

Form *dense* (bit 1 clear): one byte `planes`, whose bit j says that plane j is present; then the planes
that are, in rising order. Plane j holds byte j of each value (bits 8j to 8j+7): n bytes. An absent plane is
all zero. With bit 0 set the planes together are one lz4 block (no frame, no size: it is n bytes a plane).

Form *sparse* (bit 1 set, bit 0 clear): the number e of values that are not 0, four bytes little-endian;
the length of the next item, four bytes little-endian; a packed column (dense) of e gaps, each the number of
zeros before the value; a packed column (dense) of the e values.

Signed numbers are made unsigned by zigzag: 0, -1, 1, -2 ... become 0, 1, 2, 3 ... Transforms before packing
(differences and the like) are the codecs' and are named there; sums and differences wrap around at the
column's width.
"""

from typing import Any, Final

import lz4.block
import numpy as np
from numpy.typing import NDArray

Column = NDArray[Any]

_LZ4: Final = 1
_SPARSE: Final = 2
_SPARSE_BELOW: Final = 16  # sparse if fewer than one value in so many is not 0
_LZ4_FROM: Final = 48  # bytes of planes below which lz4 cannot win

_SIGNED: Final = {1: np.int8, 2: np.int16, 4: np.int32, 8: np.int64}
_UNSIGNED: Final = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}


class ColumnError(ValueError):
    """The bytes are no packed column of the expected length."""


def zigzag(values: Column) -> Column:
    """Signed (or wrapped unsigned) values as unsigned ones of the same width, small where near 0.

    Works in place, as all here that is marked so: a fresh array of this size costs more than the sums.
    """
    size = values.dtype.itemsize
    signed = values.view(_SIGNED[size])
    sign = signed >> (8 * size - 1)
    signed <<= 1
    signed ^= sign
    return signed.view(_UNSIGNED[size])


def unzigzag(values: Column) -> Column:
    """The signed values of zigzag's; in place."""
    size = values.dtype.itemsize
    signed = values.view(_SIGNED[size])
    sign = signed & 1
    np.negative(sign, out=sign)
    values >>= 1
    signed ^= sign
    return signed


def pack(values: Column) -> bytes:
    """Pack a one-dimensional unsigned column."""
    n = len(values)
    if n == 0:
        return b""
    held = int(np.count_nonzero(values))
    if held == 0:
        return b""
    if held * _SPARSE_BELOW >= n:
        return _dense(values)
    at = np.flatnonzero(values != 0)  # of truths it is found six times faster
    gaps = _dense((np.diff(at, prepend=-1) - 1).astype(np.uint32))
    return b"\2" + held.to_bytes(4, "little") + len(gaps).to_bytes(4, "little") + gaps + _dense(values[at])


def unpack(data: bytes, n: int, dtype: Any) -> Column:
    """The n values of a packed column; ColumnError where the bytes are no such column."""
    kind = np.dtype(dtype)
    if not data:
        return np.zeros(n, kind)
    if data[0] & _SPARSE:
        return _unpack_sparse(data, n, kind)
    return _unpack_dense(data, n, kind)


def _dense(values: Column) -> bytes:
    size = values.dtype.itemsize
    used = int(np.bitwise_or.reduce(values))
    if used == 0:
        return b""
    present = [j for j in range(size) if used >> 8 * j & 255]
    planes = np.empty((len(present), len(values)), np.uint8)
    for row, j in enumerate(present):
        planes[row] = values >> values.dtype.type(8 * j) if j else values
    form, body = _squeeze(planes)
    return bytes((form, sum(1 << j for j in present))) + body


def _squeeze(planes: NDArray[np.uint8]) -> tuple[int, bytes]:
    if planes.size >= _LZ4_FROM:
        squeezed: bytes = lz4.block.compress(planes, store_size=False)
        if len(squeezed) < planes.size:
            return _LZ4, squeezed
    return 0, planes.tobytes()


def _unpack_dense(data: bytes, n: int, kind: np.dtype[Any]) -> Column:
    size = kind.itemsize
    form, used = data[0], data[1] if len(data) > 1 else 0
    if form & ~_LZ4 or not used or used >> size:
        raise ColumnError(f"a packed column cannot begin with {data[:2].hex()}")
    present = [j for j in range(size) if used >> j & 1]
    planes = np.frombuffer(_unsqueeze(form, data[2:], n * len(present)), np.uint8).reshape(len(present), n)
    unsigned = _UNSIGNED[size]
    values: Column = planes[0].astype(unsigned)
    values <<= unsigned(8 * present[0])
    for plane, j in zip(planes[1:], present[1:], strict=True):
        values |= plane.astype(unsigned) << unsigned(8 * j)
    return values.view(kind)


def _unsqueeze(form: int, body: bytes, expected: int) -> bytes:
    if form & _LZ4:
        try:
            body = lz4.block.decompress(body, uncompressed_size=expected)
        except (lz4.block.LZ4BlockError, ValueError, OverflowError) as error:
            raise ColumnError(f"a packed column of {expected} bytes is no lz4 block") from error
    if len(body) != expected:
        raise ColumnError(f"a packed column has {len(body)} bytes of planes, not {expected}")
    return body


def _unpack_sparse(data: bytes, n: int, kind: np.dtype[Any]) -> Column:
    held, length = int.from_bytes(data[1:5], "little"), int.from_bytes(data[5:9], "little")
    if data[0] != _SPARSE or len(data) < 9 + length or held > n:
        raise ColumnError(f"a sparse column of {n} values cannot begin with {data[:9].hex()}")
    at = np.cumsum(_dense_or_zero(data[9 : 9 + length], held, np.dtype(np.uint32)), dtype=np.int64)
    at += np.arange(held)
    if held and at[-1] >= n:
        raise ColumnError(f"a sparse column of {n} values reaches to {at[-1]}")
    values = np.zeros(n, kind)
    values[at] = _dense_or_zero(data[9 + length :], held, kind)
    return values


def _dense_or_zero(data: bytes, n: int, kind: np.dtype[Any]) -> Column:
    return _unpack_dense(data, n, kind) if data else np.zeros(n, kind)


def difference(values: Column) -> Column:
    """Each value minus the one before it (the first minus 0), wrapping around, zigzag; any integer width."""
    if not len(values):
        return np.empty(0, _UNSIGNED[values.dtype.itemsize])
    steps = np.empty_like(values, order="C")
    steps[:1] = values[:1]
    np.subtract(values[1:], values[:-1], out=steps[1:])
    return zigzag(steps)


def undo_difference(steps: Column, dtype: Any) -> Column:
    """The values of difference's, as `dtype` of the same width; uses `steps` up."""
    if not len(steps):
        return np.empty(0, dtype)
    wide = np.int64 if steps.dtype.itemsize == 8 else np.int32
    return np.cumsum(unzigzag(steps), dtype=wide).astype(dtype, copy=False)


def pack_table(values: Column) -> bytes:
    """Pack n rows of c unsigned columns of one width.

    One byte, the form: bit 0 lz4. c bytes, for each column the planes present, as in a dense column. Then
    the present planes of the first column, of the second ..., n bytes each; with bit 0 set all of them
    together are one lz4 block. No rows are no bytes.
    """
    n, c = values.shape
    if n == 0:
        return b""
    size = values.dtype.itemsize
    used = np.bitwise_or.reduce(values, axis=0).view(np.uint8).reshape(c, size) != 0
    octets = np.ascontiguousarray(values).view(np.uint8).reshape(n, c * size)
    present = np.ascontiguousarray(octets[:, np.flatnonzero(used)].T)
    form, body = _squeeze(present)
    return bytes((form,)) + np.packbits(used, axis=1, bitorder="little").tobytes() + body


def unpack_table(data: bytes, n: int, c: int, dtype: Any) -> Column:
    """The (n, c) values of a packed table; ColumnError where the bytes are no such table."""
    kind = np.dtype(dtype)
    size = kind.itemsize
    octets = np.zeros((n, c * size), np.uint8)
    if n or data:
        if len(data) < 1 + c or data[0] & ~_LZ4:
            raise ColumnError(f"a packed table of {c} columns cannot begin with {data[:4].hex()}")
        masks = np.frombuffer(data, np.uint8, c, offset=1)
        if size < 8 and masks.max() >> size:
            raise ColumnError(f"a packed table's columns have at most {size} planes")
        bits = np.unpackbits(masks, bitorder="little").reshape(c, 8)[:, :size]
        present = np.flatnonzero(bits)
        body = _unsqueeze(data[0], data[1 + c :], n * len(present))
        octets[:, present] = np.frombuffer(body, np.uint8).reshape(len(present), n).T
    return octets.view(kind)
