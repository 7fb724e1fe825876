"""SIP messages as senders send them: forms, sloppiness, bodies, and the headers that calls are told by."""

import pytest

from protocols import sip

HEADERS = [
    b"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK776asdhds;rport",
    b'From: "Alice" <sip:+12025550100@192.0.2.1>;tag=1928301774',
    b"To: <sip:bob@example.com>",
    b"Call-ID: a84b4c76e66710@pc33.example.com",
    b"CSeq: 314159 INVITE",
]


def message(
    *headers: bytes, body: bytes = b"", first: bytes = b"INVITE sip:bob@example.com SIP/2.0"
) -> bytes:
    return b"\r\n".join([first, *HEADERS, *headers, b"", body])


def parse(
    *headers: bytes, body: bytes = b"", first: bytes = b"INVITE sip:bob@example.com SIP/2.0"
) -> sip.SipMessage:
    return sip.parse(message(*headers, body=body, first=first))


def test_a_request() -> None:
    parsed = parse()
    assert parsed.is_request
    assert (parsed.method, parsed.request_uri, parsed.status, parsed.reason) == (
        "INVITE",
        "sip:bob@example.com",
        0,
        "",
    )
    assert parsed.call_id == "a84b4c76e66710@pc33.example.com"
    assert (parsed.from_tag, parsed.to_tag, parsed.branch) == ("1928301774", "", "z9hG4bK776asdhds")
    assert (parsed.cseq, parsed.cseq_method) == (314159, "INVITE")
    assert parsed.problems == ()


def test_a_response_has_the_method_of_its_cseq() -> None:
    parsed = parse(first=b"SIP/2.0 486 Busy Here")
    assert (parsed.is_request, parsed.status, parsed.reason, parsed.method) == (
        False,
        486,
        "Busy Here",
        "INVITE",
    )


@pytest.mark.parametrize(
    "first", [b"SIP/2.0 180", b"SIP/2.0 180 ", b"sip/2.0 180 Ringing", b"SIP/2.0  180 x"]
)
def test_sloppy_status_lines(first: bytes) -> None:
    assert parse(first=first).status == 180
    assert sip.looks_like_sip(message(first=first)) is not first.startswith(b"SIP/2.0  ")


@pytest.mark.parametrize("first", [b"SIP/2.0 99 x", b"SIP/2.0 700 x", b"SIP/2.0 2x0 x", b"SIP/2.0 2000 x"])
def test_a_status_that_is_none_is_refused(first: bytes) -> None:
    with pytest.raises(sip.SipError):
        parse(first=first)


def test_compact_forms() -> None:
    raw = (
        b"INVITE sip:b@h SIP/2.0\r\nv: SIP/2.0/TCP h;branch=z9hG4bKx\r\nf: <sip:a@h>;tag=1\r\n"
        b"t: <sip:b@h>;tag=2\r\ni: 1@h\r\nCSeq: 1 INVITE\r\nm: <sip:a@h>\r\nk: timer\r\n"
        b"c: application/sdp\r\nl: 5\r\nx: 90\r\n\r\nv=0\r\n"
    )
    parsed = sip.parse(raw)
    assert (parsed.call_id, parsed.from_tag, parsed.to_tag, parsed.branch) == ("1@h", "1", "2", "z9hG4bKx")
    assert (parsed.content_type, parsed.body) == ("application/sdp", b"v=0\r\n")
    assert parsed.headers("Supported") == ["timer"]
    assert parsed.header("session-expires") == "90"
    assert parsed.header("X") == "90"


def test_bare_line_feeds_give_the_same_message() -> None:
    raw = message(b"Contact: <sip:a@h>", body=b"")
    assert sip.parse(raw.replace(b"\r\n", b"\n")).problems == ()
    one, two = sip.parse(raw), sip.parse(raw.replace(b"\r\n", b"\n"))
    assert (one.call_id, one.from_tag, one.branch, one.header("contact")) == (
        two.call_id,
        two.from_tag,
        two.branch,
        two.header("contact"),
    )


