"""What a call's page says: facts told in a test, and text that wants to harm the terminal."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from offhook.output.call.sentences import what_stands_out
from offhook.output.call.story import CallStory
from schemas.cdr import CallRecord, DtmfEvent, HoldInterval, RelatedCall, RtcpFigures, SipEvent, StreamRecord
from schemas.sip_messages import SipPacket
from streams.records.flags import MEANINGS
from tests.offhook.call.told import OPENS, A, B, eventful, lines, told
from tests.offhook.fakes import CALL, EVENT, STREAM, T0, WINDOW
from tests.system.story import Dialog, rtp, sdp


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> CallStory:
    return eventful(tmp_path_factory.mktemp("story") / "story.pcap")


def test_the_heading_says_who_when_and_how(story: CallStory) -> None:
    page = lines(story)
    assert page[0] == "1000 → 2000 · answered"
    assert page[1] == "2023-11-14 22:13:20.000000 UTC"
    said = "\n".join(page[:14])
    assert "answered (200 Said), the caller hung up after 58.0 s, reason: Normal, Q.850 cause 16" in said
    assert "ringing after 0.60 s, answered after 2.00 s, talk 58.0 s, 1:00 in all" in said
    assert "10.0.0.1:5060 → 10.0.0.2:5060 udp" in said


def test_messages_say_what_they_are_about(story: CallStory) -> None:
    page = lines(story)

    def row(words: str) -> str:
        return next(line for line in page if words in line)

    assert "CSeq 5 · to <sip:3000@example.net>" in row(" REFER ")
    assert "reason Q.850 16 Normal" in row(" BYE ")
    assert "T.38 10.0.0.1:4000" in row("T.38")
    assert "audio 10.0.0.1:4000 PCMU telephone-event, sendonly" in row("sendonly")
    assert "+500.0 ms" in row("· again")
    assert "1 INVITE again" in row("Ladder")


def test_silence_digits_and_hold_are_told(story: CallStory) -> None:
    page = lines(story)
    assert "  ! dead air: nothing heard from the callee's side for 30.0 s" in page
    assert "  digits the caller pressed X (rfc4733) at +40.000 s" in page
    assert "  hold by the caller at +10.000 s for 0:10" in page


def test_quality_over_time_shows_where_nothing_was_heard(story: CallStory) -> None:
    """Both voices go to 60 s; the callee's is gone after 30."""
    bars = [line.split()[1] for line in lines(story) if line.startswith("    MOS     ")]
    assert bars == ["▇▇▇▇▇▇", "▇▇▇···"]


def test_one_way_audio_says_for_how_long(tmp_path: Path) -> None:
    dialog = Dialog().answered(sdp(A), sdp(B)).hang_up(20)
    page = lines(told(tmp_path / "x.pcap", dialog.frames, rtp(A, B, 1.1, 20)))
    sentence = "one-way: nothing heard from the callee's side for 19.0 s while the caller was sending"
    assert f"  ! {sentence}" in page


def test_several_calls_of_a_call_id_keep_their_own_streams_alone(tmp_path: Path) -> None:
    dialog = Dialog().answered(sdp(A), sdp(B)).hang_up(20)
    story = told(tmp_path / "x.pcap", dialog.frames, rtp(A, B, 1.1, 20) + rtp(B, A, 1.1, 20, ssrc=2))
    assert {row.stream_id for row in story.windows} == {stream.stream_id for stream in story.record.streams}


def test_texts_are_whole_and_clean(story: CallStory) -> None:
    page = lines(story, 120, texts=True)
    texts = page[page.index("Messages") :]
    assert "  INVITE sip:2000@example.net SIP/2.0" in texts
    assert "  a=rtpmap:101 telephone-event/8000" in texts
    assert sum(line == "  Call-ID: story" for line in texts) == 18


def test_a_store_says_that_it_has_no_texts(story: CallStory) -> None:
    page = lines(CallStory(story.record, story.windows), texts=True)
    assert any("The store keeps no texts" in line for line in page)
    assert any("CSeq 1 · SDP" in line for line in page)


