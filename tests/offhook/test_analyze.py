"""`offhook analyze` as a process, on captures the repository ships, and on ones that are damaged or none."""

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from capture.files import open_capture
from offhook import demo
from offhook.main import main
from tests.paths import OWN_CAPTURES, ROOT

CALL = OWN_CAPTURES / "magicjack-short-call.pcap"


def analyze(*arguments: str | Path, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "offhook.main", "analyze", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=False, input=stdin)


def records(*arguments: str | Path, stdin: bytes | None = None) -> list[dict[str, Any]]:
    done = analyze("--format", "json", *arguments, stdin=stdin)
    assert (done.returncode, done.stderr) == (0, b"")
    return [json.loads(line) for line in done.stdout.splitlines()]


def one_line(done: subprocess.CompletedProcess[bytes]) -> str:
    text = done.stderr.decode()
    assert text.startswith("offhook: ")
    assert text.count("\n") == 1
    return text


@pytest.fixture(scope="module")
def fifty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's capture and its truth."""
    folder = tmp_path_factory.mktemp("demo")
    demo.main([str(folder)])
    return folder


def test_every_call_of_the_demo_comes_out_as_it_was_made(fifty: Path) -> None:
    found = {record["call_id"]: record for record in records(fifty / "calls.pcap")}
    made = json.loads((fifty / "truth.json").read_text())
    assert len(found) == len(made) == 50
    for truth in made:
        del truth["kind"]
        assert {name: found[truth["call_id"]][name] for name in truth} == truth


def test_the_demo_is_the_same_every_time(fifty: Path, tmp_path: Path) -> None:
    demo.main([str(tmp_path)])
    assert (tmp_path / "calls.pcap").read_bytes() == (fifty / "calls.pcap").read_bytes()


def test_a_filter_of_bad_calls_finds_them(fifty: Path) -> None:
    bad = records("--filter", "mos<3.6", fifty / "calls.pcap")
    kinds = {truth["call_id"]: truth["kind"] for truth in json.loads((fifty / "truth.json").read_text())}
    assert {kinds[record["call_id"]].split(":")[0] for record in bad} >= {"dead air"}
    assert all(min(record["mos_a"], record["mos_b"]) < 3.6 for record in bad)


def test_a_real_call() -> None:
    (record,) = records(CALL)
    assert record["outcome"] == "answered"
    assert (record["caller"], record["callee"]) == ("E646657195201", "9055551212")
    assert record["packets_a"] + record["packets_b"] == 1268  # tshark -z rtp,streams
    assert (record["lost_a"], record["lost_b"]) == (0, 0)


def test_standard_input_and_gzip_give_the_same_records(tmp_path: Path) -> None:
    packed = tmp_path / "call.gz"
    packed.write_bytes(gzip.compress(CALL.read_bytes()))
    assert records(CALL) == records(packed) == records("-", stdin=CALL.read_bytes())


@pytest.mark.parametrize("rows", ["calls", "streams", "windows", "messages"])
@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_all_rows_and_formats_have_something_to_say(
    rows: str, form: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert main(["analyze", "--rows", rows, "--format", form, str(CALL)]) == 0
    out, err = capfdbinary.readouterr()
    assert err == b""
    assert out.count(b"\n") >= (2 if form == "csv" else 1)


def test_a_stream_without_a_call_is_shown() -> None:
    found = records("--rows", "streams", OWN_CAPTURES / "rtpproxy-dtmf.pcap")
    assert len(found) == 2
    assert all(stream["call_id"] is None for stream in found)


def test_a_partial_last_record_is_no_damage(tmp_path: Path) -> None:
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(CALL.read_bytes()[:-7])
    assert analyze("--strict", cut).returncode == 0


def test_the_report_counts_the_packets_of_the_file(fifty: Path) -> None:
    done = analyze(fifty / "calls.pcap")
    frames = sum(len(block.offset) for block in open_capture(fifty / "calls.pcap"))
    assert f"\n{frames:,} packets\n".encode() in done.stdout


def test_signalling_appended_to_its_media_is_one_call(fifty: Path, tmp_path: Path) -> None:
    frames = [
        frame
        for block in open_capture(fifty / "calls.pcap")
        for frame in zip(block.offset.tolist(), block.captured.tolist(), strict=True)
    ]
    data = (fifty / "calls.pcap").read_bytes()
    packets = [data[offset - 16 : offset + length] for offset, length in frames]
    sip = [packet for packet in packets if b"SIP/2.0" in packet]
    others = [packet for packet in packets if b"SIP/2.0" not in packet]
    (tmp_path / "appended.pcap").write_bytes(data[:24] + b"".join(others + sip))
    done = analyze("--format", "json", tmp_path / "appended.pcap")
    assert b"not in order of time" in done.stderr
    assert [json.loads(line) for line in done.stdout.splitlines()] == records(fifty / "calls.pcap")


def test_a_damaged_capture_gives_what_was_good_and_a_warning(tmp_path: Path) -> None:
    data = bytearray(CALL.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4000] = b"\xff" * 4000
    damaged = tmp_path / "damaged.pcap"
    damaged.write_bytes(data)
    done = analyze("--format", "json", damaged)
    assert done.returncode == 0
    assert b"damaged.pcap" in done.stderr
    assert b"byte" in done.stderr
    (record,) = map(json.loads, done.stdout.splitlines())
    assert record["outcome"] == "answered"
    assert analyze("--strict", "--format", "json", damaged).returncode == 1


@pytest.mark.parametrize("content", [b"", b"hello, world, I am no capture\n" * 100, b"\x1f\x8b\x08broken"])
def test_a_file_that_is_no_capture_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    done = analyze(path)
    assert (done.returncode, done.stdout) == (1, b"")
    assert "notes.txt" in one_line(done)


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.pcap", tmp_path):
        done = analyze(path)
        assert done.returncode == 1
        assert str(path) in one_line(done)


def test_a_reader_who_leaves_early_is_no_error(fifty: Path) -> None:
    command = [sys.executable, "-m", "offhook.main", "analyze", "--rows", "messages", "--format", "json"]
    process = [*command, str(fifty / "calls.pcap")]
    with subprocess.Popen(process, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as leaving:
        assert leaving.stdout is not None
        assert leaving.stderr is not None
        leaving.stdout.readline()
        leaving.stdout.close()
        assert leaving.stderr.read() == b""
    assert leaving.returncode == 0