def test_a_bare_line_feed_ends_the_head_before_an_empty_line_of_the_body() -> None:
    raw = message(b"Content-Type: text/plain", body=b"").replace(b"\r\n", b"\n") + b"one\r\n\r\ntwo"
    assert sip.parse(raw).body == b"one\r\n\r\ntwo"


def test_empty_lines_before_the_message() -> None:
    assert sip.parse(b"\r\n\r\n\n" + message()).method == "INVITE"
    assert sip.looks_like_sip(b"\r\n\r\n" + message())


def test_content_length_shorter_than_the_datagram_trims() -> None:
    assert parse(b"Content-Length: 3", body=b"abcdef").body == b"abc"


def test_content_length_longer_than_the_datagram_marks() -> None:
    parsed = parse(b"Content-Length: 30", body=b"abcdef")
    assert parsed.body == b"abcdef"
    assert parsed.marks == ("Content-Length is 30, but 6 octets came",)


def test_without_content_length_the_body_is_the_rest() -> None:
    assert parse(body=b"abc").body == b"abc"


def test_a_head_without_its_end_loses_the_line_that_may_be_cut() -> None:
    raw = message(b"Contact: <sip:alice@192.0.2.1>", b"User-Agent: Ph")
    parsed = sip.parse(raw[: raw.index(b"Ph") + 2])
    assert parsed.call_id == "a84b4c76e66710@pc33.example.com"
    assert parsed.header("user-agent") is None
    assert parsed.header("contact") == "<sip:alice@192.0.2.1>"
    assert "no empty line after the headers" in parsed.problems


def test_a_tag_in_the_display_name_or_the_uri_is_no_tag() -> None:
    raw = message().replace(
        b'"Alice" <sip:+12025550100@192.0.2.1>', b'"x>;tag=no" <sip:a@h;tag=no>;x=";tag=no"'
    )
    assert sip.parse(raw).from_tag == "1928301774"
    assert sip.parse(raw.replace(b";tag=1928301774", b"")).from_tag == ""


@pytest.mark.parametrize(
    ("value", "tag"),
    [
        (b"<sip:a@h>;tag=a-b.c!%*_+`'~", "a-b.c!%*_+`'~"),
        (b"<sip:a@h> ; Tag = abc ; x=y", "abc"),
        (b"<sip:a@h>;x=y;tag=abc", "abc"),
        (b"sip:a@h;tag=abc", "abc"),
        (b"<sip:a@h>;tag=", ""),
        (b"sip:a@h", ""),
        (b'"a" <sip:a@h>;tag=one;tag=two', "one"),
    ],
)
def test_tags(value: bytes, tag: str) -> None:
    assert sip.parse(message().replace(b"<sip:bob@example.com>", value)).to_tag == tag


@pytest.mark.parametrize(
    ("value", "branch"),
    [
        (b"SIP/2.0/UDP h;branch=z9hG4bKa", "z9hG4bKa"),
        (b"SIP/2.0/UDP h;rport;branch = z9hG4bKa ;x", "z9hG4bKa"),
        (b"SIP/2.0/UDP h;BRANCH=z9hG4bKa", "z9hG4bKa"),
        (b"SIP/2.0/UDP h;branch=one, SIP/2.0/UDP i;branch=two", "one"),
        (b"SIP/2.0/UDP h, SIP/2.0/UDP i;branch=two", ""),
        (b"SIP/2.0/UDP h\r\nVia: SIP/2.0/UDP i;branch=two", ""),
        (b"nonsense", ""),
    ],
)
def test_the_branch_is_that_of_the_top_via(value: bytes, branch: str) -> None:
    raw = message().replace(b"SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK776asdhds;rport", value)
    assert sip.parse(raw).branch == branch


def test_a_request_without_a_readable_cseq_is_marked_a_response_refused() -> None:
    raw = message().replace(b"CSeq: 314159 INVITE\r\n", b"")
    parsed = sip.parse(raw)
    assert (parsed.cseq, parsed.cseq_method) == (0, "INVITE")
    assert "no readable CSeq" in parsed.problems
    with pytest.raises(sip.SipError, match="no CSeq in a response"):
        sip.parse(raw.replace(b"INVITE sip:bob@example.com SIP/2.0", b"SIP/2.0 200 OK"))


