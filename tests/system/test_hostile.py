"""Thousands of damaged captures: no crash, no hang, no figure out of its range, no good call lost."""

import faulthandler
import gzip
import random
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec
import pytest

from capture.errors import CaptureError
from offhook.pipeline import Analysis
from offhook.rows import MessageRow
from offhook.settings import Settings
from schemas import framing
from schemas.cdr import CallRecord, StreamRecord
from tests.paths import CAPTURES, OWN_CAPTURES, TOOLS
from tests.system import analysed, wire
from tests.system.story import Dialog, rtp, sdp

HUNG_S: Final = 300
"""The process says where it hangs, and ends, if a test takes so long."""

EACH: Final = 70
"""Damaged captures made of one good one."""

GOOD: Final = (
    OWN_CAPTURES / "magicjack-short-call.pcap",
    OWN_CAPTURES / "isa-sip.pcapng",
    CAPTURES / "ntop_nDPI__tests_cfgs_default_pcap_FAX-Call-t38-CA-TDM-SIP-FB-1.pcap",
    CAPTURES / "Magum23_mtaa-sip__call.pcapng",
    CAPTURES / "irontec_sngrep__tests_ipip.pcap",
    CAPTURES / "sip_rtpstream.pcap",
    CAPTURES / "sip_and_hep.pcap",
    CAPTURES / "snort3_snort3_demo__tests_framework_classification_and_references_digium.pcap",
    CAPTURES / "sippy_rtpproxy__tests_catch_dtmf_dtmf.pcap",
    CAPTURES / "OISF_suricata-verify__tests_sip-tcp-method_sip-tcp.pcap",
    CAPTURES / "MichalCab_ISA__hist0_i_was_called_by_another_pc.pcap",
)

Damage = Callable[[random.Random, bytearray], None]


