"""What the ledger of channels hears of calls: taken, given back, and up to when all has been told."""

from schemas.channels import ChannelBatch, ChannelEvent
from streams.records.entry import Entry, Site


def tell_channel(site: Site, entry: Entry, time_us: int, taken: bool) -> None:
    """The ledger reads events in order of time: one that came late counts from now."""
    call = entry.call
    site.channel_events.append(
        ChannelEvent(
            max(time_us, site.channel_clock),
            call.cdr_id,
            call.call_id,
            call.sensor,
            call.caller or "",
            call.callee or "",
            taken,
        )
    )


def give_back(site: Site, entry: Entry, time_us: int) -> None:
    """The call has ended: its channel is free, if it had asked for one."""
    if entry.took_channel and not entry.gave_back:
        entry.gave_back = True
        tell_channel(site, entry, time_us, taken=False)


def channel_batch(site: Site, partition: int) -> ChannelBatch | None:
    """What was taken and given back since the last one; None where nothing was, and the clock stands."""
    if not site.clock.tick(bool(site.channel_events)):
        return None
    events, site.channel_events = site.channel_events, []
    events.sort(key=lambda event: event.time_us)
    site.channel_clock = site.clock.now
    return ChannelBatch(site.account, site.site, partition, site.clock.now, events)
