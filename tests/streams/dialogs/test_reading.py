"""Many messages read at once are what they are when read one by one."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capture.files import open_capture
from capture.sensor import Sensor
from capture.settings import CaptureSettings
from protocols.sip import SipError, SipMessage
from protocols.sip.names import METHODS
from schemas.sip_messages import SipBatch
from streams import bounds
from streams.dialogs.reading import FEW, read, read_usual
from tests.paths import CAPTURES

TORTURE = [path.read_bytes() for path in sorted((CAPTURES / "rfc4475").glob("*.dat"))]

REQUEST = (
    b"INVITE sip:+4989@carrier.example.net SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1;rport\r\n"
    b'From: "Alice" <sip:alice@pbx.example.com>;tag=as1\r\nTo: <sip:+4989@carrier.example.net>\r\n'
    b"Call-ID: 5f2c1a@10.0.0.1\r\nCSeq: 1 INVITE\r\nUser-Agent: Phone/1.0\r\nX-Own: 1\r\nX-Own: 2, 3\r\n"
    b"Content-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n"
)
RESPONSE = (
    b"SIP/2.0 200 Just fine\r\nv: SIP/2.0/TCP pbx;rport;branch=z9hG4bK2\r\nVia: SIP/2.0/UDP 10.0.0.1\r\n"
    b"f: <sip:alice@pbx.example.com>;tag=as1\r\nTO: <sip:b@c>;tag=to-1\r\ni:5f2c1a@10.0.0.1 \r\n"
    b'cseq:  2 BYE\r\nReason: Q.850;cause=16;text="Normal"\r\nl: 0\r\n\r\nwhat follows'
)
HEADERS = ("via", "User-Agent", "x-own", "Reason", "from", "Session-ID", "nothing", "contact", "content-type")

PIECES = (
    *(b"", b" ", b"\t", b"\r\n", b"\n", b"\r", b"\r\n ", b"\r\n\r\n", b":", b";", b",", b'"', b"<", b">"),
    *(b"\xc3\xa9", b"\xff", b"\0", b"=", b"0", b"99999999999", b"SIP/2.0", b";tag=", b";branch=", b"INVITE"),
    *(b"\r\nTo: <sip:x@y>;tag=other", b"\r\nf: sip:x@y;tag=bare", b"\r\nCSeq: 7 ACK", b"\r\ncall-id : 1"),
    *(b"\r\nl: 3", b"\r\nContent-Length: 9999", b"\r\nReason", b"\r\nVIA: SIP/2.0/UDP a", b"a" * 130),
)


def told(message: SipMessage) -> tuple[object, ...]:
    """Everything that a message says."""
    fields = [getattr(message, name) for name in message.__struct_fields__ if not name.startswith("_")]
    headers = [(message.header(name), message.headers(name)) for name in HEADERS]
    return (
        *(fields, headers, message.header_names(), message.from_, message.to, message.vias, message.sdp),
        *(message.user_agent, message.reasons, message.asserted_identity, message.problems),
    )


def read_at_once(raws: list[bytes]) -> list[SipMessage | None]:
    """Read them together with so many others that it is worth it."""
    return read_usual([*raws, *[REQUEST] * FEW])[: len(raws)]


def assert_alike(raws: list[bytes]) -> None:
    for raw, message in zip(raws, read_at_once(raws), strict=True):
        if message is not None:
            assert told(message) == told(read(raw))


def test_usual_messages_are_read_at_once() -> None:
    assert None not in read_at_once([REQUEST, RESPONSE])
    assert_alike([REQUEST, RESPONSE])


@pytest.mark.parametrize("method", METHODS)
def test_every_usual_method_is_known(method: str) -> None:
    raw = REQUEST.replace(b"INVITE", method.encode())
    (message,) = read_at_once([raw])
    assert message is not None
    assert (message.method, message.cseq_method) == (method, method)


@pytest.mark.parametrize(
    ("part", "instead"),
    [
        (b"INVITE sip", b"invite sip"),
        (b"sip:+4989@carrier.example.net SIP", b"sip:+4989@carrier .example.net SIP"),
        (b" SIP/2.0\r\nVia", b" SIP/3.0\r\nVia"),
        (b"Alice", "Alicé".encode()),
        (b"Alice", b"Ali\xffce"),
        (b"User-Agent: Phone", b"User-Agent:\r\n Phone"),
        (b"User-Agent: Phone", b"User-Agent Phone"),
        (b"CSeq: 1 INVITE", b"CSeq: 1  INVITE"),
        (b"CSeq: 1 INVITE", b"CSeq: 4294967295 INVITE"),
        (b"Call-ID: 5f2c1a@10.0.0.1", b"Call-ID: "),
        (b"tag=as1", b"tag=as1;x=y"),
        (b"tag=as1", b"tag=" + b"a" * (bounds.TAG + 1)),
        (b"branch=z9hG4bK1;", b"branch=;"),
        (b";rport", b";rport,SIP/2.0/UDP 10.0.0.2"),
        (b"Content-Length: 5", b"Content-Length: 6"),
        (b"Content-Length: 5", b"Content-Length: five"),
        (b"\r\n\r\n", b"\n\n"),
        (b"v=0\r\n", b""),
    ],
)
def test_what_is_unusual_is_left(part: bytes, instead: bytes) -> None:
    raw = REQUEST.replace(part, instead)
    assert raw != REQUEST
    assert read_at_once([raw]) == [None]


def test_a_few_messages_are_left() -> None:
    assert read_usual([REQUEST] * (FEW - 1)) == [None] * (FEW - 1)


def test_torture() -> None:
    readable = []
    for raw in TORTURE:
        try:
            read(raw)
        except SipError:
            assert read_at_once([raw]) == [None]
        else:
            readable.append(raw)
    assert_alike(readable)


def test_real_captures() -> None:
    raws = []
    for path in sorted(CAPTURES.glob("*.pcap*")):
        sensor = Sensor("acme", "hq", "s1", settings=CaptureSettings())
        batches = [batch for block in open_capture(path, sensor="s1") for batch in sensor.feed(block)]
        for batch in (*batches, *sensor.close()):
            if isinstance(batch, SipBatch):
                raws += [packet.raw for packet in batch.messages]
    readable = [raw for raw, message in zip(raws, read_at_once(raws), strict=True) if message is not None]
    assert len(readable) > len(raws) * 0.8
    assert_alike(readable)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([REQUEST, RESPONSE, *TORTURE]),
            st.lists(st.tuples(st.floats(0, 1), st.integers(0, 9), st.sampled_from(PIECES)), max_size=3),
        ),
        max_size=FEW,
    )
)
def test_whatever_was_changed_on_the_way(
    messages: list[tuple[bytes, list[tuple[float, int, bytes]]]],
) -> None:
    raws = []
    for original, changes in messages:
        raw = bytearray(original)
        for where, octets, piece in changes:
            at = int(len(raw) * where)
            raw[at : at + octets] = piece
        raws.append(bytes(raw))
    assert_alike(raws)


@pytest.mark.parametrize("raw", [REQUEST, RESPONSE])
@pytest.mark.parametrize("piece", PIECES)
def test_a_change_at_every_place(raw: bytes, piece: bytes) -> None:
    starts = [0, *[match.end() for match in re.finditer(rb"\W+", raw)]]
    raws = [raw[:at] + piece + raw[at + gone :] for at in starts for gone in (0, len(piece))]
    assert_alike(raws)
