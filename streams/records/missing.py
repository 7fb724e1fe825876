"""The times of which a site's packets were never read, and the calls that ran then."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from schemas.media_windows import Unread
from streams.bounds import UNREAD_SPANS
from streams.dialogs.call import Call
from streams.records.dead_air import Span, union
from streams.records.outcome import start_not_seen

LONGEST_CALL_US: Final = 14_400_000_000
"""A call whose start was not seen may have begun so long before its first message."""


class Missing(msgspec.Struct, array_like=True):
    """When SIP and RTP of a site are missing: disjoint spans in order."""

    sip: list[Span] = []
    media: list[Span] = []


def with_unread(spans: Sequence[Span], unread: Iterable[Unread]) -> list[Span]:
    """The spans and further ones; of too many the earliest two become one."""
    joined = union([*spans, *((each.from_us, each.to_us) for each in unread)])
    while len(joined) > UNREAD_SPANS:
        joined[:2] = [(joined[0][0], joined[1][1])]
    return joined


def touched(call: Call, end_us: int, spans: Sequence[Span]) -> bool:
    """Whether a call that ends at `end_us` ran in one of these times, or may have."""
    if not spans:
        return False
    began = call.start_us - LONGEST_CALL_US if start_not_seen(call) else call.start_us
    return any(since <= end_us and began < until for since, until in spans)
