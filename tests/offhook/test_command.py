"""The command as it is called: arguments, exit codes, one line for an error, never a traceback."""

import errno
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from offhook import __version__, analyze
from offhook.errors import CommandError
from offhook.main import main
from offhook.report import Summary
from offhook.settings import Settings
from tests.offhook.fakes import ROWS, FakeAnalysis
from tests.paths import ROOT

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def settings_seen() -> list[Settings]:
    return []


@pytest.fixture
def summary() -> Summary:
    return Summary(calls=2, streams=2)


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
    settings_seen: list[Settings],
    summary: Summary,
    tmp_path: Path,
) -> Run:
    """Call the command in this process, over rows made by hand; (exit code, output, error output)."""

    def fake(_paths: list[str], settings: Settings, *, want: frozenset[str]) -> FakeAnalysis:
        settings_seen.append(settings)
        return FakeAnalysis(ROWS, summary, want)

    monkeypatch.setattr(analyze, "Analysis", fake)
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("OFFHOOK_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        out, err = capfdbinary.readouterr()
        return code, out.decode(), err.decode()

    return call


def fail_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def broken(*_arguments: Any, **_options: Any) -> None:
        raise error

    monkeypatch.setattr(analyze, "Analysis", broken)


def test_the_package_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "offhook", "--version"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"offhook {__version__}\n"


def test_what_is_no_command_is_said_with_what_is(run: Run, tmp_path: Path) -> None:
    (tmp_path / "trunk.pcap").touch()
    for asked, said in (
        ("trunk.pcap", "write offhook analyze trunk.pcap"),
        ("analyse", "did you mean analyze?"),
        ("gone.pcap", "there are analyze, call, calls"),
    ):
        code, out, err = run(asked)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert said in err


def test_help_is_a_command_too(run: Run) -> None:
    assert run("help") == run("--help")
    assert run("help", "calls") == run("calls", "--help")
    assert "--sort" in run("help", "calls")[1]


def test_a_table_of_calls_and_a_report(run: Run) -> None:
    code, out, err = run("analyze", "x.pcap")
    assert (code, err) == (0, "")
    assert "12025550123" in out
    assert "2 calls, 2 streams" in out
    assert "1 answered, 1 rejected" in out


def test_json_is_rows_alone(run: Run) -> None:
    code, out, err = run("analyze", "--format", "json", "x.pcap")
    assert (code, err) == (0, "")
    assert [json.loads(line)["response_code"] for line in out.splitlines()] == [486, 200]


def test_csv_is_rows_alone(run: Run) -> None:
    _, out, _ = run("analyze", "--format", "csv", "x.pcap")
    assert out.startswith("cdr_id,version,")
    assert len(out.splitlines()) == 3


@pytest.mark.parametrize(("rows", "count"), [("calls", 2), ("streams", 2), ("windows", 1), ("messages", 2)])
def test_every_kind_of_row(run: Run, rows: str, count: int) -> None:
    _, out, _ = run("analyze", "--rows", rows, "--format", "json", "x.pcap")
    assert len(out.splitlines()) == count


def test_a_filter_chooses_rows(run: Run) -> None:
    _, out, _ = run("analyze", "--format", "json", "--filter", "code=4xx", "--filter", "number=*9999", "x")
    assert [json.loads(line)["call_id"] for line in out.splitlines()] == ["busy@10.0.0.2"]


def test_streams_are_chosen_by_their_call_too(run: Run) -> None:
    _, out, _ = run(
        "analyze", "--rows", "streams", "--format", "json", "--filter", "caller=1202*,side=b", "x"
    )
    assert [json.loads(line)["stream_id"] for line in out.splitlines()] == ["4f01"]


def test_output_goes_to_a_file(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("analyze", "--format", "csv", "-o", "calls.csv", "x.pcap")
    assert (code, out) == (0, "")
    assert (tmp_path / "calls.csv").read_bytes().count(b"\r\n") == 3


def test_a_capture_is_never_written_over(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x.pcap").write_bytes(b"capture")
    code, _, err = run("analyze", "-o", "x.pcap", "./x.pcap")
    assert code == 2
    assert err.count("\n") == 1
    assert (tmp_path / "x.pcap").read_bytes() == b"capture"


def test_a_file_that_cannot_be_written_is_one_line(run: Run) -> None:
    code, _, err = run("analyze", "-o", "no/such/folder/x.csv", "x.pcap")
    assert code == 1
    assert err == "offhook: no/such/folder/x.csv: No such file or directory\n"


def test_warnings_are_said_and_strict_fails_on_them(run: Run, summary: Summary) -> None:
    summary.warnings.append("x.pcap: byte 123: damaged")
    code, out, err = run("analyze", "x.pcap")
    assert (code, err) == (0, "")
    assert "x.pcap: byte 123: damaged" in out
    assert run("analyze", "--format", "json", "x.pcap")[::2] == (0, "offhook: x.pcap: byte 123: damaged\n")
    assert run("analyze", "--strict", "x.pcap")[0] == 1


def test_strict_without_warnings_is_done(run: Run) -> None:
    assert run("analyze", "--strict", "x.pcap")[0] == 0


def test_flags_reach_the_settings(run: Run, settings_seen: list[Settings]) -> None:
    code, _, _ = run("analyze", "--sip-port", "5060,5080-5082", "--sip-port", "6000", "x.pcap")
    assert code == 0
    assert settings_seen[0].capture.sip_ports == (5060, 5080, 5081, 5082, 6000)


def test_the_time_zone_is_of_the_table(run: Run) -> None:
    assert "2026-09-21 16:13:20" in run("analyze", "--timezone", "Europe/Prague", "x.pcap")[1]


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("nonsense",),
        ("analyze",),
        ("analyze", "--format", "xml", "x"),
        ("analyze", "--rows", "packets", "x"),
        ("analyze", "--filter", "mos", "x"),
        ("analyze", "--filter", "colour=red", "x"),
        ("analyze", "--rows", "windows", "--filter", "caller=1", "x"),
        ("analyze", "--timezone", "Mars/Olympus", "x"),
        ("analyze", "--timezone", "../../etc/passwd", "x"),
        ("analyze", "--sip-port", "70000", "x"),
        ("analyze", "--sip-port", "sip", "x"),
        ("analyze", "--set", "capture.sip_ports", "x"),
        ("analyze", "--set", "capture.nothing=1", "x"),
        ("analyze", "-", "-"),
        ("config",),
        ("config", "nonsense"),
    ],
)
def test_a_wrong_call_exits_2_without_a_traceback(run: Run, arguments: tuple[str, ...]) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert "Traceback" not in err
    assert err


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (CommandError("x.pcap: is no capture"), "offhook: x.pcap: is no capture\n"),
        (FileNotFoundError(2, "No such file or directory", "x"), "offhook: x: No such file or directory\n"),
        (PermissionError(13, "Permission denied", "x"), "offhook: x: Permission denied\n"),
        (CommandError("two\nlines\x1b[2J"), "offhook: two lines [2J\n"),
        (ValueError("what"), "offhook: internal error: ValueError: what (--debug shows where)\n"),
    ],
)
def test_an_error_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch, error: Exception, line: str) -> None:
    fail_with(monkeypatch, error)
    assert run("analyze", "x") == (1, "", line)


