"""One call cut out of captures: the same record, from the cut file too, and what tshark finds in it."""

import gzip
import io
import re
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import pytest

from offhook.cut import Cut, CutError, cut
from offhook.cut_file import write_cut
from offhook.settings import Settings
from schemas.cdr import CallRecord, StreamRecord
from tests.paths import CAPTURES, OWN_CAPTURES, TOOLS
from tests.system import analysed, wire
from tests.system.wire import Frame

CALLS: Final = 6
SECONDS: Final = 4

NOT_KEPT: Final = {
    "version": "counts how often a record was corrected, which depends on what else was heard meanwhile",
}
"""Fields that may differ in the analysis of the cut file, and why."""


def captures() -> list[Path]:
    """Every shared capture, and ours."""
    folders = (CAPTURES, CAPTURES / "linklayer", CAPTURES / "rtpproxy", OWN_CAPTURES)
    found = [path for folder in folders for path in sorted(folder.rglob("*.pcap*"))]
    return sorted({path.name: path for path in found}.values())


def fields(record: CallRecord) -> dict[str, Any]:
    return {name: value for name, value in msgspec.to_builtins(record).items() if name not in NOT_KEPT}


def by_id(records: Iterable[CallRecord]) -> dict[str, dict[str, Any]]:
    return {record.cdr_id: fields(record) for record in records}


def written(found: Cut, path: Path) -> Path:
    out = io.BytesIO()
    write_cut(found, found.frames, out)
    path.write_bytes(out.getvalue())
    return path


def cut_of(call_id: str, *paths: Path) -> Cut:
    return cut([str(path) for path in paths], call_id, Settings())


def same(call_id: str, whole: list[CallRecord], folder: Path, *paths: Path) -> Cut:
    """Cut one call; its record has to be that of `whole`, and to come out of the cut file again."""
    wanted = by_id(record for record in whole if record.call_id == call_id)
    found = cut_of(call_id, *paths)
    assert by_id(found.records) == wanted
    again = by_id(analysed.calls(written(found, folder / "one.pcap")).calls)
    assert {cdr_id: again.get(cdr_id) for cdr_id in wanted} == wanted
    assert set(again) - set(wanted) == set() or found.sharing
    return found


@pytest.mark.parametrize("path", captures(), ids=lambda path: path.name)
def test_a_call_cut_out_has_the_same_record(path: Path, tmp_path: Path) -> None:
    whole = analysed.calls(path).calls
    for call_id in {record.call_id for record in whole}:
        found = same(call_id, whole, tmp_path, path)
        heard = Counter(stream.stream_id for record in found.records for stream in record.streams)
        for stream in found.streams:
            packets = sum(1 for _ in found.packets_of(stream))
            assert packets >= stream.packets
            assert heard[stream.stream_id]


@pytest.mark.parametrize(
    "name", ["isa-real-call.pcap", "magicjack-short-call.pcap", "sip-capture-sip-i.pcap"]
)
def test_tshark_finds_the_same_messages_and_streams(name: str, tmp_path: Path) -> None:
    path = OWN_CAPTURES / name
    everything = seen(path)
    for call_id in {record.call_id for record in analysed.calls(path).calls}:
        found = cut_of(call_id, path)
        one = seen(written(found, tmp_path / "one.pcap"))
        assert messages_in(one, call_id) == messages_in(everything, call_id)
        assert len(messages_in(one, call_id)) == len(found.messages)
        assert sum(row.malformed for row in one) <= sum(row.malformed for row in everything)
        for stream in found.streams:
            # in the whole capture tshark may take the first packets for something else
            assert sequences_in(everything, stream) <= sequences_in(one, stream)


SHOWN: Final = (
    "frame.time_epoch",
    "frame.len",
    "sip.Call-ID",
    "icmp.type",
    "rtp.ssrc",
    "rtp.seq",
    "ip.src",
    "_ws.malformed",
)


class Row(NamedTuple):
    """A frame as tshark shows it."""

    time: str
    length: str
    call_id: str
    icmp: str
    ssrc: str
    sequence: str
    source: str
    malformed: bool


def seen(path: Path) -> list[Row]:
    shown = [word for name in SHOWN for word in ("-e", name)]
    command = ["tshark", "-n", "-r", str(path), "-T", "fields", *shown]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [
        Row(time, length, call_id, icmp, ssrc, sequence, source, bool(malformed))
        for time, length, call_id, icmp, ssrc, sequence, source, malformed in map(columns, lines)
    ]


def columns(line: str) -> list[str]:
    return line.split("\t")


def messages_in(rows: list[Row], call_id: str) -> list[tuple[str, str]]:
    return [(row.time, row.length) for row in rows if row.call_id == call_id and not row.icmp]


