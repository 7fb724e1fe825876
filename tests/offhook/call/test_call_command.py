"""`offhook analyze FILE --call ID` and `offhook call ID --db STORE`, as they are called."""

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from offhook.main import main
from offhook.text import width
from tests.offhook.call.told import A, B, eventful
from tests.paths import CAPTURES, OWN_CAPTURES, ROOT
from tests.system import wire
from tests.system.story import Dialog, sdp

Run = Callable[..., tuple[int, str, str]]
PROXIED = str(CAPTURES / "Magum23_mtaa-sip__call.pcapng")


@pytest.fixture
def run(capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Run:
    """(exit code, output, error output) in a pipe."""
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.delenv("TERM", raising=False)  # dumb: in ASCII

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        out, err = capfdbinary.readouterr()
        return code, out.decode(), err.decode()

    return call


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("call") / "story.pcap"
    eventful(path)
    return path


def test_a_pipe_gets_plain_text_of_100_columns(run: Run) -> None:
    code, out, err = run("analyze", PROXIED, "--call", "Fj1KkSQB0u")
    assert (code, err) == (0, "")
    assert max(width(line) for line in out.splitlines()) in range(90, 101)
    assert "\x1b" not in out
    assert re.search("│─+ INVITE ─+►│", out)


def test_columns_say_another_width(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    _, out, _ = run("analyze", PROXIED, "--call", "Fj1KkSQB0u")
    assert max(width(line) for line in out.splitlines()) <= 60


def test_ascii_is_asked_for(run: Run) -> None:
    _, out, _ = run("analyze", PROXIED, "--call", "Fj1KkSQB0u", "--ascii")
    assert out.isascii()
    assert re.search(r"\|-+ INVITE -+>\|", out)


def test_a_call_is_found_by_its_cdr_id(run: Run) -> None:
    _, out, _ = run("analyze", PROXIED, "--format", "json")
    _, by_cdr_id, _ = run("analyze", PROXIED, "--call", json.loads(out)["cdr_id"])
    assert by_cdr_id == run("analyze", PROXIED, "--call", "Fj1KkSQB0u")[1]


def test_json_is_the_record_as_analyze_gives_it(run: Run) -> None:
    _, out, _ = run("analyze", PROXIED, "--format", "json", "--call", "Fj1KkSQB0u")
    assert out == run("analyze", PROXIED, "--format", "json")[1]


def test_csv_is_the_record_too(run: Run) -> None:
    _, out, _ = run("analyze", PROXIED, "--format", "csv", "--call", "Fj1KkSQB0u")
    assert out == run("analyze", PROXIED, "--format", "csv")[1]


def test_a_call_that_is_not_there(run: Run) -> None:
    code, out, err = run("analyze", PROXIED, "--call", "elsewhere@example.org")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "elsewhere@example.org" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "wrong",
    [
        ("--call", "x", "--rows", "streams"),
        ("--call", "x", "--filter", "mos<3"),
        ("--messages",),
        ("--ascii",),
        ("--call", "x", "--messages", "--format", "json"),
        ("--call", "x", "--ascii", "--format", "csv"),
        ("--call", "x", "--db", "store"),
        ("--call", "x", "-o", "one.pcap", "--rows", "streams"),
        ("--call", "x", "-o", "one.pcap", "--filter", "mos<3"),
        ("--call", "x", "-o", "one.pcap", "--messages"),
        ("--call", "x", "-o", "one.pcap", "--format", "json"),
        ("--call", "x", "-o", "one.pcap", "--audio", "./one.pcap"),
        ("--call", "x", "--audio", "one.wav", "--format", "json"),
        ("--call", "x", "--audio", "one.wav", "--messages"),
        ("--call", "x", "--audio", "one.wav", "--anonymise"),
        ("--call", "x", "--audio", "one.wav", "-o", "one.pcap", "--anonymise"),
        ("--call", "x", "--anonymise"),
        ("--anonymise-key", "key"),
        ("--audio", "one.wav"),
        ("--explain", "--rows", "streams"),
        ("--explain", "--filter", "mos<3"),
        ("--explain", "--messages"),
        ("--explain", "--audio", "one.wav"),
        ("--explain", "--anonymise"),
        ("--explain", "--db", "store"),
    ],
)
def test_options_that_do_not_go_together(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run("analyze", PROXIED, *wrong)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert any(option in err for option in wrong)
    assert not list(tmp_path.iterdir())  # nothing is written, least of all a voice that was to be masked


def test_a_beginning_of_an_id_does(run: Run) -> None:
    _, whole, _ = run("analyze", PROXIED, "--call", "Fj1KkSQB0u")
    cdr_id = re.findall(r"cdr-id +(\S+)", whole)[0]
    _, listed, _ = run("analyze", PROXIED)
    assert cdr_id[:8] in listed.splitlines()[1].split()
    assert run("analyze", PROXIED, "--call", cdr_id[:8].upper())[:2] == (0, whole)
    assert run("analyze", PROXIED, "--call", "Fj1KkS")[:2] == (0, whole)
    explained = run("analyze", PROXIED, "--explain", "--call", "Fj1KkSQB0u", "--format", "json")
    for beginning in (cdr_id[:8].upper(), "Fj1KkS"):
        assert run("analyze", PROXIED, "--explain", "--call", beginning, "--format", "json") == explained
    code, _, err = run("analyze", PROXIED, "--call", "Fj1Kk")
    assert (code, err.count("\n")) == (1, 1)
    assert "6 characters or more" in err


def test_a_beginning_of_an_id_does_in_a_store(run: Run, tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    names = (
        "Magum23_mtaa-sip__call.pcapng",
        "MichalCab_ISA__hist0_real_call.pcap",
        "irontec_sngrep__tests_aaa.pcap",
    )
    assert run("analyze", *(str(CAPTURES / name) for name in names), "--db", store)[0] == 0
    code, whole, _ = run("call", "Fj1KkSQB0u", "--db", store)
    assert code == 0
    cdr_id = re.findall(r"cdr-id +(\S+)", whole)[0]
    _, listed, _ = run("calls", "--db", store)
    assert cdr_id[:8] in listed.split()
    for beginning in (cdr_id[:8], cdr_id[:6].upper(), cdr_id[:20], "Fj1KkS"):
        assert run("call", beginning, "--db", store)[:2] == (0, whole), beginning
    for wrong in ("Fj1Kk", "%", "______", "", "fj1kksqb0u"):
        code, out, err = run("call", wrong, "--db", store)
        assert (code, out, err.count("\n")) == (1, "", 1), wrong


def test_a_beginning_of_several_ids_is_refused_and_names_them(run: Run, tmp_path: Path) -> None:
    path, store = tmp_path / "twins.pcap", str(tmp_path / "store")
    dialogs = [Dialog(f"same-beginning-{number}", a=(f"10.0.0.{number}", 5060)) for number in (1, 2)]
    frames = [dialog.request(0.0, "INVITE").response(0.3, 486).frames for dialog in dialogs]
    wire.write(path, [*frames[0], *frames[1]])
    assert run("analyze", str(path), "--db", store)[0] == 0
    one = ["analyze", str(path), "--call", "same-beg"]
    for command in (one, [*one, "--explain"], ["call", "same-beg", "--db", store]):
        code, out, err = run(*command)
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert "same-beginning-1" in err and "same-beginning-2" in err
    assert run("call", "same-beginning-2", "--db", store)[0] == 0


def test_texts_are_whole_in_a_pipe(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    _, out, _ = run("analyze", PROXIED, "--call", "Fj1KkSQB0u", "--messages")
    page, _, texts = out.partition("Messages\n")
    assert max(map(width, page.splitlines())) <= 60
    assert max(map(width, texts.splitlines())) > 100


def test_texts_of_the_messages(run: Run) -> None:
    _, out, _ = run("analyze", PROXIED, "--call", "Fj1KkSQB0u", "--messages")
    assert "  INVITE sip:michal-pc@192.168.1.23 SIP/2.0" in out.splitlines()


def test_secrets_stay_masked(run: Run, tmp_path: Path) -> None:
    secret = 'Proxy-Authorization: Digest username="u", response="0123456789abcdef0123456789abcdef"'
    dialog = Dialog().request(0, "INVITE", sdp(A), secret).response(1, 403)
    wire.write(tmp_path / "x.pcap", dialog.frames)
    _, out, _ = run("analyze", str(tmp_path / "x.pcap"), "--call", "story", "--messages")
    assert "0123456789abcdef" not in out
    assert "with credentials" in out


def test_all_calls_of_one_call_id_are_shown_one_after_another(run: Run, tmp_path: Path) -> None:
    """A leg that keeps the Call-ID and changes the From tag is a call of its own."""
    one, other = Dialog(), Dialog(a=("10.0.0.7", 5060))
    one.answered(sdp(A), sdp(B)).hang_up(5)
    other.request(0.05, "INVITE", sdp(A)).response(0.3, 486)
    frames = [frame._replace(data=frame.data.replace(b"tag=from", b"tag=frog")) for frame in other.frames]
    wire.write(tmp_path / "x.pcap", [*one.frames, *frames])
    _, out, _ = run("analyze", str(tmp_path / "x.pcap"), "--call", "story")
    heads = [line for line in out.splitlines() if line.startswith("1000 → 2000")]
    assert heads == ["1000 → 2000 · answered", "1000 → 2000 · rejected"]


def offhook(*arguments: str, given: bytes = b"") -> bytes:
    command = [sys.executable, "-m", "offhook.main", *arguments]
    return subprocess.run(command, input=given, cwd=ROOT, capture_output=True, check=True).stdout


def test_a_capture_in_a_pipe_gives_the_same_page(capture: Path) -> None:
    from_pipe = offhook("analyze", "-", "--call", "story", given=capture.read_bytes())
    assert from_pipe == offhook("analyze", str(capture), "--call", "story")


def test_another_encoding_gets_ascii(capture: Path) -> None:
    command = [sys.executable, "-m", "offhook.main", "analyze", str(capture), "--call", "story"]
    environment = {**os.environ, "PYTHONIOENCODING": "iso-8859-1"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, env=environment)
    assert done.stdout.isascii()


def on_a_terminal(*arguments: str, **environment: str) -> str:
    """What the command writes to a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "offhook.main", *arguments]
    known = {"TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
    inherited = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    with subprocess.Popen(
        command, cwd=ROOT, stdin=theirs, stdout=theirs, env={**inherited, **known, **environment}
    ):
        os.close(theirs)
        said = b""
        try:
            while chunk := os.read(ours, 65536):
                said += chunk
        except OSError:  # the other end has gone
            pass
    os.close(ours)
    return said.decode()


def test_a_terminal_gets_colour_and_its_own_width(capture: Path) -> None:
    said = on_a_terminal("analyze", str(capture), "--call", "story")
    assert re.search(r"\x1b\[1;32m *· answered", said)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", said)
    assert max(width(line) for line in plain.splitlines()) in range(70, 81)


def test_no_color_takes_the_colour_away(capture: Path) -> None:
    said = on_a_terminal("analyze", str(capture), "--call", "story", NO_COLOR="1")
    assert "\x1b[3" not in said


def test_a_dumb_terminal_gets_ascii(capture: Path) -> None:
    assert on_a_terminal("analyze", str(capture), "--call", "story", TERM="dumb").isascii()


def test_a_store_shows_the_same_call_without_its_texts(run: Run, capture: Path, tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    assert run("analyze", str(capture), "--db", store)[0] == 0
    code, out, err = run("call", "story", "--db", store, "--messages")
    assert (code, err) == (0, "")
    _, captured, _ = run("analyze", str(capture), "--call", "story")
    heading, _, rest = out.partition("Ladder")
    assert heading == captured.partition("Ladder")[0]
    streams = rest[rest.index("Streams") : rest.index("Messages")]
    assert streams.strip() == captured[captured.index("Streams") :].strip()
    assert "The store keeps no texts" in out
    cdr_id = json.loads(run("call", "story", "--db", store, "--format", "json")[1])["cdr_id"]
    assert run("call", cdr_id, "--db", store, "--messages")[1] == out
    code, out, err = run("call", "elsewhere", "--db", store)
    assert (code, out, err.count("\n")) == (1, "", 1)
    for packets in ("-o", "--audio"):
        code, out, err = run("call", "story", "--db", store, packets, str(tmp_path / "one"))
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert "offhook analyze CAPTURE --call" in err and not (tmp_path / "one").exists()


def test_the_guide_shows_what_the_command_writes(run: Run) -> None:
    capture = str(OWN_CAPTURES / "magicjack-short-call.pcap")
    _, out, _ = run("analyze", capture, "--call", "C5570127C1A6A1ABF7ED9DB9AD608CE00xc0a8000a")
    assert f"```\n{out}```\n" in (ROOT / "docs" / "guide.md").read_text()


def test_a_cut_says_which_legs_are_not_in_it(run: Run, tmp_path: Path) -> None:
    """The far leg of a back-to-back agent is known by its own messages alone."""
    near = Dialog("near").answered(sdp(A), sdp(B)).hang_up(5)
    far = Dialog("far", a=("10.0.0.2", 5060), b=("10.0.0.3", 5060))
    far.request(0.02, "INVITE", sdp(("10.0.0.2", 4002)), "X-Call-ID: near").response(0.5, 486)
    capture = wire.write(tmp_path / "legs.pcap", [*near.frames, *far.frames])
    code, _, err = run("analyze", str(capture), "--call", "near", "-o", str(tmp_path / "one.pcap"))
    assert code == 0
    packets, legs = err.splitlines()
    assert "6 packets" in packets
    assert "other legs" in legs and "far (" in legs and "near" not in legs
