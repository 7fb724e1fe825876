"""Session descriptions as phones, browsers and gateways write them."""

import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols import bounds, sdp
from protocols.sdp import Candidate, Payload

SESSION = "v=0\r\no=- 3724394400 3724394405 IN IP4 198.51.100.1\r\ns=-\r\n"


def describe(*lines: str, session: str = SESSION) -> sdp.Sdp:
    return sdp.parse((session + "".join(line + "\r\n" for line in lines)).encode())


def only(*lines: str) -> sdp.Media:
    (media,) = describe(*lines).media
    return media


def test_an_ordinary_offer() -> None:
    description = describe(
        "c=IN IP4 192.0.2.1",
        "t=0 0",
        "m=audio 49170 RTP/AVP 0 8 101",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-16",
        "a=ptime:20",
        "a=maxptime:40",
    )
    assert (description.session_id, description.session_version) == ("3724394400", "3724394405")
    assert (description.origin_address, description.address) == ("198.51.100.1", "192.0.2.1")
    (media,) = description.media
    assert (media.kind, media.port, media.port_count, media.protocol) == ("audio", 49170, 1, "RTP/AVP")
    assert (media.address, media.ip) == ("192.0.2.1", bytes([192, 0, 2, 1]))
    assert (media.rtcp_port, media.rtcp_address, media.rtcp_mux) == (49171, "", False)
    assert (media.ptime_ms, media.maxptime_ms, media.direction) == (20, 40, "sendrecv")
    assert media.payloads == (
        Payload(0, "PCMU", 8000, 1, ""),
        Payload(8, "PCMA", 8000, 1, ""),
        Payload(101, "TELEPHONE-EVENT", 8000, 1, "0-16"),
    )
    assert [payload.is_voice for payload in media.payloads] == [True, True, False]
    assert (media.codec, media.dtx, media.encrypted, media.t38, media.held) == (
        "PCMU",
        False,
        False,
        False,
        False,
    )


def test_the_address_of_the_media_wins_over_the_session() -> None:
    description = describe(
        "c=IN IP4 192.0.2.1",
        "t=0 0",
        "m=audio 4000 RTP/AVP 0",
        "c=IN IP4 192.0.2.2",
        "m=video 4002 RTP/AVP 31",
        "m=audio 4004/3 RTP/AVP 8",
        "c=IN IP4 233.252.0.1/127/3",
    )
    assert [media.address for media in description.media] == ["192.0.2.2", "192.0.2.1", "233.252.0.1"]
    assert [media.port_count for media in description.media] == [1, 1, 3]


def test_ipv6_and_host_names() -> None:
    six = only("m=audio 4000 RTP/AVP 0", "c=IN IP6 2001:db8::1")
    assert (six.address, six.ip) == ("2001:db8::1", socket.inet_pton(socket.AF_INET6, "2001:db8::1"))
    name = only("m=audio 4000 RTP/AVP 0", "c=IN IP4 media.example.com")
    assert (name.address, name.ip) == ("media.example.com", None)
    none = only("m=audio 4000 RTP/AVP 0")
    assert (none.address, none.ip) == ("", None)


@pytest.mark.parametrize(
    ("lines", "port", "address"),
    [
        (["a=rtcp:53020"], 53020, ""),
        (["a=rtcp:53020 IN IP4 126.16.64.4"], 53020, "126.16.64.4"),
        (["a=rtcp:53020 IN IP6 2001:db8::9", "a=rtcp-mux"], 4000, ""),
        (["a=rtcp-mux"], 4000, ""),
        (["a=rtcp:nonsense"], 4001, ""),
        (["a=rtcp:0"], 4001, ""),
    ],
)
def test_where_rtcp_is_heard(lines: list[str], port: int, address: str) -> None:
    media = only("m=audio 4000 RTP/AVP 0", *lines)
    assert (media.rtcp_port, media.rtcp_address) == (port, address)


