"""The loops that turn a record's MessagePack into its Avro body and back, by a program (program.py).

Both walk the program's rows and the given octets once. They trust neither: every octet is looked for before
it is read, and there is room before one is written. Each returns how many octets it wrote, or else one of the
problems below; `stack`, of 2 numbers and 3 for each depth of the program, then begins with the octet and the
row at which it stopped (where all is well: where the record ends).

Avro (1.12, "Binary Encoding"): numbers are zigzag, seven bits an octet, least first; a union's branch, and
the lengths of strings, arrays and maps are such numbers. MessagePack: github.com/msgpack/msgpack, spec.md.
"""

from typing import Any

import numpy as np

from kernels import Array, I, U, compiled, inlined
from kernels.octets import word
from schemas.codecs.program import (
    AGAIN,
    ARRAY,
    BOOLEAN,
    BYTES,
    CHOICE,
    DOUBLE,
    END,
    JUMP,
    LONG,
    MAP,
    NULLABLE,
    ROW,
    STRING,
)

CUT, LARGE, BRANCH, LENGTH, ROOM, KIND, PLACE = -1, -2, -3, -4, -5, -6, -7
"""The octets end too early; a number of more than 64 bits; no such branch; a length beyond the end; `out` is
too small; a value of another kind; not the fields of the record in their order."""

SPARE = 16
"""Octets that a value takes at most, but for those of a string."""

NIL, FALSE, TRUE, FLOAT, INT64 = 0xC0, 0xC2, 0xC3, 0xCB, 0xD3
STR32, BIN32, ARRAY32, MAP32 = 0xDB, 0xC6, 0xDD, 0xDF
STR8, BIN8, ARRAY16, MAP16, UINT8, INT8 = 0xD9, 0xC4, 0xDC, 0xDE, 0xCC, 0xD0
WITHOUT_TOP_BIT, WITHOUT_TOP_7 = (1 << 63) - 1, (1 << 57) - 1
Double: Any = np.float64


@inlined
def get_number(data: Array, at: int) -> tuple[int, int]:
    """Avro's number at `at`, zigzag undone, and where it ends, or the problem with it."""
    value, shift, end = I(0), I(0), len(data)
    while at < end:
        octet = I(data[U(at)])
        at += 1
        value |= (octet & 127) << shift
        if octet < 128:
            if shift == 63 and octet > 1:
                return I(0), I(LARGE)
            return (value >> 1 & WITHOUT_TOP_BIT) ^ -(value & 1), at
        shift += 7
        if shift > 63:
            return I(0), I(LARGE)
    return I(0), I(CUT)


@inlined
def put_number(out: Array, o: int, value: int) -> int:
    """Write a number as Avro has it; where it ends."""
    rest = value << 1 ^ value >> 63
    while rest & ~127:
        out[U(o)] = rest & 127 | 128
        o += 1
        rest = rest >> 7 & WITHOUT_TOP_7
    out[U(o)] = rest
    return o + 1


@inlined
def put_bits(out: Array, o: int, value: int, octets: int) -> int:
    """Write a number in so many octets, the most significant first; where it ends."""
    for n in range(octets):
        out[U(o + n)] = value >> 8 * (octets - 1 - n) & 255
    return o + octets


@inlined
def copy(source: Array, start: int, octets: int, out: Array, o: int) -> int:
    """Copy so many octets; where they end."""
    for n in range(octets):
        out[U(o + n)] = source[U(start + n)]
    return o + octets


@inlined
def get_integer(data: Array, at: int) -> tuple[int, int]:
    """MessagePack's integer (or truth, as 0 and 1), and where it ends, or the problem with it."""
    if at >= len(data):
        return I(0), I(PLACE)
    head = I(data[U(at)])
    at += 1
    if head < 0x80:
        return head, at
    if head >= 0xE0:
        return head - 256, at
    if head in (FALSE, TRUE):
        return head & 1, at
    if head < UINT8 or head > INT64:
        return I(0), I(KIND)
    octets = I(1) << (head & 3)
    if octets > len(data) - at:
        return I(0), I(PLACE)
    value = word(data, at, octets)
    if head >= INT8:
        unused = 64 - 8 * octets
        value = value << unused >> unused
    elif value < 0:
        return I(0), I(LARGE)
    return value, at + octets