def test_debug_shows_the_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(monkeypatch, ValueError("what"))
    for arguments in (("--debug", "analyze", "x"), ("analyze", "--debug", "x")):
        with pytest.raises(ValueError, match="what"):
            run(*arguments)


def test_an_interrupt_exits_130_in_silence(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(monkeypatch, KeyboardInterrupt())
    assert run("analyze", "x") == (130, "", "")


def test_a_full_disk_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(monkeypatch, OSError(errno.ENOSPC, "No space left on device", "calls.csv"))
    assert run("analyze", "x")[2] == "offhook: calls.csv: No space left on device\n"


def test_the_kernels_say_once_that_they_are_compiled(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from kernels import compiler

    run("analyze", "x")
    say = compiler.on_compile
    assert say is not None
    said = io.StringIO()
    monkeypatch.setattr(sys, "stderr", said)
    say(Path("/somewhere/offhook"), None)
    assert said.getvalue().startswith("offhook: compiling kernels once")
    assert said.getvalue().endswith("kept in /somewhere/offhook\n")
    assert compiler.on_compile is None


def test_a_folder_that_cannot_keep_the_kernels_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from kernels import compiler

    run("analyze", "x")
    said = io.StringIO()
    monkeypatch.setattr(sys, "stderr", said)
    assert compiler.on_compile is not None
    compiler.on_compile(Path("/var/cache/offhook"), OSError(errno.EROFS, "Read-only file system"))
    assert said.getvalue() == (
        "offhook: compiling kernels, a minute at most, and again at every start:"
        " /var/cache/offhook cannot keep them (Read-only file system);"
        " name a folder that can in OFFHOOK_CACHE\n"
    )


def test_topics_lists_the_catalogue(run: Run) -> None:
    _, out, _ = run("topics")
    assert "sip.messages" in out
    assert "24 h" in out
    rows = [json.loads(line) for line in run("topics", "--format", "json")[1].splitlines()]
    assert {"sip.messages", "rtp.packets", "cdr"} <= {row["topic"] for row in rows}


def offhook(*arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "offhook.main", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=False, **options)


def test_the_version() -> None:
    assert offhook("--version").stdout.decode() == f"offhook {__version__}\n"


def test_help_needs_none_of_the_heavy_packages() -> None:
    code = (
        "import sys\nfrom offhook.main import main\nmain(['--help'])\nmain(['analyze', '--help'])\n"
        "heavy = {'numpy', 'numba', 'llvmlite', 'rich', 'msgspec', 'fastavro', 'dpkt'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
    assert run.stdout.decode().splitlines()[-1] == "[]"
    assert "analyze" in run.stdout.decode()


def test_help_names_every_option_of_analyze() -> None:
    text = offhook("analyze", "--help").stdout.decode()
    for option in ("--format", "--rows", "--filter", "--sip-port", "--timezone", "--strict", "--output"):
        assert option in text


def test_a_reader_who_leaves_is_no_error() -> None:
    command = [sys.executable, "-m", "offhook.main", "topics"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as leaving:
        assert leaving.stdout is not None
        assert leaving.stderr is not None
        leaving.stdout.close()
        assert leaving.stderr.read() == b""
    assert leaving.returncode == 0