@pytest.mark.parametrize("flag", MEANINGS)
def test_every_flag_is_a_sentence(flag: str) -> None:
    one_way = "b" if flag == "one-way" else None
    call = replace(CALL, flags=[flag], one_way=one_way, dead_air_a=2.0 * flag.endswith("-a"), dead_air_b=0.0)
    if flag == "dead-air-b":
        call = replace(call, dead_air_b=3.0)
    (sentence,) = what_stands_out(call)
    assert len(sentence.split()) >= 4


def test_nothing_stands_out_of_a_good_call() -> None:
    assert list(what_stands_out(CALL)) == []
    assert not any("stands out" in line for line in lines(CallStory(CALL)))


def test_an_end_by_a_timer_is_told() -> None:
    call = replace(CALL, bye_time=None, hung_up_by=None, end_reason="timeout-rtp", bye_code=104)
    assert any(
        "closed by a timer: its RTP had stopped, no BYE came" in line for line in lines(CallStory(call))
    )


def test_related_calls_are_named_with_the_command_that_opens_them() -> None:
    call = replace(CALL, related=[RelatedCall("leg b@10.0.0.9'; rm -rf /", "x-call-id")])
    page = lines(CallStory(call))
    assert "  leg b@10.0.0.9'; rm -rf / (x-call-id)" in page
    command = next(line for line in page if line.startswith("    offhook"))
    assert command.split("--call=")[1] == """'leg b@10.0.0.9'"'"'; rm -rf /'"""
    assert command.split()[:3] == list(OPENS[:3])


def test_messages_left_out_are_counted() -> None:
    events = [replace(EVENT, time=T0 + number * 1000) for number in range(256)]
    page = lines(CallStory(replace(CALL, sip_events=events, sip_events_omitted=1234, streams=[])))
    gap = next(number for number, line in enumerate(page) if "… 1,234 messages left out …" in line)
    assert sum("INVITE" in line and "►" in line for line in page[:gap]) == 192


def test_many_endpoints_become_a_list() -> None:
    events = [replace(EVENT, dst_ip=f"10.1.0.{number}", time=T0 + number) for number in range(40)]
    page = lines(CallStory(replace(CALL, sip_events=events)), 200)
    assert "AO 10.1.0.39:5060" in page


def test_a_host_that_speaks_to_itself() -> None:
    page = lines(CallStory(replace(CALL, sip_events=[replace(EVENT, dst_ip=EVENT.src_ip)])))
    assert any("│◄─┐ INVITE" in line for line in page)


def test_ports_of_tcp_clients_make_no_columns() -> None:
    events = [
        replace(EVENT, transport="tcp", src_port=40_000 + number, time=T0 + number) for number in range(5)
    ]
    page = lines(CallStory(replace(CALL, sip_events=events, transport="tcp", streams=[])))
    title = page[page.index("Ladder · 7 SIP messages") + 1]
    assert title.split() == ["10.0.0.1", "172.16.0.1"]


def test_ipv6_titles_are_whole() -> None:
    address = "2001:db8:1111:2222:3333:4444:5555:6666"
    page = lines(CallStory(replace(CALL, sip_events=[replace(EVENT, src_ip=address)])), 160)
    assert any(address in line for line in page)


HOSTILE = "\x1b[2J\r\n\t\x00\u202e\u200b日本語テキスト\u0301\u0301 \udcff\x9b31m-" + "long" * 60


def hostile(value: Any, text: str) -> Any:
    """The record with that text wherever the wire gives text."""
    if isinstance(value, str):
        return text
    if isinstance(value, dict):
        return {text: text}
    if isinstance(value, list):
        return [hostile(item, text) for item in value]
    if isinstance(value, msgspec.Struct):
        fields = {name: getattr(value, name) for name in value.__struct_fields__}
        kept = {"side", "one_way", "outcome", "src_ip", "dst_ip", "sensor_id", "cdr_id", "stream_id"}
        return replace(
            value, **{name: hostile(item, text) for name, item in fields.items() if name not in kept}
        )
    return value


