"""Steps of the media kernel that give a sequence number its place: next, ahead, late, or there before."""

from typing import Final

from kernels import inlined
from streams.media.loss_kernel import HISTORY_BITS, HISTORY_FULL, flush_history, shift_history
from streams.media.words import (
    AFTER,
    BASE,
    EXT,
    FORGIVE_FROM,
    GAP_PACKETS,
    HISTORY,
    R_EXPECTED,
    R_REORDERED,
    Ints,
)

MAX_DROPOUT: Final = 3000  # RFC 3550 A.1
FORGIVE_US: Final = 2_000_000  # so soon after a new offer a gap of the numbers is the changeover


@inlined
def forgiven(s: Ints, b: int, arrival: int) -> bool:
    """Whether the first packet after a new offer is so soon behind it that what is missing before it was the
    changeover."""
    since: int = s[b + FORGIVE_FROM]
    if since == 0 or arrival < since:
        return False
    s[b + FORGIVE_FROM] = 0
    return arrival < since + FORGIVE_US


@inlined
def place(s: Ints, b: int, arrival: int, ahead: int) -> int:
    """Count a sequence number that is so far ahead of the highest (mod 65536); returns it extended,
    -1 where it came before."""
    ext: int = s[b + EXT]
    if ahead == 0:
        return -1
    forgive = forgiven(s, b, arrival)
    if ahead >= MAX_DROPOUT:
        return place_back(s, b, 65536 - ahead)
    if forgive and ahead > 1:
        flush_history(s, b)
        s[b + HISTORY] = HISTORY_FULL
        s[b + GAP_PACKETS] -= HISTORY_BITS - 1
        s[b + BASE] = ext + ahead
        s[b + R_EXPECTED] += 1
        s[b + AFTER] = 1
    else:
        s[b + R_EXPECTED] += ahead
        shift_history(s, b, ahead)
    s[b + EXT] = ext + ahead
    return ext + ahead


@inlined
def place_back(s: Ints, b: int, back: int) -> int:
    """A number behind the highest: late, of before the first, or a duplicate (-1)."""
    ext: int = s[b + EXT]
    number = ext - back
    if number < s[b + BASE]:
        for missing in range(number + 1, s[b + BASE]):
            s[b + HISTORY] &= ~(1 << (ext - missing))
        s[b + R_EXPECTED] += s[b + BASE] - number
        s[b + BASE] = number
    elif (s[b + HISTORY] >> back) & 1:
        return -1
    else:
        s[b + HISTORY] |= 1 << back
    s[b + R_REORDERED] += 1
    return number
