"""Every capture of link layers, tunnels and stacks: IP, UDP, SIP and RTP, innermost, as tshark has them."""

import contextlib
import struct
import tempfile
from collections import Counter
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from capture.bounds import LAYERS_PER_FRAME
from capture.files import open_capture
from capture.slow import counters
from capture.slow.cursor import Cursor, DissectError, End, Layer
from capture.slow.fragments import Fragments
from capture.slow.links import LINK_LAYERS
from capture.slow.network import by_protocol, extensions, ip, ipv4, ipv6
from capture.slow.tunnels import under_udp
from offhook.cut import cut
from offhook.settings import Settings
from tests.capture import packets, writers
from tests.capture.listening import Heard, blocks_of, listen, listen_to
from tests.capture.slow.captures import Frame, frames, innermost, tshark
from tests.paths import CAPTURES
from tests.system import story

FOLDER: Final = CAPTURES / "linklayer"
INDEX: Final = [line.split("\t")[0] for line in (FOLDER / "INDEX.tsv").read_text().splitlines()[1:]]
FILES: Final = [FOLDER / name for name in sorted(INDEX)]

UDP_FIELDS: Final = [
    "frame.protocols", "udp.srcport", "udp.dstport", "udp.length", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst",
]  # fmt: skip
MESSAGE_FIELDS: Final = ["sip.Method", "sip.Status-Code", "rtp.ssrc"]
METHOD, STATUS, SSRC = range(len(UDP_FIELDS), len(UDP_FIELDS) + len(MESSAGE_FIELDS))

UDP_KINDS: Final = (
    "rtp", "rtcp", "udptl", "stun", "dtls", "turn", "rtp_unconfirmed", "other_udp", "empty_udp",
    "capture_copies", "not_sip", "sip_keepalives", "sip",
)  # fmt: skip
"""What a sensor may make of a UDP datagram that is no tunnel."""

BIG = "a UDP length of 0, cut later by the network card: tshark stops, we go on to what is in it"
LINUX_VXLAN = "port 8472 is VXLAN to Linux, and to us; not to tshark"

IP_DIFFERENCES: Final = {
    # innermost addresses that only we have, and only tshark
    **dict.fromkeys(
        (
            f"the-tcpdump-group_tcpdump__tests_bigtcp-{outer}-{tunnel}-{inner}.pcap"
            for outer in ("ipv4", "ipv6")
            for tunnel in ("geneve", "vxlan")
            for inner in ("ipv4", "ipv6")
        ),
        (1, 1, BIG),
    ),
    "the-tcpdump-group_tcpdump__tests_vxlan_port_8472.pcap": (8, 8, LINUX_VXLAN),
    "the-tcpdump-group_tcpdump__tests_802_15_4-data.pcap": (0, 1, "IPv6 over 802.15.4 is not read"),
    "zeek_zeek__testing_btest_Traces_tunnels_gre-aruba-amsdu.pcap": (
        1, 1, "of several packets in one 802.11 frame (A-MSDU) none is read",
    ),
    "zeek_zeek__testing_btest_Traces_trunc_mpls-6in6-6in6-4in6-trunc.pcap": (
        1, 0, "cut inside the innermost header: the one around it stands",
    ),
    "zeek_zeek__testing_btest_Traces_trunc_mpls-6in6-broken.pcap.gz": (
        0, 9, "made to break dissectors: tshark shows the pieces, we drop what contradicts itself",
    ),
}  # fmt: skip

UDP_DIFFERENCES: Final = {
    # UDP datagrams that we count, that tshark does
    **{name: (0, 1, why) for name, (*_, why) in IP_DIFFERENCES.items() if why == BIG},
    "the-tcpdump-group_tcpdump__tests_vxlan_port_8472.pcap": (0, 10, LINUX_VXLAN),
    "zeek_zeek__testing_btest_Traces_tunnels_geneve-truncated.pcapng": (
        1, 0, "the inner frame is cut before it says what it is: the datagram is handed on as it is",
    ),
}  # fmt: skip

