"""When something happens to a call next: its timers, set by what is known of it."""

import heapq
from typing import Final

from streams.dialogs.call import Call
from streams.records.entry import NEVER, Entry, Site, Timer
from streams.records.timers import WINDOW_LAG_US, known_us, seconds_us
from streams.settings import RecordSettings

MEDIA_SETTLES_US: Final = 1_000_000
"""So long after a call's end media's last rows for it are in: a stream stays its owner's for 1 s."""


def schedule(site: Site, entry: Entry, settings: RecordSettings) -> None:
    """Set the timers that the call's state asks for."""
    call = entry.call
    if not entry.entered:
        set_timer(site, entry, Timer.ENTER, call.start_us)
    if settings.channels_max:
        _schedule_channel(site, entry)
    if call.ended_us is None:
        set_timer(site, entry, Timer.RECORD, NEVER)
        if entry.timers[Timer.SILENCE] == NEVER and not entry.timed_out:
            wait = seconds_us(settings.rtp_timeout_s) + WINDOW_LAG_US
            set_timer(site, entry, Timer.SILENCE, call.last_us + wait)
    else:
        set_timer(site, entry, Timer.SILENCE, NEVER)
        if not entry.due or entry.timed_out:
            set_timer(site, entry, Timer.RECORD, known_us(call) + MEDIA_SETTLES_US)
    if not entry.let_go:
        set_timer(site, entry, Timer.FORGET, forget_at(call, settings) if call.closed else NEVER)


def _schedule_channel(site: Site, entry: Entry) -> None:
    call = entry.call
    begun = [time for time in (call.ringing_us, call.answer_us) if time is not None]
    if begun and not entry.took_channel:
        set_timer(site, entry, Timer.TAKE, min(begun))
    if begun and call.ended_us is not None and not entry.gave_back:
        set_timer(site, entry, Timer.RELEASE, max(known_us(call), min(begun)))


def set_timer(site: Site, entry: Entry, timer: int, time_us: int) -> None:
    """Let a timer run out at a time, NEVER: not at all. What stands in the heap for it before is void."""
    if entry.timers[timer] != time_us:
        entry.timers[timer] = time_us
        if time_us != NEVER:
            heapq.heappush(site.heap, (time_us, timer, entry.call.cdr_id))


def forget_at(call: Call, settings: RecordSettings) -> int:
    """When a closed call is let go."""
    closed = max(call.close_at_us or NEVER, known_us(call) + MEDIA_SETTLES_US)
    return closed + seconds_us(settings.closed_s)
