"""The times of which a site's packets are missing, never read or never captured, and the calls of then."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from schemas.media_windows import Unread
from streams.bounds import DROPPED_SPANS, UNREAD_SPANS
from streams.dialogs.call import Call
from streams.records.dead_air import Span, union
from streams.records.outcome import start_not_seen
from streams.unread import Drop

LONGEST_CALL_US: Final = 14_400_000_000
"""A call whose start was not seen may have begun so long before its first message."""

UNSEEN_END_US: Final = 60_000_000
"""So long after its last packet a call may have ended whose end was not seen."""


class Missing(msgspec.Struct, array_like=True):
    """When SIP and RTP of a site were never read: disjoint spans in order; and what its sensors lost."""

    sip: list[Span] = []
    media: list[Span] = []
    dropped: list[Drop] = []


def with_unread(spans: Sequence[Span], unread: Iterable[Unread]) -> list[Span]:
    """The spans and further ones; of too many the earliest two become one."""
    joined = union([*spans, *((each.from_us, each.to_us) for each in unread)])
    while len(joined) > UNREAD_SPANS:
        joined[:2] = [(joined[0][0], joined[1][1])]
    return joined


def earliest_us(call: Call) -> int:
    """Since when a call ran, or may have."""
    return call.start_us - LONGEST_CALL_US if start_not_seen(call) else call.start_us


def touched(call: Call, end_us: int, spans: Sequence[Span]) -> bool:
    """Whether a call that ends at `end_us` ran in one of these times, or may have."""
    if not spans:
        return False
    began = earliest_us(call)
    return any(since <= end_us and began < until for since, until in spans)


def with_dropped(drops: Sequence[Drop], more: Iterable[Drop], needed_from_us: int) -> list[Drop]:
    """The drops and further ones, without those before the time that anybody still asks for.

    Of too many of one sensor the earliest two become one.
    """
    kept = sorted(each for each in (*drops, *more) if each.to_us > needed_from_us)
    while len(kept) > DROPPED_SPANS:
        first = kept.pop(0)
        at = next((n for n, each in enumerate(kept) if each.sensor == first.sensor), None)
        if at is not None:
            second = kept[at]
            packets = first.packets + second.packets
            kept[at] = Drop(first.from_us, max(first.to_us, second.to_us), packets, first.sensor)
            kept.sort()
    return kept


def drops_of(
    call: Call, sensors: Iterable[str], last_rtp_us: int | None, drops: Sequence[Drop]
) -> list[Drop]:
    """What the sensors of a call, by name, lost while it ran, or when it may have ended."""
    if not drops:
        return []
    names = frozenset(sensors)
    end_us = call.bye_us if call.answer_us is not None else call.bye_us or call.failure_us
    if end_us is None:
        end_us = max(call.last_us, last_rtp_us or call.last_us) + UNSEEN_END_US
    found = (each for each in drops if each.sensor in names)
    return [each for each in found if touched(call, end_us, [(each.from_us, each.to_us)])]