SIP_DIFFERENCES: Final = {
    "snort3_snort3_demo__tests_ips_options_gid_gtpingtp.pcap": (
        1, 0, "SIP from port 2152: tshark takes the port for GTP, we the text for SIP",
    ),
}  # fmt: skip

Pair = tuple[str, str]
Counts = dict[str, tuple[int, int]]


class Seen(NamedTuple):
    """One file as both see it: its frames, what a sensor heard, tshark's rows of all that is IP."""

    name: str
    frames: list[Frame]
    heard: Heard
    rows: list[list[str]]


@pytest.fixture(scope="module")
def seen() -> list[Seen]:
    """Every file, tshark run once."""
    read = [list(frames(path)) for path in FILES]
    fields = UDP_FIELDS + MESSAGE_FIELDS
    with tempfile.TemporaryDirectory() as folder:
        rows = tshark(FILES, [len(each) for each in read], "ip || ipv6", fields, Path(folder))
    return [
        Seen(path.name, held, listen_to(path), theirs)
        for path, held, theirs in zip(FILES, read, rows, strict=True)
    ]


class Innermost(NamedTuple):
    """The last IP header of a frame: addresses, offset, and from where to where its payload goes."""

    src: str
    dst: str
    header: int
    start: int
    end: int


class Walker:
    """Through the headers of a file's frames, by the layers of the room."""

    def __init__(self) -> None:
        self._fragments = Fragments(counters.zeros())
        self._ip: tuple[int, int, int] | None = None

    def walk(self, frame: Frame) -> Innermost | None:
        """The frame's innermost IP header; None where it carries none."""
        cursor = Cursor(frame.time_ns, frame.data, frame.original)
        self._ip = None
        with contextlib.suppress(DissectError):
            self._walk(cursor, LINK_LAYERS.get(frame.link_type))
        if not cursor.src_ip or self._ip is None:
            return None
        return Innermost(str(ip_address(cursor.src_ip)), str(ip_address(cursor.dst_ip)), *self._ip)

    def _walk(self, cursor: Cursor, step: Layer | End | None) -> None:
        for _ in range(LAYERS_PER_FRAME):
            if step in (ip, ipv4, ipv6):
                assert not isinstance(step, End) and step is not None
                header = cursor.at
                try:
                    step = step(cursor)
                finally:
                    if cursor.src_ip:
                        self._ip = header, cursor.at, cursor.end
            elif step is End.UDP:
                start = cursor.take(8)
                if length := cursor.u16_at(start + 4):
                    cursor.limit(length - 8)
                step = under_udp(cursor, cursor.u16_at(start), cursor.u16_at(start + 2))
            elif step is End.FRAGMENT and self._fragments.add(cursor):
                step = by_protocol(cursor) if len(cursor.src_ip) == 4 else extensions(cursor)
            elif step is None or isinstance(step, End):
                return
            else:
                step = step(cursor)


def their_pair(row: list[str]) -> Pair | None:
    """tshark's addresses of the innermost IP header, what ICMP quotes left out; None where it is cut."""
    protocols = row[0].split(":")
    quoting = [at for at, name in enumerate(protocols) if name in ("icmp", "icmpv6")]
    walked = protocols[: quoting[0]] if quoting else protocols
    last = [name for name in walked if name in ("ip", "ipv6")][-1]
    at = walked.count(last) - 1
    src, dst = (value.split(",")[at] for value in (row[4:6] if last == "ip" else row[6:8]))
    return (str(ip_address(src)), str(ip_address(dst))) if src and dst else None


def explained(differences: dict[str, tuple[int, int, str]]) -> Counts:
    """The differences without their reasons."""
    return {name: (ours, theirs) for name, (ours, theirs, _) in differences.items()}


def test_every_file_is_read_to_its_end_without_damage() -> None:
    assert len(FILES) >= 150
    for path in FILES:
        source = open_capture(path)
        assert sum(len(block.offset) for block in source) > 0, path.name
        assert source.warnings == [], path.name


