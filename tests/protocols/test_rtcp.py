"""RTCP as RFC 3550 and RFC 3611 lay it out, as tshark reads it, and as the network breaks it."""

import random
import struct
from pathlib import Path

import dpkt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols import bounds, rtcp
from protocols.rtcp import (
    DelaySinceLastReport,
    ExtendedReport,
    Goodbye,
    ReceiverReport,
    ReportBlock,
    RtcpPacket,
    SenderReport,
    SourceDescription,
    VoipMetrics,
)
from tests.protocols.conftest import Row, decode


def packet(kind: int, count: int, body: bytes) -> bytes:
    return struct.pack("!BBH", 0x80 | count, kind, len(body) // 4) + body


def block(ssrc: int = 7, fraction: int = 1, lost: int = 2, jitter: int = 5) -> bytes:
    return struct.pack("!IIIIII", ssrc, fraction << 24 | lost & 0xFFFFFF, 70000, jitter, 0x11223344, 65536)


def sender(*blocks: bytes, ssrc: int = 6) -> bytes:
    return packet(
        200, len(blocks), struct.pack("!IQIII", ssrc, 0xE1E2E3E4A1A2A3A4, 160, 50, 8000) + b"".join(blocks)
    )


def receiver(*blocks: bytes, ssrc: int = 6) -> bytes:
    return packet(201, len(blocks), struct.pack("!I", ssrc) + b"".join(blocks))


def description(cname: bytes = b"alice@192.0.2.1", ssrc: int = 6) -> bytes:
    item = struct.pack("!I", ssrc) + bytes((1, len(cname))) + cname + b"\0"
    return packet(202, 1, item + b"\0" * (-len(item) % 4))


def extended(*blocks: tuple[int, int, bytes], ssrc: int = 6) -> bytes:
    body = b"".join(struct.pack("!BBH", kind, own, len(part) // 4) + part for kind, own, part in blocks)
    return packet(207, 0, struct.pack("!I", ssrc) + body)


VOIP = struct.pack(
    "!IBBBBHHHHbbBBBBBBBxHHH",
    7,
    10,
    20,
    30,
    40,
    500,
    600,
    70,
    80,
    -20,
    -60,
    25,
    16,
    93,
    127,
    42,
    40,
    0xB0,
    40,
    60,
    200,
)


def test_a_compound_of_every_kind() -> None:
    compound = (
        sender(block())
        + receiver(block(8), block(9), ssrc=66)
        + description()
        + extended(
            (4, 0, struct.pack("!Q", 0xE1E2E3E4A1A2A3A4)), (5, 0, struct.pack("!III", 7, 8, 9)), (7, 0, VOIP)
        )
        + packet(204, 3, b"\0\0\0\6nameDATA")
        + packet(206, 1, b"\0\0\0\6\0\0\0\7")
        + packet(203, 2, struct.pack("!II", 6, 7) + b"\7goodbye")
    )
    expected = ReportBlock(7, 1, 2, 70000, 5, 0x11223344, 65536)
    report, second, names, extension, leaving = rtcp.parse(compound)
    assert report == SenderReport(6, 0xE1E2E3E4A1A2A3A4, 160, 50, 8000, (expected,))
    assert report.ntp_middle == 0xE3E4A1A2
    assert isinstance(second, ReceiverReport)
    assert (second.ssrc, [one.ssrc for one in second.reports]) == (66, [8, 9])
    assert names == SourceDescription(((6, "alice@192.0.2.1"),))
    assert isinstance(extension, ExtendedReport)
    assert (extension.reference_ntp, extension.reference_ntp_middle) == (0xE1E2E3E4A1A2A3A4, 0xE3E4A1A2)
    assert extension.delays == (DelaySinceLastReport(7, 8, 9),)
    (metrics,) = extension.voip_metrics
    assert metrics == VoipMetrics(
        7, 10, 20, 30, 40, 500, 600, 70, 80, -20, -60, 25, 16, 93, 127, 42, 40, 0xB0, 40, 60, 200
    )
    assert leaving == Goodbye((6, 7), "goodbye")


@pytest.mark.parametrize("lost", [0, 1, 4095, 4096, 65535, 65536, 2**23 - 1, -1, -4096, -65536, -(2**23)])
def test_cumulative_loss_has_24_bits_and_a_sign(lost: int) -> None:
    """More than 12 bits of it, and negative where duplicates came: others read 12, or no sign."""
    (report,) = rtcp.parse(receiver(block(lost=lost, fraction=255)))
    assert isinstance(report, ReceiverReport)
    assert (report.reports[0].cumulative_lost, report.reports[0].fraction_lost) == (lost, 255)


def test_several_chunks_and_items() -> None:
    chunks = struct.pack("!I", 1) + b"\2\1x\1\3abc\0\0\0\0" + struct.pack("!I", 2) + b"\0\0\0\0"
    assert rtcp.parse(packet(202, 2, chunks + struct.pack("!I", 3) + b"\1\1z\0"))[0] == SourceDescription(
        ((1, "abc"), (2, ""))
    )


def test_a_broken_tail_leaves_what_was_good() -> None:
    good = sender(block()) + description()
    whole = rtcp.parse(good)
    for tail in (
        b"\0",
        b"\x80",
        b"\x81\xc9\0\7",
        b"\x40\xc9\0\1\0\0\0\1",
        b"\0" * 8,
        b"\x81\xc9\0\1\0\0\0\1",
    ):
        assert rtcp.parse(good + tail) == whole


def test_a_packet_cut_short_gives_its_whole_blocks() -> None:
    raw = receiver(block(1), block(2), block(3))
    (report,) = rtcp.parse(raw[:-5])
    assert isinstance(report, ReceiverReport)
    assert [one.ssrc for one in report.reports] == [1, 2]


def test_profile_extensions_and_padding_are_passed_over() -> None:
    raw = packet(201, 1, struct.pack("!I", 6) + block() + b"extension of a profile..")
    (report,) = rtcp.parse(raw)
    assert isinstance(report, ReceiverReport)
    assert len(report.reports) == 1
    padded = bytearray(receiver(block()) + description())
    padded[32] |= 0x20
    assert len(rtcp.parse(bytes(padded))) == 2


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x80",
        b"\x80\xc8\0\6",
        b"\x00\xc8\0\6" + b"\0" * 24,
        b"\x80\x00\0\1" + b"\0" * 4,
        b"\x80\xc8\0\1" + b"\0" * 4,
        b"\x9f\xc9\0\1" + b"\0" * 4,
        b"\x80\x60\0\1\0\0\0\1\0\0\0\2",
        b"\x80\xc8\0\6" + b"\0" * 8,
        b"\0\1\0\x08\x21\x12\xa4\x42" + b"\0" * 12,
        b"\x16\xfe\xfd\0\0\0\0\0\0\0\0\0",
    ],
)
def test_what_is_no_rtcp_is_refused(raw: bytes) -> None:
    with pytest.raises(rtcp.RtcpError, match="no RTCP"):
        rtcp.parse(raw)


def test_encrypted_rtcp_is_told_apart() -> None:
    """SRTCP: the first eight octets clear, the rest not, E flag and index, then the tag."""
    hidden = bytes(range(97, 97 + 40))
    clear = sender()[:8] + hidden[:20]
    for tail in (b"\x80\0\0\1" + b"t" * 10, b"t" * 16 + b"\x80\0\0\2"):
        with pytest.raises(rtcp.RtcpError, match="encrypted"):
            rtcp.parse(clear + hidden + tail)
    with pytest.raises(rtcp.RtcpError, match="encrypted"):
        rtcp.parse(receiver(block()) + hidden[:20])  # an index of somebody's own
    with pytest.raises(rtcp.RtcpError, match="encrypted"):
        rtcp.parse(receiver() + b"\x90\xd0\x7f\x7f" + hidden + b"\x80\0\0\7")  # chance made a header


def test_a_compound_of_nothing_we_read_is_empty() -> None:
    assert rtcp.parse(packet(205, 1, b"\0\0\0\6\0\0\0\7")) == []
    assert rtcp.parse(packet(204, 0, b"") + b"\0" * 4) == []


def test_bounds() -> None:
    assert len(rtcp.parse(receiver() * 500)) == bounds.RTCP_PACKETS
    (report,) = rtcp.parse(extended(*[(7, 0, VOIP)] * 200))
    assert isinstance(report, ExtendedReport)
    assert len(report.voip_metrics) == bounds.XR_BLOCKS


def test_the_round_trip_of_the_standards_example() -> None:
    """RFC 3550 6.4.1, figure 2: A 46864.500 s, DLSR 5.250 s, LSR 46853.125 s: 6.125 s."""
    assert rtcp.round_trip_us(0xB7108000, 0xB7052000, 0x00054000) == 6_125_000
    assert rtcp.round_trip_us(0xB7108000, 0, 0x00054000) is None
    assert rtcp.round_trip_us(0x00000010, 0xFFFFFFF0, 0x10) == 16 * 1_000_000 >> 16
    assert rtcp.round_trip_us(0xB7052000, 0xB7108000, 0) is None


def test_the_middle_of_ntp_time() -> None:
    """RFC 3550 6.4.1: n = 0xb44db705:20000000, the SR was sent at 46853.125 s in the middle bits."""
    assert rtcp.ntp_middle(((0xB44DB705 - 2_208_988_800) * 8 + 1) * 125_000_000) == 0xB7052000


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=120),
    st.sampled_from(
        [b"", b"\x80\xc8\0\6", b"\x82\xc9\0\x0d", b"\x81\xca\0\4", b"\x80\xcf\0\x0c", b"\x81\xcb\0\2"]
    ),
)
def test_any_octets_give_packets_or_an_error(data: bytes, head: bytes) -> None:
    try:
        packets = rtcp.parse(head + data)
    except rtcp.RtcpError as error:
        assert str(error)
        return
    assert len(packets) <= len(head + data) // 4


