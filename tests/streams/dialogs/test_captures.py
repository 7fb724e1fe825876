"""Real captures: every Call-ID with an INVITE is a call, with the times and answers tshark sees."""

import subprocess
from collections import defaultdict
from functools import cache

import pytest

from capture.files import open_capture
from capture.sensor import Sensor
from capture.settings import CaptureSettings
from schemas.sip_messages import SipBatch
from streams.dialogs.call import Call
from tests.paths import CAPTURES
from tests.streams.dialogs.driver import Outcome

FILES = [
    "CESNET_ipfixprobe__tests_functional_inputs_sip.pcap",
    "Magum23_mtaa-sip__call_end_and_cancel.pcapng",
    "MichalCab_ISA__hist0_real_call.pcap",
    "MichalCab_ISA__hist1_sip.pcap",
    "OISF_suricata-verify__tests_sip-body-frames_public-cloudshark-sip-s0.pcap",
    "OISF_suricata-verify__tests_sip-compact-form_sip_compact_form.pcap",
    "irontec_sngrep__tests_aaa.pcap",
    "irontec_sngrep__tests_ipip.pcap",
    "linklayer/aol_moloch__tests_pcap_gtp-iphone.pcap",
    "linklayer/irontec_sngrep__tests_ipv6frag.pcap",
    "nextcaller_sip-capture__collect_testdata_sip-i.pcap",
    "ntop_nDPI__tests_cfgs_default_pcap_FAX-Call-t38-CA-TDM-SIP-FB-1.pcap",
    "ntop_nDPI__tests_cfgs_default_pcap_sip.pcap",
    "seladb_PcapPlusPlus__Tests_Packet++Test_PacketExamples_sip_non_default_port.pcap",
    "sip_and_hep.pcap",
    "sip_rtp_dtmf_lo.pcap",
    "sip_rtpstream.pcap",
    "snort3_snort3_demo__tests_framework_classification_and_references_digium.pcap",
    "wireshark-4.0.17__test_captures_sip.pcapng",
    "zongbingwang_pcapApplication__data_MagicJack+_short_call.pcap",
    "zongbingwang_pcapApplication__data_yate.pcap",
]

FIELDS = ["frame.time_epoch", "sip.Call-ID", "sip.Method", "sip.Status-Code", "sip.CSeq.method"]


@cache
def calls_of(name: str) -> dict[str, list[Call]]:
    """The calls of a capture, by Call-ID."""
    sensor, outcome = Sensor("acme", "hq", "s1", settings=CaptureSettings()), Outcome()
    for block in open_capture(str(CAPTURES / name), sensor="s1"):
        for batch in sensor.feed(block):
            if isinstance(batch, SipBatch):
                outcome.take(batch)
    for batch in sensor.close():
        if isinstance(batch, SipBatch):
            outcome.take(batch)
    calls = defaultdict(list)
    for call in outcome.calls:
        calls[call.call_id].append(call)
    return calls


@cache
def told_by_tshark(name: str) -> dict[str, list[tuple[int, str, int, str]]]:
    """By Call-ID: time in µs, method, status, CSeq method of each message of a frame with one."""
    fields = [word for field in FIELDS for word in ("-e", field)]
    command = ["tshark", "-n", "-r", str(CAPTURES / name), "-Y", "sip && !icmp", "-T", "fields", *fields]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = defaultdict(list)
    for line in printed.splitlines():
        time, call_id, method, status, cseq_method = line.split("\t")
        if call_id and "," not in method + status:
            whole, _, part = time.partition(".")
            time_us = int(whole) * 1_000_000 + (int(part[:9].ljust(9, "0")) + 500) // 1000
            found[call_id].append((time_us, method, int(status or 0), cseq_method))
    return found


@pytest.mark.parametrize("name", FILES)
def test_every_call_id_with_an_invite_is_a_call(name: str) -> None:
    invited = {
        call_id
        for call_id, messages in told_by_tshark(name).items()
        if any(method == "INVITE" for _, method, _, _ in messages)
    }
    assert invited and invited <= set(calls_of(name))


@pytest.mark.parametrize("name", FILES)
def test_answers_byes_and_cancels_are_where_tshark_sees_them(name: str) -> None:
    for call_id, messages in told_by_tshark(name).items():
        calls = calls_of(name).get(call_id, [])
        if len(calls) != 1:
            continue
        answers = [time for time, _, status, method in messages if method == "INVITE" and 200 <= status < 300]
        byes = [time for time, method, _, _ in messages if method == "BYE"]
        invites = [time for time, method, _, _ in messages if method == "INVITE"]
        call = calls[0]
        assert call.invite_us == min(invites, default=None)
        assert call.answer_us == min(answers, default=None)
        assert call.bye_us == min(byes, default=None)
        assert len(call.events) + call.copies == len(messages)


def test_a_fax_call_announces_t38() -> None:
    name = "ntop_nDPI__tests_cfgs_default_pcap_FAX-Call-t38-CA-TDM-SIP-FB-1.pcap"
    assert any(call.t38_offered for calls in calls_of(name).values() for call in calls)
