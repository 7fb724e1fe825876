"""Streams and calls of every real capture, against tshark: what it ties to SDP, we have, with its figures."""

from pathlib import Path
from typing import Final

import pytest

from schemas.cdr import StreamRecord
from tests.paths import CAPTURES
from tests.system import analysed, tshark

FILES: Final = [
    path
    for folder in (CAPTURES, CAPTURES / "linklayer")
    for path in sorted(folder.glob("*.pcap*"))
    # without signalling nothing is tied to it: most captures of link layers have none
    if folder == CAPTURES or b"SIP/2.0" in path.read_bytes()
]

LAST_DIGIT_MS: Final = 0.0006
"""tshark prints thousandths of a millisecond, we ten-thousandths; half a digit, and what cutting loses."""

PAYLOAD = "jitter leaves out events, comfort noise and what follows a marker"
TIED = "tshark unties the port for a while: re-INVITEs, or a 200 OK it saw late"
TAKEN = "tshark gives some packets to its T.38 dissector, and we count no loss across a new offer"
COPIES = "mirrored copies take no part in delta and jitter"
ONE_PACKET = "no stream of ours: one packet makes no source (RFC 3550 A.1)"

DIFFERENCES: Final[dict[tuple[str, int], tuple[str, set[str]]]] = {
    ("Magum23_mtaa-sip__call_end_and_cancel.pcapng", 0x418D5BA9): (
        TIED,
        {"packets", "jitter_mean", "jitter_max"},
    ),
    ("Magum23_mtaa-sip__video_call.pcapng", 0xE486CA6E): (
        TIED,
        {"packets", "lost", "delta_max", "jitter_mean"},
    ),
    ("Magum23_mtaa-sip__video_call.pcapng", 0x31A7B3A6): (PAYLOAD, {"jitter_mean"}),
    ("MichalCab_ISA__hist0_real_call.pcap", 0x38D2EBB2): (
        TIED,
        {"packets", "delta_max", "jitter_mean", "jitter_max"},
    ),
    ("ntop_nDPI__tests_cfgs_default_pcap_FAX-Call-t38-CA-TDM-SIP-FB-1.pcap", 0x17D90134): (
        PAYLOAD,
        {"delta_max", "jitter_mean", "jitter_max"},
    ),
    ("ntop_nDPI__tests_cfgs_default_pcap_FAX-Call-t38-CA-TDM-SIP-FB-1.pcap", 0x0EAF0EAF): (
        TAKEN,
        {"packets", "lost", "jitter_mean", "jitter_max"},
    ),
    ("ntop_nDPI__tests_cfgs_default_pcap_fuzz-2006-06-26-2594.pcap", 0x3796CB71): (
        ONE_PACKET + "; another of this SSRC has a packet of an unknown payload type in jitter",
        {"stream", "jitter_mean", "jitter_max"},
    ),
    ("ntop_nDPI__tests_cfgs_default_pcap_fuzz-2006-06-26-2594.pcap", 0xAAAAAAAA): (ONE_PACKET, {"stream"}),
    ("ntop_nDPI__tests_cfgs_default_pcap_fuzz-2006-06-26-2594.pcap", 0x37968BAA): (ONE_PACKET, {"stream"}),
    ("ntop_nDPI__tests_cfgs_default_pcap_skinny.pcap", 0x7C1071E2): (COPIES, {"delta_max", "jitter_max"}),
    ("ntop_nDPI__tests_cfgs_default_pcap_skinny.pcap", 0xF6BF57DC): (
        COPIES,
        {"delta_max", "jitter_max", "jitter_mean"},
    ),
}
"""By capture and SSRC: why, and which figures differ. docs/differences.md has the same, and this is all."""

OURS_ALONE: Final = {
    "105090259-446faf7a@192.168.1.2": "an INVITE by its first line whose CSeq was damaged to INV\xe8TE",
}
"""Calls of ours that tshark does not take for INVITEs, and why."""


@pytest.fixture(scope="module")
def seen() -> dict[Path, tshark.View]:
    """tshark's view of every capture."""
    return tshark.views(FILES)


def figures(theirs: tshark.Stream, ours: list[StreamRecord]) -> set[str]:
    """Which figures of a stream differ."""
    repeated = sum(stream.duplicates + stream.capture_copies for stream in ours)
    packets = sum(stream.packets for stream in ours) + repeated
    lost = sum(stream.lost for stream in ours) - repeated
    mean, highest, delta = (
        max(getattr(stream, name) or 0.0 for stream in ours)
        for name in ("jitter_mean_ms", "jitter_max_ms", "delta_max_ms")
    )
    return {
        name
        for name, differs in (
            ("packets", packets != theirs.packets),
            ("lost", lost != theirs.lost),
            ("jitter_mean", abs(mean - theirs.jitter_mean) > LAST_DIGIT_MS),
            ("jitter_max", abs(highest - theirs.jitter_max) > LAST_DIGIT_MS),
            ("delta_max", abs(delta - theirs.delta_max) > LAST_DIGIT_MS + 0.001),  # their clock has ns
        )
        if differs
    }


def test_every_stream_that_tshark_ties_to_sdp(seen: dict[Path, tshark.View]) -> None:
    found: dict[tuple[str, int], set[str]] = {}
    compared = 0
    for path, view in seen.items():
        if not view.streams:
            continue
        ours: dict[tshark.StreamKey, list[StreamRecord]] = {}
        for stream in analysed.streams(path):
            key = stream.src_ip, stream.src_port, stream.dst_ip, stream.dst_port, stream.ssrc
            ours.setdefault(key, []).append(stream)
        for key, theirs in view.streams.items():
            compared += 1
            differing = figures(theirs, ours[key]) if key in ours else {"stream"}
            if differing:
                found.setdefault((path.name, key[-1]), set()).update(differing)
    assert compared >= 40
    assert found == {name: differing for name, (_, differing) in DIFFERENCES.items()}


def test_every_call_id_with_an_invite_is_a_call(seen: dict[Path, tshark.View]) -> None:
    missing, unknown = {}, {}
    compared = 0
    for path, view in seen.items():
        ours = {call.call_id: call for call in analysed.calls(path).calls}
        expected = set(view.invited)
        # of a call whose beginning was not heard, what rings or answers makes a call; a failure does not
        expected |= {
            call_id for call_id, codes in view.answered.items() if any(100 < code < 300 for code in codes)
        }
        compared += len(expected)
        if lacking := expected - ours.keys():
            missing[path.name] = lacking
        begun = {call_id for call_id, call in ours.items() if "start-not-seen" not in call.flags}
        if more := begun - expected - OURS_ALONE.keys():
            unknown[path.name] = more
    assert compared >= 50
    assert missing == {}
    assert unknown == {}
