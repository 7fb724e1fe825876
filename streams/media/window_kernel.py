"""Steps of the media kernel over windows: a stream's first, the next one, and the row that ends each."""

from typing import Final

from kernels import inlined
from schemas.media_windows import COLUMNS
from streams.media.loss_kernel import HISTORY_BITS, HISTORY_FULL
from streams.media.state import ROW
from streams.media.words import (
    BASE,
    C_ROWS,
    EXT,
    FIRST,
    GAP_PACKETS,
    HISTORY,
    LAST,
    OPEN,
    PT,
    PTIME,
    R_END,
    R_EXPECTED,
    R_PACKETS,
    R_PAYLOAD_TYPE,
    R_PTIME,
    R_START,
    R_WINDOW,
    WINDOW_END,
    Ints,
)

WINDOW_US: Final = 10_000_000
GAP_US: Final = 2_000_000  # arrivals so far apart are a gap, and not time that the stream was active


@inlined
def begin_stream(s: Ints, b: int, arrival: int, seq: int) -> None:
    """First packet of a stream; the slot is zero but for MAP, CUT_AT, WATCH_FROM, IDLE_CUT and HELD."""
    s[b + OPEN] = 1
    s[b + FIRST] = arrival
    s[b + WINDOW_END] = arrival + WINDOW_US
    s[b + EXT] = seq + 65536 - 1
    s[b + BASE] = seq + 65536
    s[b + HISTORY] = HISTORY_FULL
    s[b + GAP_PACKETS] = -HISTORY_BITS
    s[b + PT] = -1
    s[b + LAST] = arrival


@inlined
def emit_row(s: Ints, b: int, slot: int, end: int, rows: Ints, row_slot: Ints, control: Ints) -> None:
    """Append the window row of the slot and begin the next part."""
    n = control[C_ROWS]
    row = b + ROW
    s[b + R_END] = end
    if s[b + R_START] == 0:
        s[b + R_START] = end
    s[b + R_PTIME] = s[b + PTIME]
    s[b + R_PAYLOAD_TYPE] = s[b + PT]
    for c in range(COLUMNS):
        rows[n * COLUMNS + c] = s[row + c]
        if c >= 2:
            s[row + c] = 0
    row_slot[n] = slot
    control[C_ROWS] = n + 1


@inlined
def change_window(
    s: Ints, b: int, slot: int, arrival: int, rows: Ints, row_slot: Ints, control: Ints
) -> None:
    """The packet lies behind the window: its row goes out, if anything is in it."""
    passed = (arrival - s[b + WINDOW_END]) // WINDOW_US + 1
    if s[b + R_PACKETS] or s[b + R_EXPECTED]:
        emit_row(s, b, slot, min(s[b + WINDOW_END], arrival), rows, row_slot, control)
    s[b + R_WINDOW] += passed
    s[b + R_WINDOW + 1] = 0
    s[b + WINDOW_END] += passed * WINDOW_US
