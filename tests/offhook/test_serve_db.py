"""`offhook serve-db`: what it says, whom it refuses, how it ends."""

import subprocess
import sys
from pathlib import Path

import pytest
import urllib3
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from sinks.clickhouse.client import open_store
from sinks.clickhouse.errors import StoreError
from tests.certificates import issue
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


def test_it_serves_by_tls(tmp_path: Path) -> None:
    issue(tmp_path)
    ca, certificate = tmp_path / "ca.pem", str(tmp_path / "broker.pem")
    served = Served(tmp_path / "store", "--tls-cert", certificate, token=TOKEN, ca=ca)
    try:
        assert served.ask("SELECT 1", password=TOKEN).text == "1\n"
        with pytest.raises(urllib3.exceptions.HTTPError):
            urllib3.PoolManager().request("GET", f"http://127.0.0.1:{served.port}/ping", retries=False)
        url = f"clickhouse://ann@127.0.0.1:{served.port}?secure=1&ca={ca}"
        with open_store(url, environment={"OFFHOOK_DB_PASSWORD": TOKEN}) as store:
            assert store.client.query("SELECT count() FROM cdr").result_rows == [(0,)]
        with pytest.raises(StoreError, match="certificate verify failed"):
            open_store(f"clickhouse://ann@127.0.0.1:{served.port}?secure=1", environment={})
    finally:
        assert served.stop() == 0


def test_a_certificate_that_cannot_be_used_is_said_in_one_line(tmp_path: Path) -> None:
    issue(tmp_path)
    locked = generate_private_key(SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )
    (tmp_path / "locked.key").write_bytes(locked)
    client, other = str(tmp_path / "client.pem"), str(tmp_path / "client.key")
    for options, code, said in [
        (["--tls-key", other], 2, "--tls-cert"),
        (["--tls-cert", str(tmp_path / "none.pem")], 1, "none.pem: No such file"),
        (["--tls-cert", client], 1, "key"),
        (["--tls-cert", str(tmp_path / "broker.pem"), "--tls-key", other], 1, "client.key"),
        (["--tls-cert", client, "--tls-key", str(tmp_path / "locked.key")], 1, "unencrypted"),
    ]:
        found = failed(tmp_path / "store", *options)
        assert found[0] == code and said in found[1], (options, found)
    assert not (tmp_path / "store").exists()