def test_every_frame_has_the_innermost_ip_that_tshark_sees(seen: list[Seen]) -> None:
    found: Counts = {}
    total = 0
    for name, held, _, rows in seen:
        walker = Walker()
        ours = Counter((one.src, one.dst) for one in map(walker.walk, held) if one)
        theirs = Counter(pair for pair in map(their_pair, rows) if pair)
        total += theirs.total()
        if ours != theirs:
            found[name] = (ours - theirs).total(), (theirs - ours).total()
    assert total > 5000
    assert found == explained(IP_DIFFERENCES)


def test_every_udp_datagram_is_counted_as_one_thing(seen: list[Seen]) -> None:
    found: Counts = {}
    total = 0
    for name, _, heard, rows in seen:
        elsewhere = sum(1 for each in heard.sip if each.transport != "udp")
        ours = sum(heard.counters.get(kind, 0) for kind in UDP_KINDS) - elsewhere
        theirs = sum(1 for row in rows if innermost(row) is not None)
        total += theirs
        if ours != theirs:
            found[name] = ours, theirs
    assert total > 300
    assert found == explained(UDP_DIFFERENCES)


def test_sip_messages(seen: list[Seen]) -> None:
    found: Counts = {}
    total = 0
    for name, _, heard, rows in seen:
        theirs = sum(len(row[field].split(",")) for row in rows for field in (METHOD, STATUS) if row[field])
        total += theirs
        if len(heard.sip) != theirs:
            found[name] = len(heard.sip), theirs
    assert total > 50
    assert found == explained(SIP_DIFFERENCES)


def test_rtp_packets_of_every_source(seen: list[Seen]) -> None:
    total = 0
    for name, _, heard, rows in seen:
        theirs = Counter(int(row[SSRC].split(",")[-1], 16) for row in rows if row[SSRC] and innermost(row))
        ours = Counter[int]()
        for stream, count in heard.packets_by_stream().items():
            ours[stream.ssrc] += count
        total += theirs.total()
        assert ours == theirs, name
    assert total > 20


BYE: Final = b"BYE sip:a SIP/2.0\r\n"


def with_sip(frame: Frame, at: Innermost) -> writers.Frame | None:
    """The frame with a SIP message where its innermost IP payload was; None where that has no room for it."""
    data = bytearray(frame.data)
    version, size = data[at.header] >> 4, at.end - at.start
    plain = version == 4 or at.start == at.header + 40
    if not plain or not len(BYE) + 10 <= size < 65536 or at.end > len(data):
        return None
    data[at.header + (9 if version == 4 else 6)] = 17
    text = BYE + b"x" * (size - 10 - len(BYE)) + b"\r\n"
    data[at.start : at.end] = struct.pack(">HHHH", 5060, 5060, size, 0) + text
    return writers.Frame(frame.time_ns, bytes(data), frame.original, frame.link_type)


def test_sip_under_every_stack_of_headers_is_heard(seen: list[Seen]) -> None:
    """Whatever a frame carried, a SIP message in its place is found by the sensor, kernel and all."""
    total = 0
    for name, held, _, _ in seen:
        walker = Walker()
        places = [(frame, walker.walk(frame)) for frame in held if not is_fragment(frame)]
        made = [with_sip(frame, place) for frame, place in places if place is not None]
        told = [frame for frame in made if frame is not None]
        total += len(told)
        assert len(listen(blocks_of(told)).sip) == len(told), name
    assert total > 1500


def is_fragment(frame: Frame) -> bool:
    """Whether a layer of the frame is a piece of a datagram."""
    cursor = Cursor(frame.time_ns, frame.data, frame.original)
    step: Layer | End | None = LINK_LAYERS.get(frame.link_type)
    try:
        for _ in range(LAYERS_PER_FRAME):
            if step is End.UDP:
                start = cursor.take(8)
                if length := cursor.u16_at(start + 4):
                    cursor.limit(length - 8)
                step = under_udp(cursor, cursor.u16_at(start), cursor.u16_at(start + 2))
            elif step is None or isinstance(step, End):
                break
            else:
                step = step(cursor)
    except DissectError:
        pass
    return step is End.FRAGMENT


