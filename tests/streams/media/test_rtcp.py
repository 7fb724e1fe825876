"""RTCP given to the streams it is about: loss, jitter, round trip, and what the delay does to the score."""

import struct

import pytest

from schemas.media_windows import W
from schemas.rtcp_packets import RtcpPacket
from tests.streams.media.traffic import T0, A, B, opened, run, talk

NTP = 0x1234_5678_0000_0000


def sender_report(at: float, ssrc: int = 1) -> RtcpPacket:
    """The sender of the stream says when it is."""
    raw = struct.pack("!BBHIQIII", 0x80, 200, 6, ssrc, NTP, 0, 1, 160)
    return RtcpPacket(T0 + round(at * 1e6), A, 4001, B, 5001, raw)


def receiver_report(
    at: float, lost: int = 0, fraction: int = 0, jitter: int = 0, delay_s: float = 0.0
) -> RtcpPacket:
    """The receiver of the stream says how it came, `delay_s` after the sender's report."""
    middle, held = (NTP >> 16) & 0xFFFFFFFF, round(delay_s * 65536)
    block = struct.pack("!IIIIII", 1, fraction << 24 | lost & 0xFFFFFF, 0, jitter, middle, held)
    raw = struct.pack("!BBHI", 0x81, 201, 7, 9) + block
    return RtcpPacket(T0 + round(at * 1e6), B, 5001, A, 4001, raw)


def test_reports_are_summed_up_and_the_newest_sum_counts() -> None:
    reports = [
        sender_report(1.0), receiver_report(1.3, lost=3, fraction=64, jitter=80, delay_s=0.1),
        sender_report(3.0), receiver_report(3.4, lost=-2, fraction=0, jitter=240, delay_s=0.1),
    ]  # fmt: skip
    heard = run(talk(300), [opened(0.0)], rtcp=reports)
    (*_, found) = [summary for batch in heard.batches for summary in batch.rtcp]
    assert (found.reports, found.loss_max, found.fraction_sum) == (2, 3, 64)
    assert (found.jitter_sum_us, found.jitter_max_us) == (40_000, 30_000)
    assert found.round_trips == 2
    assert found.rtt_max_us == pytest.approx(300_000, abs=20)
    assert found.rtt_sum_us == pytest.approx(500_000, abs=40)


def test_a_long_way_lowers_the_score() -> None:
    def mos(reports: list[RtcpPacket]) -> int:
        heard = run(talk(300), [opened(0.0)], rtcp=reports)
        (row,) = heard.rows[heard.info("call").stream]
        return row[W.MOS]

    near = mos([sender_report(1.0), receiver_report(1.02)])
    far = mos([sender_report(1.0), receiver_report(1.6)])
    assert far < near <= mos([])
    assert near == pytest.approx(4_400_000, abs=15_000)
    assert far == pytest.approx(3_712_000, abs=1_000)  # R = 93.2 - 0.024 * 300 - 0.11 * 122.7


def test_reports_about_nobodys_ssrc_change_nothing() -> None:
    stray = RtcpPacket(
        T0 + 1_000_000, B, 5001, A, 4001, receiver_report(1.0).raw.replace(b"\0\0\0\x01", b"\0\0\0\x07")
    )
    heard = run(talk(300), [opened(0.0)], rtcp=[stray])
    assert not [summary for batch in heard.batches for summary in batch.rtcp]