def test_a_refused_media_has_port_zero() -> None:
    media = only("m=video 0 RTP/AVP 96")
    assert (media.port, media.rtcp_port) == (0, 0)


@pytest.mark.parametrize("direction", ["sendonly", "recvonly", "inactive", "sendrecv"])
def test_direction_at_both_levels(direction: str) -> None:
    description = describe(
        f"a={direction}", "m=audio 4000 RTP/AVP 0", "m=audio 4002 RTP/AVP 0", "a=sendrecv", session=SESSION
    )
    assert description.direction == direction
    assert [media.direction for media in description.media] == [direction, "sendrecv"]


@pytest.mark.parametrize(
    ("line", "held"),
    [
        ("a=sendonly", True),
        ("a=inactive ", True),
        ("a=recvonly", False),
        ("c=IN IP4 0.0.0.0", True),
        ("a=x", False),
    ],
)
def test_hold(line: str, held: bool) -> None:
    assert only("m=audio 4000 RTP/AVP 0", line).held is held


def test_static_payload_types_need_no_rtpmap() -> None:
    media = only("m=audio 4000 RTP/AVP 9 18 3 4 13 96")
    assert [(payload.codec, payload.clock_rate) for payload in media.payloads] == [
        ("G722", 8000),
        ("G729", 8000),
        ("GSM", 8000),
        ("G723", 8000),
        ("CN", 8000),
        ("", 0),
    ]


def test_rtpmap_wins_over_the_static_type_and_g722_keeps_its_clock() -> None:
    media = only(
        "m=audio 4000 RTP/AVP 111 112 9 0 97",
        "a=rtpmap:111 opus/48000/2",
        "a=rtpmap:112 G.729a/8000",
        "a=rtpmap:9 G722/16000",
        "a=rtpmap:0 L16/44100/2",
        "a=rtpmap:97 iLBC",
        "a=fmtp:111 minptime=10; useinbandfec=1 ",
    )
    assert media.payloads == (
        Payload(111, "OPUS", 48000, 2, "minptime=10; useinbandfec=1"),
        Payload(112, "G729", 8000, 1, ""),
        Payload(9, "G722", 8000, 1, ""),
        Payload(0, "L16", 44100, 2, ""),
        Payload(97, "ILBC", 0, 1, ""),
    )


def test_the_same_payload_type_means_something_else_in_another_media() -> None:
    audio, video = describe(
        "m=audio 4000 RTP/AVP 96", "a=rtpmap:96 AMR/8000", "m=video 4002 RTP/AVP 96", "a=rtpmap:96 H264/90000"
    ).media
    assert (audio.payloads[0].codec, video.payloads[0].codec) == ("AMR", "H264")


@pytest.mark.parametrize(
    ("lines", "dtx"),
    [
        (["m=audio 4000 RTP/AVP 0 8"], False),
        (["m=audio 4000 RTP/AVP 0 13"], True),
        (["m=audio 4000 RTP/AVP 0 98", "a=rtpmap:98 CN/16000"], True),
        (["m=audio 4000 RTP/AVP 18"], True),
        (["m=audio 4000 RTP/AVP 18", "a=fmtp:18 annexb=no"], False),
        (["m=audio 4000 RTP/AVP 18", "a=fmtp:18 annexb = yes"], True),
        (["m=audio 4000 RTP/AVP 4", "a=fmtp:4 bitrate=6.3;annexa=no"], False),
        (["m=audio 4000 RTP/AVP 96", "a=rtpmap:96 opus/48000/2"], False),
        (["m=audio 4000 RTP/AVP 96", "a=rtpmap:96 opus/48000/2", "a=fmtp:96 usedtx=1"], True),
        (["m=audio 4000 RTP/AVP 96", "a=rtpmap:96 AMR-WB/16000"], True),
        (["m=audio 4000 RTP/AVP 0", "a=silenceSupp:on - - - -"], True),
        (["m=audio 4000 RTP/AVP 0", "a=silenceSupp:off - - - -"], False),
    ],
)
def test_whether_a_sender_may_fall_silent(lines: list[str], dtx: bool) -> None:
    assert only(*lines).dtx is dtx