@inlined
def get_length(data: Array, at: int, few: int, most_few: int, eight: int, sixteen: int) -> tuple[int, int]:
    """The length of what begins at `at`, and where its head ends, or the problem with it.

    A head of one octet is `few` and up to `most_few` more; one with a length of 8 bits begins with `eight`,
    one of 16 bits with `sixteen`, one of 32 bits with the next octet. What has no such head is 0.
    """
    if at >= len(data):
        return I(0), I(PLACE)
    head = I(data[U(at)])
    at += 1
    if few <= head <= few + most_few:
        return head - few, at
    octets = I(0)
    if head == eight:
        octets = I(1)
    elif head == sixteen:
        octets = I(2)
    elif head == sixteen + 1:
        octets = I(4)
    if octets == 0:
        return I(0), I(KIND)
    if octets > len(data) - at:
        return I(0), I(PLACE)
    return word(data, at, octets), at + octets


@inlined
def stands_at(data: Array, at: int, literals: Array, start: int, octets: int) -> int:
    """Whether a literal stands there."""
    if octets > len(data) - at:
        return 0
    for n in range(octets):
        if data[U(at + n)] != literals[U(start + n)]:
            return 0
    return 1


@compiled("int64(int64[::1], uint8[::1], uint8[::1], int64, uint8[::1], int64[::1])")
def to_msgpack(rows: Array, literals: Array, data: Array, at: int, out: Array, stack: Array) -> int:
    """The MessagePack of the Avro body that begins at `at`."""
    end, room = len(data), len(out)
    o: int = I(0)
    row, depth, problem = I(0), I(2), I(0)
    while True:
        here = row * ROW
        what, target = rows[U(here)], rows[U(here + 1)]
        literal, octets = rows[U(here + 2)], rows[U(here + 3)]
        if room - o < octets + SPARE:
            problem = I(ROOM)
            break
        o = copy(literals, literal, octets, out, o)
        if what & NULLABLE:
            if at >= end:
                problem = I(CUT)
                break
            branch = data[U(at)]
            if branch not in (0, 2):
                problem = I(BRANCH)
                break
            at += 1
            if branch == 0:
                out[U(o)] = NIL
                o += 1
                row = target
                continue
            what ^= NULLABLE
        if what == LONG:
            value, after = get_number(data, at)
            if after < 0:
                problem = after
                break
            at = after
            if -32 <= value < 128:
                out[U(o)] = value & 255
                o += 1
            else:
                out[U(o)] = INT64
                o = put_bits(out, o + 1, value, 8)
        elif what == DOUBLE:
            if end - at < 8:
                problem = I(CUT)
                break
            out[U(o)] = FLOAT
            for n in range(8):
                out[U(o + 1 + n)] = data[U(at + 7 - n)]
            o += 9
            at += 8
        elif what == BOOLEAN:
            if at >= end:
                problem = I(CUT)
                break
            out[U(o)] = TRUE if data[U(at)] else FALSE
            o += 1
            at += 1
        elif what in (STRING, BYTES):
            length, after = get_number(data, at)
            if after < 0:
                problem = after
                break
            if length < 0 or length > end - after:
                problem = I(LENGTH)
                break
            if room - o < length + SPARE:
                problem = I(ROOM)
                break
            if what == STRING and length < 32:
                out[U(o)] = 0xA0 | length
                o += 1
            else:
                out[U(o)] = STR32 if what == STRING else BIN32
                o = put_bits(out, o + 1, length, 4)
            o = copy(data, after, length, out, o)
            at = after + length
        elif what in (ARRAY, MAP):  # how long it is, its last block tells
            out[U(o)] = ARRAY32 if what == ARRAY else MAP32
            stack[U(depth)] = o + 1  # where its length goes
            stack[U(depth + 1)] = 0  # items so far
            stack[U(depth + 2)] = 0  # items left of the block
            depth += 3
            o += 5
            row = target
            continue
        elif what == AGAIN:
            if stack[U(depth - 1)] == 0:
                left, after = get_number(data, at)
                if after > 0 and left < 0:  # then the block's size in octets follows, which nobody needs
                    left = -left
                    _, after = get_number(data, after)
                if after < 0:
                    problem = after
                    break
                if left < 0 or left > end - after:
                    problem = I(LENGTH)
                    break
                at = after
                if left == 0:
                    put_bits(out, stack[U(depth - 3)], stack[U(depth - 2)], 4)
                    depth -= 3
                    row += 1
                    continue
                stack[U(depth - 2)] += left
                stack[U(depth - 1)] = left
            stack[U(depth - 1)] -= 1
            row = target
            continue
        elif what == CHOICE:
            if at >= end:
                problem = I(CUT)
                break
            branch = data[U(at)]
            if branch & 1 or branch >> 1 >= target:
                problem = I(BRANCH)
                break
            at += 1
            row += branch >> 1
        elif what == JUMP:
            row = target
            continue
        elif what == END:
            break
        row += 1
    stack[0], stack[1] = at, row
    return o if problem == 0 else int(problem)


