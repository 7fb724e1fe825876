"""Findings about media: calls without RTP or with one side of it, and streams that no call announced."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from offhook.bounds import EXPLAIN_EVIDENCE
from offhook.explain import silence
from offhook.explain.evidence import Announced
from offhook.explain.finding import HIGH, MEDIUM, Finding, finding
from offhook.explain.silence import Media, Reason
from offhook.explain.words import count, end, listed, network, way, when
from schemas.cdr import CallRecord
from streams.records.flags import NO_RTP

_TITLES: Final = {
    silence.UNREACHABLE: "hosts say that nobody listens on the announced ports",
    silence.OTHER_ADDRESS: "RTP goes to the announced ports, but of other addresses: NAT, or a media relay",
    silence.OTHER_PORT: "RTP goes to the announced addresses, but to other ports",
    silence.NOTHING_ARRIVES: "an endpoint sends RTP, and nothing comes to it",
    silence.NO_MEDIA_PACKETS: "packets reach the announced endpoints, but no RTP is among them",
    silence.PRIVATE: "private addresses were announced while SIP came from public ones: NAT",
    silence.NOTHING: "not one packet goes to or from the announced endpoints",
}
_ADVICE: Final = {
    silence.UNREACHABLE: "look at the application or PBX that announced the port: it has not opened it, or a "
    "firewall rejects it",
    silence.OTHER_ADDRESS: "where a device rewrites addresses, tell it: `--set "
    "media.natalias=PUBLIC=PRIVATE`; "
    "else look for the relay's SIP, which this capture lacks",
    silence.OTHER_PORT: "a session border controller may have announced these ports on another leg: capture "
    "its SIP too",
    silence.NOTHING_ARRIVES: "a firewall or NAT stops the other side's media, the other side sends none, or "
    "it takes a path that the capture does not see: capture nearer to the silent side",
    silence.NO_MEDIA_PACKETS: "STUN or DTLS alone: ICE or the key exchange did not succeed; look at both "
    "ends' "
    "candidates and certificates",
    silence.PRIVATE: "turn on NAT traversal (STUN, ICE, or a border controller that rewrites SDP), or "
    "capture "
    "on the private side",
    silence.NOTHING: "capture where the media passes: phones may send it to each other directly, past the "
    "capture point; and check that no filter (`port 5060`) left it out",
}


def media_findings(media: Media) -> Iterator[Finding]:
    """Why calls have no RTP, or hear one side, and where streams without a call may belong."""
    troubled = [call for call in media.evidence.calls if NO_RTP in call.flags or call.one_way is not None]
    without = [call for call in troubled if NO_RTP in call.flags]
    if without and not media.any_rtp:
        yield _signalling_alone(media, without)
    else:
        yield from _silent(media, without, HIGH, "without RTP")
    yield from _silent(
        media, [call for call in troubled if call not in without], MEDIUM, "with one side only"
    )
    if media.evidence.unmatched and media.evidence.sip_messages:
        yield _unmatched(media)


def silent_ends(media: Media, call: CallRecord) -> list[Announced]:
    """The endpoints of a call at which nothing was heard; of a call that hears one side, where it should."""
    sides = [media.listening(call, by_caller=True), media.listening(call, by_caller=False)]
    if call.one_way is not None:  # side a silent: what the callee listens on gets nothing
        sides = [sides[1] if call.one_way == "a" else sides[0]]
    silent = [side[:1] for side in sides if not any(each.at in media.heard for each in side)]
    return [each for side in silent or [side[:1] for side in sides] for each in side]


def reasons_of(media: Media, call: CallRecord) -> list[Reason]:
    """Why a call has no RTP, or one side of it: an endpoint each, the most telling reason first."""
    reasons = [media.why(call, each) for each in silent_ends(media, call)]
    if not reasons:
        return [Reason(silence.NOTHING, "no endpoint of it was seen in a session description")]
    return sorted(reasons, key=lambda each: silence.PROBABLE.index(each.kind))


def title_of(kind: str) -> str:
    """What a kind of reason says."""
    return _TITLES[kind]


def advice_of(kind: str) -> str:
    """What to do about it."""
    return _ADVICE[kind]


def _silent(media: Media, calls: list[CallRecord], severity: str, what: str) -> Iterator[Finding]:
    """A finding a kind of reason."""
    by_kind: dict[str, list[tuple[CallRecord, str]]] = defaultdict(list)
    for call in calls:
        reason = reasons_of(media, call)[0]
        by_kind[reason.kind].append((call, reason.text))
    for kind in silence.PROBABLE:
        if found := by_kind.get(kind):
            yield finding(
                kind,
                severity,
                f"{count(len(found), 'answered call')} {what}: {_TITLES[kind]}",
                (f"{when(call.start)} call {call.call_id}: {text}" for call, text in found),
                _ADVICE[kind],
                first_us=min(call.start for call, _ in found),
            )


def _signalling_alone(media: Media, calls: list[CallRecord]) -> Finding:
    ports = [each for call in calls for each in media.evidence.announced.get(call.call_id, [])]
    networks: dict[str, int] = defaultdict(int)
    for at in {each.at for each in ports}:
        networks[network(at[0])] += 1
    largest = sorted(networks.items(), key=lambda item: -item[1])
    return finding(
        "media-not-captured",
        HIGH,
        f"the capture holds signalling alone: {count(len(calls), 'answered call')}, and no RTP at all",
        [
            f"announced endpoints: {listed(f'{n} in {where}' for where, n in largest)}",
            *(f"{when(call.start)} call {call.call_id}: {reasons_of(media, call)[0].text}" for call in calls),
        ],
        _ADVICE[silence.NOTHING],
        first_us=min(call.start for call in calls),
    )


def _unmatched(media: Media) -> Finding:
    """Streams that no call announced, those with most packets first, and their candidates."""
    streams = sorted(media.evidence.unmatched, key=lambda stream: -stream.packets)
    lines = []
    for stream in streams[:EXPLAIN_EVIDENCE]:
        src, dst = silence.ends(stream)
        nearest = "; ".join(media.candidates(stream)) or "no call is near it"
        lines.append(
            f"{way(src, dst)}, SSRC {stream.ssrc:08x}, {count(stream.packets, 'packet')} from "
            f"{when(stream.first_time)}: {nearest}"
        )
    lines += [end((stream.dst_ip, stream.dst_port)) for stream in streams[EXPLAIN_EVIDENCE:]]
    return finding(
        "streams-without-call",
        MEDIUM,
        f"{count(len(streams), 'RTP stream')} that no call announced",
        lines,
        "their SIP is not in the capture, is encrypted, or says other addresses (NAT: "
        "`--set media.natalias=PUBLIC=PRIVATE`)",
        first_us=min(stream.first_time for stream in streams),
    )