@pytest.mark.parametrize(("name", "problem"), [(b"From", "no From"), (b"To", "no To"), (b"Via", "no Via")])
def test_missing_headers_are_marked(name: bytes, problem: str) -> None:
    lines = [line for line in message().split(b"\r\n") if not line.startswith(name)]
    assert problem in sip.parse(b"\r\n".join(lines)).problems


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\r\n\r\n",
        b"\0" * 64,
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
        b"INVITE",
        b"jaK\0",
    ],
)
def test_what_is_no_sip_is_refused(raw: bytes) -> None:
    assert not sip.looks_like_sip(raw)
    with pytest.raises(sip.SipError):
        sip.parse(raw)


def test_a_method_nobody_knows() -> None:
    parsed = sip.parse(
        message(first=b"FOO-1 sip:bob@example.com SIP/2.0").replace(b"159 INVITE", b"159 FOO-1")
    )
    assert (parsed.method, parsed.cseq_method, parsed.problems) == ("FOO-1", "FOO-1", ())


def test_octets_that_are_not_utf8_are_kept() -> None:
    parsed = sip.parse(message(b"Subject: caf\xe9").replace(b"Alice", b"\xff\xfe\xc3\xa9"))
    assert parsed.from_.display_name.encode("utf-8", "surrogateescape") == b"\xff\xfe\xc3\xa9"
    assert (parsed.header("subject") or "").encode("utf-8", "surrogateescape") == b"caf\xe9"
    assert sip.readable(parsed.from_.display_name) == "\ufffd\ufffdé"


def test_heads_over_the_bounds_are_refused() -> None:
    with pytest.raises(sip.SipError, match="header lines"):
        parse(*[b"X: y"] * 2000)
    with pytest.raises(sip.SipError, match="no end of the headers"):
        parse(b"X: " + b"y" * 70_000)


def test_lists_and_repeated_headers_are_one_list() -> None:
    parsed = parse(
        b"Allow: INVITE, ACK",
        b"ALLOW:BYE,, CANCEL",
        b"Subject: one, two",
        b'Contact: "a, b" <sip:a@h,x>, <sip:c@h>',
    )
    assert parsed.headers("Allow") == ["INVITE", "ACK", "BYE", "CANCEL"]
    assert parsed.header("Allow") == "INVITE, ACK"
    assert parsed.headers("Subject") == ["one, two"]
    assert parsed.headers("Contact") == ['"a, b" <sip:a@h,x>', "<sip:c@h>"]
    assert parsed.headers("Route") == []
    assert parsed.header("Route") is None


def test_headers_that_tell_of_a_call() -> None:
    parsed = parse(
        b'Reason: Q.850;cause=16;text="Normal, clearing", SIP ;cause=200 ;text="Completed elsewhere"',
        b'P-Asserted-Identity: "Cullen Jennings" <sip:fluffy@cisco.com>, tel:+14085264000',
        b"Diversion: <sip:+1202@gw>;reason=user-busy;counter=1, <sip:+1303@gw>",
        b"Session-ID: ab30317f1a784dc48ff824d0d3715d86;remote=47755a9de7794ba387653f2099600ef2",
        b"Replaces: 425928@phone.example.org;to-tag=7743;from-tag=6472",
        b"Server: Gateway/1",
        b"Expires: 3600",
        b"Max-Forwards: 70",
        b'Proxy-Authorization: Digest username="a"',
    )
    assert parsed.reasons == [
        sip.Reason("Q.850", 16, "Normal, clearing"),
        sip.Reason("SIP", 200, "Completed elsewhere"),
    ]
    asserted = parsed.asserted_identity
    assert asserted is not None
    assert (asserted.display_name, asserted.uri.user, asserted.uri.host) == (
        "Cullen Jennings",
        "fluffy",
        "cisco.com",
    )
    assert [address.uri.number for address in parsed.addresses("P-Asserted-Identity")] == ["", "+14085264000"]
    diversion = parsed.diversion
    assert diversion is not None
    assert (diversion.uri.number, diversion.params["reason"]) == ("+1202", "user-busy")
    assert parsed.session_id == "ab30317f1a784dc48ff824d0d3715d86"
    assert parsed.replaces == "425928@phone.example.org"
    assert parsed.user_agent == "Gateway/1"
    assert (parsed.expires, parsed.max_forwards, parsed.has_credentials) == (3600, 70, True)


