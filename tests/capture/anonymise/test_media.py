"""Media without content, and the packets that carry it."""

import struct

import dpkt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.anonymise.addresses import Addresses
from capture.anonymise.checksums import crc32c, internet_checksum
from capture.anonymise.media import blank_udptl, masked_rtcp, silent_rtp
from capture.anonymise.packets import Packets
from capture.anonymise.text import Text
from capture.anonymise.words import Words
from capture.cutting.frames import FrameSource, Heard
from capture.sensor import Sensor
from capture.settings import CaptureSettings
from protocols import rtcp
from schemas.sip_messages import SipBatch, SipPacket
from tests.capture import packets

TEXT = Text(Words(bytes(32)), Addresses(bytes(32)))


def heard(
    payload: bytes, transport: str = "udp", *, ipv6: bool = False, vlan: int = -1, lost: int = 0
) -> Heard:
    ends = (
        (b"\x20\x01" + bytes(13) + b"\1", b"\x20\x01" + bytes(13) + b"\2")
        if ipv6
        else (b"\x0a\0\0\1", b"\x0a\0\0\2")
    )
    return Heard(
        1_700_000_000_000_000_000, ends[0], 5060, ends[1], 5061, transport, 46, 63, vlan, 7,
        payload, len(payload) + lost, transport != "udp", (),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("payload_type", "codec", "octet"), [(0, None, 0xFF), (8, None, 0xD5), (97, "PCMA", 0xD5), (9, None, 0)]
)
def test_sound_becomes_silence(payload_type: int, codec: str | None, octet: int) -> None:
    packet = packets.rtp(7, 160, marker_type=payload_type, payload=bytes(range(160)))
    assert silent_rtp(packet, codec, False) == packet[:12] + bytes((octet,)) * 160


def test_headers_of_rtp_stay_and_their_extension_is_emptied() -> None:
    between = b"CSRC" + b"\xbe\xde\0\1" + b"name"
    packet = packets.rtp(7, 160, first=0x80 | 0x10 | 0x20 | 1, between=between, payload=b"sound" + b"\0\0\3")
    quiet = silent_rtp(packet, None, False)
    assert len(quiet) == len(packet)
    assert quiet[:20] == packet[:20]
    assert quiet[20:24] == bytes(4)
    assert quiet[-1] == 3  # how much is padding
    assert b"sound" not in quiet


def test_digits_become_zeros_with_their_length() -> None:
    packet = packets.rtp(7, 160, marker_type=101, payload=struct.pack(">BBH", 5, 0x8A, 800))
    assert silent_rtp(packet, None, True)[12:] == struct.pack(">BBH", 0, 0x8A, 800)
    tone = packets.rtp(7, 160, marker_type=101, payload=struct.pack(">BBH", 36, 0x8A, 800))
    assert silent_rtp(tone, None, True) == tone


def test_names_in_rtcp_are_masked_and_reports_stay() -> None:
    report = struct.pack(">BBHIIIIII", 0x80, 200, 6, 0xABCD, 1, 2, 3, 4, 5)
    name = b"\x01\x0falice@10.0.0.15\x02\x05Alice\0"
    chunk = struct.pack(">I", 0xABCD) + name + bytes(-(4 + len(name)) % 4)
    described = struct.pack(">BBH", 0x81, 202, len(chunk) // 4) + chunk
    packet = report + described
    masked = masked_rtcp(packet, TEXT)
    assert len(masked) == len(packet)
    assert masked[: len(report)] == report
    assert b"lice" not in masked
    assert b"10.0.0.15" not in masked
    assert [type(part) for part in rtcp.parse(masked)] == [type(part) for part in rtcp.parse(packet)]


@given(st.binary(max_size=120))
def test_any_octets_as_rtcp_keep_their_length(octets: bytes) -> None:
    assert len(masked_rtcp(octets, TEXT)) == len(octets)


@given(st.binary(min_size=12, max_size=120), st.booleans())
def test_any_octets_as_rtp_keep_their_length(octets: bytes, event: bool) -> None:
    assert len(silent_rtp(octets, None, event)) == len(octets)


def test_a_fax_has_no_page() -> None:
    assert blank_udptl(b"\0\1\5page!" + b"more") == b"\0\1\5" + bytes(9)


@given(st.binary(max_size=70))
def test_checksum_as_dpkt_computes_it(data: bytes) -> None:
    assert internet_checksum(data) == dpkt.in_cksum(data)


def test_crc32c_of_its_standard() -> None:
    assert crc32c(b"123456789") == 0xE3069283  # RFC 3720 B.4's algorithm, its check value


MESSAGE = packets.sip("OPTIONS", call_id="c1")


@pytest.mark.parametrize("transport", ["udp", "tcp", "ws", "sctp"])
@pytest.mark.parametrize("ipv6", [False, True])
def test_a_message_written_is_heard_again(transport: str, ipv6: bool) -> None:
    writer = Packets()
    told = [heard(MESSAGE, transport, ipv6=ipv6, vlan=12), heard(MESSAGE * 2, transport, ipv6=ipv6, vlan=12)]
    told[1] = heard(packets.sip("BYE", call_id="c2"), transport, ipv6=ipv6, vlan=12)
    found = messages([frame for each in told for frame in writer.frames(each)])
    assert [packet.raw for packet in found] == [each.payload for each in told]
    for packet in found:
        assert (packet.transport, packet.src_port, packet.dst_port) == (transport, 5060, 5061)
        assert (packet.dscp, packet.ttl, packet.vlan) == (46, 63, 12)


def messages(frames: list[object]) -> list[SipPacket]:
    sensor = Sensor("a", "s", "n", settings=CaptureSettings())
    batches = [batch for block in FrameSource(frames) for batch in sensor.feed(block)]  # type: ignore[arg-type]
    return [
        packet
        for batch in batches + sensor.close()
        if isinstance(batch, SipBatch)
        for packet in batch.messages
    ]


def test_what_was_not_captured_counts_on_the_wire() -> None:
    (frame,) = Packets().frames(heard(b"x" * 100, lost=60))
    assert frame.original == len(frame.data) + 60 == 14 + 20 + 8 + 160
    assert dpkt.ethernet.Ethernet(frame.data).data.data.ulen == 168
