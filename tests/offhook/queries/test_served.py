"""The same questions to a store that another process serves by HTTP."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from offhook.main import main
from tests.paths import ROOT


@pytest.fixture
def url(made_up_store: Path) -> Iterator[str]:
    """Of a server for the store, on a port of its choice."""
    command = [sys.executable, "-m", "offhook.main", "serve-db", "--db", str(made_up_store), "--port", "0"]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert server.stdout is not None
        address = server.stdout.readline().split()[0].removeprefix("http://")
        yield f"clickhouse://default@{address}/offhook"
    finally:
        server.terminate()
        server.wait(30)


def test_a_server_is_asked_like_a_folder(url: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["sql", "SELECT count() AS calls FROM calls", "--db", url]) == 0
    assert capfd.readouterr().out == "calls\n400\n"
    assert main(["sql", "DROP TABLE cdr", "--db", url]) == 1
    assert capfd.readouterr().err.count("\n") == 1
    arguments = ["--filter", "number=1202*,outcome=answered", "--sort", "pdd:desc", "--limit", "300"]
    assert main(["calls", "--db", url, "--format", "json", *arguments]) == 0
    calls = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert len(calls) > 50
    assert {call["outcome"] for call in calls} == {"answered"}
    assert main(["report", "--db", url, "--html", str(tmp_path / "page.html")]) == 0
    assert capfd.readouterr().out.startswith("400 calls")
    assert "<svg" in (tmp_path / "page.html").read_text()
