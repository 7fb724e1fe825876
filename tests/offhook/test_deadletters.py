"""`offhook deadletters --state`: the letters of `offhook up`; those in Kafka: tests/offhook/kafka."""

from collections.abc import Callable
from pathlib import Path

import pytest

from eventlog.letters import TOPIC, dead_letter
from eventlog.sqlite.log import SqliteLog
from offhook.main import main
from offhook.up import LOG
from schemas.dead_letters import DeadLetter
from schemas.framing import encode
from tests.eventlog.test_log import decision

Offhook = Callable[..., tuple[int, str, str]]
DECISIONS = "channel.decisions"


@pytest.fixture
def offhook(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Offhook:
    """Calls the command for the test's folder: exit code, output, errors."""

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(["deadletters", *arguments, "--state", str(tmp_path)])
        out, err = capsys.readouterr()
        return code, out, err

    return call


def refused(time_us: int, why: str, value: bytes, offset: int, key: bytes = b"") -> DeadLetter:
    return dead_letter("sink", why, value, time_us=time_us, key=key, topic=DECISIONS, number=0, offset=offset)


@pytest.fixture
def letters(tmp_path: Path) -> Path:
    """A log with five letters, of records that are kept, forgotten, cut, in no topic, and no event."""
    kept, small = (encode(DECISIONS, decision(number)) for number in (1, 2))
    long = bytes(range(256)) * 40
    path = tmp_path / LOG
    with SqliteLog(path) as log:
        for number in (0, 1):
            log.append(DECISIONS, 0, b"k", decision(number))
        for letter in (
            refused(1, "Code: 6\nCannot \x1b[31m", kept, offset=1),
            refused(2, "gone", small, offset=40, key=b"s"),
            refused(3, "gone, cut", long, offset=41),
            dead_letter("capture", "no SIP", b"x", time_us=4),
            refused(5, "no event", b"nothing", offset=42),
        ):
            log.append(TOPIC, 0, b"", letter)
    return path


def test_letters_are_listed_and_shown(offhook: Offhook, letters: Path) -> None:
    assert letters.exists()
    code, out, _ = offhook("list")
    assert code == 0 and len(out.splitlines()) == 5 and "\x1b" not in out
    first = "0:0      1970-01-01T00:00:00.000001Z  sink  channel.decisions/0:1  Code: 6 Cannot ?[31m"
    assert out.splitlines()[0] == first
    assert len(offhook("list", "--source", "capture")[1].splitlines()) == 1
    code, out, _ = offhook("show", "0:2")
    assert code == 0
    assert "the first 4096 of 10240 bytes:" in out and "00000010  10 11 12" in out


def test_records_are_put_back(offhook: Offhook, letters: Path) -> None:
    code, out, _ = offhook("replay", "0:0", "0:1")
    assert (code, out) == (0, f"0:0 → {DECISIONS}/0 offset 2\n0:1 → {DECISIONS}/0 offset 3\n")
    with SqliteLog(letters) as log:
        entries = log.read(DECISIONS, 0, 2)
    assert [(entry.key, entry.value) for entry in entries] == [(b"k", decision(1)), (b"s", decision(2))]
    code, out, _ = offhook("replay", "--all", "--source", "sink")
    assert code == 1
    assert f"0:2 stays: {DECISIONS}/0:41 is no longer kept, and the letter has 4096 of its 10240 bytes" in out
    assert "0:4 stays: an event begins with a zero byte" in out
    assert "0:3 stays: it never was in a topic: no SIP" in offhook("replay", "0:3")[1]


def test_while_up_runs_there_is_one_line(offhook: Offhook, letters: Path) -> None:
    with SqliteLog(letters):
        code, out, err = offhook("list")
    assert (code, out) == (1, "")
    assert err == f"offhook: {letters}: another process has this log open (offhook up?): end it first\n"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["list"], 1, "there is no log of `offhook up` here"),
        (["list", "--bootstrap", "127.0.0.1:1"], 2, "give one of them"),
        (["replay"], 2, "or --all"),
    ],
)
def test_a_mistake_is_one_line(offhook: Offhook, arguments: list[str], code: int, said: str) -> None:
    ended, out, err = offhook(*arguments)
    assert (ended, out) == (code, "")
    assert said in err and len(err.splitlines()) == 1


def test_a_letter_that_is_not_there_is_said(offhook: Offhook, letters: Path) -> None:
    assert letters.exists()
    for name in ("0:99", "7:0"):
        code, _, err = offhook("show", name)
        assert code == 1
        assert err == f"offhook: there is no dead letter {name}; `offhook deadletters list` lists them\n"
