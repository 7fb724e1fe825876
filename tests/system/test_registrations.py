"""Registrations of real captures, against what tshark reads off them."""

import subprocess
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from offhook.pipeline import Analysis
from offhook.settings import Settings
from schemas.registrations import Registration
from tests.paths import CAPTURES

REAL = [
    "irontec_sngrep__tests_aaa.pcap",
    "MichalCab_ISA__hist1_sip.pcap",
    "ntop_nDPI__tests_cfgs_default_pcap_webex.pcap",
    "CESNET_ipfixprobe__tests_functional_inputs_sip.pcap",
    "ntop_nDPI__tests_cfgs_default_pcap_sip_hello.pcapng",
    "OISF_suricata-verify__tests_sip-options-method_input.pcap",
    "OISF_suricata-verify__tests_sip-tcp-method_sip-tcp.pcap",
    "MichalCab_ISA__hist0_hodinovy_rozhovor_s_filipem.pcap",
    "zeek_zeek__testing_btest_Traces_sip_sip-long-request-response-paths.pcap",
]

Key = tuple[str, str, str]
"""Method, Call-ID, user of To."""


@dataclass
class Seen:
    """What tshark saw of one row."""

    requests: Counter[tuple[str, str]] = field(default_factory=Counter)  # CSeq, branch
    finals: dict[tuple[str, str], int] = field(default_factory=dict)


def by_tshark(capture: Path) -> dict[Key, Seen]:
    fields = ["CSeq.method", "Call-ID", "to.user", "CSeq.seq", "Via.branch", "Status-Code"]
    command = ["tshark", "-n", "-r", str(capture), "-Y", "sip", "-T", "fields", "-E", "occurrence=f"]
    for name in fields:
        command += ["-e", f"sip.{name}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[Key, Seen] = defaultdict(Seen)
    for line in done.stdout.splitlines():
        method, call_id, user, cseq, branch, status = line.split("\t")
        if method not in ("REGISTER", "OPTIONS", "SUBSCRIBE", "NOTIFY", "PUBLISH", "MESSAGE"):
            continue
        seen = found[method, call_id, user]
        if not status:
            seen.requests[cseq, branch] += 1
        elif int(status) >= 200:
            seen.finals.setdefault((cseq, branch), int(status))
    return found


@pytest.mark.parametrize("name", REAL)
def test_requests_retransmissions_and_codes_are_tsharks(name: str) -> None:
    capture = CAPTURES / name
    rows = [
        row
        for row in Analysis([str(capture)], Settings(), want=frozenset({"registrations"}))
        if isinstance(row, Registration)
    ]
    expected = by_tshark(capture)
    assert rows
    assert {(row.method, row.call_id, row.user or "") for row in rows} == set(expected)
    for key, seen in expected.items():
        mine = [row for row in rows if (row.method, row.call_id, row.user or "") == key]
        assert sum(row.requests for row in mine) == len(seen.requests)
        assert sum(row.retransmissions for row in mine) == sum(seen.requests.values()) - len(seen.requests)
        codes = Counter(str(code) for code in seen.finals.values())
        assert sum((Counter(row.codes) for row in mine), Counter()) == codes
        assert sum(row.unanswered for row in mine) == len(seen.requests.keys() - seen.finals.keys())
        assert sum(row.successes for row in mine) == sum(200 <= code < 300 for code in seen.finals.values())
        assert sum(row.challenges for row in mine) == codes["401"] + codes["407"]
