"""The registrations of one partition: what SIP says outside of calls in, rows out."""

from collections.abc import Iterable, Mapping
from heapq import heapify
from typing import Final

import msgspec

from schemas.clock import END_OF_CAPTURE, NOT_STARTED
from schemas.registrations import Registration
from streams.dialogs.others import Outside
from streams.registrations.site import Site
from streams.registrations.state import RegistrationState

SiteName = tuple[str, str]
"""Account, site."""

_ROW: Final = b"row/"
_SITE: Final = b"site/"
_COUNTERS: Final = b"counters"


class _SavedSite(msgspec.Struct, array_like=True):
    account: str
    site: str
    serial: int
    now_us: int


_encode = msgspec.msgpack.Encoder().encode
_row = msgspec.msgpack.Decoder(RegistrationState)
_site = msgspec.msgpack.Decoder(_SavedSite)
_counters = msgspec.msgpack.Decoder(dict[str, int])


class Registrations:
    """Pure: messages come in event-time order a site, with the time each site has reached."""

    def __init__(self) -> None:
        self.counters: dict[str, int] = {}
        self._sites: dict[SiteName, Site] = {}
        self._saved_counters = _encode(self.counters)
        self._saves = False  # nobody has asked for changes

    def advance(
        self, outside: Iterable[Outside], reached: Mapping[SiteName, int], clocks: Mapping[SiteName, int]
    ) -> list[Registration]:
        """Apply the messages, fire what is due before the time each site has reached, and say what changed.

        Only sites of which a message outside of calls was ever heard are kept.
        """
        facts: list[Registration] = []
        for heard in outside:
            name = (heard.account, heard.site)
            site = self._sites.get(name)
            if site is None:
                site = self._sites[name] = Site(*name, self.counters)
            site.hear(heard, facts)
        for name, site in self._sites.items():
            site.fire(reached.get(name, NOT_STARTED), facts)
            if clocks.get(name, NOT_STARTED) >= END_OF_CAPTURE:
                site.finish(facts)
            site.report(facts)
            if not self._saves:
                site.unsaved.clear()
        return facts

    def changes(self) -> dict[bytes, bytes | None]:
        """State changed since the last call, encoded; None deletes."""
        changes: dict[bytes, bytes | None] = {}
        for site in self._sites.values():
            if not self._saves:
                site.unsaved.update(site.rows)
            _save_site(site, changes)
        self._saves = True
        counters = _encode(self.counters)
        if counters != self._saved_counters:
            changes[_COUNTERS] = self._saved_counters = counters
        return changes

    def restore(self, state: Mapping[bytes, bytes]) -> None:
        """Take over what `changes` gave, all of it put together; the Registrations must be new."""
        self._saves = True
        for key, value in state.items():
            if key.startswith(_SITE):
                saved = _site.decode(value)
                site = self._sites[saved.account, saved.site] = Site(saved.account, saved.site, self.counters)
                site.serial, site.now_us, site.saved = saved.serial, saved.now_us, value
            elif key == _COUNTERS:
                self.counters.update(_counters.decode(value))
                self._saved_counters = value
        rows = [_row.decode(value) for key, value in state.items() if key.startswith(_ROW)]
        for row in sorted(rows, key=lambda each: (each.heard_us, each.serial)):
            site = self._sites[row.account, row.site]
            site.rows[row.key] = row
            site.saved_keys.add(row.key)
            site.timers.append((row.queued_us, row.serial, row.key))
        for site in self._sites.values():
            heapify(site.timers)


def _save_site(site: Site, changes: dict[bytes, bytes | None]) -> None:
    for key in site.unsaved:
        name = _ROW + "\0".join((site.account, site.site, *key)).encode()
        state = site.rows.get(key)
        if state is not None:
            changes[name] = _encode(state)
            site.saved_keys.add(key)
        elif key in site.saved_keys:
            changes[name] = None
            site.saved_keys.discard(key)
    site.unsaved.clear()
    saved = _encode(_SavedSite(site.account, site.site, site.serial, site.now_us))
    if saved != site.saved:
        changes[_SITE + "\0".join((site.account, site.site)).encode()] = site.saved = saved
