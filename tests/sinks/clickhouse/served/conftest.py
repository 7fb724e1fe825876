"""Served stores: servers of their own process, since chDB has one folder a process."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlencode

import pytest
import urllib3

from tests.paths import ROOT

TOKEN: Final = "s3cret-token"


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: bytes
    headers: urllib3.HTTPHeaderDict

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def code(self) -> int:
        """ClickHouse's code of an error, 0 without one."""
        return int(self.headers.get("X-ClickHouse-Exception-Code", "0"))


class Served:
    """A running `offhook serve-db`."""

    def __init__(self, folder: Path, *options: str, token: str | None = None, ca: Path | None = None) -> None:
        """`ca`: it serves by TLS, with a certificate of that authority."""
        command = [
            sys.executable,
            "-m",
            "offhook.main",
            "serve-db",
            "--db",
            str(folder),
            "--port",
            "0",
            *options,
        ]
        self.folder = folder
        self.process = subprocess.Popen(
            command,
            cwd=folder.parent,
            env={**os.environ, "PYTHONPATH": str(ROOT), **({"OFFHOOK_DB_TOKEN": token} if token else {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout and self.process.stderr
        said = self.process.stdout.readline()
        assert said.startswith("http://" if ca is None else "https://"), self.process.stderr.read()
        self.url = said.split()[0]
        self.host, _, port = self.url.partition("//")[2].rpartition(":")
        self.port = int(port)
        self._http = urllib3.PoolManager(ca_certs=None if ca is None else str(ca))

    def ask(
        self,
        statement: str | bytes = b"",
        method: str = "POST",
        headers: dict[str, str] | None = None,
        **values: str,
    ) -> Answer:
        """One request; `values` go to the URL."""
        response = self._http.urlopen(
            method,
            f"{self.url}/?{urlencode(values)}",
            body=None if method == "GET" else statement,
            headers=headers or {},
            decode_content=False,
        )
        return Answer(response.status, response.data, response.headers)

    def value(self, statement: str, **values: str) -> object:
        """The only value of a statement's answer."""
        answer = self.ask(statement, default_format="JSONCompact", **values)
        assert answer.status == 200, answer.text
        return json.loads(answer.body)["data"][0][0]

    def stop(self) -> int:
        """Ask it to end; its exit code."""
        self.process.terminate()
        return self.process.wait(timeout=30)


@pytest.fixture(scope="module")
def reading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A store served for reading, with the tables of ours."""
    served = Served(tmp_path_factory.mktemp("served") / "store")
    yield served
    served.stop()


@pytest.fixture(scope="module")
def writing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A store served for reading and writing, with a token."""
    served = Served(tmp_path_factory.mktemp("served") / "store", "--write", token=TOKEN)
    yield served
    served.stop()