def sequences_in(rows: list[Row], stream: StreamRecord) -> set[str]:
    ssrc = f"0x{stream.ssrc:08x}"
    return {row.sequence for row in rows if row.ssrc == ssrc and row.source == stream.src_ip}


# generated calls, as other wires carry them


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Frame]:
    path = tmp_path_factory.mktemp("cut") / "calls.pcap"
    options = f"--calls {CALLS} --seconds {SECONDS} --loss 1 --jitter-ms 3 --stagger 1 --out {path}".split()
    subprocess.run([sys.executable, str(TOOLS / "gen_calls.py"), *options], check=True, capture_output=True)
    return wire.read(path)


def every_call(path: Path, folder: Path) -> list[Cut]:
    whole = analysed.calls(path).calls
    assert len(whole) == CALLS
    return [same(record.call_id, whole, folder, path) for record in whole]


def test_only_its_own_packets_are_cut_out(made: list[Frame], tmp_path: Path) -> None:
    cuts = every_call(wire.write(tmp_path / "all.pcap", made), tmp_path)
    assert sum(len(found.frames) for found in cuts) == len(made)
    assert all(len(found.messages) == 7 for found in cuts)
    assert {frame.data for found in cuts for frame in found.frames} == {frame.data for frame in made}


def in_vxlan(frame: Frame) -> Frame:
    body = struct.pack("!II", 0x08000000, 77 << 8) + frame.data
    udp = struct.pack("!HHHH", 50000, 4789, 8 + len(body), 0) + body
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0) + b"\x0a\x63\0\1\x0a\x63\0\2"
    return frame._replace(data=frame.data[:14] + head + udp)


@pytest.mark.parametrize(
    ("change", "link_type"),
    [
        (lambda frame: wire.with_vlan(frame, 217), wire.ETHERNET),
        (lambda frame: wire.with_vlan(frame, 30, 217), wire.ETHERNET),
        (wire.with_sll, wire.LINUX_SLL),
        (in_vxlan, wire.ETHERNET),
    ],
    ids=["vlan", "qinq", "sll", "vxlan"],
)
def test_under_other_headers(
    change: Callable[[Frame], Frame], link_type: int, made: list[Frame], tmp_path: Path
) -> None:
    cuts = every_call(wire.write(tmp_path / "all.pcap", map(change, made), link_type), tmp_path)
    assert sum(len(found.frames) for found in cuts) == len(made)


@pytest.mark.parametrize("order", [list, lambda parts: parts[::-1]], ids=["in-order", "backwards"])
def test_sip_in_fragments(
    order: Callable[[list[Frame]], list[Frame]], made: list[Frame], tmp_path: Path
) -> None:
    frames: list[Frame] = []
    for frame in made:
        frames += order(wire.in_fragments(frame, 136)) if frame.sip else [frame]
    cuts = every_call(wire.write(tmp_path / "all.pcap", frames), tmp_path)
    assert sum(len(found.frames) for found in cuts) == len(frames)


@pytest.mark.parametrize("sizes", [(), (100, 3, 200)], ids=["whole", "in-segments"])
def test_sip_over_one_tcp_connection_for_all_calls(
    sizes: tuple[int, ...], made: list[Frame], tmp_path: Path
) -> None:
    tcp, frames = wire.Tcp(), list[Frame]()
    for frame in made:
        frames += tcp.segments(through_one_phone(frame), sizes) if frame.sip else [frame]
    for found in every_call_over_tcp(wire.write(tmp_path / "all.pcap", frames), tmp_path):
        assert len(found.messages) == 7
        assert {message.transport for message in found.messages} == {"tcp"}


def through_one_phone(frame: Frame) -> Frame:
    """All callers behind one address, so that one connection carries all calls."""
    caller, proxy = b"\x0a\x00\x01\x00", b"\xac\x10\x00\x01"
    ends = (caller, proxy) if frame.addresses[1] == proxy else (proxy, caller)
    return frame._replace(data=frame.data[:26] + ends[0] + ends[1] + frame.data[34:])


def every_call_over_tcp(path: Path, folder: Path) -> list[Cut]:
    """Other calls' messages come along in the segments between the call's own."""
    whole, cuts = analysed.calls(path).calls, []
    assert len(whole) == CALLS
    for record in whole:
        found = cut_of(record.call_id, path)
        assert by_id(found.records) == by_id([record])
        again = by_id(analysed.calls(written(found, folder / "one.pcap")).calls)
        assert again[record.cdr_id] == fields(record)
        cuts.append(found)
    return cuts


