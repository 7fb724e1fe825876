"""Batches cut for partitions: nothing lost, both directions and RTCP together, the same clock everywhere."""

import pytest

from capture.batches import FlowPartitions, split_rtcp, split_sip
from capture.files import open_capture
from capture.sensor import Batch
from schemas.rtcp_packets import RtcpBatch
from schemas.rtp_packets import RtpBatch
from schemas.sip_messages import SipBatch
from tests.capture.listening import Heard, sensor
from tests.paths import CAPTURES

NAMES = ["sip_rtp_dtmf_lo.pcap", "Magum23_mtaa-sip__video_call.pcapng", "MichalCab_ISA__hist0_real_call.pcap"]


def batches_of(name: str) -> list[Batch]:
    by = sensor()
    batches = [batch for block in open_capture(CAPTURES / name) for batch in by.feed(block)]
    return batches + by.flush() + by.close()


@pytest.mark.parametrize("partitions", [2, 4, 7])
@pytest.mark.parametrize("name", NAMES)
def test_the_parts_together_are_the_whole(name: str, partitions: int) -> None:
    flows = FlowPartitions(partitions)
    whole, parts = Heard(), [Heard() for _ in range(partitions)]
    for batch in batches_of(name):
        whole.take([batch])
        cut: list[Batch]
        if isinstance(batch, SipBatch):
            cut = [*split_sip(batch, partitions)]
        elif isinstance(batch, RtcpBatch):
            cut = [*split_rtcp(batch, partitions)]
        else:
            cut = [*flows.split(batch)]
        assert len(cut) == partitions
        for part, one in zip(parts, cut, strict=True):
            part.take([one])
    assert all(part.clocks == whole.clocks for part in parts)
    found = {number: flow for part in parts for number, flow in part.flows.items()}
    assert found == whole.flows
    assert sum(len(part.flows) for part in parts) == len(whole.flows)
    assert sorted((m.time_us, m.raw) for part in parts for m in part.sip) == sorted(
        (m.time_us, m.raw) for m in whole.sip
    )
    assert sum(len(part.rtcp) for part in parts) == len(whole.rtcp)
    for part in parts:
        pairs = {frozenset((f.stream[:2], f.stream[2:4])) for f in part.flows.values()}
        others = {
            frozenset((f.stream[:2], f.stream[2:4])) for o in parts if o is not part for f in o.flows.values()
        }
        assert not pairs & others


def test_one_partition_hands_batches_on_as_they_are() -> None:
    flows = FlowPartitions(1)
    for batch in batches_of(NAMES[0]):
        if isinstance(batch, SipBatch):
            assert split_sip(batch, 1) == (batch,)
        elif isinstance(batch, RtpBatch):
            assert flows.split(batch)[0] is batch
        else:
            assert split_rtcp(batch, 1)[0] is batch
