"""Tells the SIP messages that leave the sensor as they came: their first line is plainly one of SIP, and they
hold none of the words beside which `protocols.secrets` looks for something to mask."""

from capture.layout import N_CAPTURED, N_KIND, N_PAYLOAD, N_PLAIN, NOTE_OFFER, NOTE_SIP, NOTE_WORDS
from kernels import Array, U, compiled, inlined
from kernels.octets import CR, LF, SMALL, SPACE, number_at, small_word, word
from protocols.sip.names import VERSION

FIRST_LINE = 512
"""Octets of the longest plain first line."""

A, F, K, L, Z = 0x61, 0x66, 0x6B, 0x6C, 0x7A
AUTHORIZATION = int.from_bytes(b"authoriz", "big")
KEY_MANAGEMENT = int.from_bytes(b"key-mgmt", "big")
KEY = int.from_bytes(bytes(octet | SMALL for octet in b"\nk="), "big")
INLINE = int.from_bytes(b"inline:", "big")
NORTEL = int.from_bytes(b"network", "big")
DTMF = int.from_bytes(b"dtmf", "big")
KPML = int.from_bytes(b"kpml", "big")


@inlined
def has(b: Array, start: int, end: int, at: int, octets: int, what: int) -> int:
    """Whether small letters, or capitals, stand there."""
    if at < start or at + octets > end:
        return 0
    return int(small_word(b, at, octets) == what)


@inlined
def first_line_is_plain(b: Array, start: int, end: int) -> int:
    """Whether the first line, of whole line end, is plainly a request line or status line."""
    end = min(end, start + FIRST_LINE)
    space = stop = start
    while stop < end and b[U(stop)] != CR and b[U(stop)] != LF:
        if b[U(stop)] == SPACE and space == start:
            space = stop
        stop += 1
    if stop + 1 >= end or b[U(stop)] != CR or b[U(stop + 1)] != LF or stop - space < 5 or space == start:
        return 0
    if space == start + 7 and word(b, start, 7) == VERSION:
        return int(100 <= number_at(b, space + 1, space + 4) < 700 and b[U(space + 4)] == SPACE)
    for n in range(start, space):
        letter = b[U(n)] | SMALL
        if letter < A or letter > Z:
            return 0
    return int(
        b[U(space + 1)] != SPACE
        and stop - space > 8
        and b[U(stop - 8)] == SPACE
        and word(b, stop - 7, 7) == VERSION
    )


@inlined
def speaks_of_secrets(b: Array, start: int, end: int) -> int:
    """Whether one of the words is there; looked for by its least usual letter."""
    for at in range(start, end):
        letter = b[U(at)] | SMALL
        if letter == Z:
            if has(b, start, end, at - 7, 8, AUTHORIZATION):
                return 1
        elif letter == L:
            if has(b, start, end, at - 2, 7, INLINE) or has(b, start, end, at - 3, 4, KPML):
                return 1
        elif letter == F:
            if has(b, start, end, at - 3, 4, DTMF):
                return 1
        elif letter == K and (
            has(b, start, end, at - 1, 3, KEY)
            or has(b, start, end, at, 8, KEY_MANAGEMENT)
            or has(b, start, end, at - 6, 7, NORTEL)
        ):
            return 1
    return 0


@compiled("int64(uint8[::1], int64[::1], int64)")
def find_plain(buffer: Array, notes: Array, noted: int) -> int:
    """Set N_PLAIN of so many notes; returns how many are plain."""
    plain = 0
    for n in range(noted):
        row = n * NOTE_WORDS
        kind, start = notes[U(row + N_KIND)], notes[U(row + N_PAYLOAD)]
        end = start + notes[U(row + N_CAPTURED)]
        is_plain = 0
        if kind in (NOTE_SIP, NOTE_OFFER) and first_line_is_plain(buffer, start, end):
            is_plain = 1 - speaks_of_secrets(buffer, start, end)
        notes[U(row + N_PLAIN)] = is_plain
        plain += is_plain
    return plain
