"""What happened over time: calls, calls in progress, ASR, ACD, delay, MOS."""

from collections.abc import Callable

from offhook.queries.figures import Figures, Moment
from offhook.report_page import axes, charts, words
from offhook.report_page.cards import card, keys
from offhook.report_page.charts import Bar, Point
from offhook.report_page.markup import Markup
from offhook.report_page.tables import Cell, behind, number
from offhook.times import Clock


class Series:
    """Charts over the intervals of the figures."""

    def __init__(self, figures: Figures, clock: Clock) -> None:
        self._figures, self._clock = figures, clock
        self._labels = words.labels([each.start for each in figures.series], clock, figures.step_us)
        self._times = [clock.show(each.start) for each in figures.series]
        self._each = f"per {words.step(figures.step_us)}"

    def calls(self) -> Markup:
        """Answered and not answered."""
        columns = [
            Bar(
                label,
                f"{time}: {words.count(each.calls)} calls, {words.count(each.answered)} answered",
                (("one", each.answered), ("rest", each.calls - each.answered)),
            )
            for each, label, time in zip(self._figures.series, self._labels, self._times, strict=True)
        ]
        picture = charts.bars(
            charts.WIDE, f"Calls {self._each}, answered and not. {self._busiest()}", columns
        )
        return card(
            "Calls",
            f"{self._each}, by their INVITE",
            picture,
            self._numbers(),
            legend=keys(("one", "answered"), ("rest", "not answered")),
            full=True,
        )

    def concurrent(self) -> Markup:
        """Calls in progress."""
        most = self._figures.concurrent_max
        picture = charts.line(
            charts.WIDE,
            f"Concurrent calls, the most in each {words.step(self._figures.step_us)}; at most {most:,}.",
            self._points(
                lambda each: float(each.concurrent), lambda each: f"{each.concurrent:,} in progress"
            ),
            marks=axes.whole_marks(most),
            area=True,
        )
        note = f"the most at once {self._each}, from INVITE to end"
        return card("Concurrent calls", note, picture, full=True)

    def asr(self) -> Markup:
        """Answer-seizure ratio."""
        return self._line(
            "ASR",
            f"answered of all calls, % {self._each}",
            lambda each: each.asr,
            words.percent,
            [0.0, 25.0, 50.0, 75.0, 100.0],
        )

    def acd(self) -> Markup:
        """Average call duration."""
        return self._line(
            "ACD", f"mean length of answered calls, seconds {self._each}", lambda each: each.acd, words.length
        )

    def pdd(self) -> Markup:
        """Post-dial delay."""
        return self._line(
            "PDD", f"median post-dial delay, seconds {self._each}", lambda each: each.pdd, words.seconds
        )

    def mos(self) -> Markup:
        """MOS."""
        return self._line(
            "MOS over time",
            f"median of the calls' lower sides {self._each}",
            lambda each: each.mos,
            words.decimal,
            [1.0, 2.0, 3.0, 4.0, 5.0],
        )

    def _line(
        self,
        title: str,
        note: str,
        value: Callable[[Moment], float | None],
        said: Callable[[float | None], str],
        marks: list[float] | None = None,
    ) -> Markup:
        known = [found for each in self._figures.series if (found := value(each)) is not None]
        if not known:
            return card(title, note, empty="No call of these has it.")
        marks, name = marks or axes.marks(max(known)), title.partition(" ")[0]
        picture = charts.line(
            charts.HALF,
            f"{title}: {note}; lowest {said(min(known))}, highest {said(max(known))}.",
            self._points(value, lambda each: f"{name} {said(value(each))}"),
            marks=marks,
            low=marks[0],
            kind="two",
        )
        return card(title, note, picture)

    def _points(self, value: Callable[[Moment], float | None], said: Callable[[Moment], str]) -> list[Point]:
        return [
            Point(label, f"{time}: {said(each)}", value(each))
            for each, label, time in zip(self._figures.series, self._labels, self._times, strict=True)
        ]

    def _busiest(self) -> str:
        most = max(self._figures.series, key=lambda each: each.calls)
        return f"Most at {self._clock.show(most.start)}: {most.calls:,}."

    def _numbers(self) -> Markup:
        heads = (
            *(Cell("From"), number("Calls"), number("Answered"), number("ASR"), number("ACD")),
            *(number("PDD"), number("MOS"), number("Concurrent")),
        )
        rows = (
            (
                Cell(time, "time"),
                number(words.count(each.calls)),
                number(words.count(each.answered)),
                number(words.percent(each.asr)),
                number(words.length(each.acd)),
                number(words.seconds(each.pdd)),
                number(words.decimal(each.mos)),
                number(words.count(each.concurrent)),
            )
            for each, time in zip(self._figures.series, self._times, strict=True)
        )
        return behind(f"Calls, ASR, ACD, PDD, MOS and concurrent calls {self._each}", heads, rows)
