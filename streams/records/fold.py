"""Windows into stream sums: the rows of a stream are added up as they come, and never kept.

Sums are int64, so that the order of the batches cannot be seen in them; floats are made by the record.
A stream's rows come in order of window and part, because they pass one partition of one topic; a producer
that restarts goes back and sends some of them again. So a row that is not past the last one is a repeat.
"""

from collections.abc import Iterable
from enum import IntEnum
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas.media_windows import COLUMNS, MAXIMA, Digit, Gap, RtcpSummary, StreamInfo, W
from streams.bounds import DIGITS_MAX, GAPS_MAX, SHARED_ROWS_MAX

I64 = NDArray[np.int64]

UNKNOWN: Final = 2**62
"""A minimum of nothing."""

PTIME_STEP_US: Final = 500
"""Packet times are told apart by half milliseconds (Opus has 2.5 ms)."""

PTIME_STEPS_MAX: Final = 400
"""Longer packet times than 200 ms count as 200 ms."""


class F(IntEnum):
    """Words of a stream's sums, after the columns of `W`.

    Of those, START is the minimum, END the maximum, the `MAXIMA` maxima, `MOS*` the sum of MOS times
    weight, and the rest sums (WINDOW, PART, PAYLOAD_TYPE and PTIME mean nothing here). The weight of a
    window's MOS is the time it was heard (`W.ACTIVE`), at least 1 µs.
    """

    WEIGHT = COLUMNS  # µs, of the windows whose MOS is known
    WEIGHT_F1 = COLUMNS + 1
    WEIGHT_F2 = COLUMNS + 2
    WEIGHT_ADAPTIVE = COLUMNS + 3
    MIN = COLUMNS + 4  # the worst window, 1e-6 MOS
    MIN_F1 = COLUMNS + 5
    MIN_F2 = COLUMNS + 6
    MIN_ADAPTIVE = COLUMNS + 7
    LAST_KEY = COLUMNS + 8  # window and part of the last row


WORDS: Final = COLUMNS + 9
_ADDED: Final = F.MIN
_MAXIMA: Final = np.array([*MAXIMA, W.END, F.LAST_KEY])
_MINIMA: Final = np.array([W.START, F.MIN, F.MIN_F1, F.MIN_F2, F.MIN_ADAPTIVE])
_SHARED: Final = np.array([word for word in range(_ADDED) if word not in (*MAXIMA, W.START, W.END)])
_WHOLE: Final = 1 << 12
_MOS: Final = slice(W.MOS, W.MOS_ADAPTIVE + 1)
_WEIGHTS: Final = slice(F.WEIGHT, F.WEIGHT_ADAPTIVE + 1)
_MINS: Final = slice(F.MIN, F.MIN_ADAPTIVE + 1)


def empty_sums() -> I64:
    """Sums of a stream without rows, (WORDS,)."""
    sums = np.zeros(WORDS, np.int64)
    sums[_MINIMA] = UNKNOWN
    sums[_MAXIMA] = -UNKNOWN
    sums[list(MAXIMA)] = 0
    sums[F.LAST_KEY] = -1
    return sums


_EMPTY: Final = empty_sums()


def widen(rows: I64) -> I64:
    """Rows (n, COLUMNS) as contributions (n, WORDS) that fold by `_ADDED`, maxima and minima."""
    wide = np.empty((len(rows), WORDS), np.int64)
    wide[:, :COLUMNS] = rows
    known = rows[:, _MOS] >= 0
    weight = np.maximum(rows[:, W.ACTIVE], 1)[:, None] * known
    wide[:, _WEIGHTS] = weight
    wide[:, _MINS] = np.where(known, rows[:, _MOS], UNKNOWN)
    wide[:, _MOS] *= weight
    wide[:, F.LAST_KEY] = (rows[:, W.WINDOW] << 16) + rows[:, W.PART]
    return wide


def merge(sums: I64, at: I64, wide: I64, starts: I64) -> None:
    """Fold contributions into `sums[at]`; the block of `at[i]` begins at row `starts[i]`. `at` is unique."""
    old = sums[at]
    new = np.empty_like(old)
    new[:, :_ADDED] = old[:, :_ADDED] + np.add.reduceat(wide[:, :_ADDED], starts, axis=0)
    new[:, _MAXIMA] = np.maximum(old[:, _MAXIMA], np.maximum.reduceat(wide[:, _MAXIMA], starts, axis=0))
    new[:, _MINIMA] = np.minimum(old[:, _MINIMA], np.minimum.reduceat(wide[:, _MINIMA], starts, axis=0))
    sums[at] = new


def sums_until(rows: I64, until_us: int) -> list[int]:
    """Sums of those rows (n, COLUMNS) of one stream that begin at or before `until_us`."""
    rows = rows[rows[:, W.START] <= until_us]
    sums = empty_sums()[None, :]
    if len(rows):
        merge(sums, np.zeros(1, np.int64), widen(rows), np.zeros(1, np.int64))
    return sums[0].tolist()  # type: ignore[no-any-return]


