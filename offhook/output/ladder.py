"""A ladder: a column for each endpoint, an arrow for each message, in the order of time.

Where the columns do not fit, the notes go below their arrows; where they do not fit at all, the ladder
becomes a list in which letters stand for the endpoints.
"""

from collections.abc import Iterator, Sequence
from string import ascii_uppercase
from typing import Final

import msgspec

from offhook.bounds import LADDER_LANES
from offhook.output.call.lines import Line, Row, Span, line_width, width, wrap
from offhook.text import cut, fit
from offhook.times import Clock

TIME_WIDTH: Final = 12
DELTA_WIDTH: Final = 9
_LANE_NARROWEST: Final = 18
_LANE_WIDEST: Final = 32
_TITLE_CUT: Final = 28
"""Columns to which an address over a column (IPv6) is cut before the ladder becomes a list."""
_NOTES_NARROWEST: Final = 26
_LABEL_NARROWEST: Final = 8
_NARROW: Final = 70
"""Columns below which a ladder is a list."""
_ALL_TIMES: Final = 90
"""Columns from which every line has its time of day."""


class Endpoint(msgspec.Struct, frozen=True):
    """One column; `port` is None for every port of the address."""

    address: str
    port: int | None


class Step(msgspec.Struct, frozen=True):
    """One arrow, or with `source` None a line across the ladder.

    `label` stands on the arrow, `notes` beside it, a line or more each; `again` draws a retransmission,
    `media` a stream.
    """

    time: int
    source: Endpoint | None
    target: Endpoint | None
    label: str
    style: str = ""
    notes: Sequence[str] = ()
    again: bool = False
    media: bool = False


class _Lanes:
    """Where the columns stand, and how much of the times is left of them."""

    def __init__(self, pitch: int, count: int, columns: int, *, all_times: bool, below: bool) -> None:
        first = _times_width(all_times=all_times) + 3
        self.bars = [first + pitch * number for number in range(count)]
        self.pitch = pitch
        self.columns = columns
        self.all_times = all_times  # each step has its time of day
        self.below = below  # notes stand below their arrow
        self.notes = self.bars[-1] + 3
        self._row = Row(columns)
        for bar in self.bars:
            self._row.put(bar, "│", "dim")

    def row(self) -> Row:
        """A line with nothing but the columns."""
        return self._row.copy()


def ladder(
    steps: Sequence[Step], endpoints: Sequence[Endpoint], columns: int, clock: Clock
) -> Iterator[Line]:
    """The lines of a ladder at most so many columns wide; `endpoints` from left to right."""
    lanes = _place(steps, endpoints, columns)
    times = _Times(clock, all_times=columns >= _ALL_TIMES if lanes is None else lanes.all_times)
    if lanes is None:
        yield from _list(steps, endpoints, columns, times)
        return
    place_of = dict(zip(endpoints, lanes.bars, strict=True))
    yield from _titles(endpoints, lanes)
    for step in steps:
        yield from _arrow(step, place_of, lanes, times.of(step))


def is_drawn(steps: Sequence[Step], endpoints: Sequence[Endpoint], columns: int) -> bool:
    """Whether there is room for columns at all, else the ladder is a list."""
    return _place(steps, endpoints, columns) is not None


def has_room(steps: Sequence[Step], endpoints: Sequence[Endpoint], columns: int) -> bool:
    """Whether there is room for notes beside the arrows, and for whole addresses over the columns."""
    lanes = _place(steps, endpoints, columns)
    return lanes is not None and not lanes.below and lanes.pitch >= _title_width(endpoints, whole=False)


