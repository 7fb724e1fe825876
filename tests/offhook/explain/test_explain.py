"""Each thing that can be missing is named, with evidence; healthy captures get one line."""

import json
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.explain.finding import HIGH, LOW, MEDIUM
from offhook.explain.silence import PROBABLE
from tests.capture import packets
from tests.capture.writers import pcap
from tests.offhook.explain.made import (
    at,
    by_code,
    findings,
    frames,
    generated,
    of,
    tcp,
    well,
    with_ports,
    with_source,
)
from tests.paths import CAPTURES, ROOT
from tests.system.wire import Frame, Tcp, in_fragments, write


def call_ids() -> list[str]:
    found = {line for frame in frames() if frame.sip for line in frame.payload.decode().split("\r\n")
             if line.startswith("Call-ID: ")}  # fmt: skip
    return sorted(line.removeprefix("Call-ID: ") for line in found)


# nothing wrong


@settings(max_examples=4, deadline=None)
@given(
    calls=st.integers(1, 4),
    seconds=st.integers(2, 6),
    loss=st.sampled_from([0, 1, 5]),
    jitter=st.sampled_from([0, 20]),
    seed=st.integers(0, 99),
)
def test_healthy_calls_raise_no_alarm(calls: int, seconds: int, loss: int, jitter: int, seed: int) -> None:
    options = f"--calls {calls} --seconds {seconds} --loss {loss} --jitter-ms {jitter} --seed {seed}"
    assert well(generated(options)).startswith("Nothing wrong: ")


@pytest.mark.parametrize(
    "name",
    [
        "MichalCab_ISA__hist0_real_call.pcap",
        "zongbingwang_pcapApplication__data_yate.pcap",
        "zongbingwang_pcapApplication__data_MagicJack+_short_call.pcap",
        "Magum23_mtaa-sip__call.pcapng",
    ],
)
def test_healthy_real_calls_raise_no_alarm(name: str) -> None:
    assert "Nothing wrong" in well(CAPTURES / name)


def test_one_healthy_call() -> None:
    assert well(generated(), call_ids()[0]).startswith("Nothing wrong with this call")


# signalling


def test_answers_that_were_not_captured(tmp_path: Path) -> None:
    found = of(tmp_path, (f for f in frames() if not (f.sip and f.payload.startswith(b"SIP/2.0"))))
    one_way = found["sip-requests-unanswered"]
    assert one_way.severity == HIGH
    assert "INVITE" in one_way.evidence[0]
    assert "answers were there, and not captured" in one_way.evidence[0]
    assert "mirror" in one_way.advice


def test_requests_that_were_not_captured(tmp_path: Path) -> None:
    found = of(tmp_path, (f for f in frames() if not f.sip or f.payload.startswith(b"SIP/2.0")))
    assert found["sip-responses-alone"].severity == HIGH


def test_a_host_that_does_not_answer_may_also_be_down(tmp_path: Path) -> None:
    invites = [f for f in frames() if f.sip and f.payload.startswith(b"INVITE")]
    found = of(tmp_path, invites)["sip-requests-unanswered"]
    assert "nobody answers" in found.advice


def test_tls_on_5061(tmp_path: Path) -> None:
    first = frames()[0]
    hello, data = b"\x16\x03\x01\x00\x40\x01" + bytes(60), b"\x17\x03\x03\x00\x40" + bytes(64)
    ends = ("192.0.2.1", 40000), ("192.0.2.2", 5061)
    secret = [at(first, tcp(hello, *ends)), at(first, tcp(data, *ends[::-1]), 1000)]
    found = of(tmp_path, secret)["encrypted-sip"]
    assert found.severity == HIGH
    assert found.evidence == [
        "192.0.2.1:40000 → 192.0.2.2:5061: 2 packets from 2026-09-21T14:13:20.000Z"
    ] or ("192.0.2.1:40000 → 192.0.2.2:5061: 2 packets" in found.evidence[0])
    assert of(tmp_path, [*frames(), *secret])["encrypted-sip"].severity == MEDIUM


def test_signalling_that_is_not_sip() -> None:
    found = by_code(findings(CAPTURES / "ntop_nDPI__tests_cfgs_default_pcap_skinny.pcap"))
    assert "Skinny" in found["other-signalling"].title
    assert found["rtp-without-sip"].title.startswith("6 RTP streams")


