"""The dialogs of one partition: SIP batches in, calls and their endpoints out."""

from collections.abc import Mapping

import msgspec

from schemas.media_endpoints import EndpointBatch
from schemas.media_windows import Unread
from schemas.sip_messages import SipBatch
from streams.dialogs.call import Call
from streams.dialogs.others import Outside
from streams.dialogs.register import Register
from streams.dialogs.saved import load, save
from streams.dialogs.site import Site
from streams.settings import CallSettings
from streams.unread import Drop

SiteName = tuple[str, str]
"""Account, site."""


class DialogsOutput(msgspec.Struct):
    """What one advance brought: endpoints a site, calls made or changed (each once), clocks that moved,
    messages of no call, with the event time each site has reached, times of which SIP is missing, and what
    sensors lost."""

    endpoints: list[EndpointBatch]
    changed: list[Call]
    clocks: dict[SiteName, int]
    outside: list[Outside] = []
    reached: dict[SiteName, int] = {}
    unread: dict[SiteName, list[Unread]] = {}
    dropped: dict[SiteName, list[Drop]] = {}


class Dialogs:
    """Calls rebuilt from the SIP of one partition; pure: event time comes with the batches.

    `calls` has every call the records may still need, by cdr_id: a call stays until it has been forgotten
    and no message can join it. A call that was forgotten and shows up in `changed` again is to be
    forgotten again.
    """

    def __init__(self, source: int, settings: CallSettings) -> None:
        self.source = source
        self._register = Register(settings)
        self._sites: dict[SiteName, Site] = {}
        self.calls = self._register.calls
        self.counters: dict[str, int] = self._register.counters

    def apply(self, batch: SipBatch) -> None:
        """Queue the messages of one sensor; `advance` applies them when the site's clock has passed."""
        self._site((batch.account, batch.site)).apply(batch)

    def _site(self, name: SiteName) -> Site:
        site = self._sites.get(name)
        if site is None:
            site = self._sites[name] = Site(self._register, *name)
        return site

    def advance(self) -> DialogsOutput:
        """Apply all messages and fire all timers before the clocks, in event-time order a site."""
        output = DialogsOutput([], [], {})
        for name, site in self._sites.items():
            clock = site.clock.now
            if site.unread:
                output.unread[name], site.unread = site.unread, []
            if site.dropped:
                output.dropped[name], site.dropped = site.dropped, []
            if clock <= site.now_us and not site.arrivals.queue:
                continue
            site.advance()
            output.reached[name] = site.reached_us
            output.clocks[name] = clock
            if site.clock.tick(bool(site.events)):
                output.endpoints.append(EndpointBatch(*name, self.source, clock, site.events))
                site.events = []
        register = self._register
        output.changed = list(register.changed.values())
        register.unsaved.update(register.changed)
        register.changed.clear()
        output.outside, register.outside = register.outside, []
        return output

    def forget(self, cdr_id: str) -> None:
        """The records are done with a call; a message within a minute of its close still joins it."""
        self._register.forget(cdr_id)

    def changes(self) -> dict[bytes, bytes | None]:
        """State changed since the last call, encoded; None deletes."""
        return save(self._register, self._sites)

    def restore(self, state: Mapping[bytes, bytes]) -> None:
        """Take over what `changes` gave, all of it put together; the Dialogs must be new."""
        load(state, self._register, self._sites)