def _place(steps: Sequence[Step], endpoints: Sequence[Endpoint], columns: int) -> _Lanes | None:
    """Lay the columns out: None where there is no room.

    What is given up first: the time of day of each step, then the place beside the arrows.
    """
    count = len(endpoints)
    if columns < _NARROW or not 0 < count <= LADDER_LANES:
        return None
    longest = max((width(step.label) for step in steps), default=0) + 6
    wanted = max(min(longest, _LANE_WIDEST), _title_width(endpoints, whole=True), _LANE_NARROWEST)
    least = min(max(_title_width(endpoints, whole=False), _LANE_NARROWEST), _TITLE_CUT)
    for beside, all_times in ((True, True), (True, False), (False, True), (False, False)):
        if all_times and columns < _ALL_TIMES:
            continue
        taken = _times_width(all_times=all_times) + 3 + (_NOTES_NARROWEST + 3 if beside else 1)
        pitch = min((columns - taken) // (count - 1), wanted) if count > 1 else wanted
        if pitch >= least:
            return _Lanes(pitch, count, columns, all_times=all_times, below=not beside)
    return None


def _title_width(endpoints: Sequence[Endpoint], *, whole: bool) -> int:
    """Columns that a title takes, in one line or in two."""
    texts = (name(endpoint) if whole else endpoint.address for endpoint in endpoints)
    return max(map(width, texts)) + 2


def name(endpoint: Endpoint) -> str:
    """`10.0.0.1:5060`, `[2001:db8::1]:5060`, or the address alone."""
    if endpoint.port is None:
        return endpoint.address
    address = f"[{endpoint.address}]" if ":" in endpoint.address else endpoint.address
    return f"{address}:{endpoint.port}"


class _Times:
    """Each step's time of day and time since the step before, in columns."""

    def __init__(self, clock: Clock, *, all_times: bool) -> None:
        self._clock, self._all = clock, all_times
        self._before: int | None = None

    def of(self, step: Step) -> list[Span]:
        """The columns, as wide each time."""
        before, self._before = self._before, step.time
        delta = "" if before is None else delta_text(step.time - before)
        style = "" if before is None or step.time - before < 1_000_000 else "yellow"
        if self._all:
            return [(self._of_day(step.time), "dim"), (" " + delta.rjust(DELTA_WIDTH), style)]
        if before is None:
            return [(self._of_day(step.time), "dim")]
        return [(delta.rjust(TIME_WIDTH), style)]

    def _of_day(self, time_us: int) -> str:
        return self._clock.show_exact(time_us)[-15:-3]


def _times_width(*, all_times: bool) -> int:
    return TIME_WIDTH + (DELTA_WIDTH + 1 if all_times else 0)


def delta_text(us: int) -> str:
    """`+412 µs`, `+20.4 ms`, `+1.234 s`, `+2:03.1`, `+1:02:03`."""
    sign, us = "-" if us < 0 else "+", abs(us)
    if us < 1000:
        return f"{sign}{us} µs"
    if us < 999_950:
        return f"{sign}{us / 1000:.1f} ms"
    if us < 59_999_500:
        return f"{sign}{us / 1e6:.3f} s"
    if us < 3_600_000_000 - 50_000:
        tenths = round(us / 1e5)
        return f"{sign}{tenths // 600}:{tenths % 600 / 10:04.1f}"
    seconds = round(us / 1e6)
    if seconds >= 360_000:
        return f"{sign}{seconds / 86400:.1f} d"
    return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def _titles(endpoints: Sequence[Endpoint], lanes: _Lanes) -> Iterator[Line]:
    """The endpoints over their columns: in one line where they fit side by side, else address and port."""
    pitch = lanes.pitch
    names = [name(endpoint) for endpoint in endpoints]
    lines = [names]
    over_the_edge = lanes.bars[-1] + width(names[-1]) // 2 >= lanes.columns
    if over_the_edge or max(width(text) for text in names) > pitch - 2:
        lines = [[endpoint.address for endpoint in endpoints]]
        lines.append(["" if endpoint.port is None else f":{endpoint.port}" for endpoint in endpoints])
    for texts in lines:
        row = Row(lanes.columns)
        for bar, text in zip(lanes.bars, texts, strict=True):
            title = _middle_cut(text, pitch - 2)
            left = min(bar - width(title) // 2, lanes.columns - width(title))
            row.put(max(left, 0), title, "bold")
        yield row.spans()
    yield lanes.row().spans()


def _middle_cut(text: str, columns: int) -> str:
    if width(text) <= columns:
        return text
    half = (columns - 1) // 2
    return text[: columns - 1 - half] + "…" + text[len(text) - half :]


def _arrow(step: Step, place_of: dict[Endpoint, int], lanes: _Lanes, times: list[Span]) -> Iterator[Line]:
    if step.source is None or step.target is None:
        yield from _across(step, lanes, times)
        return
    row = lanes.row()
    _put_times(row, times)
    source, target = place_of[step.source], place_of[step.target]
    if source == target:
        row.put(source + 1, "◄─┐ " + step.label, step.style)
        end = source + 6 + width(step.label)
    else:
        _draw(row, step, source, target)
        end = 0
    if lanes.below or end > lanes.notes:
        below = step.notes
        if below and _put_beside(row, below[0], min(source, target), max(source, target, end), lanes):
            below = below[1:]
        yield row.spans()
        yield from _notes_below(below, min(source, target) + 2, lanes)
        return
    notes = _wrapped(step.notes, lanes.columns - lanes.notes)
    for number, note in enumerate(notes or [""]):
        if number:
            row = lanes.row()
        row.put(lanes.notes, note)
        yield row.spans()


def _draw(row: Row, step: Step, source: int, target: int) -> None:
    """The arrow and its label between two columns."""
    left, right = min(source, target) + 1, max(source, target)
    size = right - left
    shaft = "═" if step.media else "┄" if step.again else "─"
    label = f" {cut(step.label, size - 4)} "
    at = (size - width(label)) // 2
    row.put(left, shaft * size, step.style)
    row.put(left + at, label, step.style)
    if target > source:
        row.put(right - 1, "►", step.style)
    else:
        row.put(left, "◄", step.style)


def _put_beside(row: Row, note: str, left: int, right: int, lanes: _Lanes) -> bool:
    """Put a note over the columns right of the arrow, or left of it; whether there was room."""
    if width(note) <= lanes.columns - right - 2:
        row.put(right + 2, note + " ")
        return True
    if width(note) <= left - lanes.bars[0] - 3:
        row.put(left - 2 - width(note), f" {note} ")
        return True
    return False


def _across(step: Step, lanes: _Lanes, times: list[Span]) -> Iterator[Line]:
    """A line that belongs to no column."""
    text = " ".join((step.label, *step.notes))
    room = lanes.columns - lanes.bars[0] - 2
    for number, words in enumerate(_wrapped([text], room)):
        row = lanes.row()
        if not number:
            _put_times(row, times)
        row.put(lanes.bars[0] + 2, words + " ", step.style)
        yield row.spans()


def _notes_below(notes: Sequence[str], column: int, lanes: _Lanes) -> Iterator[Line]:
    column = min(column, lanes.columns - _NOTES_NARROWEST)
    for note in _wrapped(notes, lanes.columns - column):
        row = lanes.row()
        row.put(column, note + " ")
        yield row.spans()


def _put_times(row: Row, times: list[Span]) -> None:
    column = 0
    for text, style in times:
        row.put(column, text, style)
        column += width(text)


def _wrapped(notes: Sequence[str], columns: int) -> list[str]:
    lines: list[str] = []
    for note in notes:
        if width(note) <= columns:
            lines.append(note)
        else:
            wrapped = wrap([(note, "")], columns, indent=2)
            lines += ("".join(text for text, _ in line) for line in wrapped)
    return lines


def _list(
    steps: Sequence[Step], endpoints: Sequence[Endpoint], columns: int, times: _Times
) -> Iterator[Line]:
    letters = {endpoint: _letters(number) for number, endpoint in enumerate(endpoints)}
    for endpoint, letter in letters.items():
        yield from wrap([(letter, "bold"), (name(endpoint), "")], columns, indent=4)
    size = max((len(letter) for letter in letters.values()), default=1)
    for step in steps:
        line = [*times.of(step), ("  ", "")]
        if step.source is not None and step.target is not None:
            arrow = "═►" if step.media else "┄►" if step.again else "─►"
            source, target = fit(letters[step.source], size), fit(letters[step.target], size)
            line += [(f"{source} {arrow} {target}  ", step.style)]
        used = line_width(line)
        room = max(columns - used, _LABEL_NARROWEST)
        notes = step.notes
        if notes and width(step.label) + 2 + width(notes[0]) <= room:
            yield [*line, (step.label, step.style), ("  " + notes[0], "")]
            notes = notes[1:]
        else:
            for number, label in enumerate(wrap([(step.label or "?", step.style)], room)):
                yield [*line, *label] if not number else [(" " * used, ""), *label]
        for note in notes:
            yield from wrap([(note, "")], columns, indent=6, first=4)


def _letters(number: int) -> str:
    """A to Z, then AA."""
    first, last = divmod(number, 26)
    return (ascii_uppercase[first - 1] if first else "") + ascii_uppercase[last]