def test_sip_without_calls() -> None:
    found = by_code(findings(CAPTURES / "ntop_nDPI__tests_cfgs_default_pcap_webex.pcap"))
    assert found["no-invite"].evidence == ["requests: 22 REGISTER"]
    assert "45191" in found["registrations-fail"].evidence[0]


# media


def test_a_filter_that_left_the_media_out(tmp_path: Path) -> None:
    found = of(tmp_path, (f for f in frames() if f.sip))
    assert found["media-not-captured"].severity == HIGH
    assert found["media-not-captured"].title.endswith("3 answered calls, and no RTP at all")
    assert len(found) == 1


def test_calls_that_are_silent_while_others_are_not(tmp_path: Path) -> None:
    first = next(f for f in frames() if not f.sip)
    ends = {first.addresses, first.addresses[::-1]}
    ports = {first.ports, first.ports[::-1]}
    found = of(tmp_path, (f for f in frames() if f.sip or (f.addresses not in ends or f.ports not in ports)))
    silent = found["endpoints-silent"]
    assert silent.title.startswith("1 answered call without RTP")
    assert "not one packet to it or from it" in silent.evidence[0]


def test_one_side_only(tmp_path: Path) -> None:
    sender = next(f for f in frames() if not f.sip).ports
    found = of(tmp_path, (f for f in frames() if f.sip or f.ports != sender))
    assert found["nothing-arrives"].severity == MEDIUM
    assert "1 answered call with one side only" in found["nothing-arrives"].title


def test_media_from_another_address(tmp_path: Path) -> None:
    def translated(frame: Frame) -> Frame:
        if frame.sip:
            return frame
        source, target = frame.addresses
        moved = with_source(frame, bytes([203, 0, 113, source[3] + source[2]]))
        return moved._replace(
            data=moved.data[:30] + bytes([203, 0, 114, target[3] + target[2]]) + moved.data[34:]
        )

    found = of(tmp_path, map(translated, frames()))
    assert found["media-from-other-address"].severity == HIGH
    assert "203.0.11" in found["media-from-other-address"].evidence[0]
    lost = found["streams-without-call"]
    assert "announced the same port of another address" in lost.evidence[0]
    assert "natalias" in lost.advice


def test_media_on_another_port(tmp_path: Path) -> None:
    found = of(tmp_path, (f if f.sip else with_ports(f, 2) for f in frames()))
    assert "another port of it has RTP" in found["media-on-other-port"].evidence[0]
    assert "announced a port next to it" in found["streams-without-call"].evidence[0]


def test_a_port_that_is_not_open(tmp_path: Path) -> None:
    sip_only = [f for f in frames() if f.sip]
    rtp = next(f for f in frames() if not f.sip)
    icmp = struct.pack("!BBHI", 3, 3, 0, 0) + rtp.ip[:28]
    complaint = packets.ip(icmp, 1, "172.16.0.1", "10.0.1.0")
    found = of(tmp_path, [*sip_only, *(at(rtp, complaint, n) for n in range(3)), *_other_call()])
    assert "3 packets to it came back" in found["port-unreachable"].evidence[0]


def _other_call() -> list[Frame]:
    """RTP of somebody else, so that the capture is not signalling alone."""
    return [
        at(
            frames()[0],
            packets.udp(packets.rtp(n, 160 * n), ("198.18.0.1", 7000), ("198.18.0.2", 7002)),
            n * 20_000,
        )
        for n in range(20)
    ]


def test_private_addresses_behind_public_ones(tmp_path: Path) -> None:
    sip = [
        f._replace(
            data=f.data[:26] + b"".join(bytes([198, 51, 100, a[0] + a[2]]) for a in f.addresses) + f.data[34:]
        )
        for f in frames()
        if f.sip
    ]
    found = of(tmp_path, [*sip, *_other_call()])
    assert "a private address, while its SIP came from 198.51.100." in found["private-address"].evidence[0]


def test_rtp_alone(tmp_path: Path) -> None:
    found = of(tmp_path, (f for f in frames() if not f.sip))
    assert found["rtp-without-sip"].title.startswith("6 RTP streams")


