"""A capture that is missing among several does not take the others with it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from offhook.main import main
from tests.paths import OWN_CAPTURES

ONE, OTHER = (str(OWN_CAPTURES / name) for name in ("magicjack-short-call.pcap", "isa-sip.pcapng"))
Run = Callable[..., tuple[int, str, list[str]]]


@pytest.fixture
def run(capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """(exit code, output, lines of error output)."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.pcap").touch()
    (tmp_path / "notes.txt").write_text("no capture")

    def call(*arguments: str) -> tuple[int, str, list[str]]:
        code = main(arguments)
        out, err = capfdbinary.readouterr()
        return code, out.decode(), err.decode().splitlines()

    return call


@pytest.mark.parametrize("missing", ["gone.pcap", "empty.pcap", "notes.txt", "."])
def test_the_others_are_analysed(run: Run, missing: str) -> None:
    whole = run("analyze", ONE, OTHER, "--format", "json")
    code, out, err = run("analyze", ONE, missing, OTHER, "--format", "json")
    assert (code, out) == (1, whole[1])
    assert len(err) == 1 and missing in err[0] and "others are read" in err[0]


def test_where_none_can_be_read_one_line_says_so(run: Run) -> None:
    code, out, err = run("analyze", "gone.pcap", "empty.pcap")
    assert (code, out, len(err)) == (1, "", 1)
    assert "gone.pcap" in err[0] and "1 more" in err[0]


def test_a_call_of_the_others_is_shown_cut_out_and_explained(run: Run) -> None:
    call_id = json.loads(run("analyze", ONE, "--format", "json")[1])["call_id"]
    for more in ([], ["-o", "one.pcap"], ["--explain"]):
        code, _, err = run("analyze", ONE, "gone.pcap", OTHER, "--call", call_id, *more)
        assert code == 1
        assert "gone.pcap" in err[0] and "Traceback" not in "".join(err)
    assert Path("one.pcap").stat().st_size


def test_a_call_that_may_be_in_the_missing_one_is_said_so(run: Run) -> None:
    code, _, err = run("analyze", ONE, "gone.pcap", "--call", "elsewhere")
    assert (code, len(err)) == (1, 1)
    assert "elsewhere" in err[0] and "gone.pcap: cannot be read" in err[0]
