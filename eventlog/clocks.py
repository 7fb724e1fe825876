"""The clock graph: who waits for whose watermark, and that no clock waits for itself."""

import sys
from collections.abc import Iterable
from typing import Final

from eventlog.topics import TOPICS, Topic

Edge = tuple[str, str, str]
"""(who speaks, by which topic, who waits for it); nodes are stages, and rooms that are no stage."""

SHARED_STEPS: Final[tuple[Edge, ...]] = (("dialogs", "(same step)", "records"),)
"""Clocks handed over inside one stage partition, without a topic."""


class ClockCycleError(Exception):
    """A clock would wait for itself."""


def edges(topics: Iterable[Topic] = TOPICS) -> list[Edge]:
    """Every edge that carries a clock."""
    by_topic = [(topic.producer, topic.name, stage) for topic in topics for stage in topic.clock_to]
    return [*by_topic, *SHARED_STEPS]


def order(graph: Iterable[Edge]) -> list[str]:
    """The nodes, each after all it waits for; ClockCycleError names a circle where there is one."""
    waits_for: dict[str, list[Edge]] = {}
    for edge in graph:
        waits_for.setdefault(edge[0], [])
        waits_for.setdefault(edge[2], []).append(edge)
    done: list[str] = []
    for node in waits_for:
        _visit(node, waits_for, [], done)
    return done


def _visit(node: str, waits_for: dict[str, list[Edge]], path: list[Edge], done: list[str]) -> None:
    if node in done:
        return
    for edge in waits_for[node]:
        trail = [*path, edge]
        circle = next((at for at, passed in enumerate(trail) if passed[2] == edge[0]), None)
        if circle is not None:
            steps = "; ".join(f"{two} waits for {one} by {topic}" for one, topic, two in trail[circle:])
            raise ClockCycleError(f"the clock graph has a cycle: {steps}")
        _visit(edge[0], waits_for, trail, done)
    done.append(node)


def main() -> int:
    """Print the edges; 1 and the circle where there is one."""
    graph = edges()
    try:
        nodes = order(graph)
    except ClockCycleError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for speaker, topic, waiting in sorted(
        graph, key=lambda edge: (nodes.index(edge[2]), nodes.index(edge[0]))
    ):
        sys.stdout.write(f"{speaker:10} {topic:18} {waiting}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
