"""The report under a table: what was seen, and what was discarded and why."""

from collections.abc import Iterator

from offhook.bounds import WARNING_LINES
from offhook.counters import MEANINGS, in_words, sort_out
from offhook.report import Shown, Summary
from offhook.text import clean
from offhook.times import Clock
from streams.records.flags import MEANINGS as FLAGS


def summary_lines(summary: Summary, shown: Shown, clock: Clock) -> Iterator[str]:
    """Lines of the report: headings without, details with an indent."""
    yield ""
    yield f"{_count(summary.calls, 'call')}, {_count(summary.streams, 'stream')}{_span(summary, clock)}"
    if shown.outcomes:
        yield "  " + ", ".join(f"{n:,} {name}" for name, n in sorted(shown.outcomes.items(), key=_largest))
    if shown.flags:
        yield "flags"
        yield from _counters(shown.flags, FLAGS)
    counted = sort_out(summary.counters)
    if summary.packets:
        yield _count(summary.packets, "packet")
        named = ((kind.replace("_", " "), n) for kind, n in sorted(counted.packets.items(), key=_largest))
        yield "  " + ", ".join(f"{n:,} {kind}" for kind, n in named)
    if counted.outside:
        yield "SIP outside of calls"
        yield from (f"  {method}: {in_words(n)}" for method, n in sorted(counted.outside.items()))
    if counted.discards:
        yield "discarded, late or set aside"
        yield from _counters(counted.discards, {**MEANINGS, **summary.meanings})
    if summary.warnings:
        yield "warnings"
        yield from (f"  {clean(warning)}" for warning in summary.warnings[:WARNING_LINES])
        if len(summary.warnings) > WARNING_LINES:
            yield f"  and {len(summary.warnings) - WARNING_LINES:,} more"


def _counters(counters: dict[str, int], meanings: dict[str, str]) -> Iterator[str]:
    numbers = max(len(f"{n:,}") for n in counters.values())
    names = max(len(name) for name in counters)
    for name, n in sorted(counters.items(), key=_largest):
        yield f"  {n:>{numbers},}  {clean(name):<{names}}  {meanings.get(name, '')}".rstrip()


def _span(summary: Summary, clock: Clock) -> str:
    if summary.first_us is None or summary.last_us is None:
        return ""
    return f", from {clock.show(summary.first_us)} to {clock.show(summary.last_us)} ({clock.name})"


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _largest(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]
