"""What a capture holds when it holds no VoIP: ports, networks, EtherTypes."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from offhook.explain import flows
from offhook.explain.evidence import Evidence
from offhook.explain.finding import HIGH, LOW, Finding, finding
from offhook.explain.flows import Flow
from offhook.explain.headers import CUT, IPV4, IPV6, NO_LINK, TCP, UDP
from offhook.explain.words import count, is_host, listed, network, when

_UNDERSTOOD: Final = flows.SIP | flows.RTCP
_TUNNELS: Final = frozenset((4, 41, 47))
_TUNNEL_PORTS: Final = frozenset((2152, 3544, 4789, 6081, 37008))
_PORTS: Final = {
    20: "FTP", 21: "FTP", 22: "SSH", 23: "Telnet", 25: "SMTP", 53: "DNS", 67: "DHCP", 68: "DHCP", 80: "HTTP",
    88: "Kerberos", 110: "POP3", 123: "NTP", 137: "NetBIOS", 138: "NetBIOS", 139: "NetBIOS", 143: "IMAP",
    161: "SNMP", 162: "SNMP", 389: "LDAP", 443: "HTTPS", 445: "SMB", 500: "IPsec IKE", 514: "syslog",
    546: "DHCPv6", 547: "DHCPv6", 993: "IMAPS", 1194: "OpenVPN", 1701: "L2TP", 1812: "RADIUS", 1813: "RADIUS",
    1900: "SSDP", 2000: "Skinny",
    2049: "NFS", 2123: "GTP-C", 2152: "GTP-U", 3306: "MySQL", 3389: "RDP", 3478: "STUN/TURN", 3544: "Teredo",
    4500: "IPsec over UDP", 4789: "VXLAN", 5246: "CAPWAP", 5247: "CAPWAP", 5353: "mDNS", 5355: "LLMNR",
    5432: "PostgreSQL", 6081: "Geneve", 8080: "HTTP", 9092: "Kafka", 17500: "Dropbox", 37008: "TZSP",
    51820: "WireGuard",
}  # fmt: skip
_ETHERTYPES: Final = {
    0x0806: "ARP", 0x88CC: "LLDP", 0x888E: "802.1X", 0x8863: "PPPoE discovery", 0x9000: "loopback test",
    0x88E5: "MACsec", 0x8847: "MPLS", 0x8848: "MPLS", 0x8864: "PPPoE", 0x86DD: "IPv6", 0x0800: "IPv4",
    0x8809: "LACP", 0x88F7: "PTP", NO_LINK: "no IP (another link layer)", CUT: "cut off before the type",
}  # fmt: skip
_PROTOCOLS: Final = {
    1: "ICMP", 2: "IGMP", 4: "IP in IP", 41: "IPv6 in IP", 47: "GRE", 50: "IPsec ESP", 51: "IPsec AH",
    58: "ICMPv6", 88: "EIGRP", 89: "OSPF", 103: "PIM", 112: "VRRP", 132: "SCTP",
}  # fmt: skip


def stranger_findings(evidence: Evidence, *, missing: bool) -> Iterator[Finding]:
    """What the rest of a capture is; `missing`: calls or their media are, so that it may matter."""
    survey = evidence.survey
    if not survey.packets:
        yield finding("empty-capture", HIGH, "the capture holds no packet", [],
                      "check the interface and the filter it was made with")  # fmt: skip
        return
    nothing = not evidence.sip_messages and not evidence.calls and not evidence.unmatched
    if not nothing and not missing:
        return
    strange = [flow for flow in survey.flows if not _understood(flow, evidence, nothing=nothing)]
    packets = sum(flow.packets for flow in strange)
    no_ip = survey.packets - sum(survey.protocols.values())
    if not nothing and 10 * (packets + no_ip) < survey.packets:
        return
    lines = [*_by_protocol(strange), *_by_network(strange)]
    if others := _by_ethertype(evidence):
        lines.append(f"frames without IP: {others}")
    yield finding(
        "no-voip" if nothing else "not-understood",
        HIGH if nothing else LOW,
        _title(evidence, strange, packets) if nothing else f"{count(packets + no_ip, 'packet')} of "
        f"{survey.packets:,} carry nothing that is understood",
        lines,
        "check that the capture was made where calls pass; SIP on an unusual port over TCP needs "
        "`--sip-port`",
        first_us=survey.first_us,
    )  # fmt: skip


def _understood(flow: Flow, evidence: Evidence, *, nothing: bool) -> bool:
    """Whether a flow was read. Later fragments have no ports, and tunnels were looked into: neither is blamed
    where there is VoIP in the capture."""
    if flow.kinds & _UNDERSTOOD or (flow.src, flow.dst) in evidence.stream_ends:
        return True
    if flow.protocol in (TCP, UDP) and not flow.src[1] and not flow.dst[1]:
        return True
    tunnel = flow.protocol in _TUNNELS or (
        flow.protocol == UDP and _TUNNEL_PORTS & {flow.src[1], flow.dst[1]}
    )
    return bool(tunnel) and not nothing


def _title(evidence: Evidence, strange: list[Flow], packets: int) -> str:
    survey = evidence.survey
    said = f"nothing of VoIP in {count(survey.packets, 'packet')}: no SIP, no RTP"
    by_name: Counter[str] = Counter()
    for flow in strange:
        by_name[_name(flow)] += flow.packets
    by_name.update({_ethertype(kind): n for kind, n in survey.ethertypes.items() if kind not in (IPV4, IPV6)})
    whole = packets + survey.packets - sum(survey.protocols.values())
    name, most = by_name.most_common(1)[0] if by_name else ("", 0)
    if most and most == whole:
        return f"{said}; the whole file is {name}"
    return f"{said}; {100 * most // whole} % is {name}" if 2 * most > whole else said


def _name(flow: Flow) -> str:
    if flow.protocol not in (TCP, UDP):
        return _PROTOCOLS.get(flow.protocol, f"IP protocol {flow.protocol}")
    transport = "TCP" if flow.protocol == TCP else "UDP"
    known = [port for port in (flow.dst[1], flow.src[1]) if port in _PORTS]
    port = known[0] if known else min(flow.src[1], flow.dst[1])
    if known:
        return f"{_PORTS[port]} ({transport} {port})"
    kinds = {flows.TLS: "TLS", flows.DTLS: "DTLS", flows.STUN: "STUN", flows.HTTP: "HTTP", flows.HEP: "HEP"}
    names = [name for kind, name in kinds.items() if flow.kinds & kind]
    return f"{' and '.join(names)} on {transport} {port}" if names else f"{transport} {port}"


def _by_protocol(strange: list[Flow]) -> Iterator[str]:
    found: Counter[str] = Counter()
    first: dict[str, int] = {}
    for flow in strange:
        name = _name(flow)
        found[name] += flow.packets
        first[name] = min(flow.first_us, first.get(name, flow.first_us))
    for name, packets in found.most_common(5):
        yield f"{name}: {count(packets, 'packet')} from {when(first[name])}"


def _by_network(strange: list[Flow]) -> Iterator[str]:
    """The networks that talk most."""
    found: Counter[str] = Counter()
    for flow in strange:
        for net in {network(address) for address, _ in (flow.src, flow.dst) if is_host(address)}:
            found[net] += flow.packets
    if found:
        largest = [f"{net} {count(packets, 'packet')}" for net, packets in found.most_common(5)]
        yield f"networks: {listed(largest)}"


def _by_ethertype(evidence: Evidence) -> str:
    kinds = {k: n for k, n in evidence.survey.ethertypes.items() if k not in (IPV4, IPV6)}
    return listed(f"{n:,} {_ethertype(kind)}" for kind, n in Counter(kinds).most_common(5))


def _ethertype(kind: int) -> str:
    if 0 <= kind < 0x600:
        return "802.3 (LLC, spanning tree)"
    return _ETHERTYPES.get(kind, f"EtherType 0x{kind:04x}")
