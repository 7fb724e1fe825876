"""An anonymised call: nobody's name or number in any octet, the same structure, sound packets."""

import re
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from offhook.cut import Cut, cut
from offhook.cut_anonymised import anonymised_frames, key_from
from offhook.cut_file import write_cut
from offhook.errors import UsageError
from offhook.settings import Settings
from schemas.cdr import CallRecord
from tests.paths import CAPTURES, OWN_CAPTURES, TOOLS
from tests.system import analysed, wire

KEY: Final = bytes(range(32))
WHO: Final = (
    "call_id from_tag to_tag session_id caller caller_domain caller_name callee callee_domain callee_name"
    " asserted_caller diversion request_uri replaces src_ip dst_ip proxies"
)
"""Fields of a record that say who or where."""

MASKED: Final = frozenset(
    f"{WHO} cdr_id stream_id related headers branch version reason response_reason".split()
)
PHRASES: Final = frozenset(("user_agent_caller", "user_agent_callee", "reason_text"))
LEAST: Final = 5
"""Octets of a word that cannot be in a capture by chance, or because SIP has such a word."""

MEANING: Final = frozenset((b"anonymous", b"localhost", b"invalid", b"unavailable", b"127.0.0.1", b"0.0.0.0"))
CHECKS: Final = ("ip.check_checksum:TRUE", "udp.check_checksum:TRUE", "tcp.check_checksum:TRUE")
BAD_SUM: Final = "ip.checksum.status == 0 || udp.checksum.status == 0 || tcp.checksum.status == 0"


def captures() -> list[Path]:
    found = [path for folder in (CAPTURES, OWN_CAPTURES) for path in sorted(folder.rglob("*.pcap*"))]
    return sorted({path.name: path for path in found}.values())


def cut_of(call_id: str, path: Path) -> Cut:
    return cut([str(path)], call_id, Settings())


def masked(found: Cut, path: Path, key: bytes = KEY) -> Path:
    with path.open("wb") as out:
        write_cut(found, anonymised_frames(found, key), out)
    return path


def structure(value: Any) -> Any:
    """A record without what is masked: outcome, times, counts, figures of every stream."""
    if isinstance(value, dict):
        return {
            name: structure(part) for name, part in value.items() if name not in MASKED | PHRASES | ADDRESSES
        }
    if isinstance(value, list):
        return [structure(part) for part in value]
    return value


ADDRESSES: Final = frozenset(("src_ip", "dst_ip", "proxies", "dtmf"))


def said(record: CallRecord) -> Iterator[bytes]:
    """Who and where, by a record."""
    fields = msgspec.to_builtins(record)
    for name in WHO.split():
        values = fields[name] if isinstance(fields[name], list) else [fields[name]]
        for value in filter(None, values):
            named = re.sub(r"^(?:sips?|tel):|;.*|(?<=[^:]):\d{1,5}(?![\d:@])", "", value)
            yield from (word.encode("utf-8", "replace") for word in re.split(r"[^0-9A-Za-z.:_-]", named))
    for stream in record.streams:
        yield from (stream.src_ip.encode(), stream.dst_ip.encode())


@pytest.mark.parametrize("path", captures(), ids=lambda path: path.name)
def test_nobody_is_left_and_the_record_has_the_same_structure(path: Path, tmp_path: Path) -> None:
    for call_id in {record.call_id for record in analysed.calls(path).calls}:
        found = cut_of(call_id, path)
        anonymous = masked(found, tmp_path / "one.pcap")
        again = analysed.calls(anonymous).calls
        if not found.sharing:
            plain = [structure(msgspec.to_builtins(record)) for record in found.records]
            assert sorted(map(repr, (structure(msgspec.to_builtins(record)) for record in again))) == sorted(
                map(repr, plain)
            )
            dialled = [len(record.dtmf) for record in found.records]
            assert sorted(len(record.dtmf) for record in again) == sorted(dialled)
        octets = anonymous.read_bytes().lower()
        for record in found.records:
            for word in map(bytes.lower, said(record)):
                assert len(word) < LEAST or word in MEANING or word not in octets, word


@pytest.mark.parametrize(
    "path",
    [
        OWN_CAPTURES / "isa-real-call.pcap",
        OWN_CAPTURES / "sip-capture-sip-i.pcap",
        CAPTURES / "ntop_nDPI__tests_cfgs_default_pcap_FAX-Call-t38-CA-TDM-SIP-FB-1.pcap",
    ],
    ids=lambda path: path.name,
)
def test_tshark_finds_every_packet_sound(path: Path, tmp_path: Path) -> None:
    call_id = max(analysed.calls(path).calls, key=lambda record: len(record.streams)).call_id
    found = cut_of(call_id, path)
    anonymous = masked(found, tmp_path / "one.pcap")
    with (tmp_path / "plain.pcap").open("wb") as out:
        write_cut(found, found.frames, out)
    assert shown(anonymous, BAD_SUM) == 0
    assert shown(anonymous, "_ws.malformed") <= shown(tmp_path / "plain.pcap", "_ws.malformed")
    assert shown(anonymous, "sip") == shown(tmp_path / "plain.pcap", "sip")


