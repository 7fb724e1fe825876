"""The ladder against what tshark lists of real calls, and its laws for every width."""

import re
import subprocess
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.output.call.story import CallStory
from offhook.output.ladder import delta_text
from tests.offhook.call.told import lines, stories
from tests.paths import CAPTURES

REAL = {
    "irontec_sngrep__tests_aaa.pcap": "105090259-446faf7a@192.168.1.2",  # CANCEL and INVITE repeated
    "Magum23_mtaa-sip__call.pcapng": "Fj1KkSQB0u",  # a proxy, a re-INVITE
    "ntop_nDPI__tests_cfgs_default_pcap_FAX-Call-t38-CA-TDM-SIP-FB-1.pcap": (
        "00e9d4a500e9d48-0015-0001-0000-0000@10.35.40.25"
    ),  # two hops, T.38 refused
    "sip_rtp_dtmf_lo.pcap": "1-22410@127.0.0.1",  # two ports of one host
}

ARROW = re.compile(r"│◄?[─┄]+ (?P<from_left>.+?) [─┄]+►?│|│◄ (?P<tight>.+?) [─┄]+│")
ITEM = re.compile(r"^ *(?P<time>[\d:.]{12}|\+\S+(?: \S+)?)  (?P<a>[A-Z]) [─┄]► (?P<b>[A-Z])  (?P<rest>.+)$")


class Heard(NamedTuple):
    """One message as tshark lists it."""

    time_us: int
    source: str
    target: str
    said: str
    cseq: str


@cache
def listed(name: str) -> list[Heard]:
    """By time, without what a mirrored port gave twice: the same again within 10 ms."""
    command = [
        "tshark",
        "-n",
        "-r",
        str(CAPTURES / name),
        "-Y",
        f'sip.Call-ID == "{REAL[name]}"',
        "-T",
        "fields",
    ]
    for field in ("frame.time_epoch", "ip.src", "udp.srcport", "ip.dst", "udp.dstport"):
        command += ["-e", field]
    command += ["-e", "sip.Method", "-e", "sip.Status-Code", "-e", "sip.CSeq"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    heard: list[Heard] = []
    for row in sorted(done.stdout.splitlines()):
        epoch, src, sport, dst, dport, method, status, cseq = row.split("\t")
        second, _, fraction = epoch.partition(".")
        time_us = int(second) * 1_000_000 + round(int(fraction[:9].ljust(9, "0")) / 1000)
        one = Heard(time_us, f"{src}:{sport}", f"{dst}:{dport}", method or status, cseq)
        if not any(one[1:] == other[1:] and time_us - other.time_us < 10_000 for other in heard):
            heard.append(one)
    return heard


@cache
def real(name: str) -> CallStory:
    (story,) = [story for story in stories(CAPTURES / name) if story.record.call_id == REAL[name]]
    return story


def ladder_of(page: list[str]) -> list[str]:
    """From its heading to the next blank line."""
    start = next(number for number, line in enumerate(page) if line.startswith("Ladder"))
    length = [*page[start:], ""].index("")
    return page[start + 1 : start + length]


@pytest.mark.parametrize("name", REAL)
def test_every_message_stands_in_the_list_with_its_way_and_its_delta(name: str) -> None:
    page = ladder_of(lines(real(name), 60))
    endpoints = dict(line.split(" ") for line in page if re.match(r"^[A-Z] \S+$", line))
    found = [match for line in page if (match := ITEM.match(line))]
    said = [(endpoints[row["a"]], endpoints[row["b"]], row["rest"].split()[0]) for row in found]
    assert said == [(each.source, each.target, each.said) for each in listed(name)]


@pytest.mark.parametrize("name", REAL)
def test_every_message_is_an_arrow_of_the_ladder(name: str) -> None:
    page = ladder_of(lines(real(name), 140))
    labels = [match["from_left"] or match["tight"] for line in page if (match := ARROW.search(line))]
    assert [label.split()[0] for label in labels] == [each.said for each in listed(name)]


@pytest.mark.parametrize("name", REAL)
def test_deltas_are_those_between_messages(name: str) -> None:
    """Streams stand between the messages, so deltas add up to the time from one message to the next."""
    story = real(name)
    times = sorted(
        [each.time_us for each in listed(name)] + [stream.first_time for stream in story.record.streams]
    )
    page = ladder_of(lines(story, 60))
    shown = [line[:12].strip() for line in page if re.match(r"^( +\+|\d\d:)", line[:12])]
    expected = [delta_text(after - before) for before, after in pairwise(times)]
    assert shown[1:] == [delta.strip() for delta in expected]


def test_repeated_messages_are_drawn_otherwise() -> None:
    page = lines(real("irontec_sngrep__tests_aaa.pcap"))
    assert sum("┄ INVITE ┄" in line for line in page) == 2
    assert sum("again" in line and "CANCEL" in line for line in page) == 10


def test_a_session_description_is_said_once_for_all_hops() -> None:
    page = lines(real("Magum23_mtaa-sip__call.pcapng"))
    assert sum("same SDP" in line for line in page) == 4
    assert sum("audio 78.99.179.120:7078" in line for line in page) == 1


def test_fax_is_named() -> None:
    assert any("T.38 10.23.1.52:16756" in line for line in lines(real(list(REAL)[2])))


def test_streams_are_arrows_where_they_begin() -> None:
    page = ladder_of(lines(real("sip_rtp_dtmf_lo.pcap")))
    arrows = [number for number, line in enumerate(page) if "═ RTP PCMA ═" in line]
    answer = next(number for number, line in enumerate(page) if "200 OK" in line)
    assert len(arrows) == 2
    assert answer < min(arrows)
    assert any("◄═" in page[number] and "236 packets · MOS 4.41" in page[number] for number in arrows)


ALL = sorted(path for path in CAPTURES.glob("*.pcap*") if path.stat().st_size < 3_000_000)


@cache
def every_call() -> list[CallStory]:
    some = [
        path for path in ALL if re.search("Magum|aaa|FAX|dtmf_lo|rtpstream|yate|hist0|ipip|digium", path.name)
    ]
    return [story for path in some for story in stories(Path(path))]


@settings(max_examples=150, deadline=None)
@given(data=st.data(), columns=st.integers(40, 200), texts=st.booleans())
def test_no_line_is_longer_than_the_width(data: st.DataObject, columns: int, texts: bool) -> None:
    story = data.draw(st.sampled_from(every_call()))
    assert lines(story, columns, texts=texts)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), columns=st.integers(40, 200))
def test_ascii_has_the_same_lines(data: st.DataObject, columns: int) -> None:
    story = data.draw(st.sampled_from(every_call()))
    drawn, plain = lines(story, columns), lines(story, columns, ascii_only=True)
    assert all(line.isascii() for line in plain)
    assert [len(line) for line in plain] == [len(line) for line in drawn]


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (0, "+0 µs"),
        (999, "+999 µs"),
        (20_400, "+20.4 ms"),
        (999_949, "+999.9 ms"),
        (999_950, "+1.000 s"),
        (59_999_499, "+59.999 s"),
        (59_999_500, "+1:00.0"),
        (3_599_949_999, "+59:59.9"),
        (3_599_950_000, "+1:00:00"),
        (86_400_000_000 * 30, "+30.0 d"),
        (-1_500_000, "-1.500 s"),
    ],
)
def test_time_between_messages(us: int, text: str) -> None:
    assert delta_text(us) == text


@given(st.integers(0, 10**12))
def test_times_between_fit_their_column(us: int) -> None:
    assert len(delta_text(us)) <= 9
