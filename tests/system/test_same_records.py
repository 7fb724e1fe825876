"""Rule 3: the same packets give the same records, byte for byte, whatever way they take."""

import subprocess
import sys
from functools import cache
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.cdr import CallRecord
from tests.paths import CAPTURES, TOOLS
from tests.system.same_records import Outcome, Way, take

REAL = [
    "sip_rtpstream.pcap",
    "sip_rtp_dtmf_lo.pcap",
    "irontec_sngrep__tests_aaa.pcap",
    "ntop_nDPI__tests_cfgs_default_pcap_FAX-Call-t38-CA-TDM-SIP-FB-1.pcap",
    "Magum23_mtaa-sip__video_call.pcapng",
    "Magum23_mtaa-sip__call_end_and_cancel.pcapng",
    "zongbingwang_pcapApplication__data_MagicJack+_short_call.pcap",
    "MichalCab_ISA__hist0_i_was_called_by_another_pc.pcap",
    "ntop_nDPI__tests_cfgs_default_pcap_skinny.pcap",
    "ntop_nDPI__tests_cfgs_default_pcap_KakaoTalk_talk.pcap",
    "sip_and_hep.pcap",
    "MichalCab_ISA__hist1_sip.pcap",
    "ntop_nDPI__tests_cfgs_default_pcap_webex.pcap",
]


GENERATED = {
    "gen_calls.py": "--calls 12 --seconds 14 --loss 2 --jitter-ms 15 --stagger 8",
    "gen_golden.py": "--calls 8 --seconds 12 --rate 2 --loss 3 --burst 3 --jitter-ms 30 --no-answer-pct 20",
}


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Calls with loss, jitter that reorders, and bursts."""
    folder, made = tmp_path_factory.mktemp("generated"), []
    for name, options in GENERATED.items():
        made.append(folder / f"{name}.pcap")
        command = [sys.executable, TOOLS / name, *options.split(), "--out", made[-1]]
        subprocess.run(command, check=True, capture_output=True)
    return made


@cache
def plain(capture: Path, channels_max: int = 0) -> Outcome:
    """What the ordinary way gives."""
    return take(capture, Way(channels_max=channels_max))


def assert_same(capture: Path, way: Way) -> None:
    expected, found = plain(capture, way.channels_max), take(capture, way)
    assert found.rejected == expected.rejected, way
    assert expected.calls or expected.streams or expected.registrations
    assert found.registrations == expected.registrations, way
    assert found.calls.keys() == expected.calls.keys()
    assert found.streams.keys() == expected.streams.keys()
    for cdr_id, record in expected.calls.items():
        assert msgspec.json.decode(found.calls[cdr_id]) == msgspec.json.decode(record), way
        assert found.calls[cdr_id] == record
    assert found.streams == expected.streams


ways = st.builds(
    Way,
    seed=st.integers(0, 2**32),
    frames_a_block=st.sampled_from([0, 30, 300]),
    flush_every=st.sampled_from([0, 0, 2, 10]),
    calls_partitions=st.integers(1, 8),
    media_partitions=st.integers(1, 8),
    shuffled=st.booleans(),
    encode=st.booleans(),
    restarts=st.booleans(),
    again=st.booleans(),
    channels_max=st.sampled_from([0, 0, 3]),
)
property_of_ways = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.parametrize("name", REAL)
@given(way=ways)
@property_of_ways
def test_real_captures(name: str, way: Way) -> None:
    assert_same(CAPTURES / name, way)


@pytest.mark.parametrize("which", [0, 1])
@given(way=ways)
@property_of_ways
def test_generated_captures(generated: list[Path], which: int, way: Way) -> None:
    assert_same(generated[which], way)


@pytest.mark.parametrize(
    "way",
    [
        Way(frames_a_block=1, flush_every=1),
        Way(calls_partitions=8, media_partitions=8),
        Way(shuffled=True),
        Way(encode=True),
        Way(restarts=True),
        Way(again=True),
    ],
    ids=["one frame a block", "eight partitions", "stages in any order", "encoded", "restarts", "again"],
)
def test_each_way_by_itself(generated: list[Path], way: Way) -> None:
    for capture in generated:
        assert_same(capture, way)


@pytest.mark.parametrize("limit", [1, 4])
def test_the_calls_over_the_limit_are_those_that_asked_while_all_channels_were_taken(
    generated: list[Path], limit: int
) -> None:
    for capture in generated:
        calls = [msgspec.json.decode(call, type=CallRecord) for call in plain(capture).calls.values()]
        expected = over_the_limit(calls, limit)
        found = plain(capture, limit)
        assert found.rejected.keys() == expected
        assert expected and found.calls.keys() == plain(capture).calls.keys() - expected


def over_the_limit(calls: list[CallRecord], limit: int) -> set[str]:
    """From the records without a limit: a call holds its channel from the first 18x or 2xx to its end."""
    moments = []
    for call in calls:
        begun = [time for time in (call.ringing_time, call.answer_time) if time is not None]
        if begun:
            moments += [(min(begun), True, call.cdr_id), (call.end_time, False, call.cdr_id)]
    holding: set[str] = set()
    refused: set[str] = set()
    for _, takes, cdr_id in sorted(moments):
        if not takes:
            holding.discard(cdr_id)
        else:
            (holding if len(holding) < limit else refused).add(cdr_id)
    return refused


def test_a_report_that_comes_without_packets_of_its_stream_survives_a_restart() -> None:
    way = Way(frames_a_block=30, flush_every=2, restarts=True)
    assert_same(CAPTURES / "Magum23_mtaa-sip__video_call.pcapng", way)
