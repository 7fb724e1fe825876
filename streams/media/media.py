"""The media stage: RTP and RTCP headers and announced endpoints in, window rows out."""

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

from eventlog.topics import routing
from schemas.media_endpoints import EndpointBatch
from schemas.rtcp_packets import RtcpBatch
from schemas.rtp_packets import RtpBatch
from streams.media import saved
from streams.media.maps import PayloadKey, PayloadMaps
from streams.media.outbox import Outbox
from streams.media.settings import MediaSettings
from streams.media.site import SiteMedia
from streams.stage import Fact, Input


class Media:
    """One partition of the media stage; `dialogs` and `calls` are the partitions it hears and feeds."""

    inputs = ("rtp.packets", "rtcp.packets", "media.endpoints")

    def __init__(
        self, number: int, dialogs: int = 1, calls: int = 1, settings: MediaSettings | None = None
    ) -> None:
        self.number, self.dialogs, self.calls = number, dialogs, calls
        self.settings = settings or MediaSettings()
        self.maps = PayloadMaps()
        self.sites: dict[tuple[str, str], SiteMedia] = {}
        self.counters: Counter[str] = Counter()

    def step(self, inputs: Iterable[Input]) -> list[Fact]:
        """Take the batches, then apply what the clock of each site allows."""
        for _, value in inputs:
            site = self._site(value.account, value.site)
            if isinstance(value, RtpBatch):
                site.take_rtp(value)
            elif isinstance(value, RtcpBatch):
                site.take_rtcp(value)
            elif isinstance(value, EndpointBatch):
                site.take_endpoints(value)
        facts = []
        for (account, name), site in self.sites.items():
            for target, batch in site.advance().items():
                facts.append(Fact("media.windows", target, routing(account, name), batch))
        return facts

    def _site(self, account: str, name: str) -> SiteMedia:
        site = self.sites.get((account, name))
        if site is None:
            outbox = Outbox(account, name, self.number, self.calls)
            site = SiteMedia(outbox, self.dialogs, self.maps, self.settings, self.counters)
            self.sites[account, name] = site
        return site

    def changes(self) -> dict[bytes, bytes | None]:
        """State changed since the last call, by key; None deletes."""
        changes: dict[bytes, bytes | None] = {b"maps": _encode(self.maps.keys)}
        for (account, name), site in self.sites.items():
            head = _encode((account, name))
            changes |= {head + b"|" + key: value for key, value in saved.save(site).items()}
        return changes

    def restore(self, state: Mapping[bytes, bytes]) -> None:
        """Take over all that `changes` gave; this stage must be new."""
        by_site: dict[bytes, dict[bytes, bytes]] = {}
        for key, value in state.items():
            if key == b"maps":
                for payloads in _maps(value):
                    self.maps.number(payloads)
            else:
                head, _, rest = key.partition(b"|")
                by_site.setdefault(head, {})[rest] = value
        for head, kept in by_site.items():
            site = self._site(*_names(head))
            new = site.clock
            saved.load(site, kept)
            site.clock.limited_as(new)


_encode = msgspec.json.Encoder().encode
_names = msgspec.json.Decoder(tuple[str, str]).decode
_maps = msgspec.json.Decoder(list[PayloadKey]).decode