FIELDS = """
udp.payload rtcp.senderssrc rtcp.ssrc.identifier rtcp.ssrc.fraction rtcp.ssrc.cum_nr rtcp.ssrc.ext_high
rtcp.ssrc.jitter rtcp.ssrc.lsr rtcp.ssrc.dlsr rtcp.timestamp.ntp.msw rtcp.timestamp.ntp.lsw rtcp.timestamp.rtp
rtcp.sender.packetcount rtcp.sender.octetcount rtcp.xr.voipmetrics.burstdensity
rtcp.xr.voipmetrics.gapdensity rtcp.xr.voipmetrics.burstduration rtcp.xr.voipmetrics.gapduration
rtcp.xr.voipmetrics.rtdelay rtcp.xr.voipmetrics.esdelay rtcp.xr.voipmetrics.signallevel
rtcp.xr.voipmetrics.noiselevel rtcp.xr.voipmetrics.rerl rtcp.xr.voipmetrics.gmin rtcp.xr.voipmetrics.rfactor
rtcp.xr.voipmetrics.jbnominal rtcp.xr.voipmetrics.jbmax rtcp.xr.voipmetrics.jbabsmax rtcp.xr.lrr rtcp.xr.dlrr
"""


def numbers(row: Row, field: str) -> list[int]:
    """A field's values; tshark writes text beside some numbers, and 32-bit values as hex or decimal."""
    return [int(value.split(" ")[0], 0) for value in row[field]]