def test_a_browser_offer() -> None:
    description = describe(
        "t=0 0",
        "a=group:BUNDLE 0 1",
        "a=group:LS 0 1",
        "a=fingerprint:sha-256 AA:BB",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111 110",
        "c=IN IP4 0.0.0.0",
        "a=rtcp:9 IN IP4 0.0.0.0",
        "a=candidate:1467250027 1 udp 2122260223 192.0.2.1 46243 typ host generation 0",
        "a=candidate:1853887674 1 UDP 1518280447 203.0.113.5 36768 typ srflx raddr 192.0.2.1 rport 46243",
        "a=candidate:750991856 2 udp 25108223 2001:db8::5 58779 typ relay raddr 203.0.113.5 rport 51472",
        "a=candidate:1 1 tcp 1518214911 192.0.2.1 9 typ host tcptype active",
        "a=candidate:broken",
        "a=candidate:1 1 udp 1 h 70000 typ host",
        "a=mid:0",
        "a=rtcp-mux",
        "a=rtpmap:111 opus/48000/2",
        "a=rtpmap:110 telephone-event/48000",
        "m=video 9 UDP/TLS/RTP/SAVPF 96",
        "a=mid:1",
    )
    assert description.bundle == (("0", "1"),)
    audio, video = description.media
    assert audio.candidates == (
        Candidate(1, "udp", "192.0.2.1", 46243, "host"),
        Candidate(1, "udp", "203.0.113.5", 36768, "srflx"),
        Candidate(2, "udp", "2001:db8::5", 58779, "relay"),
        Candidate(1, "tcp", "192.0.2.1", 9, "host"),
    )
    assert video.candidates == ()
    assert (audio.mid, video.mid, audio.rtcp_port) == ("0", "1", 9)
    assert (audio.encrypted, audio.fingerprint, audio.crypto) == (True, True, False)
    assert video.encrypted


