"""`channels` and `channel.decisions`: a call takes a channel, and whether one was free."""

import msgspec


class ChannelEvent(msgspec.Struct, frozen=True, gc=False):
    """A channel taken (first 18x or 2xx) or given back (end of the call) at `time_us`."""

    time_us: int
    cdr_id: str
    call_id: str
    sensor: str
    caller: str
    callee: str
    taken: bool


class ChannelBatch(msgspec.Struct, frozen=True):
    """What one calls partition (`source`) took and gave back, in event-time order, up to `clock_us`."""

    account: str
    site: str
    source: int
    clock_us: int
    events: list[ChannelEvent]


class ChannelDecision(msgspec.Struct, frozen=True, gc=False):
    """Admitted, or over the limit; `taken` channels were in use then, this one counted."""

    account: str
    site: str
    cdr_id: str
    call_id: str
    admitted: bool
    taken: int