# the capture itself


def test_snapped_sip(tmp_path: Path) -> None:
    found = of(tmp_path, frames(), snap=lambda _: 300)
    assert found["snapped-sip"].severity == HIGH
    assert "kept 300 bytes" in found["snapped-sip"].title


def test_a_short_snap_length_for_rtp_is_fine(tmp_path: Path) -> None:
    path = write(tmp_path / "made.pcap", frames(), snap=lambda frame: 2000 if frame.sip else 96)
    assert well(path).startswith("Nothing wrong")


def test_mirrored_packets(tmp_path: Path) -> None:
    found = of(tmp_path, [*frames(), *(f.later(100) for f in frames())])
    assert found["mirrored-packets"].severity == LOW


def test_missing_fragments(tmp_path: Path) -> None:
    whole, cut = [f for f in frames() if not f.sip], [f for f in frames() if f.sip]
    pieces = [in_fragments(f.with_id(n + 1), 256)[0] for n, f in enumerate(cut)]
    found = of(tmp_path, [*whole, *pieces])
    assert "fragments-missing" in found


def test_tcp_with_holes(tmp_path: Path) -> None:
    tcp_sip = Tcp()
    segments = [
        piece for f in frames() if f.sip for n, piece in enumerate(tcp_sip.segments(f, [200, 200])) if n != 2
    ]
    found = of(tmp_path, [*(f for f in frames() if not f.sip), *segments])
    assert found["tcp-incomplete"].severity == MEDIUM


def test_a_clock_that_goes_back(tmp_path: Path) -> None:
    half = frames()[len(frames()) // 2].time_us
    before = write(tmp_path / "before.pcap", (f for f in frames() if f.time_us < half)).read_bytes()
    after = write(tmp_path / "after.pcap", (f.later(-3_600_000_000) for f in frames() if f.time_us >= half))
    (tmp_path / "both.pcap").write_bytes(before + after.read_bytes()[24:])
    clock = by_code(findings(tmp_path / "both.pcap"))["clock-problems"]
    assert clock.severity == LOW
    assert clock.evidence[0].startswith("1 step back in time between two packets, by 3,")
    assert "read in that order" in clock.title
    assert "capture-damaged" not in by_code(findings(tmp_path / "both.pcap"))


def test_a_link_that_was_silent_is_no_clock_problem(tmp_path: Path) -> None:
    last = max(f.time_us for f in frames())
    again = [f.later(600_000_000 + last - frames()[0].time_us) for f in frames() if not f.sip]
    found = of(tmp_path, [*frames(), *again])
    assert "clock-problems" not in found


def test_a_damaged_file(tmp_path: Path) -> None:
    data = generated().read_bytes()
    half = len(data) // 2
    (tmp_path / "bad.pcap").write_bytes(data[:half] + b"\xff" * 400 + data[half + 400 :])
    assert "byte" in by_code(findings(tmp_path / "bad.pcap"))["capture-damaged"].evidence[0]


def test_calls_that_the_capture_shows_a_part_of(tmp_path: Path) -> None:
    byes = {f for f in frames() if f.sip and b" BYE\r\n" in f.payload}
    assert of(tmp_path, (f for f in frames() if f not in byes))["calls-not-ended"].severity == LOW
    first = frames()[0].time_us
    assert "calls-begun-before" in of(tmp_path, (f for f in frames() if f.time_us > first + 2_500_000))


def test_ipsec(tmp_path: Path) -> None:
    esp = [at(frames()[0], packets.ip(bytes(100), 50, "192.0.2.1", "192.0.2.2"), n) for n in range(5)]
    found = of(tmp_path, esp)
    assert found["no-voip"].title.endswith("the whole file is IPsec ESP")


# no VoIP


def test_a_capture_of_something_else(tmp_path: Path) -> None:
    dns = [
        at(frames()[0], packets.udp(b"\0" * 30, ("192.0.2.1", 40000 + n), ("192.0.2.2", 53)), n)
        for n in range(9)
    ]
    found = of(tmp_path, dns)["no-voip"]
    assert found.title.endswith("the whole file is DNS (UDP 53)")
    assert found.evidence[0].startswith("DNS (UDP 53): 9 packets")
    assert "192.0.2.0/24 9 packets" in found.evidence[1]


def test_frames_without_ip(tmp_path: Path) -> None:
    arp = [Frame(frames()[0].time_us + n, b"\2" * 12 + b"\x08\x06" + bytes(40)) for n in range(4)]
    assert of(tmp_path, arp)["no-voip"].title.endswith("the whole file is ARP")


def test_an_empty_capture(tmp_path: Path) -> None:
    (tmp_path / "empty.pcap").write_bytes(pcap([]))
    assert list(by_code(findings(tmp_path / "empty.pcap"))) == ["empty-capture"]


# one call


def test_one_call_without_media(tmp_path: Path) -> None:
    path = write(tmp_path / "made.pcap", (f for f in frames() if f.sip))
    found = findings(path, call_ids()[0])
    assert found[0].code == "endpoints-silent"
    assert found[0].call_id == call_ids()[0]
    assert len(found[0].evidence) == 2  # both endpoints


def test_one_call_that_hears_one_side(tmp_path: Path) -> None:
    sender = next(f for f in frames() if not f.sip).ports
    path = write(tmp_path / "made.pcap", (f for f in frames() if f.sip or f.ports != sender))
    found = [each for name in call_ids() for each in findings(path, name)]
    assert [each.code for each in found] == ["nothing-arrives"]
    assert "nothing was heard from the call" in found[0].title


def test_one_call_without_bye(tmp_path: Path) -> None:
    path = write(tmp_path / "made.pcap", (f for f in frames() if not (f.sip and b" BYE\r\n" in f.payload)))
    assert [each.code for each in findings(path, call_ids()[0])] == ["calls-not-ended"]


def test_one_call_that_was_rejected() -> None:
    capture = CAPTURES / "zongbingwang_pcapApplication__data_yate.pcap"
    (rejected,) = findings(capture, "1440318047@222.20.61.66")
    assert rejected.code == "not-answered"
    assert "rejected: 404" in rejected.title


def test_a_call_that_is_not_there() -> None:
    assert findings(generated(), "nobody@nowhere")[0].code == "call-not-found"
    registered = CAPTURES / "ntop_nDPI__tests_cfgs_default_pcap_webex.pcap"
    assert findings(registered, "KopLTw9xs_lEpCtiPa07bQ..")[0].code == "not-a-call"


# the command


def command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "offhook.main", "analyze", *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, check=False)