def compare(row: Row, packets: list[RtcpPacket]) -> None:
    """Every value of the packets equals tshark's."""
    reports = [
        one for part in packets if isinstance(part, SenderReport | ReceiverReport) for one in part.reports
    ]
    senders = [part for part in packets if isinstance(part, SenderReport)]
    metrics = [one for part in packets if isinstance(part, ExtendedReport) for one in part.voip_metrics]
    delays = [one for part in packets if isinstance(part, ExtendedReport) for one in part.delays]
    rates = [one.loss_rate for one in metrics]  # tshark calls both "fraction"
    assert numbers(row, "rtcp.ssrc.fraction") == [one.fraction_lost for one in reports] + rates
    assert numbers(row, "rtcp.ssrc.cum_nr") == [one.cumulative_lost for one in reports]
    assert numbers(row, "rtcp.ssrc.ext_high") == [one.highest_sequence for one in reports]
    assert numbers(row, "rtcp.ssrc.jitter") == [one.jitter for one in reports]
    assert numbers(row, "rtcp.ssrc.lsr") == [one.lsr for one in reports]
    assert numbers(row, "rtcp.ssrc.dlsr") == [one.dlsr for one in reports]
    assert numbers(row, "rtcp.timestamp.ntp.msw")[: len(senders)] == [one.ntp >> 32 for one in senders]
    assert numbers(row, "rtcp.timestamp.ntp.lsw")[: len(senders)] == [one.ntp & 0xFFFFFFFF for one in senders]
    assert numbers(row, "rtcp.timestamp.rtp") == [one.rtp_timestamp for one in senders]
    assert numbers(row, "rtcp.sender.packetcount") == [one.packets for one in senders]
    assert numbers(row, "rtcp.sender.octetcount") == [one.octets for one in senders]
    for field, name in (
        ("burstdensity", "burst_density"),
        ("gapdensity", "gap_density"),
        ("burstduration", "burst_duration_ms"),
        ("gapduration", "gap_duration_ms"),
        ("rtdelay", "round_trip_ms"),
        ("esdelay", "end_system_delay_ms"),
        ("signallevel", "signal_level"),
        ("noiselevel", "noise_level"),
        ("rerl", "residual_echo_return_loss"),
        ("gmin", "gmin"),
        ("rfactor", "r_factor"),
        ("jbnominal", "jitter_buffer_nominal_ms"),
        ("jbmax", "jitter_buffer_maximum_ms"),
        ("jbabsmax", "jitter_buffer_absolute_maximum_ms"),
    ):
        assert numbers(row, f"rtcp.xr.voipmetrics.{field}") == [getattr(one, name) for one in metrics]
    assert numbers(row, "rtcp.xr.lrr") == [one.lrr for one in delays]
    assert numbers(row, "rtcp.xr.dlrr") == [one.dlrr for one in delays]