FULL = replace(
    CALL,
    **{
        name: "x"
        for name, kind in CallRecord.__annotations__.items()
        if kind == str | None and name not in ("one_way", "hung_up_by")
    },
    related=[RelatedCall("a", "b")],
    dtmf=[DtmfEvent(T0, "a", "1", 100, "sip-info"), DtmfEvent(T0, None, "1", None, "x")],
    hold=[HoldInterval("a", T0, None), HoldInterval("b", T0, T0 + 1)],
    headers={"a": "b"},
    flags=["one-way", "unheard-of"],
    sip_events=[EVENT, replace(EVENT, status=500, reason="x", retransmission=True, hop=3, transport="tcp")],
    streams=[replace(STREAM, rtcp=RtcpFigures(1, 2.0, 3.0, 4.0, 5.0, 6.0, 4.1, 4.0), burst_density=10.0)],
)


def shown(record: CallRecord, raw: bytes, columns: int, *, ascii_only: bool) -> list[str]:
    event = record.sip_events[0]
    address = bytes(map(int, event.src_ip.split("."))), bytes(map(int, event.dst_ip.split(".")))
    packet = SipPacket(
        event.time, address[0], event.src_port, address[1], event.dst_port, "udp", 0, 64, -1, raw
    )
    windows = [replace(WINDOW, window=number) for number in range(3)]
    return lines(CallStory(record, windows, [packet]), columns, texts=True, ascii_only=ascii_only)


@settings(max_examples=100, deadline=None)
@given(text=st.just(HOSTILE) | st.text(max_size=60), columns=st.integers(40, 200), ascii_only=st.booleans())
def test_text_of_the_wire_does_no_harm(text: str, columns: int, ascii_only: bool) -> None:
    """No control character, no direction override, nothing over the edge, wherever the text stands."""
    octets = text.encode("utf-8", "surrogatepass")
    one_line = octets.replace(b"\r", b" ").replace(b"\n", b" ")
    raw = b"REFER sip:%b SIP/2.0\r\nCall-ID: a\r\nCSeq: 1 REFER\r\nRefer-To: %b\r\n" % (b"x", one_line)
    raw += b"Warning: 399 a %b\r\nReason: %b;cause=3;text=%b\r\n" % ((one_line,) * 3)
    raw += (
        b"Content-Type: application/sdp\r\n\r\nv=0\r\nm=audio 1 RTP/AVP 96 97\r\nc=IN IP4 %b\r\n" % one_line
    )
    raw += b"a=rtpmap:96 %b/8000\r\n" % one_line
    record = hostile(FULL, text)
    for line in shown(record, raw, columns, ascii_only=ascii_only):
        assert line.isprintable()
        assert line.isascii() or not ascii_only


def test_a_record_without_anything() -> None:
    empty = replace(
        CALL,
        **{
            name: None
            for name, kind in CallRecord.__annotations__.items()
            if type(None) in getattr(kind, "__args__", ())
        },
        sip_events=[],
        streams=[],
        proxies=[],
        outcome="unfinished",
        end_reason="capture-end",
    )
    page = lines(CallStory(empty))
    assert page[0] == "10.0.0.1 → 172.16.0.1 · unfinished"
    assert any("the capture ended before the call did" in line for line in page)


def test_a_stream_of_each_kind_is_told() -> None:
    bare: dict[str, Any] = {
        name: None
        for name, kind in StreamRecord.__annotations__.items()
        if type(None) in getattr(kind, "__args__", ())
    }
    page = lines(CallStory(replace(CALL, streams=[replace(STREAM, **bare)], sip_events=[EVENT])))
    assert any("990 packets, 10 lost" in line for line in page)
    assert isinstance(EVENT, SipEvent)