@pytest.mark.parametrize(
    ("lines", "encrypted"),
    [
        (["m=audio 4000 RTP/SAVP 0", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x"], True),
        (["m=audio 4000 RTP/AVP 0", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x"], True),
        (["m=audio 4000 RTP/AVP 0", "a=fingerprint:sha-1 4A"], True),
        (["m=audio 4000 RTP/SAVP 0"], True),
        (["m=audio 4000 RTP/AVP 0"], False),
    ],
)
def test_encrypted_media(lines: list[str], encrypted: bool) -> None:
    assert only(*lines).encrypted is encrypted


def test_fax() -> None:
    media = only(
        "m=image 49170 udptl t38", "c=IN IP4 192.0.2.1", "a=T38FaxVersion:0", "a=T38MaxBitRate:14400"
    )
    assert (media.kind, media.protocol, media.formats, media.t38) == ("image", "udptl", ("t38",), True)
    assert (media.payloads, media.rtcp_port, media.codec, media.dtx) == ((), 0, "", False)
    assert only("m=image 4000 UDPTL T38").t38
    assert not only("m=audio 4000 RTP/AVP 0").t38


def test_sloppy_descriptions() -> None:
    bare = sdp.parse(
        b"v=0\no=- 1 2 IN IP4 192.0.2.1\nc=IN IP4 192.0.2.1 \nm=audio 4000 RTP/AVP 0 \na=ptime:20.0 \n"
    )
    assert (bare.media[0].address, bare.media[0].ptime_ms, bare.media[0].codec) == ("192.0.2.1", 20, "PCMU")
    assert sdp.parse("m=audio 4000 RTP/AVP 8").media[0].codec == "PCMA"
    assert only("m=audio 4000 RTP/AVP 96", "a=rtpmap: 96 PCMA/8000").payloads[0].codec == "PCMA"
    assert only("m=audio 4000 rtp/avp 0").codec == "PCMU"
    assert sdp.parse(b"v=0\r\n").media == ()


@pytest.mark.parametrize(
    "mline",
    ["m=audio", "m=audio 1", "m=audio x RTP/AVP 0", "m=audio 70000 RTP/AVP 0", "m=audio -1 RTP/AVP 0"],
)
def test_a_media_line_that_cannot_be_read_is_left_out(mline: str) -> None:
    description = describe(mline, "a=ptime:30", "m=audio 4000 RTP/AVP 0")
    assert [(media.port, media.ptime_ms) for media in description.media] == [(4000, 0)]


def test_formats_that_are_no_payload_types_are_left_out() -> None:
    media = only("m=audio 4000 RTP/AVP 0 x 128 999 8")
    assert [payload.payload_type for payload in media.payloads] == [0, 8]


@pytest.mark.parametrize("body", [b"", b"hello", b"<xml/>", b"\0\1\2", b"a=sendrecv\r\n"])
def test_what_is_no_description_is_refused(body: bytes) -> None:
    with pytest.raises(sdp.SdpError):
        sdp.parse(body)


def test_bounds() -> None:
    with pytest.raises(sdp.SdpError, match="media"):
        describe(*["m=audio 4000 RTP/AVP 0"] * (bounds.SDP_MEDIA + 1))
    with pytest.raises(sdp.SdpError, match="lines"):
        describe(*["a=x"] * (bounds.SDP_LINES + 1))
    with pytest.raises(sdp.SdpError, match="octets"):
        describe("a=" + "x" * bounds.SDP_LENGTH)
    many = only("m=audio 4000 RTP/AVP " + "0 " * 1000, *["a=candidate:1 1 udp 1 192.0.2.1 9 typ host"] * 200)
    assert len(many.payloads) == bounds.SDP_PAYLOADS
    assert len(many.candidates) == bounds.SDP_CANDIDATES
    assert len(describe(*["a=group:BUNDLE a"] * 50, "m=audio 4000 RTP/AVP 0").bundle) == bounds.SDP_GROUPS


def test_long_descriptions_are_read_like_short_ones() -> None:
    """What is too long for the caches gives the same."""
    lines = ["m=audio 4000 RTP/AVP 96", "a=rtpmap:96 opus/48000", "a=ptime:60"]
    assert only(*lines, "a=x:" + "y" * 10_000) == only(*lines)


LINE = st.sampled_from(
    [
        *(
            "v=0",
            "o=- 1 2 IN IP4 h",
            "c=IN IP4 192.0.2.1",
            "c=IN",
            "m=audio 1 RTP/AVP 0 96",
            "m=image 1 udptl t38",
        ),
        *(
            "a=rtpmap:96 opus/48000/2",
            "a=rtpmap:",
            "a=fmtp:96",
            "a=rtcp:1",
            "a=ptime:",
            "a=ptime:²",
            "a=maxptime:9",
        ),
        *(
            "a=candidate:1 1 udp 1 h 1 typ host",
            "a=group:BUNDLE",
            "a=group:",
            "a=sendonly",
            "a=",
            "m=",
            "m=a 1/0 RTP/",
        ),
    ]
)


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=200), st.lists(st.one_of(LINE, st.text(max_size=12)), max_size=20).map("\r\n".join)
    )
)
def test_anything_gives_a_description_or_an_error(body: bytes | str) -> None:
    try:
        description = sdp.parse(body)
    except sdp.SdpError as error:
        assert str(error)
        return
    for media in description.media:
        assert 0 <= media.port < 65536
        assert 0 <= media.rtcp_port < 65536
        assert all(0 <= payload.payload_type < 128 for payload in media.payloads)
        assert isinstance((media.dtx, media.held, media.t38, media.encrypted, media.codec, media.ip), tuple)