@pytest.fixture(autouse=True)
def _not_for_ever() -> Iterator[None]:
    faulthandler.dump_traceback_later(HUNG_S, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


def flip(dice: random.Random, data: bytearray) -> None:
    for _ in range(dice.choice((1, 3, 30, 300))):
        data[dice.randrange(len(data))] = dice.choice((0, 0x7F, 0x80, 0xFF, dice.randrange(256)))


def truncate(dice: random.Random, data: bytearray) -> None:
    del data[dice.randrange(len(data)) :]


def remove(dice: random.Random, data: bytearray) -> None:
    at = dice.randrange(len(data))
    del data[at : at + dice.choice((1, 7, 100, 5000))]


def repeat(dice: random.Random, data: bytearray) -> None:
    at = dice.randrange(len(data))
    data[at:at] = data[at : at + dice.choice((1, 7, 100, 5000))]


def overwrite(dice: random.Random, data: bytearray) -> None:
    at, size = dice.randrange(len(data)), dice.choice((4, 100, 3000))
    data[at : at + size] = dice.choice((bytes(size), b"\xff" * size, dice.randbytes(size)))


ON_BYTES: Final[tuple[Damage, ...]] = (flip, truncate, remove, repeat, overwrite)


def packets(data: bytes) -> list[tuple[int, int, int]]:
    """Offset, captured length and offset of the time of each record of a pcap."""
    order = "<" if data[0] == 0xD4 else ">"
    found, at = [], 24
    while at + 16 <= len(data):
        length = struct.unpack_from(order + "I", data, at + 8)[0]
        found.append((at + 16, length, at))
        at += 16 + length
    return found


def inside_packets(dice: random.Random, data: bytearray) -> None:
    """Whole records with damaged contents: headers of links, IP, UDP, SIP, SDP, RTP; and times."""
    records = packets(data)
    for _ in range(dice.choice((1, 10, 100))):
        start, length, head = dice.choice(records)
        kind = dice.randrange(12)
        if kind == 0:
            struct.pack_into("<I", data, head, dice.choice((0, 1, 2**31, 2**32 - 1, dice.getrandbits(32))))
        elif kind < 6 and length > 60:  # the front: what says how long and of which kind
            data[start + dice.randrange(60)] = dice.randrange(256)
        elif length:
            at = start + dice.randrange(length)
            data[at] = dice.choice((0, 0x0A, 0x0D, 0x20, 0x25, 0x3C, 0x80, 0xFF, data[at] ^ 1, 0x39))


def survives(data: bytes, path: Path, *, encode: bool) -> int:
    """Analyse it, and hold every row to what a row may say; the number of rows."""
    path.write_bytes(data)
    want = frozenset({"calls", "streams", "messages"})
    rows = 0
    try:
        analysis = Analysis([str(path)], Settings(), want=want, encode=encode)
        for row in analysis:
            rows += 1
            assert isinstance(row, CallRecord | StreamRecord | MessageRow)
            msgspec.json.decode(msgspec.json.encode(row))  # text that is no UTF-8 would not encode
            if isinstance(row, CallRecord):
                framing.encode("cdr", row)
                hold(row)
            elif isinstance(row, StreamRecord):
                hold_stream(row)
    except CaptureError:
        assert rows == 0
    return rows


def hold(call: CallRecord) -> None:
    for name in ("duration", "connect_duration", "pdd", "post_bye_delay", "dead_air_a", "dead_air_b"):
        assert (getattr(call, name) or 0) >= 0, (name, call)
    for name in ("mos", "mos_a", "mos_b", "mos_a_min", "mos_b_min"):
        assert 1.0 <= (getattr(call, name) or 1.0) <= 5.0, (name, call)
    assert (call.outcome == "answered") == (call.answer_time is not None)
    assert call.sip_messages >= 1


def hold_stream(stream: StreamRecord) -> None:
    assert stream.packets >= 1
    assert stream.expected >= stream.packets
    assert stream.lost == stream.expected - stream.packets
    assert sum(stream.loss_runs) <= stream.lost
    assert stream.last_time >= stream.first_time
    assert min(stream.duplicates, stream.capture_copies, stream.reordered, stream.restarts) >= 0
    assert 0.0 <= (stream.loss or 0.0) <= 100.0
    for name in ("mos", "mos_min", "mos_f1", "mos_f2", "mos_adaptive"):
        assert 1.0 <= (getattr(stream, name) or 1.0) <= 5.0, (name, stream)


@pytest.mark.parametrize("good", GOOD, ids=lambda path: path.name[:40])
def test_damaged_bytes(good: Path, tmp_path: Path) -> None:
    dice = random.Random(good.name)
    original, path = good.read_bytes(), tmp_path / "damaged"
    assert survives(original, path, encode=True)
    for number in range(EACH):
        data = bytearray(original)
        for _ in range(dice.choice((1, 1, 4))):
            if data:
                dice.choice(ON_BYTES)(dice, data)
        packed = gzip.compress(data, 1) if number % 9 == 8 else bytes(data)
        survives(packed, path, encode=number % 4 == 0)


@pytest.mark.parametrize(
    "good", [path for path in GOOD if path.read_bytes()[0] in (0xD4, 0xA1)], ids=lambda path: path.name[:40]
)
def test_damaged_packets(good: Path, tmp_path: Path) -> None:
    dice = random.Random("packets" + good.name)
    original, path = good.read_bytes(), tmp_path / "damaged"
    for number in range(EACH):
        data = bytearray(original)
        inside_packets(dice, data)
        survives(bytes(data), path, encode=number % 4 == 0)


@pytest.mark.parametrize("good", [GOOD[0], GOOD[3]], ids=lambda path: path.name[:40])
def test_damaged_gzip(good: Path, tmp_path: Path) -> None:
    dice = random.Random("gzip" + good.name)
    packed, path = gzip.compress(good.read_bytes()), tmp_path / "damaged.gz"
    for _ in range(EACH // 2):
        data = bytearray(packed)
        dice.choice(ON_BYTES)(dice, data)
        survives(bytes(data), path, encode=False)


@pytest.fixture(scope="module")
def thirty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty calls of three seconds, one a second."""
    path = tmp_path_factory.mktemp("thirty") / "calls.pcap"
    options = f"--calls 30 --seconds 3 --rate 1 --loss 1 --out {path}".split()
    subprocess.run(
        [sys.executable, str(TOOLS / "gen_golden.py"), *options], check=True, stdout=subprocess.DEVNULL
    )
    return path


def same(call: CallRecord) -> CallRecord:
    """Without the version, which counts how often a record was emitted."""
    return msgspec.structs.replace(call, version=0)


@pytest.mark.parametrize("damage", [truncate, overwrite, remove, repeat])
def test_calls_that_were_over_before_the_damage_are_unharmed(
    damage: Damage, thirty: Path, tmp_path: Path
) -> None:
    data = thirty.read_bytes()
    whole = {call.call_id: same(call) for call in analysed.calls(thirty).calls}
    ends = {}
    for start, length, head in packets(data):
        second, micro = struct.unpack_from("<II", data, head)
        ends[second * 1_000_000 + micro] = start + length
    path = tmp_path / "damaged.pcap"
    dice = random.Random(damage.__name__)
    for _ in range(8):
        damaged = bytearray(data)
        damage(dice, damaged)
        first = next((at for at in range(len(data)) if data[at : at + 1] != damaged[at : at + 1]), len(data))
        path.write_bytes(damaged)
        found = {call.call_id: same(call) for call in analysed.calls(path).calls}
        over = [
            call
            for call in whole.values()
            if ends[call.end_time + round((call.post_bye_delay or 0) * 1e6)] <= first
        ]
        assert over or first < 300_000
        for call in over:
            assert found[call.call_id] == call


def test_thousands_of_streams_to_one_port(tmp_path: Path) -> None:
    a, b, count = ("10.0.0.1", 4000), ("10.0.0.2", 6000), 1000
    frames = Dialog().answered(sdp(a), sdp(b)).hang_up(40).frames
    for number in range(count):
        frames += rtp(a, b, 2 + number / 100, 2.04 + number / 100, ssrc=number + 1)
    wire.write(tmp_path / "flood.pcap", frames)
    result = analysed.calls(tmp_path / "flood.pcap")
    assert result.only().outcome == "answered"
    assert len(result.only().streams) == 64
    assert result.summary.counters["rtp"] == 2 * count
