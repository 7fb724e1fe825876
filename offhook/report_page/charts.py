"""Charts as SVG, each drawn twice: for a desktop or paper, and for a telephone; the style sheet shows one.

A chart is a picture with a label; its numbers stand in a table beside it. Colours are classes, so that they
follow the reader's light or dark.
"""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from offhook.report_page import axes
from offhook.report_page.markup import Markup, join, tag


class Size(msgspec.Struct, frozen=True):
    """A drawing's size and margins, in its own units; `labels`: how many fit along the axis."""

    name: str
    width: int
    height: int
    labels: int
    left: int = 46
    right: int = 10
    top: int = 10
    bottom: int = 28

    @property
    def inner_width(self) -> float:
        """Between the margins."""
        return self.width - self.left - self.right

    @property
    def floor(self) -> float:
        """Where the horizontal axis lies."""
        return self.height - self.bottom

    def y(self, share: float) -> float:
        """The height of a value, as a share of the highest mark."""
        return self.floor - share * (self.floor - self.top)


WIDE: Final = (Size("wide", 1120, 240, 12), Size("narrow", 340, 200, 4))
"""Over the whole page."""

HALF: Final = (Size("wide", 540, 220, 7), Size("narrow", 340, 200, 4))
"""Half of it."""


class Bar(msgspec.Struct, frozen=True):
    """One column: stacked parts (class, value) from below, its label on the axis, what it says in words."""

    label: str
    words: str
    parts: tuple[tuple[str, float], ...]


class Point(msgspec.Struct, frozen=True):
    """One interval of a line; None leaves a gap."""

    label: str
    words: str
    value: float | None


def bars(sizes: Sequence[Size], label: str, columns: Sequence[Bar]) -> Markup:
    """Columns over counted things."""
    highest = max((sum(value for _, value in column.parts) for column in columns), default=0)
    marks = axes.whole_marks(round(highest))
    return join(_bars(size, label, columns, marks) for size in sizes)


def line(
    sizes: Sequence[Size],
    label: str,
    points: Sequence[Point],
    *,
    marks: list[float],
    low: float = 0.0,
    kind: str = "one",
    area: bool = False,
    said: Callable[[float], str] = axes.text,
) -> Markup:
    """A line over intervals; `area` fills below it, in steps, as counts in progress are drawn."""
    return join(
        _line(size, label, points, marks=marks, low=low, kind=kind, area=area, said=said) for size in sizes
    )


def _svg(size: Size, label: str, *children: object) -> Markup:
    return tag(
        "svg",
        *children,
        class_=f"chart {size.name}",
        viewBox=f"0 0 {size.width} {size.height}",
        width=size.width,
        height=size.height,
        role="img",
        aria_label=label,
    )


def _grid(size: Size, marks: Sequence[float], low: float, said: Callable[[float], str]) -> Markup:
    lines = []
    for mark in marks:
        y = size.y((mark - low) / (marks[-1] - low))
        lines.append(
            tag(
                "line",
                x1=size.left,
                x2=size.width - size.right,
                y1=y,
                y2=y,
                class_="axis" if mark == low else "grid",
            )
        )
        lines.append(tag("text", said(mark), x=size.left - 7, y=y + 4, class_="tick end"))
    return join(lines)


def _labels(size: Size, labels: Sequence[str]) -> Markup:
    marked = [number for number, text in enumerate(labels) if text]
    step = size.inner_width / max(len(labels), 1)
    return join(
        tag(
            "text",
            labels[number],
            x=size.left + step * (number + 0.5),
            y=size.height - 9,
            class_="tick middle",
        )
        for number in marked[:: axes.every(len(marked), size.labels)]
    )


def _bars(size: Size, label: str, columns: Sequence[Bar], marks: list[float]) -> Markup:
    step = size.inner_width / max(len(columns), 1)
    gap = min(step * 0.22, 6.0)
    drawn = []
    for number, column in enumerate(columns):
        x, base, parts = size.left + step * number, 0.0, []
        for kind, value in column.parts:
            if value:
                top, bottom = size.y((base + value) / marks[-1]), size.y(base / marks[-1])
                parts.append(
                    tag(
                        "rect",
                        x=x + gap / 2,
                        y=top,
                        width=step - gap,
                        height=max(bottom - top, 0.8),
                        class_=kind,
                    )
                )
            base += value
        drawn.append(_hit(size, x, step, column.words, *parts))
    return _svg(
        size,
        label,
        _grid(size, marks, 0.0, axes.text),
        tag("g", *drawn, class_="bars"),
        _labels(size, [column.label for column in columns]),
    )


def _line(
    size: Size,
    label: str,
    points: Sequence[Point],
    *,
    marks: list[float],
    low: float,
    kind: str,
    area: bool,
    said: Callable[[float], str],
) -> Markup:
    step = size.inner_width / max(len(points), 1)

    def place(number: int, value: float) -> tuple[float, float]:
        bounded = min(max(value, low), marks[-1])
        return size.left + step * (number + 0.5), size.y((bounded - low) / (marks[-1] - low))

    drawn = []
    for run in _runs(points):
        places = [place(number, value) for number, value in run]
        if area:
            drawn += [_filled(size, places, step, kind)]
        elif len(places) == 1:
            drawn.append(tag("circle", cx=places[0][0], cy=places[0][1], r=3, class_=f"dot {kind}"))
        else:
            drawn.append(tag("polyline", points=_points(places), class_=f"line {kind}"))
    hits = [
        _hit(size, size.left + step * number, step, point.words, *_dot(point, place, number, kind))
        for number, point in enumerate(points)
    ]
    return _svg(
        size,
        label,
        _grid(size, marks, low, said),
        tag("g", *drawn),
        tag("g", *hits),
        _labels(size, [point.label for point in points]),
    )


def _dot(
    point: Point, place: Callable[[int, float], tuple[float, float]], number: int, kind: str
) -> list[Markup]:
    """What shows under the pointer."""
    if point.value is None:
        return []
    x, y = place(number, point.value)
    return [tag("circle", cx=x, cy=y, r=3.5, class_=f"dot {kind} shown")]


def _runs(points: Sequence[Point]) -> list[list[tuple[int, float]]]:
    """Stretches without a gap."""
    runs: list[list[tuple[int, float]]] = [[]]
    for number, point in enumerate(points):
        if point.value is not None:
            runs[-1].append((number, point.value))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _filled(size: Size, places: Sequence[tuple[float, float]], step: float, kind: str) -> Markup:
    """An area in steps, from the axis up."""
    first = places[0][0] - step / 2
    path = [f"M{first:.1f} {size.floor:.1f}"]
    for x, y in places:
        path.append(f"L{x - step / 2:.1f} {y:.1f}L{x + step / 2:.1f} {y:.1f}")
    outline = "".join(path)
    closed = f"{outline}L{places[-1][0] + step / 2:.1f} {size.floor:.1f}Z"
    return join([tag("path", d=closed, class_=f"area {kind}"), tag("path", d=outline, class_=f"line {kind}")])


def _points(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)


def _hit(size: Size, x: float, width: float, words: str, *drawn: Markup) -> Markup:
    """A column of the chart that says its numbers under the pointer."""
    field = tag("rect", x=x, y=size.top, width=width, height=size.floor - size.top, class_="hit")
    return tag("g", tag("title", words), field, *drawn)