@pytest.fixture(scope="module")
def rows(merged: Path) -> list[Row]:
    return decode(merged, "rtcp && udp && !icmp", FIELDS.split())


def test_the_collection_equals_tshark(rows: list[Row]) -> None:
    """What we refuse is STUN or encrypted: there tshark reads figures out of noise."""
    compared = encrypted = 0
    for row in rows:
        raw = bytes.fromhex(row["udp.payload"][0])
        try:
            packets = rtcp.parse(raw)
        except rtcp.RtcpError as error:
            encrypted += "encrypted" in str(error)
            assert "encrypted" in str(error) or raw[0] >> 6 == 0
            continue
        compare(row, packets)
        compared += 1
    assert (compared, encrypted) == (100, 191)


def test_reports_of_the_collection_are_plausible(rows: list[Row]) -> None:
    """Nothing encrypted slipped through: loss and delays stay within what a call can have."""
    for row in rows:
        try:
            packets = rtcp.parse(bytes.fromhex(row["udp.payload"][0]))
        except rtcp.RtcpError:
            continue
        for part in packets:
            for one in part.reports if isinstance(part, SenderReport | ReceiverReport) else ():
                assert abs(one.cumulative_lost) < 10_000
                assert one.dlsr < 3600 * 65536


def generated(rng: random.Random) -> bytes:
    def word() -> int:
        return rng.getrandbits(32)

    def reports() -> list[bytes]:
        rows = range(rng.randrange(4))
        return [struct.pack("!IIIIII", *(word() for _ in range(6))) for _ in rows]

    parts = [receiver(*reports(), ssrc=word())]
    if rng.random() < 0.5:
        blocks = reports()
        parts = [packet(200, len(blocks), rng.randbytes(24) + b"".join(blocks))]
    parts.append(description(b"c" * rng.randrange(20), ssrc=word()))
    if rng.random() < 0.7:
        metrics = bytearray(rng.randbytes(32))
        metrics[4:6] = b"\1\2"
        delays = rng.randbytes(12 * rng.randrange(1, 4))
        parts.append(extended((7, 0, bytes(metrics)), (5, 0, delays), ssrc=word()))
    return b"".join(parts)


def test_generated_reports_equal_tshark(tmp_path: Path) -> None:
    rng = random.Random(7)
    raws = [generated(rng) for _ in range(300)]
    with (tmp_path / "rtcp.pcap").open("wb") as file:
        writer = dpkt.pcap.Writer(file)
        for number, raw in enumerate(raws):
            udp = dpkt.udp.UDP(sport=5005, dport=5007, data=raw, ulen=8 + len(raw))
            ip = dpkt.ip.IP(src=b"\n\0\0\1", dst=b"\n\0\0\2", p=17, data=udp, len=28 + len(raw))
            writer.writepkt(bytes(dpkt.ethernet.Ethernet(data=ip)), ts=1_700_000_000 + number)
    rows = decode(tmp_path / "rtcp.pcap", "rtcp", FIELDS.split(), "-d", "udp.port==5005,rtcp")
    assert len(rows) == len(raws)
    for row, raw in zip(rows, raws, strict=True):
        compare(row, rtcp.parse(raw))
