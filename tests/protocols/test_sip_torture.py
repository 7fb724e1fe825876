"""RFC 4475, one message at a time: the valid ones by their values, the invalid ones refused or marked."""

import pytest

from protocols import sip
from protocols.sip import SipMessage
from tests.paths import CAPTURES

FOLDER = CAPTURES / "rfc4475"
CLASSES = {
    name: kind
    for name, _section, kind in (
        line.split("\t") for line in (FOLDER / "SECTIONS.tsv").read_text().splitlines()[1:]
    )
}
SDP = b"v=0\r\no=mhandley 29739 7272939 IN IP4 192.0.2."


def octets(name: str) -> bytes:
    return (FOLDER / f"{name}.dat").read_bytes()


def read(name: str) -> SipMessage:
    return sip.parse(octets(name))


def test_wsinv_a_message_with_unusual_white_space_and_folding() -> None:
    message = read("wsinv")
    assert (message.method, message.request_uri) == (
        "INVITE",
        "sip:vivekg@chair-dnrc.example.com;unknownparam",
    )
    assert message.uri.params == {"unknownparam": ""}
    assert (message.cseq, message.cseq_method) == (9, "INVITE")
    assert message.call_id == "wsinv.ndaksdj@192.0.2.1"
    assert (message.from_tag, message.to_tag) == ("98asjd8", "1918181833n")
    assert message.from_.display_name == 'J Rosenberg \\"'
    assert (message.from_.uri.user, message.from_.uri.host) == ("jdrosen", "example.com")
    assert (message.to.uri.user, message.to.uri.host) == ("vivekg", "chair-dnrc.example.com")
    assert message.max_forwards == 68
    assert message.header("Subject") == ""
    assert message.header("NewFangledHeader") == "newfangled value continued newfangled value"
    assert message.header("UnknownHeaderWithUnusualValue") == ";;,,;;,;"
    assert [(via.transport, via.host, via.branch) for via in message.vias] == [
        ("UDP", "192.0.2.2", "390skdjuw"),
        ("TCP", "spindle.example.com", "z9hG4bK9ikj8"),
        ("UDP", "192.168.255.111", "z9hG4bK30239"),
    ]
    assert message.branch == "390skdjuw"
    assert message.headers("Route") == ["<sip:services.example.com;lr;unknownwith=value;unknown-no-value>"]
    (contact,) = message.contacts
    assert contact.display_name == 'Quoted string ""'
    assert contact.params == {"newparam": "newvalue", "secondparam": "", "q": "0.33"}
    assert len(message.body) == 150
    assert message.sdp == message.body


def test_intmeth_a_wide_range_of_characters() -> None:
    message = read("intmeth")
    assert message.method == message.cseq_method == "!interesting-Method0123456789_*+`.%indeed'~"
    assert message.cseq == 139122385
    uri = message.uri
    assert (uri.user, uri.host) == ("1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*", "example.com")
    assert message.branch == "z9hG4bK-.!%66*_+`'~"
    assert message.to.display_name == "BEL:\x07 NUL:\x00 DEL:\x7f"
    assert message.to.uri.user == "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
    assert message.from_.display_name == "token1~` token2'+_ token3*%!.-"
    assert message.from_.params == {"fromparam''~+*_!.-%": "работающий", "tag": "_token~1'+`*%!-."}
    assert message.from_tag == "_token~1'+`*%!-."
    assert message.call_id == "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{"
    assert message.max_forwards == 255
    assert message.header("extensionHeader-!.%*+_`'~") == "\ufeff大停電"


def test_esc01_escaped_characters_in_uris() -> None:
    message = read("esc01")
    assert (message.uri.user, message.uri.host) == ("sips:user@example.com", "example.net")
    assert message.to.uri.user == "user"
    assert message.from_.uri.user == "I have spaces"
    (contact,) = message.contacts
    assert contact.uri.user == "caller"
    assert contact.uri.parameters == "%6C%72;n%61me=v%61lue%25%34%31"
    assert message.call_id == "esc01.239409asdfakjkn23onasd0-3234"
    assert message.content_type == "application/sdp"


def test_escnull_escaped_nulls_in_uris() -> None:
    message = read("escnull")
    assert message.from_.uri.user == message.to.uri.user == "null-\0-null"
    assert [contact.uri.user for contact in message.contacts] == ["\0", "\0\0"]


