"""The same frames give the same events, however they come in blocks and whenever batches are sent."""

import functools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capture.files import open_capture
from tests.capture.listening import Heard, blocks_of, listen, sensor
from tests.capture.writers import Frame, frames_of
from tests.paths import CAPTURES

NAMES = [
    "sip_rtpstream.pcap",
    "sip_rtp_dtmf_lo.pcap",
    "MichalCab_ISA__hist0_real_call.pcap",
    "Magum23_mtaa-sip__call_end_and_cancel.pcapng",
    "arkime_arkime__tests_pcap_arkime_synthetic.pcap",
    "ntop_nDPI__tests_cfgs_default_pcap_FAX-Call-t38-CA-TDM-SIP-FB-1.pcap",
    "ntop_nDPI__tests_cfgs_default_pcap_stun_signal.pcapng",
    "ntop_nDPI__tests_cfgs_default_pcap_fuzz-2006-06-26-2594.pcap",
    "sipcapture_heplify__src_decoder_testdata_ipip0.pcap",
]


@functools.cache
def frames_in(name: str) -> list[Frame]:
    return frames_of(open_capture(CAPTURES / name))


@functools.cache
def at_once(name: str) -> Heard:
    return listen(blocks_of(frames_in(name)))


@pytest.mark.parametrize("name", NAMES)
def test_one_frame_a_block_tells_the_same(name: str) -> None:
    frames = frames_in(name)[:600]
    assert listen(blocks_of(frames, 1)).events() == listen(blocks_of(frames)).events()


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(NAMES), st.integers(1, 400), st.sets(st.integers(0, 60)))
def test_blocks_and_flushes_change_nothing(name: str, size: int, flushed: set[int]) -> None:
    by, heard = sensor(), Heard()
    for number, block in enumerate(blocks_of(frames_in(name), size)):
        heard.take(by.feed(block))
        if number in flushed:
            heard.take(by.flush())
    heard.take(by.close())
    heard.counters = {counter: count for counter, count in by.counters.items() if count}
    assert heard.clocks == sorted(heard.clocks)
    assert heard.events() == at_once(name).events()


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_frames_out_of_order_are_put_in_order(data: st.DataObject) -> None:
    """Within a second, capture order makes no difference: a flow's packets go by their time."""
    frames = frames_in("sip_rtp_dtmf_lo.pcap")[:400]
    moved = data.draw(st.lists(st.tuples(st.integers(0, 399), st.integers(1, 8)), max_size=40))
    shuffled = list(frames)
    for at, by in moved:
        shuffled.insert(min(at + by, 399), shuffled.pop(at))
    size = data.draw(st.integers(1, 200))
    heard = listen(blocks_of(shuffled, size))
    assert "misordered" not in heard.counters
    for flow in heard.flows.values():
        times = [packet[0] for packet in flow.packets]
        assert times == sorted(times)
    assert heard.events()[1:] == listen(blocks_of(shuffled)).events()[1:]
    assert heard.packets_by_stream() == listen(blocks_of(frames)).packets_by_stream()
    assert [packet.time_us for packet in heard.sip] == sorted(packet.time_us for packet in heard.sip)