@compiled("int64(int64[::1], uint8[::1], uint8[::1], uint8[::1], int64[::1])")
def to_avro(rows: Array, literals: Array, data: Array, out: Array, stack: Array) -> int:
    """The Avro body of MessagePack."""
    end, room = len(data), len(out)
    o: int = I(0)
    at, row, depth, problem = I(0), I(0), I(2), I(0)
    while True:
        here = row * ROW
        what, target = rows[U(here)], rows[U(here + 1)]
        literal, octets = rows[U(here + 2)], rows[U(here + 3)]
        if room - o < SPARE:
            problem = I(ROOM)
            break
        if not stands_at(data, at, literals, literal, octets):
            problem = I(PLACE)
            break
        at += octets
        if what & NULLABLE:
            is_null = at < end and data[U(at)] == NIL
            out[U(o)] = 0 if is_null else 2
            o += 1
            if is_null:
                at += 1
                row = target
                continue
            what ^= NULLABLE
        if what == LONG:
            value, after = get_integer(data, at)
            if after < 0:
                problem = after
                break
            at = after
            o = put_number(out, o, value)
        elif what == DOUBLE:
            if end - at >= 9 and data[U(at)] == FLOAT:
                for n in range(8):
                    out[U(o + n)] = data[U(at + 8 - n)]
                at += 9
            else:
                value, after = get_integer(data, at)
                if after < 0:
                    problem = after
                    break
                at = after
                bits = Double(value).view(I)
                for n in range(8):
                    out[U(o + n)] = bits >> 8 * n & 255
            o += 8
        elif what == BOOLEAN:
            head = I(data[U(at)]) if at < end else I(NIL)
            if head not in (FALSE, TRUE):
                problem = I(KIND)
                break
            out[U(o)] = head & 1
            o += 1
            at += 1
        elif what in (STRING, BYTES):
            if what == STRING:
                length, after = get_length(data, at, 0xA0, 31, STR8, STR8 + 1)
            else:
                length, after = get_length(data, at, BIN8, -1, BIN8, BIN8 + 1)
            if after < 0:
                problem = after
                break
            if length > end - after:
                problem = I(PLACE)
                break
            if room - o < length + SPARE:
                problem = I(ROOM)
                break
            o = put_number(out, o, length)
            o = copy(data, after, length, out, o)
            at = after + length
        elif what in (ARRAY, MAP):
            if what == ARRAY:
                left, after = get_length(data, at, 0x90, 15, -1, ARRAY16)
            else:
                left, after = get_length(data, at, 0x80, 15, -1, MAP16)
            if after < 0:
                problem = after
                break
            at = after
            o = put_number(out, o, left)
            if left == 0:
                row = target
            else:
                stack[U(depth)] = left
                depth += 3
        elif what == AGAIN:
            stack[U(depth - 3)] -= 1
            if stack[U(depth - 3)] > 0:
                row = target
                continue
            out[U(o)] = 0
            o += 1
            depth -= 3
        elif what == CHOICE:
            branch = I(0)
            while branch < target:
                jump = (row + 1 + branch) * ROW
                if stands_at(data, at, literals, rows[U(jump + 2)], rows[U(jump + 3)]):
                    break
                branch += 1
            if branch == target:
                problem = I(KIND)
                break
            o = put_number(out, o, branch)
            row += branch
        elif what == JUMP:
            row = target
            continue
        elif what == END:
            break
        row += 1
    stack[0], stack[1] = at, row
    return o if problem == 0 else int(problem)