def test_esc02_percent_that_is_no_escape() -> None:
    message = read("esc02")
    assert message.method == message.cseq_method == "RE%47IST%45R"
    assert message.to.display_name == "%Z%45"
    assert [contact.uri.user for contact in message.contacts] == ["alias1", "alias3"]
    assert message.header("C%6Fntact") == "<sip:alias2@host2.example.com>"
    assert message.branch == "z9hG4bK209%fzsnel234"


def test_lwsdisp_no_white_space_between_name_and_bracket() -> None:
    message = read("lwsdisp")
    assert (message.from_.display_name, message.from_.uri.user, message.from_tag) == (
        "caller",
        "caller",
        "323",
    )


def test_longreq_long_values() -> None:
    message = read("longreq")
    assert message.to.display_name == "I have a user name of " + "extreme" * 10 + " proportion"
    assert message.to.uri.user == "user"
    uri = message.to.uri.params
    assert uri["unknownparam1"] == "very" + "long" * 20 + "value"
    assert uri["longparam" + "name" * 25] == "shortvalue"
    assert uri["very" + "long" * 25 + "parameternamewithnovalue"] == ""
    assert message.from_.uri.user == "amazinglylongcallername" * 5
    assert message.from_tag == "12" + "982" * 50 + "424"
    assert message.call_id == "longreq.one" + "really" * 20 + "longcallid"
    assert len(message.vias) == 34
    assert message.vias[0].host == "sip33.example.com"
    assert message.vias[-1].params["received"] == "192.0.2.5"
    assert message.vias[-1].branch == "very" + "long" * 50 + "branchvalue"
    assert message.branch == ""
    assert message.header("Unknown-" + "Long" * 20 + "-Name") == "unknown-" + "long" * 20 + "-value; " + (
        "unknown-" + "long" * 20 + "-parameter-name = unknown-" + "long" * 20 + "-parameter-value"
    )
    assert len(message.body) == 150


def test_dblreq_octets_after_content_length_are_cut_off() -> None:
    message = read("dblreq")
    assert (message.method, message.call_id, message.cseq) == (
        "REGISTER",
        "dblreq.0ha0isndaksdj99sdfafnl3lk233412",
        8,
    )
    assert message.body == b""


def test_semiuri_semicolon_in_the_user_part() -> None:
    message = read("semiuri")
    assert (message.uri.user, message.uri.host) == ("user;par=u@example.net", "example.com")
    assert message.headers("Accept") == [
        "application/sdp",
        "application/pkcs7-mime",
        "multipart/mixed",
        "multipart/signed",
        "message/sip",
        "message/sipfrag",
    ]


def test_transports_varied_and_unknown() -> None:
    assert [via.transport for via in read("transports").vias] == ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]


def test_mpart01_multipart_message() -> None:
    message = read("mpart01")
    assert message.content_type == "multipart/mixed"
    assert len(message.body) == 553
    assert message.sdp is None
    assert message.call_id == "3d9485ad0c49859b@Zmx1ZmZ5LW1hYy0xNi5sb2NhbA.."
    assert message.header("User-Agent") == "SIPimp.org/0.2.5 (curses)"


def test_unreason_unusual_reason_phrase() -> None:
    message = read("unreason")
    assert (message.status, message.method, message.cseq) == (200, "INVITE", 35)
    assert message.reason == "= 2**3 * 5**2 но сто девяносто девять - простое"
    assert (message.from_tag, message.to_tag) == ("11141343", "2229")
    assert message.sdp is not None


