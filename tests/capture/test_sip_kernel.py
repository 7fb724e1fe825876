"""What passes as plain is SIP by its first line and has nothing to mask."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capture import layout as at
from capture.sip_kernel import find_plain
from capture.sip_text import Payload, classify
from protocols.secrets import mask_secrets
from tests.paths import CAPTURES

TORTURE = [path.read_bytes() for path in sorted((CAPTURES / "rfc4475").glob("*.dat"))]

MESSAGE = (
    b"INVITE sip:b@c SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1;rport\r\nCall-ID: 1\r\n"
    b"User-Agent: Zoiper FKL\r\nContent-Type: application/sdp\r\n\r\nv=0\r\nm=audio 1 RTP/AVP 0\r\n"
)
STARTS = (
    *(b"INVITE sip:b@c SIP/2.0\r\n", b"SIP/2.0 200 OK\r\n", b"SIP/2.0 700 OK\r\n", b"SIP/2.0 20 OK\r\n"),
    *(b"SIP/2.0 200\r\n", b"IN VITE sip:b SIP/2.0\r\n", b"INVITE  sip:b SIP/2.0\r\n", b"INVITE SIP/2.0\r\n"),
    *(b"INV1TE sip:b SIP/2.0\r\n", b"INVITE sip:b SIP/2.0\n", b"INVITE sip:b SIP/3.0\r\n", b" SIP/2.0\r\n"),
    *(b"\r\nINVITE sip:b SIP/2.0\r\n", b"", b"INVITE sip:" + b"b" * 600 + b" SIP/2.0\r\n", b"SIP/2.0 2"),
)
SECRETS = (
    b'Authorization: Digest username="a", response="0123"\r\n',
    b"PROXY-AUTHORIZATION: Basic QWxhZGRpbg==\r\n",
    b"\r\n\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 InLine:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj\r\n",
    b"\r\n\r\na=key-mgmt:mikey AQAFgM0XflABAAAAAAAAAAAAAAsAyO\r\n",
    b"\r\n\r\nv=0\r\nK=clear:secret\r\n",
    b"Content-Type: application/dtmf-relay\r\n\r\nSignal=5\r\nDuration=160\r\n",
    b"Content-Type: application/DTMF\r\n\r\n5",
    b"Content-Type: application/vnd.nortelnetworks.digits\r\n\r\np=Digit-Collection\r\nd=5\r\n",
    b'c: application/kpml-response+xml\r\n\r\n<kpml-response digits="123"/>\r\n',
)
PIECES = (
    *SECRETS,
    b"",
    b" ",
    b"\r\n",
    b"\n",
    b"k",
    b"Z",
    b"l",
    b"f",
    b"\r\n\r\n",
    b"inline",
    b"\xff\0",
    b"a:b\r\n",
)


def plain(payloads: list[bytes], kind: int = at.NOTE_SIP) -> list[bool]:
    """Which of them the kernel finds plain."""
    notes = np.full((len(payloads), at.NOTE_WORDS), -1, np.int64)
    notes[:, at.N_KIND] = kind
    notes[:, at.N_CAPTURED] = [len(payload) for payload in payloads]
    notes[:, at.N_PAYLOAD] = 4 + np.cumsum([0, *notes[:-1, at.N_CAPTURED]])
    buffer = np.frombuffer(b"auth" + b"".join(payloads) + b"orization", np.uint8)
    found = find_plain(buffer, notes.reshape(-1), len(payloads))
    flags: list[bool] = [bool(flag) for flag in notes[:, at.N_PLAIN]]
    assert found == sum(flags)
    return flags


def assert_sound(payloads: list[bytes]) -> None:
    for payload, is_plain in zip(payloads, plain(payloads), strict=True):
        if is_plain:
            assert classify(payload, snapped=False) == (Payload.SIP, payload)
            assert mask_secrets(payload) is payload


def test_an_ordinary_message_is_plain() -> None:
    assert plain([MESSAGE, b"SIP/2.0 180 Ringing\r\n\r\n", b"BYE sip:b@c SIP/2.0\r\n\r\n"]) == [True] * 3
    assert plain([MESSAGE], at.NOTE_OFFER) == [True]


@pytest.mark.parametrize("kind", [at.NOTE_RTCP, at.NOTE_SIP_PORT])
def test_other_notes_are_not(kind: int) -> None:
    assert plain([MESSAGE], kind) == [False]


@pytest.mark.parametrize("secret", SECRETS)
def test_a_message_with_a_secret_is_not_plain(secret: bytes) -> None:
    message = b"INVITE sip:b@c SIP/2.0\r\nCall-ID: 1\r\n" + secret
    assert mask_secrets(message) != message
    assert plain([MESSAGE, message, MESSAGE]) == [True, False, True]


def test_no_torture_message_passes_wrongly() -> None:
    assert_sound(TORTURE)
    assert any(plain(TORTURE))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(STARTS), st.lists(st.sampled_from(PIECES), max_size=5)).map(
            lambda parts: parts[0] + b"".join(parts[1])
        ),
        min_size=1,
        max_size=8,
    )
)
def test_whatever_it_is_made_of(payloads: list[bytes]) -> None:
    assert_sound(payloads)
