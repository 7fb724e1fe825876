"""When what a sink has in hand is written: soon what somebody waits for, seldom what is bulk."""

from collections.abc import Callable, Collection, Set

from sinks.contract import Sink
from sinks.settings import SinkSettings


class Due:
    """The ages of a sink's two batches, counted from when the last one of each began."""

    def __init__(self, sink: Sink, settings: SinkSettings, clock: Callable[[], float]) -> None:
        self._sink, self._clock = sink, clock
        self._bulk = sink.bulk
        self._prompt = frozenset(sink.topics) - sink.bulk
        self._age_s = {self._prompt: settings.batch_age_s, self._bulk: settings.bulk_age_s}
        self._began = dict.fromkeys(self._age_s, clock())

    def topics(self, held: Set[str]) -> frozenset[str]:
        """The topics to write now, of which something is held; all where a batch is complete."""
        if held and self._sink.full:
            return self._prompt | self._bulk
        due = [topics for topics in self._age_s if held & topics and self._left_s(topics) <= 0]
        return frozenset().union(*due)

    def wait_s(self, held: Set[str]) -> float:
        """Seconds until something of what is held is due; more than anybody waits where nothing is."""
        return min((self._left_s(topics) for topics in self._age_s if held & topics), default=60.0)

    def begun(self, topics: Collection[str]) -> None:
        """These are being written."""
        for each in self._age_s:
            if each <= frozenset(topics):
                self._began[each] = self._clock()

    def _left_s(self, topics: frozenset[str]) -> float:
        return self._began[topics] + self._age_s[topics] - self._clock()
