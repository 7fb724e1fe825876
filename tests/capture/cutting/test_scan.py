"""The walk that sorts frames sees what the sensor sees, remembered or not."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.cutting.directory import Directory
from capture.cutting.endpoints import announced
from capture.cutting.frames import FrameSource
from capture.cutting.gather import Gathered, gather, sip_of
from capture.cutting.memory import Memory, stretches
from capture.cutting.scan import Scan
from capture.files import open_capture
from capture.sensor import Sensor
from capture.settings import CaptureSettings
from protocols.sip import call_id_of
from schemas.sip_messages import SipBatch
from tests.capture import packets, writers
from tests.paths import CAPTURES, OWN_CAPTURES

Endpoint = tuple[bytes, int]


def every_capture() -> list[Path]:
    found = [path for folder in (CAPTURES, OWN_CAPTURES) for path in folder.rglob("*.pcap*")]
    return sorted({path.name: path for path in found}.values())


@pytest.mark.parametrize("path", every_capture(), ids=lambda path: path.name)
def test_it_hears_the_messages_that_the_sensor_hears(path: Path) -> None:
    settings = CaptureSettings(keep_secrets=True)
    sensor = Sensor("a", "s", "n", settings=settings)
    batches = [batch for block in open_capture(path) for batch in sensor.feed(block)] + sensor.close()
    wanted = [packet.raw for batch in batches if isinstance(batch, SipBatch) for packet in batch.messages]
    scan = Scan(stretches(open_capture(path)), settings.sip_ports)
    heard = [message for sight in scan for one in sight.datagrams if (message := sip_of(one)) is not None]
    assert sorted(heard) == sorted(wanted)


@pytest.mark.parametrize("path", every_capture()[::3], ids=lambda path: path.name)
def test_what_is_remembered_gives_the_same_as_walking_again(path: Path) -> None:
    memory, directory = Memory(), Directory(())
    for sight in Scan(stretches(open_capture(path)), (5060,), memory=memory):
        for one in sight.datagrams:
            message = sip_of(one)
            if message is not None and (call_id := call_id_of(message)) is not None:
                directory.note(call_id, message, one.src_ip, one.time_ns)
    assert memory.usable()
    for call_id, party in list(directory.calls.items())[:3]:
        again = gathered(
            Scan(stretches(open_capture(path)), (5060,), party.endpoints), call_id, party.endpoints
        )
        short = Scan(memory.stretches(party.endpoints), (5060,), party.endpoints, {call_id})
        assert gathered(short, call_id, party.endpoints) == again


def gathered(scan: Scan, call_id: bytes, endpoints: set[Endpoint]) -> Gathered:
    return gather(scan, {call_id}, endpoints)


def test_a_packed_capture_is_not_remembered() -> None:
    memory = Memory()
    source = FrameSource(gathered(Scan(stretches(open_capture(one())), (5060,)), b"1278621692", set()).frames)
    assert list(Scan(stretches(source), (5060,), memory=memory))
    assert not memory.usable()


def one() -> Path:
    return OWN_CAPTURES / "isa-real-call.pcap"


ports = st.integers(1, 65535)
ipv4 = st.sampled_from(["10.0.0.1", "10.0.0.2", "10.1.0.1", "192.0.2.7"])
ipv6 = st.sampled_from(["2001:db8::1", "2001:db8::2", "fe80::1", "2001:db8:0:1::1"])
ends = st.one_of(
    st.tuples(st.tuples(ipv4, ports), st.tuples(ipv4, ports)),
    st.tuples(st.tuples(ipv6, ports), st.tuples(ipv6, ports)),
)


@given(st.lists(ends, min_size=1, max_size=30), st.data())
def test_exactly_what_touches_an_endpoint_is_gathered(
    flows: list[tuple[tuple[str, int], ...]], data: st.DataObject
) -> None:
    known = sorted({end for flow in flows for end in flow})
    chosen = set(data.draw(st.lists(st.sampled_from(known), max_size=5)))
    frames = [
        packets.frame(packets.udp(packets.rtp(n, 160 * n), src, dst), packets.START_NS + n)
        for n, (src, dst) in enumerate(flows)
    ]
    endpoints = {(packed(ip), port) for ip, port in chosen}
    found = gather(Scan(stretches(source_of(frames)), (5060,), endpoints), set(), endpoints)
    tunnels = {4789, 8472, 6081, 2152, 3544, 37008, 6635, 4754}
    wanted = [
        frame.time_ns
        for frame, flow in zip(frames, flows, strict=True)
        if set(flow) & chosen and not {port for _, port in flow} & tunnels
    ]
    assert {frame.time_ns for frame in found.frames} >= set(wanted)
    assert all(set(flows[frame.time_ns - packets.START_NS]) & chosen for frame in found.frames)


def packed(ip: str) -> bytes:
    from ipaddress import ip_address

    return ip_address(ip).packed


def source_of(frames: Iterable[writers.Frame]) -> FrameSource:
    from capture.cutting.frames import Frame

    return FrameSource([Frame(each.time_ns, 1, each.data, len(each.data)) for each in frames])


def test_endpoints_out_of_a_description() -> None:
    message = (
        b"INVITE sip:a@b SIP/2.0\r\n\r\nv=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\n"
        b"a=rtcp:4100 IN IP4 192.0.2.9\r\nm=video 0 RTP/AVP 96\r\n"
        b"a=candidate:1 1 UDP 1 2001:db8::5 5000 typ host\r\n"
    )
    found = announced(message, packed("198.51.100.1"))
    for ip, port in [("192.0.2.1", 4000), ("192.0.2.1", 4001), ("192.0.2.9", 4100), ("2001:db8::5", 5000)]:
        assert (packed(ip), port) in found
    assert (packed("198.51.100.1"), 4000) in found  # where the sender is, behind a translator
    assert announced(message.split(b"\r\n\r\n")[0], b"\1\2\3\4") == set()
