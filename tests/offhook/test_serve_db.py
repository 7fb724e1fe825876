"""`offhook serve-db`: what it says, whom it refuses, how it ends."""

import subprocess
import sys
from pathlib import Path

from tests.paths import ROOT
from tests.sinks.clickhouse.served.conftest import TOKEN, Served


def failed(folder: Path, *options: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "offhook.main", "serve-db", "--db", str(folder), "--port", "0", *options]
    done = subprocess.run(
        command,
        check=False,
        cwd=folder.parent,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.stderr.count("\n") == 1
    return done.returncode, done.stderr


def test_it_serves_names_its_address_holds_the_store_and_ends_when_told(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text(f"{TOKEN}\n")
    served = Served(tmp_path / "store", "--token-file", str(secret))
    try:
        assert served.ask("SELECT 1").code == 516
        assert served.ask("SELECT count() FROM cdr", password=TOKEN).text == "0\n"
        code, said = failed(tmp_path / "store")
        assert code == 1
        assert f"{tmp_path / 'store'} is in use by process {served.process.pid}" in said
        assert "--db clickhouse://127.0.0.1" in said
    finally:
        assert served.stop() == 0


def test_other_machines_need_a_token(tmp_path: Path) -> None:
    code, said = failed(tmp_path / "store", "--host", "0.0.0.0")
    assert code == 1
    assert "0.0.0.0: others can reach that address; serving there needs a token" in said


def test_what_cannot_be_served_is_said_in_one_line(tmp_path: Path) -> None:
    assert failed(tmp_path / "store", "--token-file", str(tmp_path / "none"))[0] == 1
    (tmp_path / "file").write_text("x")
    assert "a store is a folder" in failed(tmp_path / "file")[1]
