"""CityHash128 as of version 1.0.2, which ClickHouse's compressed blocks carry (Google's city.cc, MIT)."""

from struct import Struct
from typing import Final

_MASK: Final = (1 << 64) - 1
_K0: Final = 0xC3A5C85C97CB3127
_K1: Final = 0xB492B66FBE98F273
_K2: Final = 0x9AE16A3B2F90404F
_K3: Final = 0xC949D7C7509E6557
_MUL: Final = 0x9DDFEA08EB382D69
_U64: Final = Struct("<Q").unpack_from
_U32: Final = Struct("<I").unpack_from
_QUARTER: Final = Struct("<4Q").unpack_from
_WORDS: Final = Struct("<8Q").unpack_from


def city_hash_128(data: bytes) -> tuple[int, int]:
    """Low and high half."""
    size = len(data)
    if size >= 16:
        return _with_seed(data[16:], _U64(data, 0)[0] ^ _K3, _U64(data, 8)[0])
    if size >= 8:
        return _with_seed(b"", _U64(data, 0)[0] ^ (size * _K0 & _MASK), _U64(data, size - 8)[0] ^ _K1)
    return _with_seed(data, _K0, _K1)


def _rotate(value: int, by: int) -> int:
    value &= _MASK
    return value >> by | value << (64 - by) & _MASK


def _mix(value: int) -> int:
    return value ^ value >> 47


def _16(u: int, v: int) -> int:
    """HashLen16."""
    u &= _MASK
    v &= _MASK
    a = (u ^ v) * _MUL & _MASK
    a ^= a >> 47
    b = (v ^ a) * _MUL & _MASK
    b ^= b >> 47
    return b * _MUL & _MASK


def _to_16(data: bytes) -> int:
    """HashLen0to16."""
    size = len(data)
    if size > 8:
        a: int = _U64(data, 0)[0]
        b: int = _U64(data, size - 8)[0]
        return _16(a, _rotate(b + size, size)) ^ b
    if size >= 4:
        return _16(size + (_U32(data, 0)[0] << 3), _U32(data, size - 4)[0])
    if size:
        y = data[0] + (data[size >> 1] << 8)
        z = size + (data[-1] << 2)
        return _mix((y * _K2 ^ z * _K3) & _MASK) * _K2 & _MASK
    return _K2


def _weak(w: int, x: int, y: int, z: int, a: int, b: int) -> tuple[int, int]:
    """WeakHashLen32WithSeeds."""
    a = a + w & _MASK
    c = a
    b = _rotate(b + a + z, 21)
    a = a + x + y & _MASK
    b += _rotate(a, 44)
    return a + z & _MASK, b + c & _MASK


def _murmur(data: bytes, a: int, b: int) -> tuple[int, int]:
    """CityMurmur, below 128 bytes."""
    size = len(data)
    if size <= 16:
        a = _mix(a * _K1 & _MASK) * _K1 & _MASK
        c = b * _K1 + _to_16(data) & _MASK
        d = _mix(a + (_U64(data, 0)[0] if size >= 8 else c) & _MASK)
    else:
        c = _16(_U64(data, size - 8)[0] + _K1, a)
        d = _16(b + size, c + _U64(data, size - 16)[0])
        a = a + d & _MASK
        for at in range(0, size - 16, 16):
            a = (a ^ _mix(_U64(data, at)[0] * _K1 & _MASK) * _K1) * _K1 & _MASK
            b ^= a
            c = (c ^ _mix(_U64(data, at + 8)[0] * _K1 & _MASK) * _K1) * _K1 & _MASK
            d ^= c
    a, b = _16(a, c), _16(d, b)
    return a ^ b, _16(b, a)


def _with_seed(data: bytes, x: int, y: int) -> tuple[int, int]:
    size = len(data)
    if size < 128:
        return _murmur(data, x, y)
    z = size * _K1 & _MASK
    v0 = _rotate(y ^ _K1, 49) * _K1 + _U64(data, 0)[0] & _MASK
    v1 = _rotate(v0, 42) * _K1 + _U64(data, 8)[0] & _MASK
    w0 = _rotate(y + z, 35) * _K1 + x & _MASK
    w1 = _rotate(x + _U64(data, 88)[0], 53) * _K1 & _MASK
    whole = size & ~127
    for at in range(0, whole, 64):
        s0, s1, s2, s3, s4, s5, s6, s7 = _WORDS(data, at)
        x = _rotate(x + y + v0 + s2, 37) * _K1 & _MASK
        y = _rotate(y + v1 + s6, 42) * _K1 & _MASK
        x ^= w1
        y ^= v0
        z = _rotate(z ^ w0, 33)
        v0, v1 = _weak(s0, s1, s2, s3, v1 * _K1, x + w0)
        w0, w1 = _weak(s4, s5, s6, s7, z + w1, y)
        z, x = x, z
    rest = size - whole
    y = y + _rotate(w0, 37) * _K0 + z & _MASK
    x = x + _rotate(v0 + z, 49) * _K0 & _MASK
    done = 0
    while done < rest:
        done += 32
        at = size - done
        y = _rotate(y - x, 42) * _K0 + v1 & _MASK
        w0 = w0 + _U64(data, at + 16)[0] & _MASK
        x = _rotate(x, 49) * _K0 + w0 & _MASK
        w0 = w0 + v0 & _MASK
        s0, s1, s2, s3 = _QUARTER(data, at)
        v0, v1 = _weak(s0, s1, s2, s3, v0, v1)
    x, y = _16(x, v0), _16(y, w0)
    return _16(x + v1, w1) + y & _MASK, _16(x + w1, y + v1)
