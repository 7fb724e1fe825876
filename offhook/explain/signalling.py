"""Findings about signalling: encrypted, heard in one direction, not SIP, or without any call."""

from collections.abc import Iterator
from typing import Final

from offhook.explain import flows
from offhook.explain.evidence import REQUESTS, RESPONSES, Evidence, Pair
from offhook.explain.finding import HIGH, LOW, MEDIUM, Finding, finding
from offhook.explain.flows import End, Flow
from offhook.explain.headers import TCP, UDP
from offhook.explain.words import count, end, listed, way, when
from streams.registrations.state import FAILED, UNANSWERED

_TLS_PORTS: Final = frozenset((5061, 5081, 5063, 5062))
_WEB_PORTS: Final = frozenset((443, 4443, 7443, 8080, 8088, 8089, 8443))
_OTHERS: Final = {
    (TCP, 1720): "H.323 (call signalling)",
    (UDP, 1719): "H.323 (RAS)",
    (TCP, 2000): "Skinny (SCCP)",
    (TCP, 2443): "Skinny over TLS",
    (UDP, 2427): "MGCP",
    (UDP, 2727): "MGCP",
    (UDP, 2944): "Megaco (H.248)",
    (TCP, 2944): "Megaco (H.248)",
    (UDP, 4569): "IAX2",
    (TCP, 5222): "XMPP (Jingle)",
    (UDP, 9060): "HEP (a copy of SIP for a monitor)",
    (UDP, 9061): "HEP (a copy of SIP for a monitor)",
}
_TRAFFIC: Final = flows.OTHER | flows.TLS | flows.RTP | flows.RTCP | flows.HEP


def signalling_findings(evidence: Evidence) -> Iterator[Finding]:
    """Why there are no calls, by what was seen of signalling."""
    yield from _encrypted(evidence)
    yield from _one_direction(evidence)
    yield from _other_protocols(evidence)
    yield from _web(evidence)
    yield from _no_calls(evidence)
    yield from _registrations(evidence)
    yield from _texts(evidence)


def _encrypted(evidence: Evidence) -> Iterator[Finding]:
    """TLS, or anything at all over TCP, on the port of SIP over TLS; TLS on SIP ports; DTLS on them."""
    ports = _TLS_PORTS | evidence.sip_ports
    found = [
        flow
        for flow in evidence.survey.flows
        if not flow.kinds & flows.SIP
        and (flow.src[1] in ports or flow.dst[1] in ports)
        and (
            flow.kinds & (flows.TLS if flow.protocol == TCP else flows.DTLS)
            or (flow.protocol == TCP and 5061 in (flow.src[1], flow.dst[1]) and flow.kinds & flows.OTHER)
        )
    ]
    if found:
        calls = len(evidence.calls)
        yield finding(
            "encrypted-sip",
            MEDIUM if calls else HIGH,
            f"encrypted SIP (TLS) between {count(len(_pairs(found)), 'pair')} of addresses: what it says "
            f"cannot "
            "be read",
            _flow_lines(found),
            "capture where SIP is not encrypted (behind the proxy), let the proxy send HEP, or turn TLS "
            "off for "
            "a test call",
            first_us=min(flow.first_us for flow in found),
        )


def _pairs(found: list[Flow]) -> dict[tuple[str, str], list[Flow]]:
    pairs: dict[tuple[str, str], list[Flow]] = {}
    for flow in found:
        pairs.setdefault((min(flow.src[0], flow.dst[0]), max(flow.src[0], flow.dst[0])), []).append(flow)
    return pairs


def _flow_lines(found: list[Flow]) -> Iterator[str]:
    """A line a pair of addresses, those with most packets first."""
    pairs = sorted(_pairs(found).values(), key=lambda each: -sum(flow.packets for flow in each))
    for each in pairs:
        first = min(each, key=lambda flow: flow.first_us)
        packets = sum(flow.packets for flow in each)
        yield f"{way(first.src, first.dst)}: {count(packets, 'packet')} from {when(first.first_us)}"


