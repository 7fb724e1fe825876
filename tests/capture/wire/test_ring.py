"""Packets of a real interface: each once, as it was sent, with the tag that the kernel took out of it."""

import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from capture.errors import CaptureError
from capture.files import open_capture
from capture.wire.interface import LINKTYPE_ETHERNET, interface, passed
from capture.wire.ring import Ring
from capture.wire.ring_kernel import index_ring
from capture.wire.wire import Wire
from tests.link import Link, Player, ip, link
from tests.paths import CAPTURES

RING_BYTES = 8 << 20
ARRIVES_S = 5.0


@pytest.fixture
def ends() -> Iterator[Link]:
    with link() as made:
        yield made


def heard(wire: Wire, count: int) -> list[tuple[bytes, int, int]]:
    """Frames, their lengths on the wire and times, until there are so many and nothing more comes."""
    found: list[tuple[bytes, int, int]] = []
    deadline = time.monotonic() + ARRIVES_S
    while len(found) < count and time.monotonic() < deadline:
        wire.wait(0.1)
        for block in wire.blocks():
            assert block.link_type == LINKTYPE_ETHERNET
            for at, length, original, time_ns in zip(
                block.offset, block.captured, block.original, block.time_ns, strict=True
            ):
                found.append((block.buffer[at : at + length].tobytes(), int(original), int(time_ns)))
    return found


def frames(capture: Path) -> list[bytes]:
    return [
        block.buffer[at : at + length].tobytes()
        for block in open_capture(capture)
        for at, length in zip(block.offset, block.captured, strict=True)
    ]


def test_every_frame_is_heard_as_it_was_sent(ends: Link) -> None:
    capture = CAPTURES / "irontec_sngrep__tests_aaa.pcap"
    wire = Wire([ends.near], RING_BYTES)
    before_ns = time.time_ns()
    player = Player(capture, ends.far, paced=False)
    player.start()
    player.join()
    found = heard(wire, player.sent)
    assert [frame for frame, _, _ in found] == frames(capture)
    assert all(len(frame) == original for frame, original, _ in found)
    times = [time_ns for _, _, time_ns in found]
    assert times == sorted(times)
    assert before_ns <= times[0]
    assert times[-1] <= time.time_ns()
    assert wire.passed() == {ends.near: player.sent}
    assert wire.lost() == {}
    wire.close()


def test_time_goes_on_where_nothing_is_heard(ends: Link) -> None:
    wire = Wire([ends.near], RING_BYTES)
    before_us = time.time_ns() // 1000
    time.sleep(0.2)
    assert list(wire.blocks()) == []
    assert before_us < wire.heard_until_us < time.time_ns() // 1000
    wire.close()


def test_a_vlan_tag_is_put_back(ends: Link) -> None:
    addresses = bytes(range(12))
    tagged = [addresses + struct.pack("!HHH", 0x8100, 0xA000 | 7 + n, 0x0800) + bytes(60) for n in range(3)]
    tagged.append(addresses + struct.pack("!HHH", 0x88A8, 9, 0x0800) + bytes(60))
    wire = Wire([ends.near], RING_BYTES)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as out:
        out.bind((ends.far, 0))
        for frame in tagged:
            out.send(frame)
    assert [frame for frame, _, _ in heard(wire, len(tagged))] == tagged
    wire.close()


def test_what_the_ring_cannot_hold_is_counted(ends: Link) -> None:
    wire = Wire([ends.near], 2 << 20)
    frame = bytes(1400)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as out:
        out.bind((ends.far, 0))
        for _ in range(4000):
            out.send(frame)
    held = len(heard(wire, 4000))
    assert 0 < held < 4000
    assert wire.lost() == {(ends.near, "kernel"): 4000 - held}
    assert wire.lost() == {}
    wire.close()


def test_an_interface_that_is_down_is_waited_for(ends: Link) -> None:
    wire = Wire([ends.near], RING_BYTES)
    assert wire.down() == []
    ip("link", "set", ends.near, "down")
    assert wire.down() == [ends.near]
    wire.wait(5.0)  # told at once
    began = time.monotonic()
    wire.wait(0.3)  # and once
    assert time.monotonic() - began > 0.25
    ip("link", "set", ends.near, "up")
    deadline = time.monotonic() + ARRIVES_S
    while wire.down() and time.monotonic() < deadline:
        time.sleep(0.01)  # the link is there a moment later
    player = Player(CAPTURES / "irontec_sngrep__tests_aaa.pcap", ends.far, paced=False)
    player.start()
    player.join()
    assert len(heard(wire, player.sent)) == player.sent
    wire.close()


def test_an_interface_that_goes_away_is_said() -> None:
    with link() as ends:
        wire = Wire([ends.near], RING_BYTES)
        ip("link", "del", ends.near)
        with pytest.raises(CaptureError, match=f"{ends.near}: the interface went away"):
            for _ in range(10):
                wire.wait(0.5)
        wire.close()


