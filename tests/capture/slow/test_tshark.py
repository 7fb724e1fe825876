"""The slow path finds in every capture what tshark finds."""

from collections import Counter
from ipaddress import ip_address
from typing import NamedTuple

import pytest

from capture.datagram import Datagram
from protocols.sip import call_id_of
from tests.capture.slow.captures import difference, dissect, every_capture, flow, innermost, tshark

UDP_FIELDS = [
    "frame.protocols",
    "udp.srcport",
    "udp.dstport",
    "udp.length",
    "ip.src",
    "ip.dst",
    "ipv6.src",
    "ipv6.dst",
]
SIP_FIELDS = [
    "frame.time_epoch",
    "tcp.srcport",
    "tcp.dstport",
    "sip.Method",
    "sip.Status-Code",
    "sip.Call-ID",
]
SIP, CALL_ID = len(UDP_FIELDS), -1

Row = list[str]

DIFFERENT = {
    # capture: (datagrams only we have, datagrams only tshark has), and why
    "the-tcpdump-group_tcpdump__tests_bigtcp-ipv4-geneve-ipv4.pcap": (0, 1),  # UDP length 0: cut later by the
    "the-tcpdump-group_tcpdump__tests_bigtcp-ipv4-geneve-ipv6.pcap": (
        0,
        1,
    ),  # card; tshark stops, we go on to
    "the-tcpdump-group_tcpdump__tests_bigtcp-ipv4-vxlan-ipv4.pcap": (0, 1),  # the TCP in it
    "the-tcpdump-group_tcpdump__tests_bigtcp-ipv4-vxlan-ipv6.pcap": (0, 1),
    "the-tcpdump-group_tcpdump__tests_vxlan_port_8472.pcap": (
        0,
        10,
    ),  # Linux' VXLAN port, not known to tshark
    "zeek_zeek__testing_btest_Traces_tunnels_geneve-truncated.pcapng": (
        1,
        0,
    ),  # inner frame cut: handed on as UDP
    "arkime_arkime__tests_pcap_arkime_synthetic.pcap": (
        1,
        1,
    ),  # UDP length 0: tshark says -8, we what IP says
    "ntop_nDPI__tests_cfgs_default_pcap_fuzz-2006-06-26-2594.pcap": (
        0,
        25,
    ),  # length beyond the packet: dropped
}


class Capture(NamedTuple):
    """One capture as both see it."""

    name: str
    datagrams: list[Datagram]
    rows: list[Row]


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> list[Capture]:
    paths = every_capture()
    ours = [dissect(path) for path in paths]
    counts = [count for _, _, count in ours]
    theirs = tshark(paths, counts, "udp || sip", UDP_FIELDS + SIP_FIELDS, tmp_path_factory.mktemp("merged"))
    return [
        Capture(path.name, given, rows) for path, (given, _, _), rows in zip(paths, ours, theirs, strict=True)
    ]


def test_every_capture_gives_the_datagrams_that_tshark_sees(captures: list[Capture]) -> None:
    different, total = {}, 0
    for name, datagrams, rows in captures:
        ours = Counter((*flow(one), one.length) for one in datagrams if one.transport == "udp")
        theirs = Counter(one for one in map(innermost, rows) if one)
        total += ours.total()
        if ours != theirs:
            different[name] = difference(ours, theirs)
    assert len(captures) > 250
    assert total > 20_000
    assert different == DIFFERENT


def test_every_sip_message_over_tcp_is_there_with_its_time(captures: list[Capture]) -> None:
    messages = 0
    for name, datagrams, rows in captures:
        ours = Counter(_described(one) for one in datagrams if one.transport in ("tcp", "sctp"))
        theirs = Counter(tuple(row[SIP:]) for row in rows if row[CALL_ID] and row[SIP + 1])
        assert ours == theirs, name
        messages += ours.total()
    assert messages > 20


def test_payloads_are_those_of_the_innermost_datagram(captures: list[Capture]) -> None:
    messages = 0
    for name, datagrams, rows in captures:
        if name in DIFFERENT:
            continue
        theirs = {
            (int(row[1].split(",")[-1]), row[CALL_ID].split(",")[0])
            for row in rows
            if row[CALL_ID] and row[1] and not row[SIP + 1]
        }
        payloads: dict[int, bytes] = {}
        for one in datagrams:
            payloads[one.src_port] = payloads.get(one.src_port, b"") + one.payload
        assert [call for port, call in theirs if call.encode() not in payloads.get(port, b"")] == [], name
        messages += len(theirs)
    assert messages > 100


def _described(message: Datagram) -> tuple[str, ...]:
    start = message.payload.split(b"\r\n")[0].split(b" ")
    method, status = ("", _text(start[1])) if start[0] == b"SIP/2.0" else (_text(start[0]), "")
    seconds, rest = divmod(message.time_ns, 10**9)
    assert ip_address(message.src_ip).version == ip_address(message.dst_ip).version
    return (
        f"{seconds}.{rest:09d}",
        str(message.src_port),
        str(message.dst_port),
        method,
        status,
        _text(call_id_of(message.payload)),
    )


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "replace")