def _one_direction(evidence: Evidence) -> Iterator[Finding]:
    """Pairs of addresses of which one alone was heard, while its Call-IDs were heard in one direction too."""
    deaf: list[tuple[tuple[str, str], Pair]] = []
    mute: list[tuple[tuple[str, str], Pair]] = []
    for (src, dst), pair in evidence.pairs.items():
        if (dst, src) in evidence.pairs:
            continue
        whole = sum(evidence.sides.get(call_id) == REQUESTS | RESPONSES for call_id in pair.call_ids)
        if 2 * whole >= len(pair.call_ids):
            continue  # answers go another way
        (deaf if pair.requests else mute).append(((src, dst), pair))
    if deaf:
        answered = [pair for _, pair in deaf if pair.within_dialog]
        calls = any("INVITE" in pair.requests or "BYE" in pair.requests for _, pair in deaf)
        yield finding(
            "sip-requests-unanswered",
            HIGH if calls else MEDIUM,
            f"SIP requests without any response between {count(len(deaf), 'pair')} of addresses",
            (_requests_line(src, dst, pair) for (src, dst), pair in deaf),
            _MIRROR
            if answered
            else f"either nobody answers there (host, firewall, wrong address), or {_MIRROR}",
            first_us=min(pair.first_us for _, pair in deaf),
        )
    if mute:
        yield finding(
            "sip-responses-alone",
            HIGH,
            f"SIP responses without their requests between {count(len(mute), 'pair')} of addresses",
            (
                f"{src} → {dst}: {count(pair.responses, 'response')} from {when(pair.first_us)}, no "
                f"request back"
                for (src, dst), pair in mute
            ),
            _MIRROR,
            first_us=min(pair.first_us for _, pair in mute),
        )


_MIRROR: Final = (
    "the capture misses one direction: mirror both (on a switch, rx and tx of the port), and look for a "
    "second "
    "path or interface that the answers take"
)


def _requests_line(src: str, dst: str, pair: Pair) -> str:
    methods = listed(f"{n} {method}" for method, n in pair.requests.most_common())
    answered = "; it goes on as after an answer: answers were there, and not captured"
    return f"{src} → {dst}: {methods} from {when(pair.first_us)}{answered if pair.within_dialog else ''}"


def _other_protocols(evidence: Evidence) -> Iterator[Finding]:
    """Signalling that is not SIP."""
    found: dict[str, list[Flow]] = {}
    for flow in evidence.survey.flows:
        for port in {flow.src[1], flow.dst[1]}:
            name = _OTHERS.get((flow.protocol, port))
            if name and flow.kinds & _TRAFFIC and not flow.like_rtp and not flow.kinds & flows.SIP:
                found.setdefault(name, []).append(flow)
    for name, of_it in found.items():
        if sum(flow.packets for flow in of_it) < 2 or (evidence.calls and not evidence.unmatched):
            continue
        yield finding(
            "other-signalling",
            MEDIUM if evidence.calls else HIGH,
            f"other signalling than SIP, by its port: {name}",
            _flow_lines(of_it),
            "calls are rebuilt from SIP alone; their RTP is measured as streams without a call (`--rows "
            "streams`)",
            first_us=min(flow.first_us for flow in of_it),
        )


def _web(evidence: Evidence) -> Iterator[Finding]:
    """RTP, DTLS or STUN, and no SIP: signalling may run inside HTTPS (WebSocket, RFC 7118)."""
    if evidence.sip_messages or not (evidence.unmatched or _seen(evidence, flows.DTLS)):
        return
    tls = [
        flow
        for flow in evidence.survey.flows
        if flow.protocol == TCP and flow.kinds & flows.TLS and _WEB_PORTS & {flow.src[1], flow.dst[1]}
    ]
    if tls:
        yield finding(
            "encrypted-web-signalling",
            MEDIUM,
            "media without SIP, and TLS on web ports: calls may be set up by WebSocket or HTTPS, encrypted",
            _flow_lines(tls),
            "capture behind the web server or gateway that ends TLS",
            first_us=min(flow.first_us for flow in tls),
        )


