"""The records' state as bytes: what changed since it was last asked for, and back.

A call and a stream have a key each; a site's key has its clock; an orphan's key says of which site it is.
"""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from streams.clock import SiteClock
from streams.records.entry import Entry, Site, SiteKey
from streams.records.gather import MediaOfCalls
from streams.records.missing import Missing

CALL: Final = b"c"
STREAM: Final = b"s"
SITE: Final = b"k"
ORPHAN: Final = b"o"


class _SiteState(msgspec.Struct, array_like=True):
    clock: SiteClock
    channel_clock: int
    missing: Missing = msgspec.field(default_factory=Missing)


_ENCODER: Final = msgspec.msgpack.Encoder()
_ENTRY: Final = msgspec.msgpack.Decoder(Entry)
_SITE: Final = msgspec.msgpack.Decoder(_SiteState)
_KEY: Final = msgspec.msgpack.Decoder(tuple[str, str])


class Saved:
    """Knows what changed since it was last asked; until it is asked once it keeps no account."""

    def __init__(
        self,
        media: MediaOfCalls,
        entries: dict[str, Entry],
        sites: dict[SiteKey, Site],
        orphans: dict[str, SiteKey],
    ) -> None:
        self._media, self._entries, self._sites, self._orphans = media, entries, sites, orphans
        self._active = False
        self._calls: set[str] = set()
        self._site_keys: set[SiteKey] = set()
        self._orphan_ids: set[str] = set()

    def call(self, cdr_id: str) -> None:
        """A call changed or was forgotten."""
        if self._active:
            self._calls.add(cdr_id)

    def site(self, key: SiteKey) -> None:
        """A site's clock moved."""
        if self._active:
            self._site_keys.add(key)

    def orphan(self, cdr_id: str) -> None:
        """Streams wait for their call, or no longer."""
        if self._active:
            self._orphan_ids.add(cdr_id)

    def forget_streams(self) -> None:
        """Where nothing is saved, do not collect what nobody asks for."""
        if not self._active:
            self._media.changed.clear()

    def changes(self) -> dict[bytes, bytes | None]:
        """What changed, encoded; None deletes. The first time: everything."""
        if not self._active:
            self._active = True
            self._calls.update(self._entries)
            self._media.changed.update(self._media.sums.streams)
            self._site_keys.update(self._sites)
            self._orphan_ids.update(self._orphans)
        changes: dict[bytes, bytes | None] = {}
        for cdr_id in self._calls:
            changes[CALL + cdr_id.encode()] = self._encode_call(cdr_id)
        for stream in self._media.changed:
            heard = self._media.sums.streams.get(stream)
            changes[STREAM + stream.to_bytes(8)] = self._media.sums.encode(heard) if heard else None
        for key in self._site_keys:
            site = self._sites[key]
            kept = _SiteState(site.clock, site.channel_clock, site.missing)
            changes[SITE + _ENCODER.encode(key)] = _ENCODER.encode(kept)
        for cdr_id in self._orphan_ids:
            of = self._orphans.get(cdr_id)
            changes[ORPHAN + cdr_id.encode()] = _ENCODER.encode(of) if of else None
        for changed in (self._calls, self._media.changed, self._site_keys, self._orphan_ids):
            changed.clear()
        return changes

    def restore(self, state: Mapping[bytes, bytes], site: Callable[[SiteKey], Site]) -> None:
        """Fill the state; calls in order of their start, as they once entered."""
        self._active = True
        entries = []
        for key, value in state.items():
            match key[:1]:
                case b"c":
                    entries.append(_ENTRY.decode(value))
                case b"s":
                    self._media.restore(value)
                case b"k":
                    saved = _SITE.decode(value)
                    restored = site(_KEY.decode(key[1:]))
                    restored.clock, restored.channel_clock = saved.clock, saved.channel_clock
                    restored.missing = saved.missing
                case b"o":
                    self._orphans[key[1:].decode()] = _KEY.decode(value)
        for entry in sorted(entries, key=lambda each: (each.call.start_us, each.call.cdr_id)):
            self._entries[entry.call.cdr_id] = entry
            if entry.streams_omitted:
                self._media.omitted.add(entry.call.cdr_id)

    def _encode_call(self, cdr_id: str) -> bytes | None:
        entry = self._entries.get(cdr_id)
        if entry is None:
            return None
        entry.streams_omitted = cdr_id in self._media.omitted
        return _ENCODER.encode(entry)
