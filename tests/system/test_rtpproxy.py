"""RTP of real gateways, against what rtpproxy's own analyser said of it."""

import re
from typing import Final, NamedTuple

import pytest

from tests.paths import CAPTURES
from tests.system import analysed

FOLDER: Final = CAPTURES / "rtpproxy"

INPUTS: Final[dict[str, tuple[str, ...]]] = {
    "DLT_NULL": ("DLT_NULL.a.rtp",),
    "G723_1": ("G723_1.a.rtp", "G723_1.o.rtp"),
    "a2b_nosync": ("alice_srtp.pcap", "bob_srtp.pcap"),
    "alice_to_bob": ("alice_srtp.pcap", "bob_srtp.pcap"),
    "alice_to_bob_out": ("alice_srtp_out.pcap", "bob_srtp_out.pcap"),
    "c1": ("c1.a.rtp",),
    "call1_g722_srtp": ("call1_g722_srtp.a.rtp", "call1_g722_srtp.o.rtp"),
    "dups": ("dups.a.rtp",),
    "lost": ("lost.a.rtp", "lost.o.rtp"),
}
"""Each oracle and the captures it speaks of."""

LEFT_OUT: Final = {
    "call1_g722_srtp.scan": "a count of packets alone, which call1_g722_srtp has too",
    "p12": "its captures, of hours, are not in the collection",
    "p23": "its captures, of hours, are not in the collection",
}
"""Oracles that are not compared, and why."""


class Figures(NamedTuple):
    """One SSRC: distinct packets, expected ones, missing ones, repeated ones."""

    packets: int
    expected: int
    lost: int
    duplicates: int


def said(oracle: str) -> dict[int, Figures]:
    """What rtpproxy printed, by SSRC."""
    found = {}
    text = (FOLDER / f"{oracle}.output").read_text()
    for block in re.split(r"(?m)^(?=pcount=)", text)[1:]:
        value = dict(re.findall(r"(\w+)=([\w.]+)", block))
        sent, received, lost = int(value["psent"]), int(value["precvd"]), int(value["plost"])
        assert int(value["max_seq"]) - int(value["min_seq"]) + 1 == sent
        found[int(value["ssrc"], 16)] = Figures(received, sent, lost, int(value["duplicates"]))
    return found


def test_every_oracle_is_compared_or_left_out_for_a_reason() -> None:
    assert {path.stem for path in FOLDER.glob("*.output")} == INPUTS.keys() | LEFT_OUT.keys()


@pytest.mark.parametrize("oracle", INPUTS)
def test_packets_loss_and_duplicates(oracle: str) -> None:
    found: dict[int, Figures] = {}
    for name in INPUTS[oracle]:
        for stream in analysed.streams(FOLDER / name):
            one = Figures(stream.packets, stream.expected, stream.lost, stream.duplicates)
            if stream.ssrc in found:  # it sums up an SSRC whose ports changed on the way
                one = Figures(*map(sum, zip(one, found[stream.ssrc], strict=True)))
            found[stream.ssrc] = one
    expected = said(oracle)
    assert expected
    # DLT_NULL has a second stream over IPv6 that rtpproxy does not read
    assert {ssrc: found[ssrc] for ssrc in found if ssrc in expected or oracle != "DLT_NULL"} == expected


def test_a_second_family_of_the_same_loopback_capture() -> None:
    families = {stream.src_ip: stream.ssrc for stream in analysed.streams(FOLDER / "DLT_NULL.a.rtp")}
    assert families == {"127.0.0.1": 0x9C49CA0A, "::1": 0xCEAD2A2B}
