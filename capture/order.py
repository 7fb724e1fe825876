"""Packet time as a clock: steps of the clock told from single bad times, before anything is dissected.

A packet over 60 s away from the clock waits for the 8 packets after it. Where one of them is back at the
old clock, those before it have a bad time: they count as `bad_time` and are given the clock's time.
Otherwise the clock has stepped: forward, nothing changes, and a silence of over a minute looks the same;
backward (`clock_steps`), all that was heard before is sent, the watermark stays there, and packets keep their
own time as data and follow in capture order, until time has caught up. Within these bounds the sort buffer
of one second (the dissector's keys) puts packets in order.
"""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import numpy as np

from capture.block import Block
from capture.bounds import CLOCK_JUMP_US, CLOCK_WITNESSES

JUMP_NS = CLOCK_JUMP_US * 1000
LAST_NS = 1 << 62


class Run(NamedTuple):
    """Frames to be dissected one after the other; `step_ns`: the clock stepped to here at the first one."""

    block: Block
    step_ns: int | None


class _Frame(NamedTuple):
    time_ns: int
    data: bytes
    original: int
    link_type: int


class Clock:
    """Passes blocks on; holds a few frames where the clock is in doubt."""

    def __init__(self) -> None:
        self.steps = 0
        self.bad_times = 0
        self._head: int | None = None
        self._waiting: list[_Frame] = []

    def admit(self, block: Block) -> Iterator[Run]:
        """Runs of frames whose time is settled, in capture order; valid until the next is asked for."""
        block = _sane(block)
        at, frames = 0, len(block.offset)
        while at < frames:
            if self._waiting or self._head is None:
                self._waiting.append(_frame(block, at))
                at += 1
                yield from self._settle(ended=False)
                continue
            until = self._first_jump(block.time_ns[at:]) + at
            if until > at:
                self._head = max(self._head, int(block.time_ns[at:until].max()))
                yield Run(block if until - at == frames else _cut(block, at, until), None)
                at = until
            if at < frames:
                self._waiting.append(_frame(block, at))
                at += 1

    def reached(self, time_ns: int) -> Iterator[Run]:
        """A live source has given all packets before this time: what comes after a long silence is no jump.

        What waited for others to agree with it, and does with this, waits no longer.
        """
        self._head = time_ns if self._head is None else max(self._head, time_ns)
        yield from self._settle(ended=False)

    def end(self) -> Iterator[Run]:
        """What still waits, at the end of the capture."""
        yield from self._settle(ended=True)

    def _first_jump(self, times: np.ndarray[tuple[int], np.dtype[np.int64]]) -> int:
        """How many of the frames follow each other without a jump."""
        assert self._head is not None
        if max(int(times.max()), self._head) - min(int(times.min()), self._head) <= JUMP_NS:
            return len(times)
        before = np.maximum.accumulate(np.concatenate(([self._head], times[:-1])))
        jumps = np.flatnonzero(np.abs(times - before) > JUMP_NS)
        return int(jumps[0]) if len(jumps) else len(times)

    def _settle(self, *, ended: bool) -> Iterator[Run]:
        """Decide on the frames that wait, as far as the frames behind them tell."""
        waiting = self._waiting
        while waiting:
            times = [frame.time_ns for frame in waiting]
            if self._head is None:
                if len(waiting) == 1 and not ended:
                    return
                if len(waiting) <= CLOCK_WITNESSES and not ended and not _near(times[0], times[1]):
                    return
                self._head = _first_time(times)
            if _near(times[0], self._head):
                self._head = max(self._head, times[0])
                yield _run(waiting.pop(0), None, None)
                continue
            head = self._head
            back = next((n for n, time in enumerate(times[: CLOCK_WITNESSES + 1]) if _near(time, head)), None)
            if back is not None:
                self.bad_times += back
                for _ in range(back):
                    yield _run(waiting.pop(0), head, None)
            elif len(waiting) > CLOCK_WITNESSES or ended:
                self.steps += times[0] < head
                self._head = times[0]
                yield _run(waiting.pop(0), None, times[0])
            else:
                return


def _sane(block: Block) -> Block:
    """Times that no clock can tell, before 1970 or after 2116, become the nearest that one can."""
    if int(block.time_ns.min()) >= 0 and int(block.time_ns.max()) <= LAST_NS:
        return block
    return msgspec.structs.replace(block, time_ns=np.clip(block.time_ns, 0, LAST_NS))


def _near(one: int, two: int) -> bool:
    return abs(one - two) <= JUMP_NS


def _first_time(times: list[int]) -> int:
    """Where the clock starts: at the first packet, unless the ones behind it agree on another time."""
    if len(times) > 2 and not _near(times[0], times[1]) and all(_near(time, times[1]) for time in times[2:]):
        return times[1]
    return times[0]


def _frame(block: Block, at: int) -> _Frame:
    start = int(block.offset[at])
    data = block.buffer[start : start + int(block.captured[at])].tobytes()
    return _Frame(int(block.time_ns[at]), data, int(block.original[at]), block.link_type)


def _cut(block: Block, start: int, end: int) -> Block:
    return msgspec.structs.replace(
        block,
        offset=block.offset[start:end],
        captured=block.captured[start:end],
        original=block.original[start:end],
        time_ns=block.time_ns[start:end],
    )


def _run(frame: _Frame, time_ns: int | None, step_ns: int | None) -> Run:
    time = frame.time_ns if time_ns is None else time_ns
    return Run(one_frame(frame.link_type, time, frame.data, frame.original), step_ns)


def one_frame(link_type: int, time_ns: int, data: bytes | bytearray, original: int) -> Block:
    """A block of a single frame."""
    return Block(
        buffer=np.frombuffer(bytearray(data) or bytearray(1), np.uint8),
        offset=np.zeros(1, np.int64),
        captured=np.array([len(data)], np.int32),
        original=np.array([original], np.int32),
        time_ns=np.array([time_ns], np.int64),
        link_type=link_type,
    )
