"""The survey counts the flows that tshark sees, and nothing breaks it."""

import subprocess
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capture.block import Block
from capture.files import open_capture
from offhook.explain import flows
from offhook.explain.flows import End
from offhook.explain.survey import Survey
from tests.capture import packets
from tests.capture.packets import frame
from tests.paths import CAPTURES

LINKS = CAPTURES / "linklayer"
REAL = [
    CAPTURES / "irontec_sngrep__tests_aaa.pcap",
    CAPTURES / "ntop_nDPI__tests_cfgs_default_pcap_webex.pcap",
    CAPTURES / "Magum23_mtaa-sip__video_call.pcapng",
    LINKS / "irontec_sngrep__tests_ipv6frag.pcap",
    LINKS / "aol_moloch__tests_pcap_twovlan.pcap",
    LINKS / "aol_moloch__tests_pcap_pppoe.pcap",
    LINKS / "aol_moloch__tests_pcap_mpls-basic.pcap",
    LINKS / "OISF_suricata-verify__tests_decode-sll2-01_input.pcap",
]


def survey_of(path: Path) -> Survey:
    survey = Survey()
    for block in open_capture(path):
        survey.look(block)
    return survey


def by_tshark(path: Path) -> Counter[tuple[End, End]]:
    """Packets of each UDP and TCP flow, by the outermost addresses."""
    names = [
        "ip.src",
        "ipv6.src",
        "ip.dst",
        "ipv6.dst",
        "udp.srcport",
        "tcp.srcport",
        "udp.dstport",
        "tcp.dstport",
    ]
    command = ["tshark", "-n", "-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE", "-r", str(path)]
    command += ["-Y", "(udp || tcp) && !icmp && !icmpv6", "-T", "fields", "-E", "occurrence=f"]
    for name in names:
        command += ["-e", name]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: Counter[tuple[End, End]] = Counter()
    for line in done.stdout.splitlines():
        src4, src6, dst4, dst6, *ports = line.split("\t")
        source, target = ports[0] or ports[1], ports[2] or ports[3]
        found[(src4 or src6, int(source)), (dst4 or dst6, int(target))] += 1
    return found


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.name)
def test_flows_are_tsharks(path: Path) -> None:
    survey = survey_of(path)
    mine: Counter[tuple[End, End]] = Counter()
    for flow in survey.flows:
        if flow.protocol in (6, 17) and flow.src[1] and flow.dst[1]:
            mine[flow.src, flow.dst] += flow.packets
    assert mine == by_tshark(path)
    assert mine
    assert survey.packets == sum(survey.ethertypes.values())


def test_kinds_of_payload() -> None:
    survey = survey_of(CAPTURES / "Magum23_mtaa-sip__video_call.pcapng")
    kinds = [flow.kinds for flow in survey.flows]
    for kind in (flows.SIP_REQUEST, flows.SIP_RESPONSE, flows.RTP, flows.RTCP, flows.STUN, flows.TLS):
        assert any(each & kind for each in kinds), kind


LINK_TYPES = st.sampled_from([1, 113, 276, 101, 12, 0, 108, 228, 147])
GOOD = [
    frame(packets.udp(packets.rtp(1, 160))).data,
    frame(packets.udp(packets.sip(), ("2001:db8::1", 5060), ("2001:db8::2", 5060))).data,
    frame(packets.udp(b""), tags=b"\x81\x00\x00\x01").data,
    frame(packets.ip(b"\3\3" + bytes(40), 1, "192.0.2.1", "192.0.2.2")).data,
]


@settings(max_examples=150, deadline=None)
@given(
    link=LINK_TYPES,
    pieces=st.lists(st.one_of(st.binary(max_size=90), st.sampled_from(GOOD)), min_size=1, max_size=6),
    cuts=st.lists(st.integers(0, 120), min_size=6, max_size=6),
    wire=st.integers(0, 70_000),
)
def test_nothing_breaks_it(link: int, pieces: list[bytes], cuts: list[int], wire: int) -> None:
    kept = [piece[:cut] for piece, cut in zip(pieces, cuts, strict=False)]
    captured = np.array([len(piece) for piece in kept], np.int32)
    offset = np.r_[0, np.cumsum(captured)[:-1]].astype(np.int64)
    buffer = np.frombuffer(bytearray(b"".join(kept)) or bytearray(1), np.uint8)
    original = np.maximum(captured, wire).astype(np.int32)
    survey = Survey()
    survey.look(Block(buffer, offset, captured, original, np.arange(len(kept), dtype=np.int64), link))
    assert survey.packets == len(kept)
    assert sum(flow.packets for flow in survey.flows) == sum(survey.protocols.values())
