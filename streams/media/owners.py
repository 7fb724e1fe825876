"""Which call owns an ip:port, from when until when, and whose stream a flow therefore is."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from ipaddress import ip_address
from typing import Final

import msgspec

from schemas.media_endpoints import EndpointOpened, Payload
from streams.bounds import OWNERS_PER_ADDRESS_MAX, OWNERS_PER_CALL_MAX
from streams.media.state import NEVER

REACH_BACK_US: Final = 2_000_000
"""An announcement claims media heard up to this long before it."""

Address = tuple[bytes, int]
"""Packed IP, port."""


class Owner(msgspec.Struct, gc=False):
    """One endpoint of a call: side `owner` listens on `address` from `from_us` until `until_us`."""

    cdr_id: str
    call_id: str
    owner: str
    hop: int
    branch: str
    media: str
    encrypted: bool
    address: Address
    sip_address: Address
    candidates: list[Address]
    payloads: list[Payload]
    ptime_ms: int
    from_us: int
    until_us: int = NEVER
    answered_us: int = NEVER

    @property
    def addresses(self) -> set[Address]:
        """Everywhere a flow of this endpoint may be seen."""
        return {self.address, self.sip_address, *self.candidates}


class Match(msgspec.Struct, gc=False):
    """The owners of a flow, one a call, and by which rule they were found."""

    owners: list[Owner]
    by: str
    towards: bool  # the flow goes to the endpoint (it carries the other side's voice), else comes from it


class Owners:
    """The endpoints of one site."""

    def __init__(self, aliases: Mapping[bytes, bytes] | None = None) -> None:
        self.by_call: dict[str, list[Owner]] = {}
        self.by_address: dict[Address, list[Owner]] = {}
        self.by_candidate: dict[Address, list[Owner]] = {}
        self.by_sip: dict[Address, list[Owner]] = {}
        self.touched: set[str] = set()  # calls changed since the state was saved
        self.aliases = aliases or {}  # natalias: public address -> private address

    def opened(self, event: EndpointOpened) -> tuple[Owner, bool]:
        """The endpoint's owner; True where it is new, False where it was open already and is updated."""
        address = (event.ip, event.port)
        self.touched.add(event.cdr_id)
        for owner in self.by_call.get(event.cdr_id, ()):
            if (
                owner.address == address
                and owner.owner == event.owner
                and owner.hop == event.hop
                and owner.branch == event.branch
                and owner.until_us == NEVER
            ):
                owner.payloads, owner.ptime_ms, owner.media = event.payloads, event.ptime_ms, event.media
                owner.encrypted = _encrypted(event.protocol)
                return owner, False
        owner = Owner(
            event.cdr_id, event.call_id, event.owner, event.hop, event.branch, event.media,
            _encrypted(event.protocol), address, (event.sip_ip, event.port),
            [(ip, port) for ip, port in event.candidates if (ip, port) != address],
            event.payloads, event.ptime_ms, event.time_us,
        )  # fmt: skip
        self.add(owner)
        if len(self.by_call[event.cdr_id]) > OWNERS_PER_CALL_MAX:
            self._drop_one(event.cdr_id)
        return owner, True

    def _drop_one(self, cdr_id: str) -> None:
        """Forget the call's oldest endpoint, one that it no longer uses if there is one."""
        owners = self.by_call[cdr_id]
        oldest = next((owner for owner in owners if owner.until_us < NEVER), owners[0])
        owners.remove(oldest)
        self._unplace(oldest)

    def add(self, owner: Owner) -> None:
        """Enter an owner into every index."""
        self.by_call.setdefault(owner.cdr_id, []).append(owner)
        for index, address in self._places(owner):
            index.setdefault(address, []).append(owner)

    def of_call(self, cdr_id: str) -> list[Owner]:
        """All endpoints of a call, oldest first."""
        return self.by_call.get(cdr_id, [])

    def at(self, address: Address) -> list[Owner]:
        """The endpoints announced for an address."""
        return self.by_address.get(address, [])

    def payloads(self, owner: Owner) -> list[Payload]:
        """The payload types of a stream to or from the endpoint: its own first, then the call's others."""
        payloads = list(owner.payloads)
        for other in self.by_call.get(owner.cdr_id, ()):
            if other is not owner and other.media == owner.media:
                payloads += other.payloads
        return payloads

    def forget(self, cdr_ids: Collection[str]) -> None:
        """Drop the endpoints of calls."""
        self.touched.update(cdr_ids)
        gone = [owner for cdr_id in cdr_ids for owner in self.by_call.pop(cdr_id, ())]
        if not self.by_call:  # the capture has ended
            for index in (self.by_address, self.by_candidate, self.by_sip):
                index.clear()
            return
        for owner in gone:
            self._unplace(owner)

    def _unplace(self, owner: Owner) -> None:
        for index, address in self._places(owner):
            rest = [other for other in index.get(address, ()) if other is not owner]
            if rest:
                index[address] = rest
            else:
                index.pop(address, None)

    def _places(self, owner: Owner) -> Iterator[tuple[dict[Address, list[Owner]], Address]]:
        yield self.by_address, owner.address
        for candidate in owner.candidates:
            yield self.by_candidate, candidate
        if owner.sip_address != owner.address:
            yield self.by_sip, owner.sip_address

    def match(self, source: Address, destination: Address, first_us: int, now_us: int) -> Match | None:
        """The owners of a flow whose first packet came at `first_us`, as far as known at `now_us`.

        Endpoints announced by then go before those that reach back; of these the earliest announcement.
        """
        reach = min(now_us, first_us + REACH_BACK_US)
        owners = self.by_address.get(destination, ())
        if len(owners) == 1 and owners[0].from_us <= first_us <= owners[0].until_us:  # almost always
            return Match([owners[0]], "sdp-destination", True)
        known = self._first_fit(source, destination, first_us, first_us)
        if known is not None:
            return self._joined(known, source, destination, first_us, reach)
        earliest = NEVER
        for owners in self._lists(source, destination):
            for owner in owners:
                if first_us < owner.from_us <= reach and _covers(owner, owners, first_us):
                    earliest = min(earliest, owner.from_us)
        if earliest == NEVER:
            return None
        found = self._first_fit(source, destination, first_us, earliest)
        return found and self._joined(found, source, destination, first_us, reach)

    def _joined(
        self, match: Match, source: Address, destination: Address, first_us: int, reach_us: int
    ) -> Match:
        """The match with the calls that announced the same endpoint shortly after the flow began.

        Of several, those whose other side announced the flow's other end, if there is one: some answer all
        calls on one port.
        """
        if match.by not in ("sdp-destination", "sdp-source"):
            return match
        owners = self.by_address[destination if match.towards else source]
        calls = {owner.cdr_id for owner in match.owners}
        later = [
            o
            for o in owners
            if o.cdr_id not in calls and o.from_us <= reach_us and _covers(o, owners, first_us)
        ]
        for owner in sorted(later, key=_order):
            if owner.cdr_id not in calls:
                calls.add(owner.cdr_id)
                match.owners = [*match.owners, owner]
        peer = source if match.towards else destination
        match.owners = [o for o in match.owners if self.faces(o, peer)] or match.owners
        match.owners.sort(key=_order)
        return match

    def reaches(self, owner: Owner, first_us: int) -> bool:
        """Whether the owner's announcement claims a packet of that time."""
        return _covers(owner, self.by_address.get(owner.address, []), first_us)

    def next_claim(self, source: Address, destination: Address, after_us: int) -> int:
        """Time of the earliest packet after `after_us` that an announcement claims, or NEVER."""
        earliest = NEVER
        for owners in self._lists(source, destination):
            for owner in owners:
                claim = max(_effective_from(owner, owners), after_us + 1)
                if claim <= owner.until_us:
                    earliest = min(earliest, claim)
        return earliest

    def _lists(self, source: Address, destination: Address) -> Iterator[list[Owner]]:
        for index, address, _, _ in self._rules(source, destination):
            if owners := index.get(address):
                yield owners

    def _rules(
        self, source: Address, destination: Address
    ) -> Iterable[tuple[dict[Address, list[Owner]], Address, str, bool]]:
        rules = [
            (self.by_address, destination, "sdp-destination", True),
            (self.by_candidate, destination, "ice", True),
        ]
        if alias := self.aliases.get(destination[0]):
            rules.append((self.by_address, (alias, destination[1]), "natalias", True))
        rules += [
            (self.by_address, source, "sdp-source", False),
            (self.by_candidate, source, "ice", False),
        ]
        if alias := self.aliases.get(source[0]):
            rules.append((self.by_address, (alias, source[1]), "natalias", False))
        rules += [
            (self.by_sip, destination, "sip-source", True),
            (self.by_sip, source, "sip-source", False),
        ]
        return rules

    def _first_fit(
        self, source: Address, destination: Address, first_us: int, announced_by_us: int
    ) -> Match | None:
        for index, address, by, towards in self._rules(source, destination):
            owners = index.get(address)
            if not owners:
                continue
            fitting = [
                owner
                for owner in self._some(owners, source if towards else destination)
                if owner.from_us <= announced_by_us and _covers(owner, owners, first_us)
            ]
            if fitting:
                fitting.sort(key=_order)
                return Match(self._one_a_call(fitting, source if towards else destination), by, towards)
        return None

    def _some(self, owners: list[Owner], peer: Address) -> list[Owner]:
        """The endpoints of an address to look at: of very many those that face the peer, or the newest."""
        if len(owners) <= OWNERS_PER_ADDRESS_MAX:
            return owners
        near = {owner.cdr_id for owner in self.by_address.get(peer, ())}
        return [o for o in owners if o.cdr_id in near][-OWNERS_PER_ADDRESS_MAX:] or owners[
            -OWNERS_PER_ADDRESS_MAX:
        ]

    def _one_a_call(self, owners: list[Owner], peer: Address) -> list[Owner]:
        """Of several endpoints of one call on an address, the one whose other side talks from `peer`."""
        if len(owners) == 1:
            return owners
        chosen: dict[str, Owner] = {}
        for owner in owners:
            held = chosen.get(owner.cdr_id)
            if held is None or (self.faces(owner, peer) and not self.faces(held, peer)):
                chosen[owner.cdr_id] = owner
        return list(chosen.values())

    def faces(self, owner: Owner, peer: Address) -> bool:
        """Whether the other side of the endpoint's call announced `peer`."""
        return any(o.owner != owner.owner and o.address == peer for o in self.by_call.get(owner.cdr_id, ()))

    def only_theirs(self, owners: Iterable[Owner], peer: Address, other: Owner) -> bool:
        """Whether calls of `owners` announced a flow's other end, `peer`, too, and the other's did not."""
        return any(self.faces(owner, peer) for owner in owners) and not self.faces(other, peer)

    def branch_of(self, owner: Owner, peer: Address) -> str:
        """To tag of the dialog a stream belongs to: the callee's endpoint tells it."""
        if owner.owner == "b":
            return owner.branch
        others = [other for other in self.by_call.get(owner.cdr_id, ()) if other.owner == "b"]
        for other in others:
            if other.address == peer:
                return other.branch
        for other in others:
            if other.address[0] == peer[0]:
                return other.branch
        return ""


def packed_aliases(aliases: Mapping[str, str]) -> dict[bytes, bytes]:
    """natalias settings as packed addresses."""
    return {ip_address(public).packed: ip_address(private).packed for public, private in aliases.items()}


def _order(owner: Owner) -> tuple[int, str, str, int, str]:
    """An order that does not depend on how announcements of one instant came together."""
    return owner.from_us, owner.cdr_id, owner.owner, owner.hop, owner.branch


def _encrypted(protocol: str) -> bool:
    return "SAVP" in protocol


def _effective_from(owner: Owner, owners: list[Owner]) -> int:
    """Since when media is claimed: 2 s before the announcement, never into a former owner's time."""
    since = owner.from_us - REACH_BACK_US
    for other in owners:
        if other is not owner and other.cdr_id != owner.cdr_id and other.until_us <= owner.from_us:
            since = max(since, other.until_us)
    return since


def _covers(owner: Owner, owners: list[Owner], time_us: int) -> bool:
    return time_us <= owner.until_us and (
        owner.from_us <= time_us or _effective_from(owner, owners) <= time_us
    )
