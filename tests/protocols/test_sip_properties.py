"""What holds of the SIP parser for any octets, any order and any spelling of headers."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols import sip
from protocols.secrets import mask_secrets
from protocols.sip.message import SipMessage
from tests.paths import CAPTURES

TORTURE = [path.read_bytes() for path in sorted((CAPTURES / "rfc4475").glob("*.dat"))]

TOKEN = st.text("abcXYZ019-.!%*_+`'~", min_size=1, max_size=12)
HEADERS = st.fixed_dictionaries(
    {
        "Via": TOKEN.map(lambda text: f"SIP/2.0/UDP host;branch=z9hG4bK{text}"),
        "From": st.tuples(st.text('ab "\\é<>;=', max_size=6), TOKEN).map(
            lambda pair: '"' + re.sub(r'(["\\])', r"\\\1", pair[0]) + f'" <sip:a@h>;tag={pair[1]}'
        ),
        "To": TOKEN.map(lambda tag: f"<sip:b@h>;tag={tag}"),
        "Call-ID": TOKEN,
        "CSeq": st.integers(0, 2**31 - 1).map(lambda number: f"{number} INVITE"),
        "Max-Forwards": st.integers(0, 255).map(str),
        "User-Agent": TOKEN,
        "X-Own": st.text("ab ,;:=", max_size=10),
    }
)
COMPACT = {"Via": "v", "From": "f", "To": "t", "Call-ID": "i"}


def written(headers: list[tuple[str, str]], separator: str = ": ", end: str = "\r\n") -> bytes:
    lines = ["INVITE sip:b@h SIP/2.0", *(name + separator + value for name, value in headers), "", "body"]
    return end.join(lines).encode()


def told(message: SipMessage) -> tuple[object, ...]:
    """Everything the message says, but for the order and spelling of its headers."""
    return (
        *(
            message.method,
            message.request_uri,
            message.call_id,
            message.from_tag,
            message.to_tag,
            message.cseq,
        ),
        *(message.cseq_method, message.branch, message.body, message.from_, message.to, message.vias),
        *(message.header("max-forwards"), message.header("USER-AGENT"), message.header("x-own")),
        message.problems,
    )


def parse_everything(data: bytes) -> None:
    try:
        message = sip.parse(data)
    except sip.SipError as error:
        assert str(error)
        assert "\n" not in str(error)
        return
    for name in dir(SipMessage):
        if isinstance(getattr(SipMessage, name), property):
            getattr(message, name)
    for name in message.header_names():
        message.headers(name)
        assert message.header(name) == message.header_lines(name)[0]
    assert 0 <= message.cseq < 2**32
    assert (message.status == 0) == message.is_request
    assert data.endswith(message.body) or message.body in data
    for text in (
        message.call_id,
        message.from_tag,
        message.request_uri,
        message.reason,
        message.header("from") or "",
    ):
        sip.readable(text).encode()


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_any_octets_give_a_message_or_an_error(data: bytes) -> None:
    parse_everything(data)
    parse_everything(b"SIP/2.0 200 OK\r\n" + data)
    parse_everything(b"INVITE sip:a@b SIP/2.0\r\nCall-ID: x\r\nVia: " + data + b"\r\n\r\n")
    sip.looks_like_sip(data)
    sip.call_id_of(data)
    sip.content_length_of(data)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(TORTURE), st.data())
def test_damaged_messages_give_a_message_or_an_error(original: bytes, data: st.DataObject) -> None:
    damaged = bytearray(original)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(damaged)))
        cut = data.draw(st.integers(0, 8))
        damaged[at : at + cut] = data.draw(
            st.sampled_from([b"", b"\r\n", b"\n", b" ", b":", b";", b'"', b"<", b"\xff", b",", b"0"])
        )
    parse_everything(bytes(damaged))
    assert len(mask_secrets(bytes(damaged))) == len(damaged)


@settings(max_examples=100, deadline=None)
@given(HEADERS, st.randoms(use_true_random=False))
def test_the_order_of_headers_does_not_matter(headers: dict[str, str], random: object) -> None:
    lines = list(headers.items())
    shuffled = list(lines)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert told(sip.parse(written(shuffled))) == told(sip.parse(written(lines)))


@settings(max_examples=100, deadline=None)
@given(
    HEADERS,
    st.lists(st.sampled_from([str.lower, str.upper, str.title, str.swapcase]), min_size=8, max_size=8),
)
def test_the_spelling_of_header_names_does_not_matter(
    headers: dict[str, str], spellings: list[object]
) -> None:
    spelled = [(spell(name), value) for spell, (name, value) in zip(spellings, headers.items(), strict=True)]  # type: ignore[operator]
    compact = [(COMPACT.get(name, name), value) for name, value in headers.items()]
    expected = told(sip.parse(written(list(headers.items()))))
    assert told(sip.parse(written(spelled))) == expected
    assert told(sip.parse(written(compact, separator=" :\t"))) == expected


@settings(max_examples=100, deadline=None)
@given(HEADERS, st.sampled_from(["\r\n ", "\r\n\t", "\n  ", " \r\n\t "]))
def test_folded_lines_equal_unfolded_ones(headers: dict[str, str], fold: str) -> None:
    """A fold stands for one space: after the colon, and at the single spaces of the values."""
    plain = {name: re.sub(" +", " ", value).strip() for name, value in headers.items()}
    folded = {name: fold + value.replace(" ", fold) for name, value in plain.items()}
    assert told(sip.parse(written(list(folded.items())))) == told(sip.parse(written(list(plain.items()))))


@settings(max_examples=50, deadline=None)
@given(HEADERS)
def test_bare_line_feeds_equal_whole_line_ends(headers: dict[str, str]) -> None:
    lines = list(headers.items())
    assert told(sip.parse(written(lines, end="\n"))) == told(sip.parse(written(lines)))


RUN = 60_000


@pytest.mark.parametrize(
    "filler", [" ", "\t ", ";", ",", '"', "<", "\\", ":", "@", "%", "=", "a", "a ", "\r\n ", ", ;", '"\\']
)
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("INVITE ", "x"),
        ("INVITE sip:a", "x y SIP/2.0\r\nCall-ID: x\r\n\r\n"),
        ("SIP/2.0 200", "x\r\nCall-ID: x\r\nCSeq: 1 BYE\r\n\r\n"),
        ("INVITE sip:a SIP/2.0\r\nCall-ID: x\r\nVia: SIP/2.0/UDP h", "x\r\n\r\n"),
        ("INVITE sip:a SIP/2.0\r\nCall-ID: x\r\nFrom: ", "x\r\n\r\n"),
        ("INVITE sip:a SIP/2.0\r\nCall-ID: x\r\nContact: <sip:a>", "x\r\n\r\n"),
        ("INVITE sip:a SIP/2.0\r\nCall-ID: x\r\nAuthorization: Basic ", "\r\n\r\n"),
        ("INVITE sip:a SIP/2.0\r\nCall-ID: x\r\nAuthorization: Digest response=", "x\r\n\r\n"),
        ("INVITE sip:a SIP/2.0\r\nCall-ID: x\r\nReason: SIP", "x\r\n\r\n"),
        ("INVITE sip:a SIP/2.0\r\nCall-ID: x\r\nContent-Type: multipart/mixed;boundary=", "x\r\n\r\n--x"),
    ],
)
def test_long_runs_of_anything_end(before: str, after: str, filler: str) -> None:
    """No expression that takes the square of a value's length: one would not end here."""
    raw = (before + filler * (RUN // len(filler)) + after).encode()
    parse_everything(raw)
    mask_secrets(raw)
    sip.looks_like_sip(raw)
    sip.call_id_of(raw)
    sip.content_length_of(raw)
