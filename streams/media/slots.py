"""The numeric state of many streams: one slot each, in arrays that grow and reuse freed slots."""

import numpy as np
from numpy.typing import NDArray

from schemas.media_windows import COLUMNS
from streams.media.state import BINS, WORDS, S
from streams.media.words import C_CUTS, C_GAPS, C_ROWS

I64 = NDArray[np.int64]


class Rows:
    """Finished window rows as the kernel writes them."""

    def __init__(self, room: int) -> None:
        self.rows = np.zeros(room * COLUMNS, np.int64)
        self.slot = np.zeros(room, np.int64)
        self.gaps = np.zeros(4 * 1024, np.int64)
        self.cuts = np.zeros(0, np.int64)
        self.control = np.zeros(5, np.int64)

    def make_room(self, *, rows: int, cuts: int) -> None:
        """Begin a run: hold at least this many rows (and two spare ones) and cuts."""
        self.control[:] = 0
        if len(self.cuts) < 2 * cuts:
            self.cuts = np.zeros(2 * cuts, np.int64)
        if len(self.slot) < rows + 2:
            self.rows = np.zeros((rows + 2) * 2 * COLUMNS, np.int64)
            self.slot = np.zeros((rows + 2) * 2, np.int64)

    def take(self) -> tuple[I64, I64, I64]:
        """The rows (n, COLUMNS), their slots (n,) and the gaps (g, 4); the outputs are empty then."""
        n, gaps = int(self.control[C_ROWS]), int(self.control[C_GAPS])
        self.control[C_ROWS] = self.control[C_GAPS] = 0
        rows = self.rows[: n * COLUMNS].reshape(n, COLUMNS).copy()
        return rows, self.slot[:n].copy(), self.gaps[: 4 * gaps].reshape(gaps, 4).copy()

    def take_cuts(self) -> list[list[int]]:
        """Range and position of each place where a new stream begins."""
        return self.cuts[: 2 * int(self.control[C_CUTS])].reshape(-1, 2).tolist()


class Slots:
    """Words and delay histograms of all streams of a site."""

    def __init__(self) -> None:
        self.words = np.zeros(0, np.int64)
        self.bins = np.zeros(0, np.uint16)
        self.free: list[int] = []
        self.count = 0

    def allocate(self) -> int:
        """A slot, zeroed."""
        if self.free:
            return self.free.pop()
        self.reserve(self.count)
        return self.count - 1

    def reserve(self, slot: int) -> None:
        """Make sure the slot exists."""
        room = len(self.words) // WORDS
        if slot >= room:
            more = max(256, 2 * slot) - room
            self.words = np.concatenate([self.words, np.zeros(more * WORDS, np.int64)])
            self.bins = np.concatenate([self.bins, np.zeros(more * BINS, np.uint16)])
        self.count = max(self.count, slot + 1)

    def release(self, slots: list[int]) -> None:
        """Give slots back."""
        self.words.reshape(-1, WORDS)[slots] = 0
        self.free += slots

    def begin(self, slot: int, payload_map: int, cut_at: int, watch_from: int, idle_cut: int) -> None:
        """Make the slot ready for a new stream; a packet held for a restart becomes its first."""
        first = slot * WORDS
        words = self.words
        held = words[first + S.HELD : first + S.HELD_LENGTH + 1].copy() if words[first + S.HELD] else None
        words[first : first + WORDS] = 0
        if held is not None:
            words[first + S.HELD : first + S.HELD_LENGTH + 1] = held
        words[first + S.MAP], words[first + S.CUT_AT] = payload_map, cut_at
        words[first + S.WATCH_FROM], words[first + S.IDLE_CUT] = watch_from, idle_cut

    def column(self, word: int) -> I64:
        """One word of every slot (count,), a view."""
        return self.words[word::WORDS][: self.count]

    def __setitem__(self, at: tuple[int, int], value: int) -> None:
        slot, word = at
        self.words[slot * WORDS + word] = value

    def __getitem__(self, at: tuple[int, int]) -> int:
        slot, word = at
        return self.words.item(slot * WORDS + word)