def test_the_loopback_gives_each_packet_once() -> None:
    try:
        wire = Wire(["lo"], RING_BYTES)
    except CaptureError:
        pytest.skip("capturing needs CAP_NET_RAW")
    mark = b"offhook loopback test " + str(time.monotonic_ns()).encode()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.bind(("127.0.0.1", 0))
        out.sendto(mark, out.getsockname())
    deadline, count = time.monotonic() + 1.0, 0
    while time.monotonic() < deadline:
        wire.wait(0.05)
        for block in wire.blocks():
            for at, length in zip(block.offset, block.captured, strict=True):
                count += mark in block.buffer[at : at + length].tobytes()
    assert count == 1
    wire.close()


def test_an_interface_that_is_not_there_is_said_with_those_that_are() -> None:
    with pytest.raises(CaptureError, match=r"nowhere0: no such interface here; there are .*lo"):
        interface("nowhere0")


def test_without_the_right_it_says_what_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> socket.socket:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(socket, "socket", refused)
    with pytest.raises(CaptureError, match="lo: capturing needs the capability CAP_NET_RAW"):
        Ring(interface("lo"), RING_BYTES)


def test_counters_of_an_interface_that_went_away_are_zero() -> None:
    gone = interface("lo")._replace(name="nowhere0")
    assert passed(gone) == (0, 0)


def test_a_block_that_contradicts_itself_is_not_read_beyond_its_end() -> None:
    buffer = np.zeros(4096, np.uint8)
    words = buffer.view(np.uint32)
    offset, time_ns = np.empty(8, np.int64), np.empty(8, np.int64)
    captured, original = np.empty(8, np.int32), np.empty(8, np.int32)
    words[3], words[4] = 5, 48  # five packets, the first at 48
    head = 48 >> 2
    words[head] = 1 << 30  # the next one far outside
    words[head + 3] = words[head + 4] = 60
    buffer[48 + 24] = 80
    for length, expected in ((60, 1), (1 << 31, 0)):
        words[head + 3] = length
        found = index_ring(
            buffer, buffer.view(np.uint16), words, 0, 4096, 0, offset, captured, original, time_ns
        )
        assert found == expected


def sends(into: str, *frames: bytes) -> None:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as out:
        out.bind((into, 0))
        for frame in frames:
            out.send(frame)


def udp(port: int, size: int = 60) -> bytes:
    head = struct.pack("!BBHHHBBHII", 0x45, 0, 28 + size, 0, 0, 64, 17, 0, 0x0A000001, 0x0A000002)
    return bytes(12) + b"\x08\x00" + head + struct.pack("!HHHH", port, port, 8 + size, 0) + bytes(size)


def tagged(frame: bytes, vlan: int) -> bytes:
    return frame[:12] + struct.pack("!HH", 0x8100, vlan) + frame[12:]


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("udp port 5060", [udp(5060), tagged(udp(5060), 7)]),  # the kernel takes the tag out of the frame
        ("vlan 7", [tagged(udp(5060), 7), tagged(udp(9), 7)]),
        ("udp port 5060 or (vlan and udp)", [udp(5060), tagged(udp(5060), 7), tagged(udp(9), 7)]),
    ],
)
def test_what_a_filter_leaves_out_is_not_heard_and_no_drop(
    ends: Link, expression: str, wanted: list[bytes]
) -> None:
    wire = Wire([ends.near], 2 << 20, expression)
    unwanted = [udp(53, 1400)] * 4000  # more than the ring holds
    sends(ends.far, udp(5060), *unwanted, tagged(udp(5060), 7), tagged(udp(9), 7))
    found = [frame for frame, _, _ in heard(wire, len(wanted))]
    assert found == wanted
    assert wire.lost() == {}
    wire.close()


@pytest.mark.parametrize("expression", ["udp prt 5060", "wlan type mgt", "("])
def test_a_filter_that_is_none_is_refused_with_a_line(ends: Link, expression: str) -> None:
    with pytest.raises(CaptureError, match=r"capture\.wire_filter '.+': \w"):
        Wire([ends.near], RING_BYTES, expression)


def test_of_several_interfaces_the_oldest_packets_come_first(ends: Link) -> None:
    with link() as others:
        wire = Wire([ends.near, others.near], RING_BYTES)
        for number in range(6):
            sends((ends.far, others.far)[number % 2], *[udp(5000 + number, 1400)] * 800)
        time.sleep(0.2)
        order = []
        for block in wire.blocks():
            at = int(block.offset[0])
            order.append(int.from_bytes(block.buffer[at + 34 : at + 36].tobytes(), "big"))
        assert order == sorted(order)
        assert len(set(order)) > 2
        assert wire.packets == {ends.near: 2400, others.near: 2400}
        wire.close()
