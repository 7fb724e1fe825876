"""A stream that several sensors heard: taken from the one that heard more of it, the rest from the others."""

from collections.abc import Iterable, Sequence
from itertools import chain

from streams.dialogs.call import Call
from streams.records.dead_air import STRETCH_US, Span, union, without
from streams.records.fold import StreamSums, sums_within
from streams.records.stream_record import StreamView


def of_one_sensor(views: Sequence[StreamView], sums: StreamSums, call: Call) -> list[StreamView]:
    """The views of each stream from the sensor that heard more of it (ties: lower sensor id).

    Before that one's first packet, after its last, and between two of its streams, for 2 s and more, it was
    not listening: there the stream is taken from the next best one.
    """
    flows: dict[tuple[object, ...], dict[str, list[StreamView]]] = {}
    for view in views:
        flows.setdefault(_flow(view), {}).setdefault(view.info.sensor, []).append(view)
    chosen = [view for by_sensor in flows.values() for view in _chosen(by_sensor, sums, call)]
    chosen.sort(key=lambda view: (view.first, view.heard.stream))
    return chosen


def _chosen(by_sensor: dict[str, list[StreamView]], sums: StreamSums, call: Call) -> Iterable[StreamView]:
    if len(by_sensor) == 1:
        return chain(*by_sensor.values())
    ranked = sorted(by_sensor, key=lambda sensor: (-sum(view.packets for view in by_sensor[sensor]), sensor))
    chosen = list(by_sensor[ranked[0]])
    for sensor in ranked[1:]:
        covered = union((view.first, view.last) for view in chosen)
        for view in by_sensor[sensor]:
            spans = _spans_of(view, covered)
            if spans:
                view.cut_to(sums_within(sums.contributions(view.heard), spans), call)
                chosen.append(view)
    return [view for view in chosen if view.packets > 0]


def _spans_of(view: StreamView, covered: Sequence[Span]) -> list[Span]:
    """When this stream was heard and none of those chosen was, in stretches of 2 s and more."""
    alone = without((view.first, view.last + 1), covered)
    return [(since, until) for since, until in alone if until - since >= STRETCH_US]


def _flow(view: StreamView) -> tuple[object, ...]:
    info = view.info
    return info.src_ip, info.src_port, info.dst_ip, info.dst_port, info.ssrc, info.kind
