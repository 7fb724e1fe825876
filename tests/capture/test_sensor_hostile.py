"""Garbage and damage: no crash, nothing counted twice, memory bounded."""

from hypothesis import given, settings
from hypothesis import strategies as st

from capture.files import open_capture
from tests.capture.listening import blocks_of, listen
from tests.capture.packets import START_NS, A, B, frame, udp
from tests.capture.writers import Frame, frames_of
from tests.paths import CAPTURES

LINKS = [0, 1, 9, 12, 14, 101, 108, 113, 228, 229, 276, 4242]
FRAMES = [
    one
    for name in (
        "sip_rtp_dtmf_lo.pcap",
        "arkime_arkime__tests_pcap_arkime_synthetic.pcap",
        "Magum23_mtaa-sip__call.pcapng",
        "irontec_sngrep__tests_ipip.pcap",
        "asterisk_testsuite__tests_fax_pjsip_t38_enabled_two_reinvite_on_a_leg_sipp_CUSTOMER_G711U.pcap",
    )
    for one in frames_of(open_capture(CAPTURES / name))[:150]
]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.binary(max_size=120), st.sampled_from(LINKS)), max_size=20))
def test_random_frames(made: list[tuple[bytes, int]]) -> None:
    frames = [Frame(START_NS + n, data, len(data), link) for n, (data, link) in enumerate(made)]
    listen(blocks_of(frames))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.binary(min_size=1, max_size=60), max_size=20),
    st.sampled_from([5060, 4789, 2152, 6081, 3544, 9]),
)
def test_random_payloads(payloads: list[bytes], port: int) -> None:
    frames = [frame(udp(data, (A, port), (B, port)), START_NS + n) for n, data in enumerate(payloads)]
    listen(blocks_of(frames))


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_flipped_and_cut_frames(data: st.DataObject) -> None:
    frames = list(FRAMES)
    for _ in range(data.draw(st.integers(1, 150))):
        at = data.draw(st.integers(0, len(frames) - 1))
        raw = bytearray(frames[at].data)
        if not raw:
            continue
        raw[data.draw(st.integers(0, min(len(raw), 90) - 1))] = data.draw(st.integers(0, 255))
        cut = data.draw(st.integers(0, len(raw)))
        frames[at] = frames[at]._replace(data=bytes(raw[:cut]) if cut % 3 == 0 else bytes(raw))
    one, other = listen(blocks_of(frames)), listen(blocks_of(frames, 37))
    assert one.events() == other.events()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=60), st.integers(1, 20))
def test_any_times(times: list[int], size: int) -> None:
    frames = [one._replace(time_ns=time) for one, time in zip(FRAMES, times, strict=False)]
    heard = listen(blocks_of(frames, size))
    assert heard.clocks == sorted(heard.clocks)
    assert heard.events() == listen(blocks_of(frames)).events()
