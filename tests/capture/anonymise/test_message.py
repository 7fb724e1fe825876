"""SIP messages masked: what stays, what goes, and that a length never changes."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.anonymise.addresses import Addresses
from capture.anonymise.message import mask_message
from capture.anonymise.text import Text
from capture.anonymise.words import Words
from protocols import sdp, sip

KEY = bytes(range(32))

INVITE = (
    b"INVITE sip:+12025551000;npdi@pbx.example.com:5070;user=phone;transport=tcp SIP/2.0\r\n"
    b"Via: SIP/2.0/TCP 10.1.2.3:5062;branch=z9hG4bKab12cd;rport=5063;received=10.1.2.4\r\n"
    b'From: "Alice Smith" <sip:alice.smith:hunter2@example.com>;tag=9fxced76sl\r\n'
    b"To: <sip:+12025551000@pbx.example.com>\r\n"
    b"Call-ID: 3848276298220188511@alice-laptop.example.com\r\n"
    b"CSeq: 31862 INVITE\r\n"
    b"Max-Forwards: 70\r\n"
    b"P-Asserted-Identity: tel:+12025559999\r\n"
    b"Authorization: Digest username=\"alice.smith\", realm=\"example.com\", nonce=\"abc123\", "
    b'response="dfe56131d1958046689d83306477ecc"\r\n'
    b"X-Customer: Contoso 4711, Redmond\r\n"
    b"User-Agent: Yealink SIP-T46S 66.84.0.15 805ec0123456\r\n"
    b"Reason: Q.850;cause=16;text=\"Normal call clearing\"\r\n"
    b"Warning: 399 pbx.example.com \"no route to 12025551000\"\r\n"
    b"Contact: <sip:alice.smith@[2001:db8::1f]:5064;transport=tcp;ob>;expires=3600;"
    b'+sip.instance="<urn:uuid:00000000-0000-1000-8000-805ec0123456>"\r\n'
    b"Content-Type: application/sdp\r\n"
)  # fmt: skip
BODY = (
    b"v=0\r\no=alice.smith 2890844526 2890844527 IN IP4 10.1.2.3\r\ns=Alice calls\r\n"
    b"c=IN IP4 10.1.2.3\r\nt=0 0\r\nm=audio 49172 RTP/SAVP 0 101\r\na=rtpmap:0 PCMU/8000\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n"
    b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n"
    b"a=candidate:1 1 UDP 2130706431 10.1.2.3 49172 typ host\r\n"
    b"a=candidate:2 1 UDP 1694498815 2001:db8::1f 49173 typ srflx raddr 10.1.2.3 rport 49172\r\n"
    b"a=ice-ufrag:8hhY\r\na=ice-pwd:asd88fgpdd777uzjYhagZg\r\na=rtcp:49180 IN IP4 10.1.2.3\r\n"
)
MESSAGE = INVITE + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY


def masked(message: bytes) -> bytes:
    return mask_message(message, Text(Words(KEY), Addresses(KEY)))


def test_nothing_of_anybody_is_left() -> None:
    new = masked(MESSAGE)
    assert len(new) == len(MESSAGE)
    gone = (
        "12025551000 12025559999 alice smith hunter2 example laptop contoso redmond 4711 10.1.2. 2001:db8 1f]"
        " 805ec0123456 9fxced76sl 3848276298220188511 ab12cd abc123 dfe56131 WVNfX 8hhY asd88fgp 66.84"
    )
    for word in gone.split():
        assert word.encode().lower() not in new.lower(), word


def test_what_a_parser_needs_stays() -> None:
    before, after = sip.parse(MESSAGE), sip.parse(masked(MESSAGE))
    for name in ("is_request", "method", "cseq", "cseq_method", "content_type", "marks"):
        assert getattr(before, name) == getattr(after, name)
    assert after.branch.startswith("z9hG4bK")
    assert [via.port for via in after.vias] == [5062]
    assert after.vias[0].params["rport"] == "5063"
    assert (after.uri.port, after.uri.user[:1]) == (5070, "+")
    assert after.reasons == before.reasons
    assert after.header("max-forwards") == "70"
    assert "transport=tcp" in (after.header("contact") or "")
    assert (after.user_agent or "").startswith("Yealink SIP-T46S ")


def test_the_same_stays_the_same_wherever_it_stands() -> None:
    message = sip.parse(masked(MESSAGE))
    assert message.uri.user.split(";")[0] == message.to.uri.user
    assert message.uri.host == message.to.uri.host
    assert message.uri.host.endswith("." + message.from_.uri.host)
    description = sdp.parse(message.body)
    assert description.media[0].address == message.vias[0].host
    assert message.from_.uri.user.partition(":")[0] in message.contacts[0].uri.user


def test_the_description_still_says_how_to_send() -> None:
    before, after = sdp.parse(sip.parse(MESSAGE).body), sdp.parse(sip.parse(masked(MESSAGE)).body)
    one, two = before.media[0], after.media[0]
    assert (one.port, one.protocol, one.ptime_ms, one.direction) == (
        two.port, two.protocol, two.ptime_ms, two.direction,
    )  # fmt: skip
    assert [(each.payload_type, each.codec) for each in one.payloads] == [
        (each.payload_type, each.codec) for each in two.payloads
    ]
    assert one.address != two.address
    assert len(one.candidates) == len(two.candidates)


def test_a_word_that_says_who_is_masked_in_phrases_too() -> None:
    text = Text(Words(KEY), Addresses(KEY))
    mask_message(MESSAGE, text)
    status = mask_message(b"SIP/2.0 404 No user Alice here\r\nCall-ID: 1\r\n\r\n", text)
    assert status.startswith(b"SIP/2.0 404 No user ")
    assert b"alice" not in status.lower()
    assert b" here\r\n" in status


def test_parts_of_a_body_are_masked_each_by_its_type() -> None:
    parts = (
        b"--unique-1\r\nContent-Type: application/sdp\r\n\r\n" + BODY
        + b"\r\n--unique-1\r\nContent-Type: application/isup; version=itu-t92+\r\n\r\n"
        + b"\x01\x02\x00\x21\x43\x65\r\n"
        + b"--unique-1\r\nContent-Type: application/pidf+xml\r\n\r\n"
        + b'<presence entity="pres:alice@example.com"><note>Alice</note></presence>\r\n--unique-1--\r\n'
    )  # fmt: skip
    head = re.sub(rb"Content-Type: [^\r]*", b"Content-Type: multipart/mixed;boundary=unique-1", INVITE)
    message = head + b"Content-Length: %d\r\n\r\n" % len(parts) + parts
    new = masked(message)
    assert len(new) == len(message)
    for word in (b"alice", b"10.1.2.", b"\x21\x43\x65"):
        assert word not in new.lower()
    assert b"<presence entity=" in new
    assert sip.parse(new).sdp is not None
    assert sdp.parse(sip.parse(new).sdp or b"").media[0].port == 49172


def test_dialled_digits_and_texts_are_gone() -> None:
    head = b"INFO sip:a@b SIP/2.0\r\nCall-ID: 1\r\nContent-Type: application/dtmf-relay\r\n\r\n"
    assert b"Signal=5" not in masked(head + b"Signal=5\r\nDuration=160\r\n")
    assert b"Duration=160" in masked(head + b"Signal=5\r\nDuration=160\r\n")
    message = b"MESSAGE sip:a@b SIP/2.0\r\nCall-ID: 1\r\nContent-Type: text/plain\r\n\r\nsee you at nine"
    assert b"nine" not in masked(message)


@pytest.mark.parametrize("odd", [b"", b"\r\n\r\n", b":", b"\n\n\n", b"v=0\r\n", b"INVITE", b"SIP/2.0 \xff"])
def test_odd_octets_keep_their_length(odd: bytes) -> None:
    assert len(masked(odd)) == len(odd)


@given(st.binary(max_size=200), st.integers(0, len(MESSAGE)))
def test_any_octets_in_any_place_keep_the_length(octets: bytes, at: int) -> None:
    message = MESSAGE[:at] + octets + MESSAGE[at:]
    assert len(masked(message)) == len(message)