def test_ports_used_again_by_a_later_call(made: list[Frame], tmp_path: Path) -> None:
    """The same calls an hour later, under other Call-IDs: every endpoint has two owners in turn."""
    later = [
        frame._replace(
            time_us=frame.time_us + 3_600_000_000,
            data=re.sub(rb"(Call-ID: )1-", rb"\g<1>2-", frame.data) if frame.sip else frame.data,
        )
        for frame in made
    ]
    path = wire.write(tmp_path / "all.pcap", made + later)
    whole = analysed.calls(path).calls
    assert len(whole) == 2 * CALLS
    for record in whole:
        same(record.call_id, whole, tmp_path, path)


def test_one_phone_with_all_calls_on_one_port(made: list[Frame], tmp_path: Path) -> None:
    """All calls announce one endpoint at the same time: the record still says what it said of all."""
    frames = [frame for frame in made if frame.sip]
    one = next(frame for frame in made if not frame.sip)
    frames = [
        frame._replace(data=re.sub(rb"m=audio 2\d{4}", b"m=audio %d" % one.ports[0], frame.data))
        for frame in frames
    ] + [frame for frame in made if not frame.sip]
    path = wire.write(tmp_path / "all.pcap", frames)
    whole = analysed.calls(path).calls
    for record in whole:
        found = cut_of(record.call_id, path)
        assert by_id(found.records) == by_id([record])


# where captures come from


def test_several_files_and_packed_ones(made: list[Frame], tmp_path: Path) -> None:
    paths = [wire.write(tmp_path / f"{n}.pcap", made[n::3]) for n in range(3)]
    packed = tmp_path / "2.pcap.gz"
    packed.write_bytes(gzip.compress(paths[2].read_bytes()))
    paths[2] = packed
    whole = analysed.calls(*paths).calls
    assert len(whole) == CALLS
    for record in whole[:2]:
        same(record.call_id, whole, tmp_path, *paths)


def test_standard_input(made: list[Frame], tmp_path: Path) -> None:
    path = wire.write(tmp_path / "all.pcap", made)
    record = analysed.calls(path).calls[0]
    one = tmp_path / "one.pcap"
    command = [sys.executable, "-m", "offhook.main", "analyze", "-", "--call", record.call_id, "-o", str(one)]
    with path.open("rb") as capture:
        done = subprocess.run(command, stdin=capture, capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert "7 SIP messages, 2 streams" in done.stderr
    assert by_id(analysed.calls(one).calls) == by_id([record])


def test_frames_of_two_link_types_are_written_as_pcapng(made: list[Frame], tmp_path: Path) -> None:
    one = wire.write(tmp_path / "one.pcap", [frame for frame in made if frame.sip])
    media = [wire.with_sll(frame) for frame in made if not frame.sip]
    two = wire.write(tmp_path / "two.pcap", media, wire.LINUX_SLL)
    whole = analysed.calls(one, two).calls
    found = same(whole[0].call_id, whole, tmp_path, one, two)
    path = written(found, tmp_path / "both.pcap")
    assert path.read_bytes()[:4] == b"\x0a\x0d\x0d\x0a"
    assert sum(bool(row.ssrc) for row in seen(path)) == sum(stream.packets for stream in found.streams)


def test_what_was_not_captured_is_not_written(made: list[Frame], tmp_path: Path) -> None:
    path = tmp_path / "snapped.pcap"
    wire.write(path, made, snap=lambda frame: 1500 if frame.sip else 54)
    whole = analysed.calls(path).calls
    found = same(whole[0].call_id, whole, tmp_path, path)
    assert {(len(frame.data), frame.original) for frame in found.frames if frame.original == 214} == {
        (54, 214)
    }


# which call


def test_a_call_is_found_by_any_of_its_ids(made: list[Frame], tmp_path: Path) -> None:
    path = wire.write(tmp_path / "all.pcap", made)
    record = analysed.calls(path).calls[2]
    for name in (
        record.call_id,
        record.call_id[:10],
        record.cdr_id,
        record.cdr_id[:8],
        record.cdr_id.upper(),
    ):
        assert [found.cdr_id for found in cut_of(name, path).records] == [record.cdr_id]


def test_no_such_call_is_one_line(made: list[Frame], tmp_path: Path) -> None:
    path = wire.write(tmp_path / "all.pcap", made)
    with pytest.raises(CutError, match=r"no call with the Call-ID or cdr_id 'nobody' in .*all\.pcap"):
        cut_of("nobody", path)


def test_the_beginning_of_several_ids_is_none(made: list[Frame], tmp_path: Path) -> None:
    path = wire.write(tmp_path / "all.pcap", made)
    with pytest.raises(CutError, match="the beginning of 6 ids"):
        cut_of("1-0000", path)
