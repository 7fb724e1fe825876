"""Finds where the parts of usual SIP messages stand (protocols/sip/places.py), many messages at a time.

Usual: a head of ASCII without tabs, lines that end in CRLF and are not folded, a method and a CSeq of the
usual form, a tag right behind the address, one Via a line. `protocols.sip.parse` reads the others.
"""

from kernels import Array, I, U, compiled, inlined
from kernels.octets import (
    CAPITAL_A,
    CAPITAL_Z,
    COLON,
    COMMA,
    CR,
    EQUALS,
    GREATER,
    LESS,
    LF,
    QUOTE,
    SEMICOLON,
    SMALL,
    SPACE,
    find,
    number_at,
    word,
)
from protocols.bounds import HEAD_LENGTH
from protocols.sip.names import VERSION
from protocols.sip.places import (
    BODY_END,
    BRANCH,
    CALL_ID,
    CSEQ,
    CSEQ_METHOD,
    FIRST,
    FROM_TAG,
    HEAD_END,
    METHOD,
    PLACES,
    SEEN,
    STATUS,
    TO_TAG,
    TYPE,
    USUAL,
)
from streams.bounds import TAG

LINES = 256
"""Header lines of a usual message."""

IS_CALL_ID, IS_FROM, IS_TO, IS_VIA, IS_CSEQ, IS_LENGTH, IS_TYPE = range(7)
"""Numbers of headers in LOOKED_FOR."""

TAG_IS = int.from_bytes(b";tag=", "big")
BRANCH_IS = int.from_bytes(b";branch=", "big")


def method_code(method: str) -> int:
    """A method of 12 capital letters at most as a number."""
    code = 0
    for letter in method.encode():
        code = code << 5 | letter & 31
    return code


@inlined
def line_end(t: Array, at: int, end: int) -> int:
    """Where the CRLF after a line of ASCII stands, -1 if something else comes first."""
    while at < end and 0x20 <= t[U(at)] < 0x7F:
        at += 1
    if at + 1 < end and t[U(at)] == CR and t[U(at + 1)] == LF:
        return at
    return -1


@inlined
def method_at(t: Array, at: int, end: int, methods: Array) -> int:
    """Number of a usual method, -1 if it is none."""
    if at >= end or end - at > 12:
        return -1
    code = 0
    for n in range(at, end):
        letter = I(t[U(n)])
        if letter < CAPITAL_A or letter > CAPITAL_Z:
            return -1
        code = code << 5 | letter & 31
    for number in range(methods.size):
        if methods[U(number)] == code:
            return number
    return -1


@inlined
def header_at(t: Array, at: int, end: int, names: Array, name_ends: Array, numbers: Array) -> int:
    """Number in LOOKED_FOR of the header with this name, -1 if it is another."""
    begin = 0
    for k in range(numbers.size):
        if name_ends[U(k)] - begin == end - at:
            same = 0
            while at + same < end and names[U(begin + same)] == t[U(at + same)] | SMALL:
                same += 1
            if at + same == end:
                return int(numbers[U(k)])
        begin = name_ends[U(k)]
    return -1


@inlined
def put(found: Array, at: int, start: int, begin: int, end: int) -> int:
    """Note where a text stands in its message; 1 if there is one."""
    found[U(at)], found[U(at + 1)] = begin - start, end - start
    return int(begin < end)


@inlined
def start_line(t: Array, start: int, end: int, methods: Array, found: Array, row: int) -> int:
    """Read the request line or status line; 0 if it is unusual."""
    space = find(t, SPACE, start, end)
    if space == start + 7 and word(t, start, 7) == VERSION:
        begin = space + 4
        status = number_at(t, space + 1, begin)
        if begin > end or not 100 <= status < 700 or (begin < end and t[U(begin)] != SPACE):
            return 0
        found[U(row + STATUS)] = status
        while begin < end and t[U(begin)] == SPACE:
            begin += 1
        while begin < end and t[U(end - 1)] == SPACE:
            end -= 1
        put(found, row + FIRST, start, begin, end)
        return int(end - begin <= TAG)
    method = method_at(t, start, space, methods)
    uri_end = find(t, SPACE, space + 1, end)
    if method < 0 or end - uri_end != 8 or word(t, uri_end + 1, 7) != VERSION:
        return 0
    found[U(row + METHOD)] = method
    return put(found, row + FIRST, start, space + 1, uri_end)


@inlined
def tag_at(t: Array, start: int, at: int, end: int, found: Array, place: int) -> int:
    """Find the tag behind the address of From or To; 0 if it is unusual."""
    address = end
    while address > at and t[U(address - 1)] != GREATER:
        address -= 1
    begin = address + 5
    if address == end and at < end:
        return 1  # there is none
    if address == at or begin >= end or end - begin > TAG or word(t, address, 5) != TAG_IS:
        return 0
    for n in range(begin, end):
        octet = t[U(n)]
        if octet in (SPACE, SEMICOLON, COMMA, QUOTE, EQUALS, LESS):
            return 0
    return put(found, place, start, begin, end)


