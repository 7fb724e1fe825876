"""Captures as an independent tool reads them: all of the collection merged, decoded once by tshark."""

import subprocess
from pathlib import Path

import pytest

from tests.paths import CAPTURES

Row = dict[str, list[str]]
"""One frame: the values of each field, in order of appearance."""


@pytest.fixture(scope="session")
def merged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every capture of the collection's top folder in one file."""
    path = tmp_path_factory.mktemp("captures") / "merged.pcapng"
    files = sorted(str(file) for file in CAPTURES.glob("*.pcap*") if "fuzz" not in file.name)
    subprocess.run(["mergecap", "-w", str(path), *files], check=True, capture_output=True)
    return path


def decode(capture: Path, display_filter: str, fields: list[str], *options: str) -> list[Row]:
    """The fields of every frame that passes the filter, by tshark."""
    command = ["tshark", "-n", *options, "-r", str(capture), "-Y", display_filter, "-T", "fields"]
    command += ["-E", "separator=\x1f", "-E", "aggregator=\x1e", "-E", "occurrence=a"]
    for field in fields:
        command += ["-e", field]
    done = subprocess.run(command, check=True, capture_output=True)
    lines = done.stdout.decode("utf-8", "surrogateescape").split("\n")
    return [_row(fields, line) for line in lines if line]


def _row(fields: list[str], line: str) -> Row:
    cells = line.split("\x1f")
    return {field: cell.split("\x1e") if cell else [] for field, cell in zip(fields, cells, strict=True)}
