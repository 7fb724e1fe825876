"""When a sink's batches are due: what somebody waits for soon, bulk seldom, everything when it is full."""

from collections.abc import Collection
from typing import Any

from sinks.age import Due
from sinks.contract import Place, Refusal
from sinks.settings import SinkSettings


class Topics:
    """A sink of two topics that takes nothing."""

    topics: tuple[str, ...] = ("cdr", "media.windows")
    bulk = frozenset({"media.windows"})
    full = False

    def add(self, place: Place, value: Any) -> None:
        """Nothing is kept."""

    def flush(self, topics: Collection[str]) -> list[Refusal]:  # noqa: ARG002 - as sinks are
        """Nothing is written."""
        return []

    def drop(self) -> None:
        """Nothing is kept."""


class Clock:
    """Seconds, moved by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


SETTINGS = SinkSettings(batch_age_s=0.25, bulk_age_s=2.0)
BOTH = {"cdr", "media.windows"}


def test_what_somebody_waits_for_is_due_sooner_than_bulk() -> None:
    clock = Clock()
    due = Due(Topics(), SETTINGS, clock)
    assert due.topics(BOTH) == set()
    assert due.wait_s(BOTH) == 0.25
    clock.now += 0.25
    assert due.topics(BOTH) == {"cdr"}
    due.begun({"cdr"})
    assert due.topics(BOTH) == set()
    clock.now += 1.75
    assert due.topics(BOTH) == BOTH
    assert due.topics({"media.windows"}) == {"media.windows"}


def test_nothing_is_due_of_which_nothing_is_held() -> None:
    clock = Clock()
    due = Due(Topics(), SETTINGS, clock)
    clock.now += 10
    assert due.topics(set()) == set()
    assert due.topics({"cdr"}) == {"cdr"}
    assert due.wait_s(set()) > 1


def test_a_complete_batch_is_due_with_everything() -> None:
    sink = Topics()
    due = Due(sink, SETTINGS, Clock())
    sink.full = True
    assert due.topics({"cdr"}) == BOTH
    assert due.topics(set()) == set()