def ethertype(packet: bytes) -> bytes:
    """Of an IP packet."""
    return b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd"


def under(port: int, head: bytes, *, frame: bool = False) -> Callable[[bytes], bytes]:
    """A tunnel below UDP: its header, then the packet, or a whole Ethernet frame."""

    def wrap(packet: bytes) -> bytes:
        inner = packets.ethernet(packet) if frame else packet
        return packets.ethernet(packets.udp(head + inner, ("10.9.9.1", 50_000), ("10.9.9.2", port)))

    return wrap


def gre(head: bytes, *, frame: bool = True) -> Callable[[bytes], bytes]:
    """GRE with this header and what follows it, then an Ethernet frame or the packet."""

    def wrap(packet: bytes) -> bytes:
        inner = packets.ethernet(packet) if frame else packet
        return packets.ethernet(packets.ip(head + inner, 47, "10.9.9.1", "10.9.9.2"))

    return wrap


def label(number: int, *, bottom: bool = True) -> bytes:
    """An MPLS label stack entry."""
    return struct.pack(">I", number << 12 | bottom << 8 | 64)


STACKS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "VXLAN": under(4789, b"\x08\0\0\0\0\0\x2a\0", frame=True),
    "VXLAN with group policy": under(4789, b"\x88\x48\0\x64\0\0\x2a\0", frame=True),
    "VXLAN with reserved bits": under(4789, b"\xff\x01\xd1\xf2\0\0\x0b\0", frame=True),
    "VXLAN at Linux' port": under(8472, b"\x08\0\0\0\0\0\x2a\0", frame=True),
    "VXLAN-GPE": under(4790, b"\x0c\0\0\x03\0\0\x2a\0", frame=True),
    "VXLAN-GPE, IP": under(4790, b"\x0c\0\0\x01\0\0\x2a\0"),
    "VXLAN-GPE, NSH": under(4790, b"\x0c\0\0\x04\0\0\x2a\0" + b"\x0f\xc6\x01\x01\0\0\x01\xff" + bytes(16)),
    "Geneve": under(6081, b"\0\0\x65\x58\0\0\x2a\0", frame=True),
    "Geneve with options, IP": under(6081, b"\x02\0\x08\0\0\0\x2a\0" + bytes(8)),
    "Geneve, MPLS": under(6081, b"\0\0\x88\x47\0\0\x2a\0" + label(16)),
    "GTP-U": under(2152, b"\x30\xff\0\0\0\0\0\1"),  # its length is set below
    "TZSP": under(37008, b"\1\0\0\1\x0a\1\0\1", frame=True),
    "MPLS in UDP": under(6635, label(16, bottom=False) + label(17)),
    "MPLS in UDP, high label": under(6635, label(0x90000)),
    "GRE in UDP": under(4754, b"\0\0\x08\0"),
    "GRE with a checksum in UDP": under(4754, b"\x80\0\x65\x58\0\0\0\0", frame=True),
    "L2TP": under(1701, b"\0\x02\0\1\0\2\xff\x03\0\x21"),
    "ERSPAN I": gre(b"\0\0\x88\xbe"),
    "ERSPAN II": gre(b"\x10\0\x88\xbe\0\0\0\1" + b"\x10\x05\0\1\0\0\0\0"),
    "ERSPAN III": gre(b"\x10\0\x22\xeb\0\0\0\1" + b"\x20\x05\0\1" + bytes(8)),
    "GRE of Ethernet": gre(b"\x20\0\x65\x58\0\0\0\7"),
    "GRE, security group tag": gre(b"\0\0\x89\x09\x08\0\x01\x01\0\1\0\5", frame=False),
    "security group tag": lambda packet: (
        bytes(12) + b"\x89\x09\x01\x01\0\1\0\5" + ethertype(packet) + packet
    ),
    "three VLAN tags": lambda packet: packets.ethernet(
        packet, b"\x88\xa8\0\1\x81\0\0\2\x81\0\0\3"
    ),
    "QinQ, PPPoE": lambda packet: (
        bytes(12) + b"\x88\xa8\0\1\x81\0\0\2\x88\x64\x11\0\0\1"
        + struct.pack(">H", len(packet) + 2) + b"\0\x21" + packet
    ),
    "MPLS, pseudowire": lambda packet: (
        bytes(12) + b"\x88\x47" + label(16, bottom=False) + label(17) + bytes(4) + packets.ethernet(packet)
    ),
    "IPv4 in IPv6 in IPv4": lambda packet: packets.ethernet(
        packets.ip(packets.ip(packet, 4, "2001:db8::1", "2001:db8::2"), 41, "10.9.9.1", "10.9.9.2")
    ),
    "Geneve in VXLAN": lambda packet: under(4789, b"\x08\0\0\0\0\0\x2a\0")(
        under(6081, b"\0\0\x65\x58\0\0\x2a\0", frame=True)(packet)
    ),
}  # fmt: skip