@inlined
def branch_at(t: Array, start: int, at: int, end: int, found: Array, place: int) -> int:
    """Find the branch of a Via; 0 if it is unusual."""
    if find(t, COMMA, at, end) < end or find(t, QUOTE, at, end) < end:
        return 0
    parameter = find(t, SEMICOLON, at, end)
    while parameter + 8 < end and word(t, parameter, 8) != BRANCH_IS:
        parameter = find(t, SEMICOLON, parameter + 1, end)
    begin = parameter + 8
    stop = find(t, SEMICOLON, begin, end)
    if begin >= end or stop - begin > TAG or find(t, SPACE, begin, stop) < stop:
        return 0
    return put(found, place, start, begin, stop)


@inlined
def cseq_at(t: Array, at: int, end: int, methods: Array, found: Array, row: int) -> int:
    """Read a CSeq; 0 if it is unusual."""
    space = find(t, SPACE, at, end)
    number, method = number_at(t, at, space), method_at(t, space + 1, end, methods)
    found[U(row + CSEQ)], found[U(row + CSEQ_METHOD)] = number, method
    return int(number >= 0 and method >= 0)


@inlined
def message_at(
    t: Array,
    start: int,
    end: int,
    names: Array,
    name_ends: Array,
    numbers: Array,
    methods: Array,
    found: Array,
    row: int,
) -> int:
    """Find the parts of one message; 0 if it is unusual."""
    stop = line_end(t, start, end)
    if stop < 0 or start_line(t, start, stop, methods, found, row) == 0:
        return 0
    seen = lines = 0
    length = -1
    at = stop + 2
    stop = line_end(t, at, end)
    while stop != at:  # at the empty line it is
        colon = find(t, COLON, at, stop)
        if stop < 0 or colon in (at, stop) or find(t, SPACE, at, colon) < colon or lines == LINES:
            return 0
        lines += 1
        header = header_at(t, at, colon, names, name_ends, numbers)
        if header >= 0 and seen >> header & 1 == 0:
            seen |= 1 << header
            begin, last = colon + 1, stop
            while begin < last and t[U(begin)] == SPACE:
                begin += 1
            while begin < last and t[U(last - 1)] == SPACE:
                last -= 1
            usual = 1
            if header == IS_CALL_ID:
                usual = put(found, row + CALL_ID, start, begin, last)
            elif header == IS_FROM:
                usual = tag_at(t, start, begin, last, found, row + FROM_TAG)
            elif header == IS_TO:
                usual = tag_at(t, start, begin, last, found, row + TO_TAG)
            elif header == IS_VIA:
                usual = branch_at(t, start, begin, stop, found, row + BRANCH)
            elif header == IS_CSEQ:
                usual = cseq_at(t, begin, last, methods, found, row)
            elif header == IS_LENGTH:
                length = number_at(t, begin, last)
                usual = int(length >= 0)
            elif header == IS_TYPE:
                put(found, row + TYPE, start, begin, last)
            if usual == 0:
                return 0
        at = stop + 2
        stop = line_end(t, at, end)
    body = at + 2
    if seen >> IS_CALL_ID & seen >> IS_CSEQ & 1 == 0 or at - 2 - start > HEAD_LENGTH or length > end - body:
        return 0
    if body == end:
        put(found, row + TYPE, start, start, start)
    if found[U(row + STATUS)] != 0:
        found[U(row + METHOD)] = found[U(row + CSEQ_METHOD)]
    found[U(row + HEAD_END)] = at - 2 - start
    found[U(row + BODY_END)] = (end if length < 0 else body + length) - start
    found[U(row + SEEN)] = seen
    return 1


@compiled("int64(uint8[::1], int64[::1], uint8[::1], int64[::1], int64[::1], int64[::1], int32[::1])")
def find_places(
    t: Array,
    starts: Array,
    names: Array,
    name_ends: Array,
    numbers: Array,
    methods: Array,
    found: Array,
) -> int:
    """Fill PLACES words of `found` for each message t[starts[n] : starts[n + 1]].

    `names`: SPELLINGS one behind the other, their ends, and their numbers in LOOKED_FOR; `methods`: the
    `method_code` of each of METHODS. Returns the number of usual messages.
    """
    usual = 0
    for n in range(starts.size - 1):
        row = n * PLACES
        for k in range(PLACES):
            found[U(row + k)] = 0
        one = message_at(t, starts[U(n)], starts[U(n + 1)], names, name_ends, numbers, methods, found, row)
        found[U(row + USUAL)] = one
        usual += one
    return usual
