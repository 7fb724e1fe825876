"""^C on `tcpdump -w - | offhook analyze -` shows and stores what was heard, as the end of a capture does."""

import contextlib
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.paths import CAPTURES, ROOT

COMMAND = """
import signal, sys
from offhook.main import main
signal.signal(signal.SIGINT, signal.default_int_handler)  # tests run behind a shell's back are to ignore it
sys.exit(main())
"""
CAPTURE = CAPTURES / "irontec_sngrep__tests_aaa.pcap"


@contextlib.contextmanager
def listening(*options: str) -> Iterator[subprocess.Popen[bytes]]:
    """An analysis that has read a capture from a pipe which stays open; its first line has been said."""
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND, "analyze", "-", *options],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            assert process.stdin and process.stdout
            process.stdin.write(CAPTURE.read_bytes())
            process.stdin.flush()
            assert process.stdout.readline()
            yield process
        finally:
            process.kill()


def ended(process: subprocess.Popen[bytes]) -> tuple[int, str, str]:
    """What it says after an interrupt, while the pipe is still open."""
    process.send_signal(signal.SIGINT)
    code = process.wait(timeout=60)
    assert process.stdout and process.stderr
    return code, process.stdout.read().decode(), process.stderr.read().decode()


def test_the_report_is_written(tmp_path: Path) -> None:
    with listening("--db", str(tmp_path / "store")) as process:
        code, out, err = ended(process)
    assert code == 0
    assert "4 calls, 1 stream" in out and "REGISTER: 18 requests" in out
    assert "stored 4 calls" in err and "4 registrations" in err


def test_whoever_ends_in_time_loses_nothing() -> None:
    """The writer gets the same ^C and writes its last packets after it."""
    with listening("--format", "json") as process:
        process.send_signal(signal.SIGINT)
        assert process.stdin and process.stdout
        process.stdin.write((CAPTURES / "MichalCab_ISA__sip.pcap").read_bytes()[24:])  # of the same link type
        process.stdin.close()
        process.wait(timeout=60)
        assert len(process.stdout.read().splitlines()) == 4  # and one before


def test_a_terminal_has_no_capture_to_finish() -> None:
    with contextlib.ExitStack() as stack:
        outer, inner = pty.openpty()
        stack.callback(os.close, outer)
        process = stack.enter_context(
            subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    COMMAND.replace("sys.exit", 'print("ready", flush=True)\nsys.exit'),
                    "analyze",
                    "-",
                ],
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdin=inner,
                stdout=subprocess.PIPE,
            )
        )
        os.close(inner)
        assert process.stdout and process.stdout.readline() == b"ready\n"
        for _ in range(100):  # one may come before there is anything to interrupt
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.2)
                break
        assert process.returncode in (130, -signal.SIGINT)  # or before it had begun


def test_a_second_interrupt_ends_it_at_once() -> None:
    with listening() as process:
        for _ in range(100):
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.2)
        assert process.returncode == 130
        assert process.stderr and process.stderr.read() == b""
