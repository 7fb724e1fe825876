"""The sensor finds the RTP streams and SIP messages that tshark finds, in every capture."""

import functools

import pytest

from tests.capture.listening import Heard, listen_to
from tests.capture.tshark_oracle import rtp_streams, sip_messages
from tests.paths import CAPTURES

STREAMS, MESSAGES = rtp_streams(), sip_messages()
NAMES = sorted(path.name for path in CAPTURES.glob("*.pcap*"))

MISSES_THE_FIRST = {  # tshark takes some packets for something else
    "ntop_nDPI__tests_cfgs_default_pcap_stun_google_meet.pcapng",
    "ntop_nDPI__tests_cfgs_default_pcap_stun_signal.pcapng",
    "ntop_nDPI__tests_cfgs_default_pcap_FAX-Call-t38-CA-TDM-SIP-FB-1.pcap",  # takes RTP for T.38
}
BROKEN_METHOD = (
    "ntop_nDPI__tests_cfgs_default_pcap_fuzz-2006-06-26-2594.pcap"  # 53 frames of SIP, one unnamed
)
HTTP = {"ntop_nDPI__tests_cfgs_default_pcap_http_on_sip_port.pcap"}


@functools.cache
def heard_in(name: str) -> Heard:
    return listen_to(CAPTURES / name)


@pytest.mark.parametrize("name", NAMES)
def test_finds_the_rtp_packets_of_every_stream(name: str) -> None:
    """All but streams of one packet: recognition needs two in sequence."""
    theirs = {stream: packets for stream, packets in STREAMS.get(name, {}).items() if packets > 1}
    ours = heard_in(name).packets_by_stream()
    if name in MISSES_THE_FIRST:
        assert ours.keys() == theirs.keys()
        assert all(ours[stream] >= packets for stream, packets in theirs.items())
    else:
        udptl = {flow.stream for flow in heard_in(name).flows.values() if flow.kind == 1}
        assert {stream: packets for stream, packets in ours.items() if stream not in udptl} == theirs


@pytest.mark.parametrize("name", NAMES)
def test_finds_every_sip_message(name: str) -> None:
    expected = 0 if name in HTTP else MESSAGES.get(name, 0) + (name == BROKEN_METHOD)
    assert len(heard_in(name).sip) == expected