def sums_within(wide: I64, spans: Iterable[tuple[int, int]]) -> list[int]:
    """Sums of the contributions (n, WORDS) of one stream in these spans of time, which are disjoint.

    A window that lies in a span in part counts in proportion, in 1/4096.
    """
    sums = empty_sums()[None, :]
    for since, until in spans:
        start, end = wide[:, W.START], wide[:, W.END]
        cut = wide[(start < until) & (end >= since)]
        if not len(cut):
            continue
        start, length = cut[:, W.START].copy(), cut[:, W.END] - cut[:, W.START]
        cut[:, W.START], cut[:, W.END] = np.maximum(start, since), np.minimum(start + length, until - 1)
        share = ((cut[:, W.END] - cut[:, W.START]) * _WHOLE // np.maximum(length, 1))[:, None]
        share[length == 0] = _WHOLE
        whole, rest = np.divmod(cut[:, _SHARED], _WHOLE)
        cut[:, _SHARED] = whole * share + rest * share // _WHOLE
        merge(sums, np.zeros(1, np.int64), cut, np.zeros(1, np.int64))
    return sums[0].tolist()  # type: ignore[no-any-return]


class HeardStream:
    """A stream and what was folded into it; its sums are row `slot` of the arena.

    `infos` has the stream as each of its owners sees it, by cdr_id ("" where no call announced it). Of a
    shared stream the rows are kept, because its owners end at different times; and where the site has several
    sensors, because a part of what one of them heard may be wanted.
    """

    __slots__ = (
        "digits",
        "ended",
        "gaps",
        "infos",
        "owner",
        "payload_types",
        "ptimes",
        "rows",
        "rtcp",
        "slot",
        "stream",
    )

    def __init__(self, stream: int, slot: int, owner: tuple[str, str]) -> None:
        self.stream = stream
        self.slot = slot
        self.owner = owner  # account and site
        self.infos: dict[str, StreamInfo] = {}
        self.payload_types: dict[int, int] = {}  # packets by payload type of the window
        self.ptimes: dict[int, int] = {}  # packets by packet time, PTIME_STEP_US
        self.gaps: dict[int, Gap] = {}  # by from_us
        self.digits: dict[tuple[int, str], Digit] = {}  # by time and digit
        self.rtcp: RtcpSummary | None = None
        self.rows: list[I64] | None = None
        self.ended = False

    @property
    def info(self) -> StreamInfo:
        """The stream as one of its owners sees it: addresses, sensor and codecs are the same for all."""
        return next(iter(self.infos.values()))


class StreamSums:
    """All streams of a partition: an arena of sums (n, WORDS), grown by doubling, rows used again."""

    def __init__(self) -> None:
        self.streams: dict[int, HeardStream] = {}
        self._arena: I64 = np.tile(_EMPTY, (64, 1))
        self._by_slot: list[HeardStream | None] = [None] * 64
        self._free = list(range(63, -1, -1))

    def describe(self, info: StreamInfo, owner: tuple[str, str]) -> HeardStream:
        """The stream of this description, made where it is new; repeated descriptions change nothing."""
        heard = self.streams.get(info.stream)
        if heard is None:
            heard = self.streams[info.stream] = HeardStream(info.stream, self._take_slot(), owner)
            self._by_slot[heard.slot] = heard
        heard.infos.setdefault(info.cdr_id, info)
        if heard.rows is None and (info.owners > 1 or info.sensors > 1):
            heard.rows = []
        return heard

    def add(self, row_stream: I64, rows: I64) -> tuple[list[HeardStream], dict[str, int]]:
        """Fold rows (n, COLUMNS) of the streams `row_stream` (n,).

        Returns the streams that changed, and the rows left out by reason.
        """
        index = self.streams
        slots = np.array(
            [heard.slot if (heard := index.get(stream)) else -1 for stream in row_stream.tolist()], np.int64
        )
        keys = (rows[:, W.WINDOW] << 16) + rows[:, W.PART]
        order = np.lexsort((keys, slots))
        slots, keys = slots[order], keys[order]
        fresh = keys > self._arena[slots, F.LAST_KEY]
        fresh[1:] &= (slots[1:] != slots[:-1]) | (keys[1:] != keys[:-1])
        known = slots >= 0
        left_out = {
            "rows_unknown_stream": int(len(rows) - np.count_nonzero(known)),
            "rows_repeated": int(np.count_nonzero(known & ~fresh)),
        }
        keep = known & fresh
        slots, rows = slots[keep], rows[order[keep]]
        if not len(rows):
            return [], left_out
        starts = np.flatnonzero(np.r_[True, slots[1:] != slots[:-1]])
        at = slots[starts]
        merge(self._arena, at, widen(rows), starts)
        self._count_kinds(slots, rows)
        changed = [heard for slot in at.tolist() if (heard := self._by_slot[slot]) is not None]
        left_out["rows_shared_omitted"] = self._keep_shared(changed, starts, rows)
        return changed, left_out

    def sums(self, heard: HeardStream) -> list[int]:
        """The stream's sums, WORDS ints."""
        return self._arena[heard.slot].tolist()  # type: ignore[no-any-return]

    def contributions(self, heard: HeardStream) -> I64:
        """What the stream's sums are made of, (n, WORDS); one row where its windows were not kept."""
        if heard.rows:
            return widen(np.concatenate(heard.rows))
        return self._arena[[heard.slot]]

    def forget(self, heard: HeardStream) -> None:
        """Free the stream's row."""
        del self.streams[heard.stream]
        self._by_slot[heard.slot] = None
        self._arena[heard.slot] = _EMPTY
        self._free.append(heard.slot)

    def encode(self, heard: HeardStream) -> bytes:
        """The stream's state, for `decode`."""
        return _ENCODER.encode(
            _StreamState(
                heard.stream,
                list(heard.infos.values()),
                self._arena[heard.slot].tobytes(),
                heard.payload_types,
                heard.ptimes,
                list(heard.gaps.values()),
                list(heard.digits.values()),
                heard.rtcp,
                None if heard.rows is None else b"".join(rows.tobytes() for rows in heard.rows),
                heard.ended,
                heard.owner,
            )
        )

    def decode(self, state: bytes) -> HeardStream:
        """Take over a stream that `encode` wrote."""
        value = _DECODER.decode(state)
        for info in value.infos:
            heard = self.describe(info, value.owner)
        self._arena[heard.slot] = np.frombuffer(value.sums, np.int64)
        heard.payload_types, heard.ptimes = value.payload_types, value.ptimes
        heard.gaps = {gap.from_us: gap for gap in value.gaps}
        heard.digits = {(digit.time_us, digit.digit): digit for digit in value.digits}
        heard.rtcp, heard.ended = value.rtcp, value.ended
        if value.rows:
            heard.rows = [np.frombuffer(value.rows, np.int64).reshape(-1, COLUMNS)]
        return heard

    def _take_slot(self) -> int:
        if not self._free:
            size = len(self._arena)
            self._arena = np.vstack([self._arena, np.tile(_EMPTY, (size, 1))])
            self._by_slot += [None] * size
            self._free = list(range(2 * size - 1, size - 1, -1))
        return self._free.pop()

    def _count_kinds(self, slots: I64, rows: I64) -> None:
        """Count packets by payload type and by packet time."""
        steps = np.clip((rows[:, W.PTIME] + PTIME_STEP_US // 2) // PTIME_STEP_US, 0, PTIME_STEPS_MAX)
        by_slot: list[Any] = self._by_slot
        columns = (slots, rows[:, W.PAYLOAD_TYPE], steps, rows[:, W.PACKETS])
        for slot, payload_type, step, packets in zip(*(column.tolist() for column in columns), strict=True):
            heard = by_slot[slot]
            if payload_type >= 0:
                counts = heard.payload_types
                counts[payload_type] = counts.get(payload_type, 0) + packets
            if step > 0:
                counts = heard.ptimes
                counts[step] = counts.get(step, 0) + packets

    def _keep_shared(self, changed: list[HeardStream], starts: I64, rows: I64) -> int:
        omitted = 0
        for i, heard in enumerate(changed):
            if heard.rows is None:
                continue
            end = int(starts[i + 1]) if i + 1 < len(starts) else len(rows)
            block = rows[int(starts[i]) : end]
            room = SHARED_ROWS_MAX - sum(len(kept) for kept in heard.rows)
            heard.rows.append(block[: max(room, 0)].copy())
            omitted += max(len(block) - max(room, 0), 0)
        return omitted


def add_gap(heard: HeardStream, gap: Gap) -> bool:
    """Note a gap; False where the stream has too many. Repeats change nothing."""
    if gap.from_us not in heard.gaps and len(heard.gaps) >= GAPS_MAX:
        return False
    heard.gaps[gap.from_us] = gap
    return True


def add_digit(heard: HeardStream, digit: Digit) -> bool:
    """Note a digit; False where the stream has too many. Repeats change nothing."""
    key = (digit.time_us, digit.digit)
    if key not in heard.digits and len(heard.digits) >= DIGITS_MAX:
        return False
    heard.digits[key] = digit
    return True


def add_rtcp(heard: HeardStream, summary: RtcpSummary) -> None:
    """Take the newer summary: the one that sums up more reports."""
    old = heard.rtcp
    if old is None or (summary.reports, summary.round_trips) >= (old.reports, old.round_trips):
        heard.rtcp = summary


class _StreamState(msgspec.Struct, array_like=True):
    """A stream as stored."""

    stream: int
    infos: list[StreamInfo]
    sums: bytes
    payload_types: dict[int, int]
    ptimes: dict[int, int]
    gaps: list[Gap]
    digits: list[Digit]
    rtcp: RtcpSummary | None
    rows: bytes | None
    ended: bool
    owner: tuple[str, str]


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(_StreamState)
