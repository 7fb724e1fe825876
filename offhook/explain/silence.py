"""Why nothing was heard at an announced endpoint, and which call a stream without one may belong to."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final, NamedTuple

from offhook.explain import flows
from offhook.explain.evidence import Announced, Evidence
from offhook.explain.flows import End, Flow
from offhook.explain.headers import UDP
from offhook.explain.words import count, end, is_private, way, when
from schemas.cdr import CallRecord, StreamRecord

UNREACHABLE: Final = "port-unreachable"
OTHER_ADDRESS: Final = "media-from-other-address"
OTHER_PORT: Final = "media-on-other-port"
NOTHING_ARRIVES: Final = "nothing-arrives"
NO_MEDIA_PACKETS: Final = "no-media-packets"
PRIVATE: Final = "private-address"
NOTHING: Final = "endpoints-silent"
PROBABLE: Final = (
    UNREACHABLE,
    OTHER_ADDRESS,
    OTHER_PORT,
    NOTHING_ARRIVES,
    NO_MEDIA_PACKETS,
    PRIVATE,
    NOTHING,
)
"""Kinds of reasons, the most telling first."""

_AFTER_US: Final = 2_000_000
_NEAR: Final = 4
_NOWHERE: Final = frozenset(("0.0.0.0", "::"))


class Reason(NamedTuple):
    """Why an endpoint is silent: its kind, and a line for the reader."""

    kind: str
    text: str


class Media:
    """Flows and announcements of a capture, found by end, address and port."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.of_calls: set[tuple[End, End]] = set()
        self.heard: set[End] = set()  # ends of streams of calls
        for call in evidence.calls:
            for stream in call.streams:
                src, dst = ends(stream)
                self.of_calls.add((src, dst))
                self.heard.update((src, dst))
        self.by_end: dict[End, list[Flow]] = defaultdict(list)
        self.by_address: dict[str, list[Flow]] = defaultdict(list)
        self.by_port: dict[int, list[Flow]] = defaultdict(list)
        for flow in evidence.survey.flows:
            if flow.protocol != UDP or flow.kinds & flows.SIP:
                continue
            for at in {flow.src, flow.dst}:
                self.by_end[at].append(flow)
            if flow.like_rtp and (flow.src, flow.dst) not in self.of_calls:
                for at in {flow.src, flow.dst}:
                    self.by_address[at[0]].append(flow)
                    self.by_port[at[1]].append(flow)
        self.announced_at: dict[End, list[Announced]] = defaultdict(list)
        self.announced_on: dict[str, list[Announced]] = defaultdict(list)
        self.announced_port: dict[int, list[Announced]] = defaultdict(list)
        for each in (each for known in evidence.announced.values() for each in known):
            self.announced_at[each.at].append(each)
            self.announced_on[each.at[0]].append(each)
            self.announced_port[each.at[1]].append(each)
        self.calls = {call.call_id: call for call in evidence.calls}

    @property
    def any_rtp(self) -> bool:
        """Whether there is any RTP in the capture, or what looks like it."""
        return bool(self.heard or self.evidence.unmatched or self.by_port)

    def listening(self, call: CallRecord, *, by_caller: bool) -> list[Announced]:
        """Where a side said that it listens, each address once, the newest first."""
        found: dict[End, Announced] = {}
        for each in reversed(self.evidence.announced.get(call.call_id, [])):
            if each.by_caller == by_caller and each.kind == "audio" and each.at[0] not in _NOWHERE:
                found.setdefault(each.at, each)
        return list(found.values())

    # why an endpoint is silent

    def why(self, call: CallRecord, announced: Announced) -> Reason:
        """The most telling reason for one endpoint of a call."""
        at, who = announced.at, "the caller" if announced.by_caller else "the callee"
        said = f"{who} announced {end(at)}"
        if refused := self.evidence.survey.unreachable.get(at):
            return Reason(
                UNREACHABLE, f"{said}; {count(refused, 'packet')} to it came back: port unreachable"
            )
        for flow in during(call, self.by_port.get(at[1], [])):
            other = flow.src if flow.src[1] == at[1] else flow.dst
            if other[0] != at[0] and other not in self.announced_at:
                return Reason(
                    OTHER_ADDRESS, f"{said}, but the same port of another address has RTP: {_shown(flow)}"
                )
        for flow in during(call, self.by_address.get(at[0], [])):
            other = flow.src if flow.src[0] == at[0] else flow.dst
            if other != at and other not in self.announced_at:
                return Reason(OTHER_PORT, f"{said}, but another port of it has RTP: {_shown(flow)}")
        own = list(during(call, self.by_end.get(at, [])))
        sent = [flow for flow in own if flow.src == at and flow.like_rtp]
        if sent and len(sent) == len(own):
            return Reason(
                NOTHING_ARRIVES, f"{said}; it sends itself, and nothing comes to it: {_shown(sent[0])}"
            )
        if own:
            return Reason(NO_MEDIA_PACKETS, f"{said}; there is {_kinds(own)}, and no RTP: {_shown(own[0])}")
        if is_private(at[0]) and not is_private(announced.sip_ip):
            return Reason(PRIVATE, f"{said}, a private address, while its SIP came from {announced.sip_ip}")
        return Reason(NOTHING, f"{said}; not one packet to it or from it")

    # which call a stream belongs to

    def candidates(self, stream: StreamRecord) -> list[str]:
        """Calls that may be a stream's, the likeliest first, each in words; the best two."""
        found: dict[str, tuple[int, str]] = {}
        for score, each, why in self._nearby(stream):
            call = self.calls.get(each.call_id)
            if call is None or not overlaps(call, stream.first_time, stream.last_time):
                continue
            points = score + 3 * (each.at not in self.heard)
            if points > found.get(each.call_id, (0, ""))[0]:
                found[each.call_id] = points, f"call {each.call_id}: {why}"
        best = sorted(found.values(), key=lambda each: (-each[0], each[1]))
        return [why for _, why in best[:2]]

    def _nearby(self, stream: StreamRecord) -> Iterator[tuple[int, Announced, str]]:
        for at in ends(stream):
            for each in self.announced_at.get(at, [])[:_NEAR]:
                yield 9, each, f"announced this very {end(at)}, at another time"
            for each in self.announced_port.get(at[1], [])[:_NEAR]:
                if each.at[0] != at[0]:
                    yield 5, each, f"announced the same port of another address, {end(each.at)}"
            for each in self.announced_on.get(at[0], [])[: 16 * _NEAR]:
                if 0 < abs(each.at[1] - at[1]) <= _NEAR:
                    yield 4, each, f"announced a port next to it, {end(each.at)}"
                elif each.at[1] != at[1]:
                    yield 1, each, f"announced another port of the same address, {end(each.at)}"


def ends(stream: StreamRecord) -> tuple[End, End]:
    """Source and destination."""
    return (stream.src_ip, stream.src_port), (stream.dst_ip, stream.dst_port)


def overlaps(call: CallRecord, first_us: int, last_us: int) -> bool:
    """Whether something happened while a call was in progress."""
    return last_us >= call.start and first_us <= call.end_time + _AFTER_US


def during(call: CallRecord, found: list[Flow]) -> Iterator[Flow]:
    """Those of some flows that overlap a call."""
    return (flow for flow in found if overlaps(call, flow.first_us, flow.last_us))


def _shown(flow: Flow) -> str:
    return f"{way(flow.src, flow.dst)}, {count(flow.packets, 'packet')} from {when(flow.first_us)}"


def _kinds(found: list[Flow]) -> str:
    seen = 0
    for flow in found:
        seen |= flow.kinds
    names = {flows.STUN: "STUN", flows.DTLS: "DTLS", flows.RTCP: "RTCP"}
    return ", ".join(name for kind, name in names.items() if seen & kind) or "other UDP"