def test_headers_that_are_not_there() -> None:
    parsed = parse()
    assert parsed.asserted_identity is parsed.diversion is parsed.session_id is parsed.replaces is None
    assert parsed.user_agent is parsed.expires is parsed.max_forwards is parsed.sdp is None
    assert (parsed.reasons, parsed.contacts, parsed.has_credentials) == ([], [], False)


def test_user_agent_goes_before_server() -> None:
    assert parse(b"Server: s", b"User-Agent: u").user_agent == "u"


SDP = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"


def multipart(boundary: bytes, *parts: bytes) -> bytes:
    return (
        b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts) + b"--" + boundary + b"--\r\n"
    )


def test_the_session_description_in_a_multipart_body() -> None:
    body = b"preamble\r\n" + multipart(
        b"b1", b"Content-Type: text/plain\r\n\r\nhello", b"c:application/SDP;x=y\r\nX: y\r\n\r\n" + SDP
    )
    assert parse(b'Content-Type: Multipart/Mixed; boundary="b1"', body=body).sdp == SDP


def test_the_session_description_in_a_nested_multipart_body() -> None:
    inner = multipart(b"in", b"\r\nno headers", b"Content-Type: application/sdp\r\n\r\n" + SDP)
    outer = multipart(b"out", b"Content-Type: multipart/alternative;\r\n boundary=in\r\n\r\n" + inner)
    assert parse(b"Content-Type: multipart/mixed;boundary=out", body=outer).sdp == SDP


def test_multipart_bodies_are_bounded() -> None:
    body = b"Content-Type: application/sdp\r\n\r\n" + SDP
    for depth in range(8):
        boundary = b"b%d" % depth
        body = b"Content-Type: multipart/mixed;boundary=" + boundary + b"\r\n\r\n" + multipart(boundary, body)
    head, _, rest = body.partition(b"\r\n\r\n")
    assert parse(head, body=rest).sdp is None
    many = multipart(b"b", *[b"\r\nx"] * 100, b"Content-Type: application/sdp\r\n\r\n" + SDP)
    assert parse(b"Content-Type: multipart/mixed;boundary=b", body=many).sdp is None


def test_a_multipart_body_that_was_cut_still_gives_its_description() -> None:
    body = b"--b\r\nContent-Type: application/sdp\r\n\r\n" + SDP
    assert parse(b"Content-Type: multipart/mixed;boundary=b", body=body).sdp == SDP
    assert parse(b"Content-Type: multipart/mixed", body=body).sdp is None


def test_a_description_without_content_type_is_one() -> None:
    assert parse(body=SDP).sdp == SDP
    assert parse(b"Content-Type: text/plain", body=SDP).sdp is None