def test_noreason_empty_reason_phrase() -> None:
    message = read("noreason")
    assert (message.is_request, message.status, message.reason) == (False, 100, "")
    assert message.to_tag == "902jndnke3"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("badinv01", "malformed Via"),
        ("clerr", "Content-Length is 9999, but 15"),
        ("ncl", "Content-Length is no number"),
        ("quotbal", "malformed To"),
        ("ltgtruri", "Request-URI in angle brackets"),
        ("lwsruri", "white space in the request line"),
        ("lwsstart", "white space in the request line"),
        ("trws", "white space in the request line"),
        ("escruri", "headers in the Request-URI"),
        ("baddate", "Date is not in GMT"),
        ("regbadct", "malformed Contact"),
        ("badaspec", "malformed To"),
        ("baddn", "malformed From"),
        ("mismatch01", "method is 'OPTIONS', but CSeq says 'INVITE'"),
        ("mismatch02", "method is 'NEWMETHOD', but CSeq says 'INVITE'"),
        ("badbranch", "branch is nothing but the magic cookie"),
        ("multi01", "call-id came 2 times"),
        ("mcl01", "content-length came 2 times"),
    ],
)
def test_what_is_wrong_but_readable_is_marked(name: str, problem: str) -> None:
    assert any(line.startswith(problem) for line in read(name).problems)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("scalar02", "CSeq is over 32 bits"),
        ("scalarlg", "CSeq is over 32 bits"),
        ("badvers", "SIP version is not 2.0"),
        ("bigcode", "status is not 100 to 699"),
        ("insuf", "no Call-ID"),
        ("test", "no SIP start line"),
    ],
)
def test_what_cannot_be_used_is_refused(name: str, reason: str) -> None:
    with pytest.raises(sip.SipError, match=reason):
        read(name)


MARKED = {"badbranch", "multi01", "mcl01"}
REFUSED = {"insuf"}


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_the_class_of_every_message(name: str) -> None:
    """Invalid: refused or marked. Everything else: parsed without a mark, but for the cases named."""
    kind = CLASSES[name]
    if kind in ("invalid", "in-archive-only") or name in MARKED | REFUSED:
        try:
            assert read(name).problems != ()
        except sip.SipError:
            assert name not in MARKED
    else:
        assert read(name).problems == ()


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_all_but_the_last_look_like_sip(name: str) -> None:
    assert sip.looks_like_sip(octets(name)) is (name not in ("test", "badvers", "bigcode"))


def test_bad_invitations_still_become_calls() -> None:
    """Each invalid INVITE gives what a call needs."""
    assert (read("badinv01").from_tag, read("badinv01").uri.user) == ("134161461246", "user")
    assert read("quotbal").to.uri.user == "j.user"
    assert read("quotbal").to.display_name == "Mr. J. User"
    assert (read("ltgtruri").uri.user, read("ltgtruri").uri.host) == ("user", "example.com")
    assert read("lwsruri").to_tag == "3xfe-9921883-z9f"
    assert read("lwsruri").cseq == 2130706432
    assert read("lwsstart").request_uri == "sip:user@example.com"
    assert read("escruri").uri.headers == "Route=%3Csip:example.com%3E"
    for name in (
        "badinv01",
        "clerr",
        "ncl",
        "quotbal",
        "ltgtruri",
        "lwsruri",
        "lwsstart",
        "escruri",
        "baddate",
    ):
        assert (read(name).sdp or b"").startswith(SDP)


def test_application_layer_messages_give_their_values() -> None:
    assert (read("unkscm").uri.scheme, read("unkscm").uri.host) == (
        "nobodyknowsthisscheme",
        "totallyopaquecontent",
    )
    assert read("novelsc").uri.scheme == "soap.beep"
    assert read("unksm2").to.uri.scheme == "isbn"
    assert read("unksm2").from_tag == "3234233"
    assert read("bext01").headers("Require") == ["nothingSupportsThis", "nothingSupportsThisEither"]
    assert (read("invut").content_type, read("invut").sdp) == ("application/unknownformat", None)
    assert read("regaut01").has_credentials
    assert [via.host for via in read("bcast").vias] == ["192.0.2.198", "255.255.255.255"]
    assert read("zeromf").max_forwards == 0
    assert read("cparam01").contacts[0].params == {"unknownparam": ""}
    assert read("cparam01").contacts[0].uri.number == "+19725552222"
    assert read("cparam02").contacts[0].params == {}
    assert read("cparam02").contacts[0].uri.params == {"unknownparam": ""}
    assert read("regescrt").contacts[0].uri.headers == "Route=%3Csip:sip.example.com%3E"
    assert read("multi01").call_id == "multi01.98asdh@192.0.2.1"
    assert read("badaspec").to.uri.user == "t.watson"
    assert read("baddn").from_.display_name == "Bell, Alexander"
    assert len(read("mcl01").body) == 13


def test_inv2543_an_invitation_from_the_older_standard() -> None:
    message = read("inv2543")
    assert (message.from_tag, message.to_tag, message.branch) == ("", "", "")
    assert message.from_.uri.number == "+13035551111"
    assert message.to.uri.number == "+16505552222"
    assert message.to.params == {"user": "phone"}
    assert message.sdp is not None
