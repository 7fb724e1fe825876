"""Octets as kernels read them: fields of protocol heads in network byte order, and ASCII text."""

from typing import Final

from kernels.parts import Array, I, U, inlined

CR: Final = 0x0D
LF: Final = 0x0A
SPACE: Final = 0x20
QUOTE: Final = 0x22
COMMA: Final = 0x2C
ZERO: Final = 0x30
NINE: Final = 0x39
COLON: Final = 0x3A
SEMICOLON: Final = 0x3B
LESS: Final = 0x3C
EQUALS: Final = 0x3D
GREATER: Final = 0x3E
CAPITAL_A: Final = 0x41
CAPITAL_Z: Final = 0x5A
SMALL: Final = 0x20
"""What a small letter has and a capital has not."""


@inlined
def u16(b: Array, at: int) -> int:
    """A 16-bit field."""
    value: int = I(b[U(at)]) << 8 | I(b[U(at + 1)])
    return value


@inlined
def u32(b: Array, at: int) -> int:
    """A 32-bit field."""
    value: int = I(b[U(at)]) << 24 | I(b[U(at + 1)]) << 16 | I(b[U(at + 2)]) << 8 | I(b[U(at + 3)])
    return value


@inlined
def u32_of(b: Array, at: int, big: int) -> int:
    """A 32-bit field of a file whose byte order is big-endian, or little."""
    if big:
        return u32(b, at)
    value: int = I(b[U(at + 3)]) << 24 | I(b[U(at + 2)]) << 16 | I(b[U(at + 1)]) << 8 | I(b[U(at)])
    return value


@inlined
def word(b: Array, at: int, octets: int) -> int:
    """So many octets, 8 at most, as a number."""
    value = 0
    for n in range(octets):
        value = value << 8 | I(b[U(at + n)])
    return value


@inlined
def small_word(b: Array, at: int, octets: int) -> int:
    """So many octets, 8 at most, as a number, capitals made small letters."""
    value = 0
    for n in range(octets):
        value = value << 8 | I(b[U(at + n)]) | SMALL
    return value


@inlined
def find(b: Array, octet: int, at: int, end: int) -> int:
    """Where an octet stands, `end` if it does not."""
    while at < end and b[U(at)] != octet:
        at += 1
    return at


@inlined
def number_at(b: Array, at: int, end: int) -> int:
    """A number of one to nine digits, -1 if it is none."""
    if at >= end or end - at > 9:
        return -1
    value = 0
    for n in range(at, end):
        digit = I(b[U(n)])
        if digit < ZERO or digit > NINE:
            return -1
        value = value * 10 + digit - ZERO
    return value
