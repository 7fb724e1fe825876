"""A call in the records' hands, and what the calls of a site have in common."""

from typing import Final
from zlib import crc32

import msgspec

from schemas.channels import ChannelEvent
from schemas.clock import NOT_STARTED
from streams.clock import SiteClock
from streams.dialogs.call import Call
from streams.records.missing import Missing
from streams.records.related import Relations, Tie

SiteKey = tuple[str, str]
"""Account and site."""

DIALOGS: Final = "dialogs"
NEVER: Final = -(2**62)


class Timer:
    """What happens to a call at a point of event time; at one time in this order.

    Plain numbers, no enum: Python 3.11 takes 0.1 µs to name a member.
    """

    ENTER = 0  # it started: which other calls belong to it
    TAKE = 1  # a channel is taken
    RELEASE = 2  # and given back
    SILENCE = 3  # a media timer may have run out
    RECORD = 4  # ended, and the media is in
    FORGET = 5  # nothing more is taken
    ORPHAN = 6  # streams whose call never came

    COUNT = 7


class Entry(msgspec.Struct, array_like=True, gc=False):
    """A call and how far the records are with it. Changed in place."""

    call: Call
    timers: list[int] = msgspec.field(default_factory=lambda: [NEVER] * Timer.COUNT)
    ties: list[Tie] = []
    related: list[tuple[str, str]] = []
    version: int = 0
    seen: list[int] = []  # what of the call the last record shows, in numbers
    entered: bool = False
    took_channel: bool = False
    gave_back: bool = False
    admitted: bool | None = None  # None: not decided
    channels: int = 0  # in use when it asked
    due: bool = False  # the record may be made
    stale: bool = False  # what the last record says is no longer all
    emitted: bool = False
    timed_out: bool = False  # a media timer ended it
    let_go: bool = False  # forgotten as soon as its channel is decided
    streams_omitted: bool = False

    @property
    def decided(self) -> bool:
        """Whether it is known if there was a channel for it."""
        return not self.took_channel or self.admitted is not None


class Site:
    """The clock of a site, its timers, and its open calls by what ties them together."""

    __slots__ = (
        "account",
        "channel_clock",
        "channel_events",
        "clock",
        "heap",
        "missing",
        "relations",
        "site",
        "stood_at",
        "stood_since",
    )

    def __init__(self, key: SiteKey, media_partitions: int) -> None:
        self.account, self.site = key
        self.clock = SiteClock.of((DIALOGS, *range(media_partitions)))
        self.relations = Relations()
        self.heap: list[tuple[int, int, str]] = []
        self.missing = Missing()
        self.channel_clock = NOT_STARTED  # up to which channels have been told
        self.channel_events: list[ChannelEvent] = []
        self.stood_at = NOT_STARTED  # wall time is no state: interim records are outside of rule 3
        self.stood_since: int | None = None


def shown(call: Call) -> list[int]:
    """What of a call's state changes its record, in numbers: equal numbers, equal record."""
    return [
        call.messages,
        call.retransmissions,
        call.copies,
        call.invite_retransmissions,
        call.last_us,
        call.ended_us or NEVER,
        call.bye_ok_us or NEVER,
        crc32(call.end_reason.encode()),
        len(call.events) + call.events_omitted,
        len(call.digits),
        len(call.holds),
        len(call.related),
        len(call.flags),
        len(call.sensors),
    ]