def shown(path: Path, display_filter: str) -> int:
    options = [word for check in CHECKS for word in ("-o", check)]
    command = ["tshark", "-n", "-r", str(path), *options, "-Y", display_filter]
    return len(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines())


def test_what_was_said_is_silence(tmp_path: Path) -> None:
    found = cut_of("1278621692", OWN_CAPTURES / "isa-real-call.pcap")
    anonymous = analysed.calls(masked(found, tmp_path / "one.pcap")).calls
    again = cut_of(anonymous[0].call_id, tmp_path / "one.pcap")
    streams = {stream.ssrc: stream for stream in again.streams}
    assert streams
    for stream in found.streams:
        quiet = streams[stream.ssrc]
        before, after = list(found.packets_of(stream)), list(again.packets_of(quiet))
        assert [packet.payload[:12] for packet in after] == [packet.payload[:12] for packet in before]
        assert [len(packet.payload) for packet in after] == [len(packet.payload) for packet in before]
        assert len({packet.payload[12:] for packet in after if len(packet.payload) == 172}) <= 1


def test_one_key_masks_alike_and_another_does_not(tmp_path: Path) -> None:
    found = cut_of("1278621692", OWN_CAPTURES / "isa-real-call.pcap")
    one, same, other = (
        masked(found, tmp_path / f"{n}.pcap", key) for n, key in enumerate((KEY, KEY, KEY[::-1]))
    )
    assert one.read_bytes() == same.read_bytes()
    assert one.read_bytes() != other.read_bytes()


def test_sip_over_tcp(tmp_path: Path) -> None:
    frames = wire.read(generated(tmp_path))
    tcp, carried = wire.Tcp(), list[wire.Frame]()
    for frame in frames:
        carried += tcp.segments(frame, (100, 3, 200)) if frame.sip else [frame]
    path = wire.write(tmp_path / "tcp.pcap", carried)
    record = analysed.calls(path).calls[0]
    anonymous = masked(cut_of(record.call_id, path), tmp_path / "one.pcap")
    again = analysed.calls(anonymous).only()
    assert again.transport == "tcp"
    assert structure(msgspec.to_builtins(again)) == structure(msgspec.to_builtins(record))
    assert shown(anonymous, f"({BAD_SUM}) || _ws.malformed") == 0
    assert shown(anonymous, "sip") == 7


def test_two_legs_keep_what_they_have_in_common(tmp_path: Path) -> None:
    """The caller is masked alike in both calls that share their media."""
    found = cut_of("1278621692", OWN_CAPTURES / "isa-real-call.pcap")
    one, two = found.records[0], analysed.calls(OWN_CAPTURES / "isa-real-call.pcap").call(found.sharing[0])
    again = analysed.calls(masked(found, tmp_path / "one.pcap")).calls
    assert (one.callee == two.callee) == (len({record.callee for record in again}) == 1)
    assert (one.caller_domain == two.caller_domain) == (len({record.caller_domain for record in again}) == 1)


# the command


def generated(folder: Path) -> Path:
    path = folder / "calls.pcap"
    command = [sys.executable, str(TOOLS / "gen_calls.py"), "--calls", "2", "--seconds", "3", "--out"]
    subprocess.run([*command, str(path)], check=True, capture_output=True)
    return path


def test_the_command_takes_a_key_file(tmp_path: Path) -> None:
    path = generated(tmp_path)
    record = analysed.calls(path).calls[0]
    (tmp_path / "key").write_text("0123456789abcdef0123456789abcdef\n")
    command = [sys.executable, "-m", "offhook.main", "analyze", str(path), "--call", record.call_id]
    command += ["--anonymise", "--anonymise-key", str(tmp_path / "key"), "-o"]
    for name in ("one.pcap", "two.pcap"):
        done = subprocess.run([*command, str(tmp_path / name)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "one.pcap").read_bytes() == (tmp_path / "two.pcap").read_bytes()
    (again,) = analysed.calls(tmp_path / "one.pcap").calls
    assert again.caller
    assert again.caller.startswith("+")
    assert len(again.caller) == len(record.caller or "")
    assert again.caller != record.caller


def test_a_short_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("secret")
    with pytest.raises(UsageError, match=r"6 octets are no key") as refused:
        key_from(str(tmp_path / "key"))
    assert "secret" not in str(refused.value)


def test_without_a_key_every_run_has_its_own() -> None:
    assert key_from(None) != key_from(None)


def test_anonymise_needs_a_call_and_a_file() -> None:
    command = [sys.executable, "-m", "offhook.main", "analyze", str(OWN_CAPTURES / "isa-real-call.pcap")]
    done = subprocess.run([*command, "--anonymise"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "give --call ID and -o FILE too" in done.stderr


def test_packets_lie_in_plain_ethernet_frames() -> None:
    """No hardware address, tunnel or option of the capture is copied."""
    found = cut_of("1278621692", OWN_CAPTURES / "isa-real-call.pcap")
    hardware = {frame.data[at : at + 6] for frame in found.frames for at in (0, 6)}
    for frame in anonymised_frames(found, KEY):
        assert frame.link_type == 1
        assert not {frame.data[:6], frame.data[6:12]} & hardware
        assert struct.unpack_from(">H", frame.data, 12)[0] == 0x0800