def wrapped(stack: str, packet: bytes) -> bytes:
    """The packet in its tunnel."""
    if stack == "GTP-U":
        return under(2152, b"\x30\xff" + struct.pack(">H", len(packet)) + b"\0\0\0\1")(packet)
    return STACKS[stack](packet)


@pytest.mark.parametrize("stack", STACKS)
def test_calls_in_a_tunnel_are_heard_as_without_it(stack: str) -> None:
    """SIP and RTP through the whole sensor, in stacks of which the collection has no calls."""
    plain = [
        packets.udp(packets.sip(call_id=f"c{n}"), (packets.A, 5060), (packets.B, 5060)) for n in range(3)
    ]
    plain += [packets.udp(packets.rtp(n, 160 * n), ip_id=n + 1) for n in range(10)]
    times = [packets.START_NS + n * packets.PTIME_NS for n in range(len(plain))]
    expected = listen(blocks_of([packets.frame(one, at) for one, at in zip(plain, times, strict=True)]))
    told = []
    for one, at in zip(plain, times, strict=True):
        data = wrapped(stack, one)
        told.append(writers.Frame(at, data, len(data)))
    heard = listen(blocks_of(told))
    assert [message.raw for message in heard.sip] == [message.raw for message in expected.sip]
    assert [(each.src_ip, each.dst_port) for each in heard.sip] == [
        (each.src_ip, each.dst_port) for each in expected.sip
    ]
    assert heard.packets_by_stream() == expected.packets_by_stream()
    assert sum(heard.packets_by_stream().values()) == 10


@pytest.mark.parametrize("stack", STACKS)
def test_a_call_is_cut_out_of_a_tunnel_whole(tmp_path: Path, stack: str) -> None:
    """What looks for one call alone walks the same headers as the sensor."""
    listening = ("10.0.0.1", 4000), ("10.0.0.2", 6000)
    dialog = story.Dialog().answered(*map(story.sdp, listening)).hang_up(2.0)
    plain = [*dialog.frames, *story.rtp(*listening, 1.1, 1.9), *story.rtp(*listening[::-1], 1.1, 1.9, ssrc=2)]
    told = []
    for frame in sorted(plain, key=lambda each: each.time_us):
        data = wrapped(stack, frame.ip)
        told.append(writers.Frame(frame.time_us * 1000, data, len(data)))
    (tmp_path / "call.pcap").write_bytes(writers.pcap(told))
    found = cut([str(tmp_path / "call.pcap")], "story", Settings())
    assert [frame.data for frame in found.frames] == [frame.data for frame in told]
    assert [sum(1 for _ in found.packets_of(stream)) for stream in found.streams] == [40, 40]