@pytest.mark.parametrize(
    ("text", "scheme", "user", "host", "port"),
    [
        ("sip:bob@example.com", "sip", "bob", "example.com", 0),
        ("SIPS:bob:secret@Example.COM:5061;transport=tcp?x=y", "sips", "bob", "example.com", 5061),
        ("sip:example.com", "sip", "", "example.com", 0),
        ("sip:bob@[2001:db8::1]:5060", "sip", "bob", "2001:db8::1", 5060),
        ("sip:[2001:db8::1];lr", "sip", "", "2001:db8::1", 0),
        ("sip:2001:db8::1", "sip", "", "2001:db8::1", 0),
        ("sip:a@b@h;x=c@d", "sip", "a@b", "h", 0),
        ("sip:a@h;x=c@d", "sip", "a", "h", 0),
        ("sip:%2B12025550100@h", "sip", "+12025550100", "h", 0),
        ("sip:a%zz%4@h", "sip", "a%zz%4", "h", 0),
        ("tel:+1-202-555-0100;phone-context=x", "tel", "+12025550100", "", 0),
        ("bob@example.com", "", "bob", "example.com", 0),
        ("bob@example.com:5060", "", "bob", "example.com", 5060),
        ("example.com:5060", "", "", "example.com", 5060),
        ("urn:service:sos", "urn", "", "service:sos", 0),
        ("sip:h:99999", "sip", "", "h", 0),
        ("", "", "", "", 0),
    ],
)
def test_uris(text: str, scheme: str, user: str, host: str, port: int) -> None:
    uri = sip.parse_uri(text)
    assert (uri.scheme, uri.user, uri.host, uri.port) == (scheme, user, host, port)


@pytest.mark.parametrize(
    ("user", "number"),
    [
        ("+12025550100", "+12025550100"),
        ("+1(202)555-01.00", "+12025550100"),
        ("+12025550100;npdi;rn=1", "+12025550100"),
        ("*67#", "*67#"),
        ("bob", ""),
        ("anonymous", ""),
        ("", ""),
    ],
)
def test_telephone_numbers(user: str, number: str) -> None:
    assert sip.parse_uri(f"sip:{user}@h").number == number


@pytest.mark.parametrize(
    ("value", "name", "user"),
    [
        ('"Bob \\"B\\" \\\\" <sip:bob@h>;tag=1', 'Bob "B" \\', "bob"),
        ('"a<b>c" <sip:bob@h>', "a<b>c", "bob"),
        ('"" <sip:bob@h>', "", "bob"),
        ("Bob the Builder <sip:bob@h>", "Bob the Builder", "bob"),
        ("<sip:bob@h>", "", "bob"),
        ("sip:bob@h", "", "bob"),
        ('"Bob" sip:bob@h', "Bob", "bob"),
        ('"Bob <sip:bob@h>', "Bob", "bob"),
        ('"Bob\\" <sip:bob@h>', 'Bob\\"', "bob"),
        ("<sip:bob@h", "", "bob"),
        ('"', "", ""),
        ("", "", ""),
    ],
)
def test_addresses(value: str, name: str, user: str) -> None:
    address = sip.parse_name_addr(value)
    assert (address.display_name, address.uri.user) == (name, user)


def test_a_via() -> None:
    via = sip.parse_via("SIP / 2.0 / tls [2001:db8::9:1]:5061 ; received=192.0.2.9;rport=99;branch=z9hG4bKx")
    assert (via.transport, via.host, via.port, via.branch) == ("TLS", "2001:db8::9:1", 5061, "z9hG4bKx")
    assert via.params["rport"] == "99"


def test_the_call_id_without_parsing() -> None:
    assert sip.call_id_of(message()) == b"a84b4c76e66710@pc33.example.com"
    assert sip.call_id_of(b"OPTIONS sip:h SIP/2.0\r\nI :\r\n\tx@y  \r\n\r\n") == b"x@y"
    assert sip.call_id_of(b"OPTIONS sip:h SIP/2.0\r\nX-Call-ID: z\r\n\r\n") is None


def test_the_content_length_without_parsing() -> None:
    assert sip.content_length_of(b"SIP/2.0 200 OK\r\nContent-Length: 142\r\n\r\n") == 142
    assert sip.content_length_of(b"SIP/2.0 200 OK\r\nl:0") == 0
    assert sip.content_length_of(b"SIP/2.0 200 OK\r\nCONTENT-LENGTH :\r\n 7 \r\n\r\n") == 7
    assert sip.content_length_of(b"SIP/2.0 200 OK\r\nContent-Length: -1\r\n\r\n") is None
    assert sip.content_length_of(b"SIP/2.0 200 OK\r\nContent-Length: 9999999999\r\n\r\n") is None
    assert sip.content_length_of(b"SIP/2.0 200 OK\r\n\r\n") is None