def test_the_page_and_the_rows() -> None:
    capture = CAPTURES / "ntop_nDPI__tests_cfgs_default_pcap_webex.pcap"
    page = command(capture, "--explain")
    assert page.returncode == 0
    assert page.stdout.startswith("1. 22 SIP messages, and no call among them [high, no-invite]\n")
    assert "   What to do: " in page.stdout
    rows = [
        json.loads(line) for line in command(capture, "--explain", "--format", "json").stdout.splitlines()
    ]
    assert rows[0]["code"] == "no-invite"
    assert rows[0]["first_time"] == "2015-10-11T13:37:17.191973Z"
    assert set(rows[0]) == {"code", "severity", "title", "evidence", "advice", "call_id", "first_time"}
    assert command(generated(), "--explain").stdout.count("\n") == 1


def test_what_does_not_go_together_is_said() -> None:
    refused = command(generated(), "--explain", "--filter", "mos<3")
    assert refused.returncode == 2
    assert "--explain" in refused.stderr


def test_the_guide_names_every_finding() -> None:
    sources = "\n".join(path.read_text() for path in (ROOT / "offhook" / "explain").glob("*.py"))
    codes = (
        set(re.findall(r'"([a-z]+(?:-[a-z]+)+)",\s+(?:HIGH|MEDIUM|LOW)', sources))
        | set(PROBABLE)
        | {"no-voip"}
    )
    guide = (ROOT / "docs" / "guide.md").read_text()
    table = re.split(
        r"^#{2,3} ", guide[guide.index("Why is there no call, no sound\n") :], flags=re.MULTILINE
    )[0]
    named = {
        name
        for row in re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE)
        for name in re.findall(r"`(.*?)`", row)
    }
    assert codes == named
