"""A call's page: heading, ladder, streams, related calls, texts."""

import shlex
from collections.abc import Iterator, Sequence

from offhook.output.call import steps as call_steps
from offhook.output.call.heading import heading
from offhook.output.call.lines import Line, wrap
from offhook.output.call.media import digits_and_hold, streams
from offhook.output.call.story import CallStory
from offhook.output.call.texts import texts
from offhook.output.ladder import Endpoint, Step, has_room, is_drawn, ladder
from offhook.text import clean
from offhook.times import Clock
from schemas.cdr import RelatedCall


def page(
    story: CallStory,
    columns: int,
    clock: Clock,
    *,
    with_texts: bool,
    opens: Sequence[str],
    whole_texts: bool = False,
) -> Iterator[Line]:
    """Lines at most so many columns wide, but those of `whole_texts`.

    `opens`: the words of the command that shows another call, the last one right before its id.
    """
    call = story.record
    yield from heading(call, columns, clock)
    yield []
    sip = "1 SIP message" if call.sip_messages == 1 else f"{call.sip_messages:,} SIP messages"
    again = f", {call.invite_retransmissions} INVITE again" if call.invite_retransmissions else ""
    yield from wrap([("Ladder", "bold"), (f"· {sip}{again}", "dim")], columns)
    yield from _ladder(story, columns, clock)
    if call.streams:
        yield []
        yield [("Streams", "bold")]
        yield from streams(call, story.windows, columns, clock)
    if call.dtmf or call.hold:
        yield []
        yield [("Digits and hold", "bold")]
        yield from digits_and_hold(call, columns)
    if call.related:
        yield []
        yield [("Related calls", "bold")]
        for related in call.related:
            yield from _related(related, columns, opens)
    if with_texts:
        yield []
        yield [("Messages", "bold")]
        yield from _texts(story, columns, clock, whole=whole_texts)


def _ladder(story: CallStory, columns: int, clock: Clock) -> Iterator[Line]:
    """With columns for media's hosts where there is room; by hosts alone where ports take too much."""
    record = story.record
    places = call_steps.endpoints_of(record)
    lanes = list(dict.fromkeys(places.values()))
    sip = call_steps.sip_steps(story, places)

    def with_media(endpoints: list[Endpoint]) -> list[Step]:
        return call_steps.merged(sip, call_steps.media_steps(record, places, endpoints))

    wide = [*lanes, *call_steps.media_hosts(record, lanes)]
    steps = with_media(wide)
    if has_room(steps, wide, columns):
        yield from ladder(steps, wide, columns, clock)
        return
    steps = with_media(lanes)
    hosts = list(dict.fromkeys(Endpoint(lane.address, None) for lane in lanes))
    if not is_drawn(steps, lanes, columns):
        merged = call_steps.by_host(steps)
        if is_drawn(merged, hosts, columns):
            steps, lanes = merged, hosts
        else:
            steps, lanes = with_media(wide), wide
    yield from ladder(steps, lanes, columns, clock)


def _related(related: RelatedCall, columns: int, opens: Sequence[str]) -> Iterator[Line]:
    """Another leg, why we think so, and the command that shows it."""
    call_id = clean(related.call_id)
    yield from wrap([(call_id, "bold"), (f"({related.why})", "dim")], columns, indent=4, first=2)
    if call_id == related.call_id:
        *words, last = opens
        guard = ["--"] if not last and call_id.startswith("-") else []
        command = " ".join((*words, *guard, last + shlex.quote(call_id)))
        yield from wrap([(command, "dim")], columns, indent=6, first=4)


def _texts(story: CallStory, columns: int, clock: Clock, *, whole: bool) -> Iterator[Line]:
    if story.packets is None:
        said = "The store keeps no texts: packets stay with the sensor. The ladder above shows the events."
        yield from wrap([(said, "")], columns, indent=2, first=2)
        return
    yield from texts(story.packets, columns, clock, whole=whole)
