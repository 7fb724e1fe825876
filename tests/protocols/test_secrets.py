"""Secrets leave as marks of the same length; everything else leaves as it came."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from protocols import sip
from protocols.secrets import mask_secrets

HEAD = (
    b"REGISTER sip:h SIP/2.0\r\nCall-ID: x\r\nCSeq: 1 REGISTER\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:a@h>\r\n"
)


def with_header(line: bytes, body: bytes = b"") -> bytes:
    return HEAD + line + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def check(raw: bytes, secret: bytes, mark: bytes = b"*", keep_digits: bool = False) -> None:
    """Exactly the one occurrence of the secret became marks."""
    assert raw.count(secret) == 1
    assert mask_secrets(raw, keep_digits) == raw.replace(secret, mark * len(secret))


@pytest.mark.parametrize(
    "name", [b"Authorization", b"Proxy-Authorization", b"AUTHORIZATION", b"proxy-authorization "]
)
@pytest.mark.parametrize("value", [b'response="%s"', b"response=%s", b'response = "%s"', b'Response="%s"'])
def test_the_response_of_a_digest(name: bytes, value: bytes) -> None:
    secret = b"6629fae49393a05397450978507c4ef1"
    digest = (
        b'Digest username="a", realm="r", nonce="n0", uri="sip:h", ' + value % secret + b', cnonce="c0", nc=1'
    )
    check(with_header(name + b": " + digest), secret)


def test_a_digest_over_folded_lines() -> None:
    check(
        with_header(b'Authorization: Digest username="a",\r\n\tnonce="n",\r\n response="s3cret"'), b"s3cret"
    )


def test_several_digests() -> None:
    raw = with_header(
        b'Authorization: Digest response="aa"\r\nProxy-Authorization: Digest nonce="b",response="cc"'
    )
    assert mask_secrets(raw) == raw.replace(b'"aa"', b'"**"').replace(b'"cc"', b'"**"')


@pytest.mark.parametrize("scheme", [b"Basic", b"Bearer", b"NoOneKnowsThisScheme"])
def test_credentials_of_other_schemes(scheme: bytes) -> None:
    check(with_header(b"Authorization: " + scheme + b" dXNlcjpwYXNz"), b"dXNlcjpwYXNz")


def test_a_challenge_is_no_secret() -> None:
    raw = with_header(b'WWW-Authenticate: Digest realm="r", nonce="n"\r\nSubject: Authorization response=x')
    assert mask_secrets(raw) is raw


def test_srtp_keys() -> None:
    key = b"WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
    body = (
        b"v=0\r\nm=audio 1 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + key + b"|2^20|1:4\r\n"
    )
    check(with_header(b"Content-Type: application/sdp", body), key)


def test_two_keys_in_one_crypto_line() -> None:
    raw = with_header(b"X: y", b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:one|2^20|1:4;inline:two|2^20|2:4")
    assert mask_secrets(raw) == raw.replace(b":one", b":***").replace(b":two", b":***")


def test_key_management_and_key_lines() -> None:
    check(with_header(b"X: y", b"v=0\r\na=key-mgmt:mikey AQAFgM0XflABAAAA\r\n"), b"AQAFgM0XflABAAAA")
    check(with_header(b"X: y", b"v=0\r\nk=clear:my key\r\nm=audio 1 RTP/AVP 0\r\n"), b"my key")
    raw = with_header(b"X: y", b"v=0\r\nk=prompt\r\n")
    assert mask_secrets(raw) is raw


def test_digits_in_info() -> None:
    relay = with_header(b"Content-Type: application/dtmf-relay", b"Signal= 5\r\nDuration= 160\r\n")
    assert mask_secrets(relay) == relay.replace(b"Signal= 5", b"Signal= X")
    assert mask_secrets(relay, keep_digits=True) is relay
    star = with_header(b"Content-Type: application/dtmf-relay", b"signal=*\r\nduration=160\r\n")
    assert mask_secrets(star) == star.replace(b"signal=*", b"signal=X")
    plain = with_header(b"c: application/dtmf", b"#")
    assert mask_secrets(plain) == plain[:-1] + b"X"
    nortel = with_header(
        b"Content-Type: application/vnd.nortelnetworks.digits", b"p=Digit-Collection\r\nd=7\r\n"
    )
    assert mask_secrets(nortel) == nortel.replace(b"d=7", b"d=X")
    kpml = with_header(
        b"Content-Type: application/kpml-response+xml", b'<kpml-response code="200" digits="12#"/>'
    )
    assert mask_secrets(kpml) == kpml.replace(b'"12#"', b'"XXX"')


def test_a_call_that_accepts_digits_is_left_alone() -> None:
    raw = with_header(
        b"Accept: application/sdp, application/dtmf-relay, application/dtmf", b"v=0\r\ns=123\r\n"
    )
    assert mask_secrets(raw) is raw


def test_a_masked_message_parses_to_the_same_message() -> None:
    raw = with_header(b'Authorization: Digest username="a", response="0123"', b"a=crypto:1 X inline:abc\r\n")
    before, after = sip.parse(raw), sip.parse(mask_secrets(raw))
    assert (after.call_id, after.header("from"), len(after.body)) == (
        before.call_id,
        before.header("from"),
        len(before.body),
    )
    assert after.problems == before.problems
    assert after.has_credentials


PIECES = st.sampled_from(
    [
        *(
            b"\r\nAuthorization: Digest response=",
            b'"',
            b"\\",
            b",",
            b"\r\n ",
            b"a=crypto:",
            b"inline:",
            b"a=key-mgmt:m ",
        ),
        *(
            b"\r\n\r\n",
            b"\r\nContent-Type: application/dtmf-relay",
            b"Signal=",
            b"5",
            b"\nk=clear:",
            b"x",
            b"|",
            b"\xff",
        ),
    ]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(PIECES, max_size=30).map(b"".join))
@example(b"\r\n\r\nContent-Type: application/dtmf-relay\r\nAuthorization: Digest response=\r\n Signal=\\")
def test_lengths_stay_and_masking_again_changes_nothing(raw: bytes) -> None:
    masked = mask_secrets(raw)
    assert len(masked) == len(raw)
    assert mask_secrets(masked) == masked
    assert all(one == two or two in b"*X" for one, two in zip(raw, masked, strict=True))