def _seen(evidence: Evidence, kinds: int) -> bool:
    return any(flow.kinds & kinds for flow in evidence.survey.flows)


def _no_calls(evidence: Evidence) -> Iterator[Finding]:
    if evidence.unmatched and not evidence.sip_messages:
        streams = sorted(evidence.unmatched, key=lambda stream: -stream.packets)
        yield finding(
            "rtp-without-sip",
            HIGH,
            f"{count(len(streams), 'RTP stream')}, and not one SIP message that can be read",
            (
                f"{way((each.src_ip, each.src_port), (each.dst_ip, each.dst_port))}, SSRC {each.ssrc:08x}, "
                f"{count(each.packets, 'packet')} from {when(each.first_time)}"
                for each in streams
            ),
            "capture the SIP too (its port may differ: `--sip-port`), or see the streams: `--rows streams`",
            first_us=min(each.first_time for each in streams),
        )
    elif evidence.sip_messages and not evidence.calls and not evidence.methods["INVITE"]:
        methods = listed(f"{n} {method}" for method, n in evidence.methods.most_common())
        yield finding(
            "no-invite",
            HIGH,
            f"{count(evidence.sip_messages, 'SIP message')}, and no call among them",
            [f"requests: {methods or 'none'}"],
            "the capture holds no INVITE: it is too short, or calls take another way; `--rows registrations` "
            "shows what there is",
            first_us=min(pair.first_us for pair in evidence.pairs.values()),
        )


def _registrations(evidence: Evidence) -> Iterator[Finding]:
    bad = [
        row
        for row in evidence.registrations
        if row.method == "REGISTER" and row.state in (FAILED, UNANSWERED)
    ]
    if bad:
        yield finding(
            "registrations-fail",
            LOW if evidence.calls else MEDIUM,
            f"{count(len(bad), 'registration')} failed or unanswered: these phones cannot be called",
            (
                f"{row.user or '?'}@{row.domain or '?'} from {end((row.src_ip, row.src_port))} to "
                f"{end((row.dst_ip, row.dst_port))}: {row.state}"
                + (
                    f", {row.last_failure_code} {row.last_failure_reason or ''}".rstrip()
                    if row.last_failure_code
                    else ""
                )
                for row in bad
            ),
            "see `--rows registrations --filter 'state=failed|unanswered'`",
            first_us=min(row.first_time for row in bad),
        )


def _texts(evidence: Evidence) -> Iterator[Finding]:
    """SIP and SDP that could not be used."""
    counters = evidence.counters
    if names := counters.get("sdp-address-not-an-ip", 0):
        yield finding(
            "sdp-names-host",
            MEDIUM,
            f"{count(names, 'session description')} give a host name where media goes, no IP address",
            [],
            "streams are matched by address: have the endpoint announce its IP address",
        )
    broken = {name: counters.get(name, 0) for name in ("unreadable", "sdp-unreadable")}
    if any(broken.values()):
        yield finding(
            "sip-unreadable",
            MEDIUM if evidence.sip_messages else HIGH,
            "SIP that cannot be read",
            [f"{n:,} {_UNREADABLE[name]}" for name, n in broken.items() if n],
            "look at them in Wireshark; a cut-off capture (`tcpdump -s 0` cures it) is the usual cause",
        )
    strange = counters.get("not_sip", 0)
    if strange and not evidence.sip_messages:
        ports: set[End] = {
            at
            for flow in evidence.survey.flows
            for at in (flow.src, flow.dst)
            if at[1] in evidence.sip_ports and flow.kinds & flows.OTHER
        }
        yield finding(
            "not-sip-on-sip-port",
            HIGH,
            f"{count(strange, 'packet')} on SIP ports that are not SIP",
            [f"on {listed(end(at) for at in sorted(ports))}"],
            "another protocol, or SIP that a provider scrambles: capture before it is",
        )


_UNREADABLE: Final = {
    "unreadable": "SIP messages that cannot be parsed",
    "sdp-unreadable": "session descriptions that cannot be parsed",
}
